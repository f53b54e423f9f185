"""What is looked at when a simulation is over: the histories, the cleanups, and the signals' order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support.engine import CODEC
from yieldflow._core.context import WorkflowInfo
from yieldflow._core.execution import Execution
from yieldflow._core.history import CancelRequested, Failure, Outcome, WorkflowStatus
from yieldflow.store import Loaded

from .asking import TERMINATED
from .code import LATE, Code
from .comparing import compare_all
from .ledger import Ledger
from .notes import Sent
from .plan import HARMLESS, Plan, purges
from .promises import Promise

if TYPE_CHECKING:
    from .world import World


#: How a workflow ended.
End = tuple[WorkflowStatus, object]


def look(world: World) -> dict[str, End]:
    """Look at everything; how each workflow of the plan ended."""
    ledger, store = world.ledger, world.disk.inner
    compare_all(ledger, store)
    ledger.settle_requests()
    check_order(ledger)
    for workflow_id in ledger.flows:
        loaded = store.snapshot(workflow_id)
        if loaded is not None and loaded.record.status.ended:
            if loaded.record.reason == TERMINATED:
                ledger.check(
                    Promise.CLEANUP, workflow_id in world.clients.terminated, workflow_id, "was not to be terminated"
                )
            check_replay(ledger, world.code, loaded)
    records = [store.record(flow.id) for flow in world.plan.flows]
    return {record.id: (record.status, _told(record.outcome)) for record in records if record is not None}


def check_replay(ledger: Ledger, code: Code, loaded: Loaded) -> None:
    """Replay a workflow that has ended, and hold what comes of it against the disk."""
    record = loaded.record
    info = WorkflowInfo(record.id, record.name, record.run, record.parent and record.parent.workflow_id)
    arguments = CODEC.decode(record.input)
    assert isinstance(arguments, dict)
    if record.status is WorkflowStatus.CANCELLED and not _asked(loaded):
        # It was terminated, or never began: neither its code nor its cleanup had a say.
        return
    code.due.clear()
    code.cleaned.clear()
    definition = code.late if record.name == LATE else code.program
    execution = Execution(definition, arguments, info, record.seed, CODEC, loaded.history)
    try:
        execution.replay()
        end = execution.end
        ledger.check(Promise.REPLAY, end is not None and end.status is record.status, record.id, end)
        assert end is not None
        ledger.check(Promise.REPLAY, _told(end.outcome) == _told(record.outcome), record.id, end, record.outcome)
        ledger.check(Promise.CLEANUP, sorted(code.due) == sorted(code.cleaned), record.id, code.due, code.cleaned)
    except Exception as error:
        ledger.check(Promise.REPLAY, isinstance(error, AssertionError), record.id, error)
        raise
    finally:
        execution.close()


def _asked(loaded: Loaded) -> bool:
    asked = any(isinstance(event, CancelRequested) for event in loaded.history.events)
    return asked and loaded.record.reason != TERMINATED


def _told(outcome: Outcome | None) -> object:
    return outcome.summary if isinstance(outcome, Failure) else outcome


def check_order(ledger: Ledger) -> None:
    """What was sent after the answer to something else was kept after it."""
    by_flow: dict[str, list[Sent]] = {}
    for sent in ledger.sent:
        by_flow.setdefault(sent.workflow_id, []).append(sent)
    for workflow_id, all_sent in by_flow.items():
        places = {payload: place for place, (id, payload) in enumerate(ledger.kept) if id == workflow_id}
        for one in all_sent:
            for other in all_sent:
                if one.acknowledged_at < other.sent_at and one.payload in places and other.payload in places:
                    in_order = places[one.payload] < places[other.payload]
                    ledger.check(Promise.RECEIVED, in_order, workflow_id, one.payload, "and", other.payload)


def without_numbers(end: End) -> End:
    """An end as it is in a world where signals are sent again more often, or less often."""
    return end[0], re.sub(r'(\[\\*"s\d+\\*"),\d+\]', r"\1]", str(end[1]))


def steady_flows(plan: Plan) -> set[str]:
    """The workflows whose end depends on nothing that may go wrong, or that a client does."""
    if any(map(purges, plan.calls)):
        return set()
    meddled = {call.workflow for call in plan.calls if call.kind not in HARMLESS or call.timeout is not None}
    return {flow.id for flow in plan.flows if flow.steady} - meddled
