"""Try every order, every failure and every crash: explore.

Calls end in every order, time passes before and after, signals come early and late, attempts fail before and after
their work, and the process dies at every checkpoint, also between an activity's work and its record. Up to `limit`
schedules are run, the simplest first; where that are not all, half of them are drawn at random by `seed`. Orders that
the workflow cannot tell apart are tried once. The schedule in the error has been shrunk, and can be pasted into a
test.
"""

from yieldflow import Flow, activity, workflow
from yieldflow.testing import Ending, ScheduleError, explore


@activity
def charge(order: str, cents: int) -> str:
    raise AssertionError("not in a test")


@workflow
def hasty(order_id: str) -> Flow[str]:
    try:
        return (yield from charge(order_id, 100))
    except ConnectionError:
        return "not charged"  # but it may have been


def test_money_is_accounted_for() -> None:
    taken: list[int] = []

    def charges(order: str, cents: int) -> str:
        taken.append(cents)
        return "ch_9"

    def bank() -> dict[object, object]:  # called before each schedule
        taken.clear()
        return {charge: charges}

    def check(ending: Ending[str]) -> None:
        assert bool(taken) == (ending.result == "ch_9")

    explore(hasty("o-1"), activities=bank, failures=[ConnectionError], check=check)


try:
    test_money_is_accounted_for()
except ScheduleError as error:
    assert error.script.splitlines() == [
        "flow = Stepper(hasty(order_id='o-1'))",
        "flow.fail(charge(order='o-1', cents=100), ConnectionError())  # after it did its work",
    ]
else:
    raise AssertionError("it was not found")
