"""Test a workflow by hand: no thread, no database, no clock, nothing to mock.

A `Stepper` goes on only where the test says so, and means by retries, timeouts, signals, children and cancellation
what the engine means. `print(flow)` shows where it stands.

More: `python -m yieldflow docs testing`
"""

from datetime import timedelta

from yieldflow import Flow, RetryPolicy, WaitTimeoutError, activity, sleep, wait_for, wait_signal, workflow
from yieldflow.testing import Stepper


@activity(retry=RetryPolicy(maximum_attempts=3), timeout=60)
def deliver(order: str) -> str:
    return f"delivery of {order}"


@workflow
def delivery(order_id: str) -> Flow[str]:
    yield from wait_for(wait_signal("approve"), timeout=timedelta(days=1))
    return (yield from deliver(order_id))


def test_delivers_after_approval() -> None:
    flow = Stepper(delivery("o-1"))
    assert flow.pending == [wait_signal("approve"), sleep(86400)]  # compared as values
    flow.signal("approve", {"by": "ann"})
    flow.fail(deliver("o-1"), ConnectionError("down"))  # one attempt fails; its retry policy applies
    flow.advance(1.0)  # virtual time
    flow.crash()  # a killed process: goes on by replay
    flow.resolve(deliver("o-1"), "parcel")  # or flow.resolve("parcel"), where one command is pending
    assert flow.result == "parcel"


def test_expires_after_a_day() -> None:
    flow = Stepper(delivery("o-1"))
    approved = flow.fork()  # two futures from one past
    flow.advance(timedelta(days=1))
    assert isinstance(flow.exception, WaitTimeoutError)
    approved.signal("approve")
    assert approved.pending == [deliver("o-1")]


if __name__ == "__main__":
    test_delivers_after_approval()
    test_expires_after_a_day()
