"""Test a workflow with children by hand: step a child itself, or end it as the test says.

More: `python -m yieldflow docs Stepper.child`
"""

from yieldflow import Cancelled, Flow, activity, gather, workflow
from yieldflow.testing import Stepper


@activity
def pack(number: int) -> str:
    return f"packed {number}"


@activity
def unpack(number: int) -> None: ...


@workflow
def parcel(number: int) -> Flow[str]:
    try:
        return (yield from pack(number))
    except Cancelled:
        yield from unpack(number)
        raise


@workflow
def shipment(parcels: int) -> Flow[list[str]]:
    return (yield from gather(*(parcel(number) for number in range(parcels))))


def test_a_shipment_waits_for_all_its_parcels() -> None:
    flow = Stepper(shipment(2))
    flow.child(parcel(0)).resolve(pack(0), "first")  # the end of the child is that of the command
    assert flow.pending == [parcel(1)]
    flow.resolve(parcel(1), "second")
    assert flow.result == ["first", "second"]


def test_a_parcel_that_fails_cancels_the_other() -> None:
    flow = Stepper(shipment(2))
    first = flow.child(parcel(0))
    flow.fail(parcel(1), ConnectionError("no van"))
    assert first.pending == [unpack(0)]  # cleans up, and is waited for
    first.resolve(None)
    assert isinstance(flow.exception, ConnectionError)


if __name__ == "__main__":
    test_a_shipment_waits_for_all_its_parcels()
    test_a_parcel_that_fails_cancels_the_other()
