"""Run a workflow to its end in a test: in virtual time, with stand-ins for what it calls.

Retry policies apply. A call that nothing stands in for is an error, and so is a stand-in that was not used.

More: `python -m yieldflow docs run_workflow`
"""

from datetime import timedelta

from yieldflow import Flow, activity, sleep, wait_signal, workflow
from yieldflow.testing import after, in_turn, run_workflow


@activity
def charge(order: str, cents: int) -> str:
    raise AssertionError("not in a test")


@workflow
def pay_later(order_id: str) -> Flow[str]:
    yield from sleep(timedelta(days=30))
    try:
        return (yield from charge(order_id, 100))
    except ConnectionError:
        cents = yield from wait_signal("pay")
        return (yield from charge(order_id, cents))


def test_order_is_paid_after_a_month() -> None:
    ending = run_workflow(
        pay_later("o-1"),
        activities={charge: in_turn(ConnectionError("down"), "ch_9")},
        signals=[after(timedelta(days=31), ("pay", 110))],  # without after(): there from the start
    )
    assert ending.result == "ch_9"
    assert ending.called == [charge("o-1", 100), charge("o-1", 110)]
    assert ending.duration == timedelta(days=31)


if __name__ == "__main__":
    test_order_is_paid_after_a_month()
