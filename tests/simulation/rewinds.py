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

#: Steps that end by what a signal brings.
BY_SIGNAL = (StepKind.WAIT_SIGNAL, StepKind.TAKE_SIGNALS)

#: What may be retried.
RETRIED = (Status.FAILED, Status.CANCELLED, Status.STALLED)

# ---------------------------------------------------------------------- how far


def goals_of_retry(flow: FlowNote, step: int | None) -> set[tuple[int, bool]]:
    """The places to which a retry may go back, and whether the outcome at that place is applied again.

    Args:
        flow: What is retried.
        step: The step from whose outcome on all is to be undone; None for whatever the failure calls for.
    """
    if step is not None:
        return {(_end_of(flow, flow.steps[step]), False)}
    if flow.status is Status.STALLED:
        # Nothing that was applied is to blame.
        return {(flow.applied, False)}
    last = max(flow.applied - 1, 0)
    ran_out = isinstance(flow.outcome, Failure) and flow.outcome.type_name.endswith("WorkflowTimeoutError")
    for place, event in _backwards(flow):
        cancels = isinstance(event, CancelRequested) and (event.timeout is not None or not ran_out)
        if cancels and (ran_out or flow.status is Status.CANCELLED):
            # It goes on as if it had not been cancelled.
            return {(place, False)}
    if flow.status is Status.CANCELLED:
        # It was terminated: nothing that was applied is to blame.
        return {(flow.applied, False)}
    return _causes(flow) or {(last, _is_success(flow, last))}


def _causes(flow: FlowNote) -> set[tuple[int, bool]]:
    """The failures of steps that may have ended a workflow: the very one, or whichever its own is raised from."""
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
    """Where a step ended, or its workflow was cancelled while it was open."""
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
    """Whether a retry would undo what was completed after the failure, in it or in a child, unasked."""
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
    """Whether something that was completed is undone where a workflow goes back to before a place."""
    flow = ledger.flows[workflow_id]
    if any(_is_success(flow, later) for later in range(place + 1, flow.applied)):
        return True
    _, undone = _children_concerned(ledger, workflow_id, place)
    gone = (ledger.flows[id] for id in with_descendants(ledger, undone) if ledger.flows[id].status.ended)
    return any(one.status is Status.DONE or one.run > 1 or _completed(one) for one in gone)


def _completed(flow: FlowNote) -> bool:
    return any(_is_success(flow, place) for place in range(flow.applied))


def _children_concerned(ledger: Ledger, workflow_id: str, place: int) -> tuple[set[str], set[str]]:
    """The children that go back too, since their ends are received anew; and those that are started anew."""
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
    """Workflows went back: as far as is right, with the children that it concerns; and nothing but that."""
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
        # What is not on disk yet may come still.
        before = {number: step for number, step in before.items() if step.ended}
    _forget_effects(ledger, goal, before, flow.steps)
    ledger.recoveries.touch(id)
    flow.events = flow.events[:place]
    flow.applied = len(flow.events)
    flow.signals = signals_before(flow, place)
    flow.status, flow.outcome, flow.reason, flow.terminated_at = Status.PROCESSING, None, None, None
    flow.goes_on(ledger.wall())
    row = flow.row
    row.finished_at, row.deadline_at, row.recovery_attempts = None, None, 0
    row.started_at = row.started_at if place > 0 else None
    if row.parent is not None and not _waits(ledger, row.parent):
        row.release()
    for child, _ in children_of(ledger, id, run):
        ledger.flows[child].row.bind()
        ledger.changed.add(child)


def _forget_effects(ledger: Ledger, goal: Rewind, before: dict[int, StepNote], left: dict[int, StepNote]) -> None:
    """What is done again after an end is done anew: nobody hears of what was done before."""
    for number, step in before.items():
        if number not in left or left[number].ended < step.ended:
            key = goal.workflow_id, goal.run, number
            ledger.effects.pop(key, None)
            ledger.attempts.forget_step(key)


def step_before(step: StepNote, place: int, reapply: bool, now: Micros) -> StepNote:
    """A step as it is to be that was issued before a place."""
    if _before(step, place):
        return step
    if step.applied is None and step.dropped is None:
        return replace(step, cancelling=_still(step.cancelling, place))
    if reapply and step.applied == place and step.kind not in BY_SIGNAL:
        return replace(step, applied=None)
    return anew(step, place, now)


def anew(step: StepNote, place: int, now: Micros) -> StepNote:
    """A step of which nothing was done yet, though it was issued before a place, and perhaps cancelled."""
    due_at = 0 if step.kind is StepKind.ACTIVITY else step.due_at
    fresh = StepNote(step.kind, step.name, step.turn, due_at)
    fresh.input, fresh.source, fresh.scheduled_at = step.input, step.source, step.scheduled_at
    fresh.ready_at, fresh.cancelling = now, _still(step.cancelling, place)
    return fresh


def _still(moment: int | None, place: int) -> int | None:
    """What was before a place."""
    return None if moment is None or moment >= place else moment


def signals_before(flow: FlowNote, place: int) -> dict[int, SignalNote]:
    """The signals of a workflow, of which it receives those again that came to it from a place on."""
    return {number: replace(one, received=_still(one.received, place)) for number, one in flow.signals.items()}


def _before(step: StepNote, place: int) -> bool:
    """Whether the workflow was through with a step before a place."""
    return any(end is not None and end < place for end in (step.applied, step.dropped))


# ---------------------------------------------------------------------- forking


def enter_fork(ledger: Ledger, source: str, run: int, place: int, new: Submission) -> None:
    """A copy was made of a workflow as it stood when the step that was named was issued."""
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
    row.started_at, row.patches = given.started_at, given.patches
    events = flow.events[:place]
    copy = ledger.flows[id] = FlowNote(row, Status.PROCESSING, run, len(events), events)
    now, steps = ledger.attempts.elapsed(), flow.steps.items()
    copy.steps = {number: copied(step, place, now) for number, step in steps if step.turn < place}
    for number in copy.steps:
        # It may receive once more what the source did.
        ledger.effects[id, run, number] = dict(ledger.effects.get((source, run, number), {}))
    copy.signals = signals_before(flow, place)
    copy.goes_on(ledger.wall())
    ledger.forked_at[id] = place
    # The source is looked at too: it is as it was.
    ledger.changed |= {id, source}
    ledger.asked([Request(id, RequestKind.RESUME, new.created_at)])


def copied(step: StepNote, place: int, now: Micros) -> StepNote:
    """A step in a copy: what its workflow was not through with is done anew."""
    return replace(step, details=None, counted_from=None) if _before(step, place) else anew(step, place, now)


# ---------------------------------------------------------------------- deleting


def enter_deletion(ledger: Ledger, workflow_ids: Sequence[str], count: int) -> None:
    """A client deleted workflows, with their descendants."""
    doomed = with_descendants(ledger, workflow_ids)
    why = why_kept(ledger, workflow_ids)
    ledger.check(Promise.GONE, why is None, workflow_ids, "are deleted, and", why)
    ledger.check(Promise.GONE, count == len(doomed), count, "are deleted, and not", sorted(doomed))
    heirs = {id for id in workflow_ids if (parent := ledger.flows[id].row.parent) and parent.workflow_id not in doomed}
    # A child whose parent is there may be made again by that, and is the same then.
    lost = doomed - with_descendants(ledger, heirs)
    ledger.forget(doomed)
    ledger.deleted(lost)


def why_kept(ledger: Ledger, workflow_ids: Iterable[str]) -> str | None:
    """Which workflow forbids a deletion, if any does."""
    for id in sorted(with_descendants(ledger, workflow_ids)):
        if not ledger.flows[id].status.ended:
            return f"{id} is {ledger.flows[id].status}"
    awaited = [id for id in workflow_ids if is_awaited(ledger, id)]
    return f"somebody waits for {awaited}" if awaited else None


def purgeable(ledger: Ledger, before: Micros | None, statuses: frozenset[Status]) -> set[str]:
    """Workflows that ended so, before a time, and that nobody waits for."""
    found = set()
    for id, flow in ledger.flows.items():
        ended_at = flow.row.finished_at
        old = ended_at is not None and (before is None or ended_at < before)
        if old and flow.status in statuses and not is_awaited(ledger, id):
            found.add(id)
    return found


def is_awaited(ledger: Ledger, workflow_id: str) -> bool:
    """Whether a parent may still receive how a workflow ends."""
    parent = ledger.flows[workflow_id].row.parent
    return parent is not None and _waits(ledger, parent)


def _waits(ledger: Ledger, parent: Parent) -> bool:
    flow = ledger.flows.get(parent.workflow_id)
    return flow is not None and not flow.status.ended and flow.run <= parent.run


def children_of(ledger: Ledger, workflow_id: str, run: int) -> list[tuple[str, Parent]]:
    """The children that a run has started, each with its tie to that."""
    ties = ((id, flow.row.parent) for id, flow in ledger.flows.items())
    return [(id, parent) for id, parent in ties if parent is not None and parent[:2] == (workflow_id, run)]


def with_descendants(ledger: Ledger, workflow_ids: Iterable[str]) -> set[str]:
    """Workflows, with all that came from them."""
    found = set(workflow_ids)
    while True:
        parents = ((id, flow.row.parent) for id, flow in ledger.flows.items())
        born = {id for id, parent in parents if parent is not None and parent.workflow_id in found} - found
        if not born:
            return found
        found |= born
