"""All stores tell the same, whatever is written to them."""

from __future__ import annotations

from contextlib import closing
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.files import new_store
from tests.support.storage import (
    FAILURE,
    PAYLOADS,
    act,
    asked,
    child,
    ended,
    nap,
    seen,
    signal,
    submission,
    wait,
)
from yieldflow._core.errors import YieldflowError
from yieldflow._core.history import (
    CancelRequested,
    Event,
    Outcome,
    Payload,
    Signal,
    Started,
    Step,
    StepEnded,
    StepKind,
    WorkflowStatus,
)
from yieldflow.store import (
    FOREVER,
    UNCHANGED,
    Checkpoint,
    Continued,
    OpenAttempt,
    Retried,
    Rewind,
    Store,
    statuses_before,
)
from yieldflow.testing.memory import MemoryStore


@st.composite
def sessions(draw: st.DrawFn) -> list[Checkpoint]:
    """Checkpoints as a scheduler might write them, of a few workflows side by side."""
    checkpoints: list[Checkpoint] = []
    lives: dict[str, Life] = {}
    for now in range(1000, 1000 + draw(st.integers(1, 12))):
        workflow_id = draw(st.sampled_from("xyz"))
        checkpoint = Checkpoint(workflow_id, at=now)
        if workflow_id not in lives:
            created = submission(workflow_id, draw(st.integers(1, 3)), version=draw(st.sampled_from([None, "2"])))
            checkpoint.created, lives[workflow_id] = created, Life()
        lives[workflow_id].turn(draw, checkpoint)
        checkpoints.append(checkpoint)
    return checkpoints


class Life:
    """The life of one workflow of a session so far."""

    def __init__(self) -> None:
        self.run = 1
        self.status = WorkflowStatus.PROCESSING
        self.signals = self.children = 0
        self.mail: list[int] = []
        self.begin()

    def begin(self) -> None:
        self.issued = self.applied = 0
        self.waiting: list[int] = []
        #: The activities among them that have no outcome yet.
        self.tried: set[int] = set()
        #: Those that were tried again.
        self.again: set[int] = set()

    def turn(self, draw: st.DrawFn, checkpoint: Checkpoint) -> None:
        """Fill a checkpoint with what one turn might bring."""
        now, checkpoint.run = checkpoint.at, self.run
        events: list[Event] = []
        if self.applied == 0 and draw(st.booleans()):
            events.append(Started(now))
        else:
            checkpoint.place = self.applied + 1
        checkpoint.issued = [self.issue(draw, now) for _ in range(draw(st.integers(0, 3)))]
        checkpoint.signals = [self.send(draw) for _ in range(draw(st.integers(0, 2)))]
        cancelled: list[int] = []
        recorded: list[StepEnded] = []
        received: list[tuple[int, int]] = []
        retried: list[Retried] = []
        beats: list[tuple[int, Payload]] = []
        for number in draw(st.permutations(self.waiting)):
            what = draw(st.sampled_from(["leave", "end", "fail", "cancel", "record", "retry", "beat"]))
            begun = now - 10, draw(st.sampled_from(["yieldflow-1", "event loop \udcff"]))
            if draw(st.booleans()):
                checkpoint.begun_by = {**checkpoint.begun_by, number: begun}
            outcome: Outcome = FAILURE if what == "fail" else draw(st.sampled_from(PAYLOADS[:6]))
            event = ended(number, now, outcome, draw(st.integers(2 if number in self.again else 1, 3)))
            if what in ("end", "fail"):
                events.append(self.apply(event))
                if draw(st.booleans()) and self.mail:
                    received.append((self.mail.pop(), self.applied))
            elif what == "cancel":
                cancelled.append(number)
            elif what == "record":
                recorded.append(event)
            elif what == "retry" and number in self.tried:
                retried.append(Retried(number, FAILURE, now, self.following(draw, now)))
                self.again.add(number)
            elif what == "beat":
                beats.append((number, draw(st.sampled_from(PAYLOADS[:6]))))
                checkpoint.begun = [*checkpoint.begun, (number, *begun)]
            if what in ("end", "fail", "cancel"):
                self.waiting.remove(number)
            if what in ("end", "fail", "cancel", "record"):
                self.tried.discard(number)
        if draw(st.booleans()):
            events.append(self.apply(CancelRequested(now, draw(st.sampled_from([None, "why"])))))
        last = checkpoint.place + max(len(events) - 1, 0)
        checkpoint.events, checkpoint.cancelled = events, [(number, last) for number in cancelled]
        checkpoint.recorded, checkpoint.received = recorded, received
        checkpoint.retried, checkpoint.heartbeats = retried, beats
        self.close(draw, checkpoint)

    def issue(self, draw: st.DrawFn, now: int) -> Step:
        number, self.issued = self.issued, self.issued + 1
        self.waiting.append(number)
        taking = wait(number, turn=self.applied, kind=StepKind.TAKE_SIGNALS)
        step = draw(st.sampled_from([act(number), nap(number, now + 50), wait(number), taking]))
        if step.kind is StepKind.ACTIVITY:
            self.tried.add(number)
        return step._replace(turn=self.applied)

    def following(self, draw: st.DrawFn, now: int) -> OpenAttempt:
        details, due_at = draw(st.sampled_from([None, *PAYLOADS[:6]])), now + draw(st.integers(0, 9))
        return OpenAttempt(draw(st.integers(2, 4)), due_at, details, 0, draw(st.sampled_from([None, now - 5])))

    def send(self, draw: st.DrawFn) -> Signal:
        self.signals += 1
        self.mail.append(self.signals)
        return signal(draw(st.sampled_from([self.signals, 0])), draw(st.sampled_from("ab")))

    def apply(self, event: Event) -> Event:
        self.applied += 1
        return event

    def close(self, draw: st.DrawFn, checkpoint: Checkpoint) -> None:
        checkpoint.recovery_attempts = draw(st.sampled_from([None, 0, 5]))
        checkpoint.progress = draw(st.sampled_from([None, "1", b"2"]))
        checkpoint.patches = draw(st.sampled_from([[], ["a"], ["b", "c"]]))
        if draw(st.sampled_from([False, False, True])):
            self.children += 1
            name = f"{checkpoint.workflow_id}/{self.children}"
            checkpoint.children = [child(name, self.children, of=checkpoint.workflow_id, run=self.run)]
        checkpoint.wake_at = draw(st.sampled_from([UNCHANGED, None, 1500, 1501, FOREVER]))
        checkpoint.wakes = draw(st.sampled_from([[], ["x"], ["z/1", "y"]]))
        if draw(st.sampled_from([False, False, False, True])):
            if self.status.ended:
                return
            self.status = WorkflowStatus.PROCESSING
            checkpoint.continued = Continued("next", f"[{self.run}]", b"new")
            self.run += 1
            # Signals that were received go with the run, and their numbers are free again.
            self.signals = max(self.mail, default=0)
            self.begin()
            return
        may_follow = [after for after in WorkflowStatus if self.status in statuses_before(after)]
        checkpoint.status = draw(st.sampled_from([None, *may_follow]))
        self.status = checkpoint.status or self.status
        checkpoint.orphans = self.status.ended and draw(st.booleans())
        done = checkpoint.status is WorkflowStatus.DONE
        checkpoint.outcome = draw(st.sampled_from([None, "1", None if done else FAILURE]))
        checkpoint.reason = draw(st.sampled_from([None, None if done else "mismatch"]))


class Change(NamedTuple):
    """A client's change between two batches."""

    workflow_id: str
    kind: str
    place: int
    reapply: bool


CHANGES = st.builds(
    Change,
    st.sampled_from(["x", "y", "z", "x/1", "y/1"]),
    st.sampled_from(["ask", "rewind", "rewind all", "fork", "delete"]),
    st.integers(0, 4),
    st.booleans(),
)


def change(store: Store, number: int, asked_for: Change) -> str:
    """Do it, and say how it went."""
    workflow_id, kind, place, reapply = asked_for
    record = store.record(workflow_id)
    run, copy = (1, "") if record is None else (record.run, f"{workflow_id}+{number}")
    try:
        if kind == "ask":
            store.ask([asked(workflow_id, payload="1", name="a")])
        elif kind == "rewind":
            store.rewind(workflow_id, run, place, reapply=reapply, at=5000)
        elif kind == "rewind all":
            children = [Rewind(each.id, each.run, place, reapply) for each in store.ended_children(workflow_id, run)]
            goals, undone = children[:place], [each.workflow_id for each in children[place:]]
            store.rewind(workflow_id, run, place, reapply=reapply, at=5000, children=goals, undone=undone)
        elif kind == "fork":
            store.fork(workflow_id, run, place, submission(copy, 5000 + number))
        else:
            store.delete([workflow_id])
    except YieldflowError as error:
        return type(error).__name__
    return "done"


@settings(max_examples=60)
@given(sessions(), st.integers(1, 4), st.lists(CHANGES, max_size=4))
def test_all_stores_tell_the_same(
    tmp_path_factory: pytest.TempPathFactory, session: list[Checkpoint], size: int, changes: list[Change]
) -> None:
    """Whatever is committed, in batches of any size, and changed by clients: where it is kept makes no difference."""
    memory, file = MemoryStore(), new_store(tmp_path_factory.mktemp("same") / "store.db")
    with closing(file):
        while session:
            batch = list({each.workflow_id: each for each in reversed(session[:size])}.values())
            session = [each for each in session if each not in batch]
            memory.commit(batch)
            file.commit(batch)
            same(memory, file)
        for number, asked_for in enumerate(changes):
            assert change(memory, number, asked_for) == change(file, number, asked_for)
            same(memory, file)


def same(memory: Store, file: Store) -> None:
    """Both tell the same, but for how requests are numbered."""
    ids = [record.id for record in memory.records()]
    assert plain(seen(memory, *ids)) == plain(seen(file, *ids))
    requests = [[each._replace(number=None) for each in store.arrivals().requests] for store in (memory, file)]
    assert requests[0] == requests[1]
    every = frozenset(WorkflowStatus)
    for before in (None, 1004):
        assert memory.purgeable(before, every) == file.purgeable(before, every)


def plain(value: object) -> object:
    """The value with every sequence as a tuple, since stores are free to choose."""
    return tuple(plain(each) for each in value) if isinstance(value, list | tuple) else value
