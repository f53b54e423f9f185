"""Take the first of several, or give up in time: race and wait_for.

`race` resumes with the place and the value of the first that ends, and `wait_for` is a race with a clock. Both take
commands and generators, and nest in any way.

More: `python -m yieldflow docs race`
"""

from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, WaitTimeoutError, activity, race, sleep, wait_for, wait_signal, workflow


@activity
def ask_bank(bank: str) -> float:
    return {"north": 1.5, "south": 1.7}[bank]


@workflow
def best_effort() -> Flow[str]:
    match (yield from race(ask_bank("north"), sleep(60))):
        case 0, rate:  # typed: the float of ask_bank
            answer = f"north says {rate}"
        case _:
            answer = "north is slow"
    rate = yield from wait_for(ask_bank("south"), timeout=60)  # seconds, or a timedelta
    return f"{answer}, south says {rate}"


@workflow
def impatient() -> Flow[str]:
    try:
        yield from wait_for(wait_signal("approve"), timeout=0.05)
    except WaitTimeoutError:
        return "nobody answered"
    return "approved"


with TemporaryDirectory() as folder, Orchestrator(f"{folder}/banks.db") as orchestrator:
    assert orchestrator.run(best_effort()) == "north says 1.5, south says 1.7"
    assert orchestrator.run(impatient()) == "nobody answered"
