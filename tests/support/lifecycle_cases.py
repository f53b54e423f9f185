"""Brings a workflow into each phase, and has anything happen to it there while the disk fails or the process dies."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple, cast

from tests.support.engine import CODEC, NOTICED, SECOND, START, Crash, submission
from tests.support.files import new_store
from tests.support.lifecycle import (
    CHILD,
    End,
    ObservedStore,
    Story,
    arrows,
    check_memory,
    check_rows,
    first,
    parent,
    parent_in_time,
    rewind,
    subject,
    tracked,
)
from yieldflow import (
    RetryRefusedError,
    StorageError,
    Workflow,
    WorkflowNotEndedError,
    WorkflowNotFoundError,
    WorkflowStatus,
)
from yieldflow._core.errors import RefusedValueError
from yieldflow._core.history import StepKind
from yieldflow.orchestrator.retry_point import fork_position
from yieldflow.scheduler.lifecycle import Phase
from yieldflow.store import RequestKind
from yieldflow.testing.memory import MemoryStore

# ---------------------------------------------------------------------- the places


class Place(NamedTuple):
    """A place where a workflow may be."""

    phase: Phase | None
    status: str
    put: Callable[[Story], None]


def _at_work(story: Story, name: str = "subject") -> None:
    """Its activities and its child are at work."""
    story.submit(name)
    story.host.settle()


def _waiting(story: Story, name: str = "subject") -> None:
    """Its activities have ended, one of them after a retry; it sleeps, and waits for a signal and a child."""
    _at_work(story, name)
    story.do("a")
    story.do("b")
    story.host.advance(31)
    story.do("b")


def _asleep(story: Story) -> None:
    _waiting(story)
    story.host.advance(2)
    story.host.restart()


def _waits_for_retry(story: Story) -> None:
    """An attempt failed, and another follows in a while; it is out of memory."""
    _at_work(story)
    story.do("a")
    story.do("b")
    story.host.advance(2)
    story.host.restart()


def _evicted(story: Story) -> None:
    _waiting(story)
    story.host.advance(70)
    story.host.advance(70)


def _delayed(story: Story) -> None:
    story.submit(delay=60)


def _suspended(story: Story) -> None:
    _waiting(story)
    story.host.ask("w", RequestKind.SUSPEND)


def _suspended_before_its_start(story: Story) -> None:
    _delayed(story)
    story.host.ask("w", RequestKind.SUSPEND)


def _suspended_in_memory(story: Story) -> None:
    _waiting(story, "guarded")
    story.host.ask("w", RequestKind.SUSPEND)


def _suspended_at_work(story: Story) -> None:
    _at_work(story)
    story.host.ask("w", RequestKind.SUSPEND)


def _stalled(story: Story) -> None:
    _waiting(story)
    story.break_code()
    story.host.restart()


def _stalled_at_work(story: Story) -> None:
    """It stalled over a value that the store refuses, while another activity is at work."""
    _at_work(story)
    story.store.refused = {"w"}
    story.do("a")
    story.store.refused = set()


def _stalled_at_its_submission(story: Story) -> None:
    story.host.registry._workflows.by_name.pop("subject")
    story.submit()


def _done(story: Story) -> None:
    story.submit("first")
    story.host.work_off()


def _failed(story: Story) -> None:
    story.submit("fails")
    story.host.work_off()


def _terminated(story: Story) -> None:
    _at_work(story)
    story.host.ask("w", RequestKind.TERMINATE)
    story.host.settle()


def _parked(story: Story) -> None:
    """It was there in too many crashes."""
    _at_work(story)
    while story.status != "stalled":
        story.host.crash()


def _stalled_child(story: Story) -> None:
    _new_child(story)
    story.host.settle()
    story.break_code()
    story.host.crash()


def _unknown(story: Story) -> None:
    """Nothing was submitted."""


def _new_child(story: Story) -> None:
    """Its parent has just put it on disk."""
    story.host.turn(story.host.asking(parent_in_time() if story.limited else parent(), ids=["p"])[0])


def _submitted_in_a_recovery(story: Story) -> None:
    story.host.submit(first(), "first")
    story.host.crash()
    story.submit()


def _suspect(story: Story) -> None:
    """It was there in several crashes, and waits behind another that was."""
    story.host.submit(first(), "first")
    story.submit()
    for _ in range(6):
        story.host.crash()


def _loading_before_its_start(story: Story) -> None:
    """A client has submitted it, and the disk cannot read it."""
    new = submission(subject(), "w", story.host.now)
    story.store.submit([new._replace(deadline_at=START + 500 * SECOND) if story.limited else new])
    story.store.failing_loads = 1
    story.host.now += NOTICED
    story.host.turn()


def _loading(story: Story) -> None:
    """It is to go on after a crash, and the disk cannot read it."""
    _at_work(story)
    story.store.failing_loads = 1
    story.store.reopen()
    story.host.start()
    story.host.turn()


PLACES = {
    put.__name__.strip("_").replace("_", " "): Place(phase, status, put)
    for phase, status, put in [
        (None, "processing", _asleep),
        (None, "processing", _waits_for_retry),
        (None, "processing", _evicted),
        (None, "processing", _delayed),
        (None, "suspended", _suspended),
        (None, "suspended", _suspended_before_its_start),
        (None, "stalled", _stalled),
        (None, "stalled", _stalled_at_its_submission),
        (None, "stalled", _stalled_child),
        (None, "stalled", _parked),
        (None, "done", _done),
        (None, "failed", _failed),
        (None, "cancelled", _terminated),
        (None, "unknown", _unknown),
        (Phase.CREATED, "processing", _new_child),
        (Phase.CREATED, "processing", _submitted_in_a_recovery),
        (Phase.ADMISSION, "processing", _suspect),
        (Phase.LOADING, "processing", _loading_before_its_start),
        (Phase.LOADING, "processing", _loading),
        (Phase.LIVE, "processing", _at_work),
        (Phase.LIVE, "processing", _waiting),
        (Phase.LIVE, "suspended", _suspended_in_memory),
        (Phase.DRAINING, "suspended", _suspended_at_work),
        (Phase.DRAINING, "stalled", _stalled_at_work),
    ]
}

# ---------------------------------------------------------------------- what happens


def _retry(story: Story) -> None:
    try:
        rewind(story.host, "w")
    except (WorkflowNotFoundError, WorkflowNotEndedError, RetryRefusedError):
        return
    story.notice()


def _fork(story: Story) -> None:
    loaded = story.store.snapshot("w")
    if loaded is None or not loaded.history.steps:
        return
    record, new = loaded.record, submission(subject(), "copy", story.host.now)._replace(name=loaded.record.name)
    story.store.fork("w", record.run, fork_position(loaded, 0), new._replace(input=record.input))
    story.notice()


def _delete(story: Story) -> None:
    try:
        story.store.delete(["w"])
    except (WorkflowNotFoundError, WorkflowNotEndedError):
        return
    story.notice()


def _cancel_while_the_code_is_wrong(story: Story) -> None:
    story.break_code()
    story.ask(RequestKind.CANCEL)


def _unregister(story: Story) -> None:
    story.host.registry._workflows.by_name.pop("subject", None)
    story.host.settle()


def _the_next_attempt_is_due(story: Story) -> None:
    story.host.advance(31)


def _the_start_is_due(story: Story) -> None:
    story.host.advance(61)


def _an_attempt_times_out(story: Story) -> None:
    if any(task.workflow_id == "w" for task in story.host.tasks) and story.host.tasks:
        for task in story.host.tasks:
            if task in story.host.scheduler._state.unclaimed and task.options.timeout is not None:
                story.host.scheduler.wants(task)
                task.begun_at = story.host.now
    story.host.advance(201)


def _the_time_is_over(story: Story) -> None:
    story.host.now = max(story.host.now, START + 501 * SECOND)
    story.host.settle()


def _the_sleep_ends(story: Story) -> None:
    story.host.advance(1001)


INPUTS: dict[str, Callable[[Story], object]] = {
    "nothing": lambda story: story.host.settle(),
    "an activity returns": lambda story: story.do("a"),
    "an activity fails": lambda story: story.do("b"),
    "the child ends": lambda story: story.do("errand"),
    "the child is terminated": lambda story: story.ask(RequestKind.TERMINATE, CHILD),
    "the next attempt is due": _the_next_attempt_is_due,
    "the start is due": _the_start_is_due,
    "an attempt times out": _an_attempt_times_out,
    "the time is over": _the_time_is_over,
    "the sleep ends": _the_sleep_ends,
    "its name is registered": lambda story: story.mend(),
    "its code is gone": _unregister,
    "it is cancelled while its code is wrong": _cancel_while_the_code_is_wrong,
    "its parent is cancelled": lambda story: story.ask(RequestKind.CANCEL, "p"),
    "its parent is terminated": lambda story: story.ask(RequestKind.TERMINATE, "p"),
    "it is retried": _retry,
    "it is forked": _fork,
    "it is deleted": _delete,
    **{f"{kind} by the owner": partial(Story.ask, kind=kind) for kind in RequestKind},
    **{f"{kind} by a client": partial(Story.ask_as_client, kind=kind) for kind in RequestKind},
}

#: How the commits, and what is read, go wrong: how, and at the commit of which number.
DISTURBANCES: list[tuple[str, int]] = [
    *((how, number) for how in ("disk fails", "crash before", "crash after") for number in (1, 2)),
    ("value refused", 0),
    ("load fails", 1),
    ("look fails", 1),
]
NOTHING = "", 0


class Seen(NamedTuple):
    """What is seen of a case."""

    ends: dict[str, End]
    phases: frozenset[tuple[Phase | None, Phase | None]]
    statuses: frozenset[tuple[WorkflowStatus, WorkflowStatus]]
    #: The errors of the answers that callers got at first.
    errors: list[type | None]


@cache
def play(place: str, happens: str, disturbance: tuple[str, int] = NOTHING, file: Path | None = None) -> Seen:
    """Play one case from its beginning until all have ended, checking memory and rows on the way.

    Args:
        place: Where the workflow is.
        happens: What happens to it there.
        disturbance: What goes wrong meanwhile.
        file: The path of the file, where it is no store in memory.
    """
    store = ObservedStore(MemoryStore() if file is None else new_store(file))
    with arrows() as taken:
        story = Story(store, limited=happens == "the time is over")
        try:
            PLACES[place].put(story)
            found = story.phase, story.status
            assert found == PLACES[place][:2], f"it was not brought there: {found}"
            store.disturb(*disturbance)
            _apply(story, happens, disturbance[0])
            store.calm()
            story.host.advance(3)
            story.host.advance(3)
            check_memory(story.host)
            check_rows(story.host)
            errors = [type(answer.error) if answer.error else None for answer in story.answers]
            _ask_again(story, happens, disturbance[0])
            ends = story.complete()
            check_memory(story.host)
            check_rows(story.host)
            assert tracked(story.host) == {}
            assert disturbance[0].startswith("crash") or all(answer.given for answer in story.answers)
            assert not story.host.scheduler._state.timers._live
        except BaseException as error:
            error.add_note(f"{place}: {happens}, {disturbance}")
            raise
        finally:
            story.close()
            store.close()
    return Seen(ends, frozenset(taken), frozenset(store.changes), errors)


def _apply(story: Story, happens: str, how: str) -> None:
    try:
        INPUTS[happens](story)
        # What the disk held up goes on.
        story.host.advance(1)
    except Crash:
        story.store.calm()
        story.host.registry.add(cast("Workflow[..., object]", subject))
        story.host.restart()
    else:
        # Before it is let in nobody knows whether its code can clean up.
        assert all(answer.given for answer in story.answers) or story.phase is Phase.ADMISSION


def _ask_again(story: Story, happens: str, how: str) -> None:
    """Ask again as a caller does who heard of a disk that failed, or whose process died before there was an answer."""
    answer = story.answers[0] if story.answers else None
    if not how or answer is None:
        return
    if answer.given and not isinstance(answer.error, (StorageError, RefusedValueError)):
        return
    if happens.startswith(RequestKind.SIGNAL) and _was_sent(story):
        return
    if how == "value refused":
        # It stalled over that.
        story.mend()
        story.go_on()
    INPUTS[happens](story)


def _was_sent(story: Story) -> bool:
    """Whether the signal is on disk."""
    loaded = story.store.snapshot("w")
    sent = [] if loaded is None else [signal.payload for signal in loaded.signals]
    received = [step.outcome for step in story.store.steps("w") if step.kind is StepKind.WAIT_SIGNAL]
    return CODEC.encode("poked") in [*sent, *received]
