"""A failed workflow gets another chance, by the rules of `WorkflowHandle.retry`."""

from __future__ import annotations

from .._core.errors import RetryRefusedError, WorkflowNotEndedError
from .._core.history import Failure, StepEnded, StepKind, WorkflowStatus
from ..orchestrator.retry_point import retry_position
from ..store import Loaded
from .loading import loaded
from .run import Run
from .twice import bury


def go_back(run: Run, from_step: int | None) -> None:
    """Have a workflow go on from where it failed.

    Raises:
        RetryRefusedError: Steps were completed after the failure, or there is nothing to retry.
        WorkflowNotEndedError: It is under way.
        ValueError: There is no such step.
    """
    if run.status is WorkflowStatus.DONE:
        raise RetryRefusedError(f"{run.past.info.name} is done, and has not failed: fork() it before it ends instead")
    place, reapply = _place(loaded(run), from_step)
    past, family = run.past, run.family
    again = past.events[place] if reapply and place < len(past.events) else None
    retried = _children_at(run, place)
    past.back_to(place)
    undone = [number for number in run.children if number >= len(past.steps)]
    for number in undone:
        child = run.children.pop(number)
        family.runs.remove(child)
        run.begun_children.remove(child)
        bury(child.execution, family.graves)
    bury(run.execution, family.graves)
    run.take_up()
    if isinstance(again, StepEnded) and again.step in run.open and not _by_signal(run, again):
        run.go_on(again._replace(at=family.now))
    for child in retried:
        end = child.execution.end
        if end is not None and isinstance(end.outcome, Failure):
            go_back(child, None)


def _place(there: Loaded, from_step: int | None) -> tuple[int, bool]:
    try:
        return retry_position(there, from_step)
    except (RetryRefusedError, WorkflowNotEndedError) as error:
        # Here the handle is a stepper.
        raise type(error)(str(error).replace("handle.", "flow.")) from None


def _children_at(run: Run, place: int) -> list[Run]:
    """The children that are stepped and whose end was heard of from the event at ``place`` on."""
    heard = {event.step for event in run.past.events[place:] if isinstance(event, StepEnded)}
    heard.update(number for number, at in run.past.dropped.items() if at >= place)
    return [child for number, child in run.children.items() if number in heard]


def _by_signal(run: Run, event: StepEnded) -> bool:
    return run.past.steps[event.step].kind in (StepKind.WAIT_SIGNAL, StepKind.TAKE_SIGNALS)
