"""What the ledger says of those who wait: nothing is to come, so nobody waits for what is there or would be due."""

from __future__ import annotations

from collections.abc import Iterator

from yieldflow._core.history import StepKind

from .children import child_of, orphaned_at
from .ledger import UNREGISTERED, Ledger
from .notes import FlowNote, Status
from .promises import Promise


def check_waits(ledger: Ledger, id: str, flow: FlowNote, registered: bool) -> None:
    """A workflow waits for something that only somebody from outside can bring.

    Args:
        ledger: The books.
        id: The workflow.
        flow: What is known of it.
        registered: Whether all code is there.
    """
    forgotten: list[str] = []
    if flow.status is Status.PROCESSING:
        forgotten += _forgotten(ledger, id, flow)
        if flow.row.deadline_at is not None and not flow.cancelled:
            forgotten.append("its time")
    elif flow.status is Status.STALLED and registered and UNREGISTERED in (flow.reason or ""):
        forgotten.append("code that is there")
    if flow.status in (Status.PROCESSING, Status.SUSPENDED) and not flow.cancelled and orphaned_at(ledger, flow):
        forgotten.append("its parent's end")
    ledger.check(Promise.ENDS, not forgotten, id, "is forgotten", flow.status, forgotten)


def _forgotten(ledger: Ledger, id: str, flow: FlowNote) -> Iterator[str]:
    """What a workflow waits for in vain."""
    if not flow.steps:
        yield "its start"
    signals = {signal.name for signal in flow.signals.values() if signal.received is None}
    for number, step in flow.steps.items():
        if step.ended:
            continue
        if step.kind in (StepKind.ACTIVITY, StepKind.SLEEP, StepKind.TAKE_SIGNALS):
            yield f"{step.kind} {number}"
        elif step.kind is StepKind.WAIT_SIGNAL and step.name in signals:
            yield f"signal {step.name}, which is there"
        elif step.kind is StepKind.CHILD:
            child = child_of(ledger, id, flow.run, number)
            if child is None or child.status.ended:
                yield f"child {number}, which has ended"
