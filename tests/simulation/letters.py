"""What the ledger says of signals: each is kept once, received once and in order, and brings what it carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.engine import CODEC
from yieldflow._core.history import Signal, StepEnded, StepKind
from yieldflow.store import Checkpoint

from .notes import FlowNote, SignalNote, StepNote
from .promises import Promise

if TYPE_CHECKING:
    from .ledger import Ledger


def keep(ledger: Ledger, flow: FlowNote, id: str, signal: Signal) -> None:
    """A signal is on disk."""
    number = signal.number or max(flow.signals, default=0) + 1
    ledger.check(Promise.SIGNALS, number == max(flow.signals, default=number - 1) + 1, id, "signal", number)
    flow.signals[number] = SignalNote(signal.name, signal.payload)
    ledger.kept[id, signal.payload] += 1
    ledger.check(Promise.SIGNALS, ledger.kept[id, signal.payload] == 1, id, "keeps signal", signal.payload, "twice")


def receive(ledger: Ledger, flow: FlowNote, checkpoint: Checkpoint) -> None:
    """Signals are received: in order, and by a step that waited for them."""
    id = checkpoint.workflow_id
    for number, place in checkpoint.received:
        note = flow.signals[number]
        earlier = [one for other, one in flow.signals.items() if other < number and one.name == note.name]
        in_order = all(one.received is not None for one in earlier)
        ledger.check(Promise.RECEIVED, note.received is None and in_order, id, "receives signal", number)
        note.received = place
        ledger.check(Promise.RECEIVED, _is_received_by_step(flow, note), id, "no step receives signal", number)


def _is_received_by_step(flow: FlowNote, signal: SignalNote) -> bool:
    """Whether a step that waited for a signal of that name received it, and no other but by one that takes all."""
    place = signal.received
    step = next((step for step in flow.steps.values() if step.applied == place and step.name == signal.name), None)
    if step is None or step.kind not in (StepKind.WAIT_SIGNAL, StepKind.TAKE_SIGNALS):
        return False
    together = sum(other.received == place for other in flow.signals.values())
    return together == 1 or step.kind is StepKind.TAKE_SIGNALS


def check_brought(
    ledger: Ledger, flow: FlowNote, checkpoint: Checkpoint, step: StepNote, place: int, event: StepEnded
) -> None:
    """The outcome of a step that received signals is what they carry; one that takes all leaves none."""
    received = dict(checkpoint.received)
    payloads = [flow.signals[number].payload for number, at in checkpoint.received if at == place]
    if step.kind is StepKind.WAIT_SIGNAL:
        brought = payloads[0] if payloads else None
    else:
        brought = CODEC.encode([CODEC.decode(payload) for payload in payloads])
        fresh = {signal.payload for signal in checkpoint.signals}
        left = [
            one.payload
            for number, one in flow.signals.items()
            if one.name == step.name and one.received is None and received.get(number, place + 1) > place
        ]
        ledger.check(Promise.BROUGHT, fresh.issuperset(left), checkpoint.workflow_id, "does not take", left)
    ledger.check(
        Promise.BROUGHT, event.outcome == brought, checkpoint.workflow_id, "is given", event.outcome, "not", brought
    )
