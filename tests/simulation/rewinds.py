"""Checks of retry, fork and deletion: what each leaves is worked out from the books alone, by its documentation.

An event has a place in the history. To go back to a place means to be as if neither that event nor any later one had
come.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from yieldflow._core.history import CancelRequested, Failure, Micros, StepEnded, StepKind
from yieldflow.store import Parent, Request, RequestKind, Rewind, Submission

from .books import FlowNote, RowNote, SignalNote, Status, StepNote
from .ledger import Ledger
from .promises import Promise

#: Steps that end by a signal.
BY_SIGNAL = (StepKind.WAIT_SIGNAL, StepKind.TAKE_SIGNALS)

#: The statuses of workflows that may be retried.
RETRIED = (Status.FAILED, Status.CANCELLED, Status.STALLED)

# ---------------------------------------------------------------------- the place


def goals_of_retry(flow: FlowNote, step: int | None) -> set[tuple[int, bool]]:
    """Return the places to which a retry may go back, each with whether its outcome is applied again.

    Args:
        flow: The workflow that is retried.
        step: The step from whose outcome on all is to be undone; None for whatever the failure calls for.
    """
    if step is not None:
        return {(_end_of(flow, flow.steps[step]), False)}
    if flow.status is Status.STALLED:
        # No applied outcome is to blame.
        return {(flow.applied, False)}
    last = max(flow.applied - 1, 0)
    ran_out = isinstance(flow.outcome, Failure) and flow.outcome.type_name.endswith("WorkflowTimeoutError")
    for place, event in _backwards(flow):
        cancels = isinstance(event, CancelRequested) and (event.timeout is not None or not ran_out)
        if cancels and (ran_out or flow.status is Status.CANCELLED):
            # It goes on as if it had not been cancelled.
            return {(place, False)}
    if flow.status is Status.CANCELLED:
        # It was terminated: no applied outcome is to blame.
        return {(flow.applied, False)}
    return _causes(flow) or {(last, _is_success(flow, last))}


def _causes(flow: FlowNote) -> set[tuple[int, bool]]:
    """Return the places of step failures that may have ended a workflow: the same failure, or its causes."""
    failure = flow.outcome
    assert isinstance(failure, Failure)
    failed = [(place, one) for place, event in _backwards(flow) if (one := _failure(event)) is not None]
    for place, one in failed:
        if (one.type_name, one.message) == (failure.type_name, failure.message):
            return {(place, False)}
    last = flow.applied - 1
    causes = {(place, False) for place, one in failed if one.message in failure.traceback}
    return {*causes, (last, _is_success(flow, last))} if causes else set()


def _end_of(flow: FlowNote, step: StepNote) -> int:
    """Return the place where a step ended, or where its workflow was cancelled while it was open."""
    cancels = [place for place, event in enumerate(flow.events) if isinstance(event, CancelRequested)]
    ends = [place for place in (step.applied, *cancels) if place is not None and place > step.turn]
    return min(ends, default=step.turn + 1)


def _backwards(flow: FlowNote) -> Iterator[tuple[int, object]]:
    return zip(range(flow.applied - 1, -1, -1), reversed(flow.events), strict=True)


def _failure(event: object) -> Failure | None:
    return event.outcome if isinstance(event, StepEnded) and isinstance(event.outcome, Failure) else None


def _is_success(flow: FlowNote, place: int) -> bool:
    event = flow.events[place] if flow.events else None
    return isinstance(event, StepEnded) and _failure(event) is None


def is_refused(ledger: Ledger, workflow_id: str, step: int | None) -> bool:
    """Return whether a retry must be refused: it would undo work completed after the failure, here or in a child."""
    flow = ledger.flows[workflow_id]
    if flow.status is Status.DONE:
        return True
    for place, _ in goals_of_retry(flow, step):
        retried, _ = _children_concerned(ledger, workflow_id, place)
        lost = step is None and _loses(ledger, workflow_id, place)
        if lost or any(is_refused(ledger, id, None) for id in retried):
            return True
    return False


def _loses(ledger: Ledger, workflow_id: str, place: int) -> bool:
    """Return whether going back to before a place undoes completed work."""
    flow = ledger.flows[workflow_id]
    if any(_is_success(flow, later) for later in range(place + 1, flow.applied)):
        return True
    _, undone = _children_concerned(ledger, workflow_id, place)
    gone = (ledger.flows[id] for id in with_descendants(ledger, undone) if ledger.flows[id].status.ended)
    return any(one.status is Status.DONE or one.run > 1 or _completed(one) for one in gone)


def _completed(flow: FlowNote) -> bool:
    return any(_is_success(flow, place) for place in range(flow.applied))


def _children_concerned(ledger: Ledger, workflow_id: str, place: int) -> tuple[set[str], set[str]]:
    """Return the children that go back too, and those that are started anew."""
    retried, undone, flow = set[str](), set[str](), ledger.flows[workflow_id]
    for child, parent in children_of(ledger, workflow_id, flow.run):
        step = flow.steps[parent.step]
        if step.turn >= place:
            undone.add(child)
        elif ledger.flows[child].status in (Status.FAILED, Status.CANCELLED) and not _before(step, place):
            retried.add(child)
    return retried, undone


# ---------------------------------------------------------------------- going back


def enter_rewind(ledger: Ledger, goals: Sequence[Rewind], undone: Collection[str], at: Micros) -> None:
    """Enter a retry, which goes back as far as is right, with the children concerned, and no further."""
    expected, doomed = {goals[0].workflow_id}, set[str]()
    for goal in goals:
        flow = ledger.flows[goal.workflow_id]
        step = ledger.named if goal is goals[0] else None
        right = goals_of_retry(flow, step)
        ledger.check(Promise.BACK, flow.status in RETRIED, goal, "is", flow.status)
        ledger.check(Promise.BACK, goal.run == flow.run and goal[2:] in right, goal, "and not", *right)
        spared = step is not None or not _loses(ledger, goal.workflow_id, goal.place)
        ledger.check(Promise.BACK, spared, goal, "undoes what was completed since")
        retried, started_anew = _children_concerned(ledger, goal.workflow_id, goal.place)
        expected |= retried
        doomed |= started_anew
    ledger.check(Promise.BACK, {goal.workflow_id for goal in goals} == expected, goals, "and not", expected)
    ledger.check(Promise.BACK, set(undone) == doomed, undone, "are deleted and not", doomed)
    gone = with_descendants(ledger, doomed)
    ledger.check(Promise.GONE, all(ledger.flows[id].status.ended for id in gone), gone, "are deleted")
    for goal in goals:
        _go_back(ledger, goal)
    ledger.forget(gone)
    ledger.asked([Request(goal.workflow_id, RequestKind.RESUME, at) for goal in goals])


def _go_back(ledger: Ledger, goal: Rewind) -> None:
    id, run, place, reapply = goal
    flow = ledger.flows[id]
    ledger.changed.add(id)
    before, now = flow.steps, ledger.attempts.elapsed()
    steps = before.items()
    flow.steps = {number: step_before(step, place, reapply, now) for number, step in steps if step.turn < place}
    if not flow.status.ended:
        ledger.attempts.goes_back(id)
        # Outcomes not on disk yet may still come.
        before = {number: step for number, step in before.items() if step.ended}
    _forget_effects(ledger, goal, before, flow.steps)
    ledger.recoveries.touch(id)
    flow.events = flow.events[:place]
    flow.applied = len(flow.events)
    flow.signals = signals_before(flow, place)
    flow.status, flow.outcome, flow.reason, flow.terminated_at = Status.PROCESSING, None, None, None
    flow.goes_on(ledger.passed())
    row = flow.row
    row.finished_at, row.deadline_at, row.recovery_attempts = None, None, 0
    row.started_at = row.started_at if place > 0 else None
    if row.parent is not None and not _waits(ledger, row.parent):
        row.release()
    for child, _ in children_of(ledger, id, run):
        ledger.flows[child].row.bind()
        ledger.changed.add(child)


def _forget_effects(ledger: Ledger, goal: Rewind, before: dict[int, StepNote], left: dict[int, StepNote]) -> None:
    """Forget the effects of steps that are done anew."""
    for number, step in before.items():
        if number not in left or left[number].ended < step.ended:
            key = goal.workflow_id, goal.run, number
            ledger.effects.pop(key, None)
            ledger.attempts.forget_step(key)


def step_before(step: StepNote, place: int, reapply: bool, now: Micros) -> StepNote:
    """Return a step that was issued before a place, as going back there must leave it."""
    if _before(step, place):
        return step
    if step.applied is None and step.dropped is None:
        return replace(step, cancelling=_still(step.cancelling, place))
    if reapply and step.applied == place and step.kind not in BY_SIGNAL:
        return replace(step, applied=None)
    return anew(step, place, now)


def anew(step: StepNote, place: int, now: Micros) -> StepNote:
    """Return an issued step without attempts, cancelled if it was before a place."""
    due_at = 0 if step.kind is StepKind.ACTIVITY else step.due_at
    fresh = StepNote(step.kind, step.name, step.turn, due_at)
    fresh.input, fresh.source, fresh.scheduled_at = step.input, step.source, step.scheduled_at
    fresh.ready_at, fresh.cancelling = now, _still(step.cancelling, place)
    return fresh


def _still(moment: int | None, place: int) -> int | None:
    """Return a moment unless it comes at or after a place."""
    return None if moment is None or moment >= place else moment


def signals_before(flow: FlowNote, place: int) -> dict[int, SignalNote]:
    """Return a workflow's signals, those received at or after a place as not received."""
    return {number: replace(one, received=_still(one.received, place)) for number, one in flow.signals.items()}


def _before(step: StepNote, place: int) -> bool:
    """Return whether a step was applied or dropped before a place."""
    return any(end is not None and end < place for end in (step.applied, step.dropped))


# ---------------------------------------------------------------------- forking


def enter_fork(ledger: Ledger, source: str, run: int, place: int, new: Submission) -> None:
    """Enter a fork, a copy of the workflow as it stood when the named step was issued."""
    flow, id = ledger.flows[source], new.workflow_id
    assert ledger.named is not None
    right = flow.steps[ledger.named].turn + 1
    ledger.check(Promise.BACK, (run, place) == (flow.run, right), id, "stands before", place, "and not", right)
    ledger.check(Promise.BACK, id not in ledger.flows, id, "was there")
    given = flow.row
    limit = given.deadline_at and new.created_at + given.deadline_at - (given.starts_at or given.created_at)
    row = RowNote.of(new)
    like = replace(
        row, name=given.name, input=given.input, version=given.version, starts_at=None, deadline_at=limit, parent=None
    )
    like.submitted = given.name, given.input
    ledger.check(Promise.BACK, row == like, id, row, "is no copy of", given)
    ledger.check(Promise.IDS, row.seed != given.seed, id, "draws what", source, "does")
    row.started_at, row.patches = given.started_at, given.patches
    events = flow.events[:place]
    copy = ledger.flows[id] = FlowNote(row, Status.PROCESSING, run, len(events), events)
    now, steps = ledger.attempts.elapsed(), flow.steps.items()
    copy.steps = {number: copied(step, place, now) for number, step in steps if step.turn < place}
    for number in copy.steps:
        # It may receive once more what the source did.
        ledger.effects[id, run, number] = dict(ledger.effects.get((source, run, number), {}))
    copy.signals = signals_before(flow, place)
    copy.goes_on(ledger.passed())
    ledger.forked_at[id] = place
    # The source is looked at too: it is as it was.
    ledger.changed |= {id, source}
    ledger.asked([Request(id, RequestKind.RESUME, new.created_at)])


def copied(step: StepNote, place: int, now: Micros) -> StepNote:
    """Return a step as a copy has it: a step not over yet is done anew."""
    return replace(step, details=None, counted_from=None) if _before(step, place) else anew(step, place, now)


# ---------------------------------------------------------------------- deleting


def enter_deletion(ledger: Ledger, workflow_ids: Sequence[str], count: int) -> None:
    """Enter a deletion, which takes all descendants."""
    doomed = with_descendants(ledger, workflow_ids)
    why = why_kept(ledger, workflow_ids)
    ledger.check(Promise.GONE, why is None, workflow_ids, "are deleted, and", why)
    ledger.check(Promise.GONE, count == len(doomed), count, "are deleted, and not", sorted(doomed))
    heirs = {id for id in workflow_ids if (parent := ledger.flows[id].row.parent) and parent.workflow_id not in doomed}
    # A deleted child may be started again by its parent, with the same keys.
    lost = doomed - with_descendants(ledger, heirs)
    ledger.forget(doomed)
    ledger.deleted(lost)


def why_kept(ledger: Ledger, workflow_ids: Iterable[str]) -> str | None:
    """Return the reason that forbids a deletion; None if it is allowed."""
    for id in sorted(with_descendants(ledger, workflow_ids)):
        if not ledger.flows[id].status.ended:
            return f"{id} is {ledger.flows[id].status}"
    awaited = [id for id in workflow_ids if is_awaited(ledger, id)]
    return f"somebody waits for {awaited}" if awaited else None


def purgeable(ledger: Ledger, before: Micros | None, statuses: frozenset[Status]) -> set[str]:
    """Return the workflows that ended before a time with one of the statuses, and that no parent waits for."""
    found = set()
    for id, flow in ledger.flows.items():
        ended_at = flow.row.finished_at
        old = ended_at is not None and (before is None or ended_at < before)
        if old and flow.status in statuses and not is_awaited(ledger, id):
            found.add(id)
    return found


def is_awaited(ledger: Ledger, workflow_id: str) -> bool:
    """Return whether a parent may still receive the end of a workflow."""
    parent = ledger.flows[workflow_id].row.parent
    return parent is not None and _waits(ledger, parent)


def _waits(ledger: Ledger, parent: Parent) -> bool:
    flow = ledger.flows.get(parent.workflow_id)
    return flow is not None and not flow.status.ended and flow.run <= parent.run


def children_of(ledger: Ledger, workflow_id: str, run: int) -> list[tuple[str, Parent]]:
    """Return the children that a run has started, each with its tie to the parent."""
    ties = ((id, flow.row.parent) for id, flow in ledger.flows.items())
    return [(id, parent) for id, parent in ties if parent is not None and parent[:2] == (workflow_id, run)]


def with_descendants(ledger: Ledger, workflow_ids: Iterable[str]) -> set[str]:
    """Return workflows with all their descendants."""
    found = set(workflow_ids)
    while True:
        parents = ((id, flow.row.parent) for id, flow in ledger.flows.items())
        born = {id for id, parent in parents if parent is not None and parent.workflow_id in found} - found
        if not born:
            return found
        found |= born
