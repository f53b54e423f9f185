"""Try every order, every failure and every crash: explore.

The schedule in the error is the shortest that was found, and can be pasted into a test.

More: `python -m yieldflow docs explore`
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
