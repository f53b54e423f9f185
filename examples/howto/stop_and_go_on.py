"""Stop, and go on: what a kill or a clean stop leaves goes on at the next start.

This program starts itself as another process, which dies in the middle of a workflow, and starts it again.

More: `python -m yieldflow docs recovery`
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, activity, workflow


@activity
def work(number: int) -> int:
    with Path("work.txt").open("a") as file:
        print(number, file=file)
    return number


@activity
def die_once() -> str:
    try:
        Path("died.txt").touch(exist_ok=False)
    except FileExistsError:
        return "alive"
    os._exit(9)  # the process is gone, as by kill -9


@workflow
def job() -> Flow[str]:
    yield from work(1)
    answer = yield from die_once()
    yield from work(2)
    return answer


if __name__ == "__main__" and sys.argv[1:] == ["child"]:
    with Orchestrator("job.db") as orchestrator:
        orchestrator.submit(job(), workflow_id="job").result()

if __name__ == "__main__" and not sys.argv[1:]:
    program = str(Path(__file__).resolve())
    with TemporaryDirectory() as folder:
        for status in (9, 0):  # it dies; the same line goes on
            assert subprocess.run([sys.executable, program, "child"], cwd=folder).returncode == status
        assert Path(folder, "work.txt").read_text() == "1\n2\n"  # neither was done twice
        client = Orchestrator(f"{folder}/job.db")
        assert client.handle("job").result(timeout=0) == "alive"
        client.stop()
