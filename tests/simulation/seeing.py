"""What the ledger says of what code sees: workflows pass on what they were given, and it stands in a step's input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.engine import CODEC
from yieldflow._core.history import to_datetime
from yieldflow.store import Checkpoint

from .notes import FlowNote
from .promises import Promise

if TYPE_CHECKING:
    from .ledger import Ledger

#: What the input of such a step has.
SEEN = '"seen":['


def check(ledger: Ledger, flow: FlowNote, checkpoint: Checkpoint) -> None:
    """What was seen in a turn: the time, whether it is new, and the progress that was set right before."""
    id, last = checkpoint.workflow_id, None
    for step in checkpoint.issued:
        if not isinstance(step.input, str) or SEEN not in step.input or step.kind != "activity":
            continue
        given: Any = CODEC.decode(step.input)
        last, (moment, _, _, is_new) = CODEC.encode(given["number"]), given["seen"]
        led = checkpoint.events[: step.turn - checkpoint.place + 1]
        now = to_datetime(max([flow.now, *(event.at for event in led)])).isoformat()
        ledger.check(Promise.SEEN, moment == now, id, "step", step.number, "sees", moment, "not", now)
        ledger.check(Promise.SEEN, is_new is True, id, "step", step.number, "is not said to be new")
    if last is not None:
        ledger.check(Promise.SEEN, checkpoint.progress == last, id, "is at", last, "not", checkpoint.progress)
