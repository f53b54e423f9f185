"""The promises of every store on signals, cancellations, children and runs, tried on each of them."""

from __future__ import annotations

import pytest

from tests.support.storage import (
    FAILURE,
    act,
    awake,
    begun,
    checkpoint,
    child,
    ended,
    history_of,
    loaded,
    orphans,
    record_of,
    seen,
    signal,
    step_of,
    submission,
    wait,
)
from yieldflow._core.errors import RefusedValueError, WorkflowAlreadyExistsError
from yieldflow._core.history import (
    CancelRequested,
    Event,
    History,
    Started,
    Step,
    StepKind,
    StepStatus,
    WorkflowStatus,
)
from yieldflow.store import (
    Checkpoint,
    Continued,
    Current,
    Parent,
    Store,
)


def test_all_of_a_submission_is_kept(store: Store) -> None:
    """Version, deadline, parent and first signals of a workflow are on disk with it, whoever put it there."""
    parent = Parent("p", 3, 7, "abandon")
    signals = [signal(1, "a", b"\x80"), signal(2, "größe \udcff", '"2"', 900)]
    new = submission("w", deadline_at=9000, version="v \udcff", parent=parent, signals=signals)
    store.commit([begun("p"), checkpoint("w", created=new, events=[Started(1000)], signals=[signal(0, "c")])])
    store.submit([submission("plain"), new._replace(workflow_id="x")])

    for each in ("w", "x"):
        record = record_of(store, each)
        assert (record.deadline_at, record.version, record.parent) == (9000, "v \udcff", parent)
        assert loaded(store, each).signals[:2] == signals
    assert [kept.number for kept in loaded(store).signals] == [1, 2, 3]
    assert [record_of(store, each).deadline_at for each in ("p", "w", "plain", "x")] == [None, 9000, None, 9000]
    assert [record.id for record in store.records()] == ["x", "plain", "w", "p"]


def test_signals_wait_until_they_are_received(store: Store) -> None:
    """A signal is there from the commit that keeps it until the commit that gives it to the workflow, in order."""
    store.commit([begun("w", 1000, wait(0), act(1))])
    store.commit([checkpoint("w", signals=[signal(1), signal(2, "other"), signal(3)])])
    before = loaded(store)
    event = checkpoint("w", place=1, events=[ended(0, 1300)], received=[(1, 1)], signals=[signal(4)], issued=[wait(2)])
    store.commit([event])
    after = loaded(store)
    store.commit([checkpoint("w", place=2, events=[ended(2, 1400)], signals=[signal(5)], received=[(5, 2)])])

    assert before.signals == [signal(1), signal(2, "other"), signal(3)]
    assert after.signals == [signal(2, "other"), signal(3), signal(4)]
    assert [kept.number for kept in loaded(store).signals] == [2, 3, 4]
    assert [found.last_signal for found in (before, after, loaded(store))] == [3, 4, 5]


def test_a_signal_without_a_number_gets_the_next(store: Store) -> None:
    """A signal kept for a workflow that is not in memory is numbered by the store, behind all that ever came."""
    store.commit([begun("w", 1000, wait(0))])
    store.commit([checkpoint("w", signals=[signal(0, payload="1"), signal(0, payload="2")])])
    store.commit([checkpoint("w", place=1, events=[ended(0, 1300)], received=[(1, 1), (2, 1)])])
    store.commit([checkpoint("w", signals=[signal(0, payload="3")])])

    assert loaded(store).signals == [signal(3, payload="3")]


def test_a_cancellation_has_its_place_in_the_history(store: Store) -> None:
    """A request to cancel, with its reason, or the end of the time limit is read among the events, in order."""
    store.commit([begun("w", 1000, act(0), act(1))])
    by_hand, by_time = CancelRequested(1200, "no \udcff more"), CancelRequested(1300, None, 2.5)
    events: list[Event] = [ended(1, 1100), by_hand, by_time, ended(0, 1400)]
    store.commit([checkpoint("w", place=1, events=events, at=1400)])
    store.commit([begun("v"), checkpoint("w", place=5, events=[CancelRequested(1500)], cancelled=[], at=1500)])

    assert history_of(store).events == [Started(1000), *events, CancelRequested(1500)]
    assert history_of(store, "v").events == [Started(1000)]
    assert record_of(store).step == 2


def test_dropped_steps_are_told(store: Store) -> None:
    """A step that was cancelled says at which event; the history names it, but not what a termination cancelled."""
    store.commit([begun("w", 1000, *(act(number) for number in range(5)))])
    store.commit([checkpoint("w", place=1, events=[ended(0, 1100), ended(1, 1100)], cancelled=[(2, 2)], at=1100)])
    store.commit([checkpoint("w", place=3, cancelled=[(3, 3)], at=1200)])

    assert [step.dropped for step in store.steps("w")] == [None, None, 2, 3, None]
    assert history_of(store).dropped == {2}


def test_outcomes_may_be_recorded_before_they_are_applied(store: Store) -> None:
    """Outcomes for a workflow that cannot receive them are kept in the order they came, and applied later."""
    store.commit([begun("w", 1000, *(act(number) for number in range(5)))])
    late = [ended(3, 1300, FAILURE, 4), ended(2, 1200), ended(0, 1200, "0")]
    store.commit([checkpoint("w", recorded=late)])
    before, record = loaded(store), record_of(store)
    store.commit([checkpoint("w", place=1, events=[late[0]], cancelled=[(2, 1)])])
    after = loaded(store)

    assert before.recorded == [late[2], late[1], late[0]]
    assert (before.history.events, record.step, record.current) == ([Started(1000)], 0, Current("charge", 1))
    assert step_of(store, 0).status is StepStatus.DONE
    assert (after.recorded, after.history.events) == ([late[2]], [Started(1000), late[0]])
    assert (step_of(store, 2).status, step_of(store, 2).outcome) == (StepStatus.CANCELLED, None)
    store.commit([checkpoint("w", recorded=[late[2]])])
    assert loaded(store).recorded == [late[2]]


def test_a_recorded_activity_is_current_no_longer(store: Store) -> None:
    """The current activity has no outcome yet, applied or not."""
    store.commit([begun("w", 1000, act(0, "first"), act(1, "second"))])
    store.commit([checkpoint("w", recorded=[ended(0, 1100)])])

    assert record_of(store).current == Current("second", 1)


def test_progress_and_patches_are_kept(store: Store) -> None:
    """The latest progress shows in the status; the names that were patched gather in the history."""
    store.commit([begun("w")])
    none = record_of(store).progress, history_of(store).patches
    store.commit([checkpoint("w", progress="", patches=["a", 'the "b"'])])
    store.commit([checkpoint("w", progress=b"\x80", patches=["größe \udcff", "a, b"])])
    store.commit([checkpoint("w")])

    assert none == (None, frozenset())
    assert record_of(store).progress == b"\x80"
    assert history_of(store).patches == {"a", 'the "b"', "größe \udcff", "a, b"}


def test_children_are_put_on_disk_with_their_parent(store: Store) -> None:
    """Workflows that a checkpoint starts are there with it, and arrive as those of clients do."""
    first, second = child("c1", 1), child("c2", 2, starts_at=5000, signals=[signal(1)])
    store.commit([begun("w", 1000, Step(1, StepKind.CHILD, "order", "{}", 0, "shop.py:3"))])
    store.commit([checkpoint("w", children=[first, second], at=1000)])

    assert [record.id for record in store.records()] == ["c2", "c1", "w"]
    assert record_of(store, "c2").parent == Parent("w", 1, 2)
    assert store.open_children("w", 1) == ["c1", "c2"]
    assert loaded(store, "c2").signals == [signal(1)]


def test_a_child_s_taken_id_is_refused_by_name(store: Store) -> None:
    """A child whose id is taken, by another child of the turn too, is an error with the id; nothing is written."""
    store.commit([begun("w"), begun("taken")])
    before = seen(store, "w", "c", "taken")

    for children in ([child("c"), child("taken")], [child("taken"), child("c"), child("c")]):
        with pytest.raises(
            WorkflowAlreadyExistsError, match=f"'{children[1 if len(children) == 2 else 0].workflow_id}'"
        ):
            store.commit([checkpoint("w", children=children, signals=[signal(1)])])
        assert seen(store, "w", "c", "taken") == before


def test_a_run_s_children_are_told_by_how_they_stand(store: Store) -> None:
    """Children that have ended come in the order in which they did, the others by age; each run has its own."""
    store.commit([begun("w"), begun("other")])
    early = child("early", 9, at=500)
    store.commit(
        [
            checkpoint("w", children=[child("a"), child("b"), child("c"), child("d"), early, child("later", run=2)]),
            checkpoint("other", children=[child("foreign", of="other")]),
        ]
    )
    store.commit([checkpoint("c", status=WorkflowStatus.FAILED, outcome=FAILURE, at=1500)])
    store.commit([checkpoint("a", status=WorkflowStatus.DONE, outcome="1", at=1600)])
    store.commit([checkpoint("b", status=WorkflowStatus.STALLED, reason="mismatch", at=1600)])

    assert store.ended_children("w", 1) == [record_of(store, "c"), record_of(store, "a")]
    assert store.open_children("w", 1) == ["early", "b", "d"]
    assert (store.ended_children("w", 2), store.open_children("w", 2)) == ([], ["later"])
    assert (store.ended_children("a", 1), store.open_children("a", 1)) == ([], [])


def test_the_next_run_begins_without_a_history(store: Store) -> None:
    """A run that is followed by another leaves nothing behind but progress, waiting signals and the first arguments."""
    store.commit([begun("w", 1000, act(0), wait(1), input="[1]", starts_at=900, deadline_at=9000)])
    store.commit([checkpoint("w", place=1, events=[CancelRequested(1100)], signals=[signal(1), signal(2)])])
    store.commit(
        [
            checkpoint(
                "w",
                place=2,
                events=[ended(1, 1200)],
                received=[(1, 2)],
                recorded=[ended(0, 1200)],
                progress='"half"',
                patches=["a"],
                continued=Continued("renew", "[2]", b"next", "v2"),
                at=1200,
            )
        ]
    )
    record, found = record_of(store), loaded(store)
    store.commit([checkpoint("w", run=2, events=[Started(1300)], issued=[act(0)], at=1300)])
    again = checkpoint("w", run=2, place=1, events=[ended(0, 1400)], continued=Continued("third", "[3]", b"3"), at=1400)
    store.commit([again])

    assert (record.name, record.input, record.seed, record.version, record.run) == ("renew", "[2]", b"next", "v2", 2)
    assert (record.status, record.started_at, record.progress) == ("processing", None, '"half"')
    assert (record.submitted, record.deadline_at, record.step) == (("order", "[1]"), 9000, 0)
    assert (found.history, found.recorded, found.signals) == (History([], []), [], [signal(2)])
    assert found.last_signal == 2
    assert (record_of(store).run, record_of(store).submitted) == (3, ("order", "[1]"))
    assert (record_of(store).version, store.steps("w")) == (None, [])
    brief = store.brief("w")
    assert brief is not None
    assert (brief.run, brief.started, awake(store)) == (3, False, ["w"])


def test_recovery_learns_whose_parent_has_ended(store: Store) -> None:
    """A child that was to be cancelled with its parent, and was not yet when the process died, is told of as such."""
    children = [
        child("orphan")._replace(parent=Parent("w", 1, 0, "cancel")),
        child("free")._replace(parent=Parent("w", 1, 1, "abandon")),
        child("awaited", of="alive"),
    ]
    store.commit([begun("w"), begun("alive")])
    store.commit([checkpoint("w", children=children[:2]), checkpoint("alive", children=children[2:])])
    store.commit([checkpoint("w", status=WorkflowStatus.FAILED, outcome=FAILURE, at=2000)])

    assert orphans(store, "alive", "orphan", "free", "awaited") == {
        "alive": None,
        "orphan": "w",
        "free": None,
        "awaited": None,
    }


def refused_extras() -> list[tuple[str, Checkpoint]]:
    return [
        ("a signal that is not there", checkpoint("w", received=[(9, 1)])),
        ("a signal for the second time", checkpoint("w", received=[(1, 3)])),
        ("a signal number for the second time", checkpoint("w", signals=[signal(1)])),
        ("a signal for a workflow that is not there", checkpoint("none", signals=[signal(1)])),
        ("a cancellation of a workflow that is not there", checkpoint("none", place=1, events=[CancelRequested(1)])),
        ("progress of a workflow that is not there", checkpoint("none", progress="1")),
        ("patches of a workflow that is not there", checkpoint("none", patches=["a"])),
        ("a recorded outcome of a step that is not there", checkpoint("w", recorded=[ended(9, 1500)])),
        ("a recorded outcome of a step that was applied", checkpoint("w", recorded=[ended(0, 1500)])),
        ("a recorded outcome of a cancelled step", checkpoint("w", recorded=[ended(1, 1500)])),
        ("a next run of another run", checkpoint("w", run=2, continued=Continued("order", "{}", b""))),
        ("a next run of a workflow that is not there", checkpoint("none", continued=Continued("order", "{}", b""))),
    ]


@pytest.mark.parametrize("refused", [pair[1] for pair in refused_extras()], ids=[pair[0] for pair in refused_extras()])
def test_what_does_not_fit_is_refused(store: Store, refused: Checkpoint) -> None:
    """A checkpoint with signals, outcomes or a run that do not fit what is on disk changes nothing."""
    store.commit([begun("w", 1000, wait(0), act(1), act(2))])
    store.commit(
        [checkpoint("w", place=1, events=[ended(0, 1100)], signals=[signal(1)], received=[(1, 1)], cancelled=[(1, 1)])]
    )
    before = seen(store, "w", "none", "c")
    beside = checkpoint("v", created=submission("v", signals=[signal(1)]), children=[child("c", of="v")], progress="1")

    with pytest.raises(RefusedValueError):
        store.commit([beside, refused])

    assert seen(store, "w", "none", "c") == before
    store.commit([beside])
    assert store.open_children("v", 1) == ["c"]


def test_signals_that_were_not_received(store: Store) -> None:
    """They are found in pages, and by name for one workflow; a received one is none, nor is that of a name unknown."""
    signals = [signal(1, "b", at=900), signal(2, "größe \udcff", at=800), signal(3, "b", at=700)]
    store.commit([begun("v"), begun("w"), begun("x")])
    store.commit([checkpoint("w", signals=signals), checkpoint("x", signals=[signal(1, "c")])])
    store.commit([checkpoint("w", received=[(3, 2)]), checkpoint("x", status=WorkflowStatus.SUSPENDED)])

    first = store.untaken_signals(("", 0), 2)
    assert [(each.workflow_id, each.number, each.name, each.sent_at, each.is_live) for each in first] == [
        ("w", 1, "b", 900, True),
        ("w", 2, "größe \udcff", 800, True),
    ]
    (last,) = store.untaken_signals(("w", 2), 2)
    assert (last.workflow_id, last.number, last.is_live) == ("x", 1, False)
    assert store.untaken_signals(("x", 1), 2) == []
    assert store.buffered_signals("w") == [("größe \udcff", 1, 800), ("b", 1, 900)]
    assert store.buffered_signals("v") == store.buffered_signals("unknown") == []
