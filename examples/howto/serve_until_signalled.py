"""Serve until the process is told to end: SIGTERM, as systemd, Docker and Kubernetes send it, or Ctrl-C.

This program starts itself as another process, which only serves, and ends it by SIGTERM.

More: `python -m yieldflow docs Orchestrator.run_until_signalled`
"""

import signal
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, activity, workflow


@activity
def double(number: int) -> int:
    return 2 * number


@workflow
def doubled(number: int) -> Flow[int]:
    return (yield from double(number))


if __name__ == "__main__" and sys.argv[1:] == ["server"]:
    # Running activities are given 30 seconds; what does not end by then runs again at the next start.
    assert Orchestrator("numbers.db").run_until_signalled(timeout=30) is signal.SIGTERM

if __name__ == "__main__" and not sys.argv[1:]:
    program = str(Path(__file__).resolve())
    command = [sys.executable, program, "server"]
    with TemporaryDirectory() as folder, subprocess.Popen(command, cwd=folder) as server:
        client = Orchestrator(f"{folder}/numbers.db")
        while client.health().owner is None:
            time.sleep(0.05)
        assert client.run(doubled(21)) == 42  # the server ran it
        client.stop()
        server.send_signal(signal.SIGTERM)
        assert server.wait() == 0
