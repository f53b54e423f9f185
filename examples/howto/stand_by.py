"""Have another process stand by, and take over when the first one stops or dies.

``start(wait=True)`` waits until no other orchestrator is started on the file. Every unfinished workflow goes on
there.

More: `python -m yieldflow docs Orchestrator.start`
"""

import subprocess
import sys
from tempfile import TemporaryDirectory

from yieldflow import DatabaseInUseError, Flow, Orchestrator, wait_signal, workflow

OWNER = """
import sys, yieldflow
orchestrator = yieldflow.Orchestrator(sys.argv[1])
orchestrator.start()
print("started", flush=True)
sys.stdin.read()
"""


@workflow
def greet() -> Flow[str]:
    name: str = yield from wait_signal("name")
    return f"hello {name}"


with TemporaryDirectory() as folder:
    path = f"{folder}/names.db"
    command = [sys.executable, "-c", OWNER, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "started\n"
        standby = Orchestrator(path)
        try:
            standby.start(wait=True, timeout=0.05)
        except DatabaseInUseError as error:
            assert str(owner.pid) in str(error)
        else:
            raise AssertionError("the file has an owner")
        owner.kill()
        standby.start(wait=True, timeout=30)
    with standby:
        assert standby.submit(greet(), signal=("name", "ann")).result(timeout=30) == "hello ann"
