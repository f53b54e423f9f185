"""Sleep, and ask for the time, a random number or an id: all the same on replay.

`datetime.now()`, `random.random()` and `uuid.uuid4()` are not the same on replay, so a workflow asks these commands
instead. A sleep may take a hundred years, process or no process.

More: `python -m yieldflow docs determinism`
"""

from datetime import timedelta
from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, info, now, random, sleep, sleep_until, uuid4, workflow
from yieldflow.testing import run_workflow


@workflow
def reminder() -> Flow[str]:
    asked_at = yield from now()  # a datetime in UTC
    yield from sleep(0.05)  # seconds, or a timedelta
    yield from sleep_until(asked_at + timedelta(seconds=0.1))  # a datetime with a time zone
    woken_at = yield from now()
    assert woken_at - asked_at >= timedelta(seconds=0.1)

    token = yield from uuid4()
    assert token.version == 4
    chance = yield from random()
    assert 0 <= chance < 1
    me = yield from info()
    return me.workflow_id


@workflow
def patient() -> Flow[timedelta]:
    before = yield from now()
    yield from sleep(timedelta(days=30))
    return (yield from now()) - before


with TemporaryDirectory() as folder, Orchestrator(f"{folder}/reminders.db") as orchestrator:
    assert orchestrator.submit(reminder(), workflow_id="r-1").result(timeout=30) == "r-1"

assert run_workflow(patient()).result == timedelta(days=30)  # at once, in virtual time
