"""Run for ever with a bounded history: continue_as_new.

Each `continue_as_new` ends one run and begins the next under the same workflow id, so a replay never takes long.

More: `python -m yieldflow docs continue_as_new`
"""

from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, continue_as_new, sleep, wait_signal, workflow


@workflow
def monitor(checks: int) -> Flow[int]:
    for _ in range(20):
        checks += 1
        if checks == 50:
            bonus: int = yield from wait_signal("bonus")
            return checks + bonus
        yield from sleep(0.0001)
    return (yield from continue_as_new(monitor(checks)))  # never resumes: a new run begins


with TemporaryDirectory() as folder, Orchestrator(f"{folder}/monitor.db") as orchestrator:
    handle = orchestrator.submit(monitor(0), signal=("bonus", 7))  # sent to the first run, received in the third
    assert handle.result(timeout=30) == 57
    assert handle.describe().run == 3
    assert len(handle.history()) == 10  # of the last run: nine sleeps and a signal
