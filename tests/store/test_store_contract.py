"""The promises of every store, tried on each of them."""

from __future__ import annotations

import threading

import pytest

from tests.support.storage import (
    FAILURE,
    PAYLOADS,
    act,
    arrived,
    begun,
    checkpoint,
    ended,
    history_of,
    loaded,
    nap,
    over,
    record_of,
    seen,
    submission,
)
from yieldflow._core.errors import RefusedValueError, WorkflowAlreadyExistsError
from yieldflow._core.history import (
    Failure,
    History,
    Payload,
    Started,
    StepEnded,
    StepKind,
    StepStatus,
    WorkflowStatus,
)
from yieldflow.filter import Filter
from yieldflow.store import Arrivals, Checkpoint, Loaded, Store, WorkflowRecord

FAILURES = [
    FAILURE,
    FAILURE._replace(exception=None),
    FAILURE._replace(exception=b"\x80\x04\x00"),
    FAILURE._replace(message="", traceback=""),
    FAILURE._replace(message=": and more: in\nseveral lines \0"),
    FAILURE._replace(message="a file name \udcff that is no UTF-8", traceback="\ud800"),
    FAILURE._replace(type_name="shop.errors.<locals>.Card: Declined"),
    FAILURE._replace(type_name="builtins.builtins.Odd", message="builtins.x"),
    FAILURE._replace(type_name="", message="x"),
]


# ---------------------------------------------------------------------- every store: what is read is what was written


def test_an_empty_store_holds_nothing(store: Store) -> None:
    """Asked for what is not there, a store says so and raises nothing."""
    nothing: object = (None, None, None, None, [], ([], []), ([], []))
    assert seen(store, "w", "no \ud800 text") == [[], [], [], nothing, nothing]
    assert store.arrivals() == ([], [])
    assert store.purgeable(None, frozenset(WorkflowStatus)) == []


def test_a_new_workflow_is_read_as_it_was_written(store: Store) -> None:
    """A workflow's row holds what it was created with, and is what `load` gives."""
    store.commit([checkpoint("w", created=submission(input='{"order": 1}', starts_at=5000))])

    expected = WorkflowRecord(
        id="w",
        name="order",
        status=WorkflowStatus.PROCESSING,
        run=1,
        seed=b"seed",
        input='{"order": 1}',
        submitted=("order", '{"order": 1}'),
        outcome=None,
        reason=None,
        progress=None,
        parent=None,
        version=None,
        deadline_at=None,
        created_at=1000,
        starts_at=5000,
        started_at=None,
        finished_at=None,
        updated_at=1000,
        step=0,
        current=None,
        recovery_attempts=0,
        wake_at=5000,
    )
    assert store.record("w") == expected
    assert store.records() == [expected]
    assert store.load("w") == Loaded(expected, History([], []), [], [])


def test_one_checkpoint_may_hold_a_whole_life(store: Store) -> None:
    """A workflow that is created, started, driven and ended in one turn is on disk as if it had taken several."""
    whole = begun("w", 1000, act(0), act(1), act(2, "refund"), nap(3, 9000))
    whole.events = [Started(1000), ended(1, 1001, attempt=3), ended(0, 1002, FAILURE)]
    whole.cancelled = [(2, 2), (3, 2)]
    whole.status, whole.outcome, whole.at = WorkflowStatus.DONE, "99", 1003
    whole.recovery_attempts = 4
    store.commit([whole])

    record = record_of(store)
    steps = store.steps("w")
    assert (record.status, record.outcome, record.finished_at, record.started_at) == ("done", "99", 1003, 1000)
    assert (record.step, record.current, record.updated_at, record.recovery_attempts) == (2, None, 1003, 4)
    assert [step.status for step in steps] == ["failed", "done", "cancelled", "cancelled"]
    assert [step.outcome for step in steps] == [FAILURE, "17", None, None]
    assert [step.applied for step in steps] == [2, 1, None, None]
    assert [step.attempt for step in steps] == [1, 3, 1, 1]
    assert [step.finished_at for step in steps] == [1002, 1001, 1003, 1003]
    assert [step.dropped for step in steps] == [None, None, 2, 2]


def test_steps_are_read_as_they_were_issued(store: Store) -> None:
    """A step is kept with its number, kind, name, input, turn, source line and due time."""
    issued = [
        act(0, "charge", 3, input=b"\x80\x04"),
        nap(1, 9_000_000_000_000_000),
        act(2, "Gebühr", 4, source="dir\udcff/f.py:1"),
    ]
    store.commit([begun("w", 1000, *issued)])

    assert history_of(store).steps == issued
    assert [(step.step, step.kind, step.due_at) for step in store.steps("w")] == [
        (0, StepKind.ACTIVITY, None),
        (1, StepKind.SLEEP, 9_000_000_000_000_000),
        (2, StepKind.ACTIVITY, None),
    ]
    assert [(step.status, step.scheduled_at, step.source) for step in store.steps("w")] == [
        (StepStatus.SCHEDULED, 1000, "shop.py:7"),
        (StepStatus.SCHEDULED, 1000, "shop.py:8"),
        (StepStatus.SCHEDULED, 1000, "dir\udcff/f.py:1"),
    ]


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: repr(payload[:12]))
def test_a_payload_comes_back_as_it_was(store: Store, payload: Payload) -> None:
    """Any text and any bytes make the round trip, as arguments and as results, with their type."""
    whole = begun("w", 1000, act(0, input=payload), input=payload)
    whole.events = [Started(1000), ended(0, 1001, payload)]
    whole.status, whole.outcome, whole.at = WorkflowStatus.DONE, payload, 1001
    store.commit([whole])

    record, history = record_of(store), history_of(store)
    found = [record.input, record.outcome, history.steps[0].input, store.steps("w")[0].outcome]
    assert found == [payload] * 4
    assert [type(each) for each in found] == [type(payload)] * 4
    assert history.events == [Started(1000), StepEnded(0, payload, 1001)]


@pytest.mark.parametrize("failure", FAILURES, ids=range(len(FAILURES)))
def test_a_failure_comes_back_as_it_was(store: Store, failure: Failure) -> None:
    """Type, message, traceback and exception of a failure make the round trip exactly, for steps and workflows."""
    store.commit([begun("w", 1000, act(0))])
    store.commit(
        [
            checkpoint(
                "w",
                place=1,
                events=[ended(0, 1001, failure)],
                status=WorkflowStatus.FAILED,
                outcome=failure,
                at=1001,
            )
        ]
    )

    assert [record_of(store).outcome, store.steps("w")[0].outcome] == [failure, failure]
    assert history_of(store).events == [Started(1000), StepEnded(0, failure, 1001)]


def test_history_is_in_the_order_applied(store: Store) -> None:
    """Events come in the order in which the workflow received them; steps by number."""
    store.commit([begun("w", 1000, *(act(number) for number in range(12)))])
    store.commit([checkpoint("w", place=1, events=[ended(7, 1500), ended(11, 1400)])])
    store.commit([checkpoint("w", place=3, events=[ended(2, 1600, attempt=2)], issued=[act(12, turn=3)], at=1600)])

    history = history_of(store)
    assert history.events == [
        Started(1000),
        StepEnded(7, "17", 1500),
        StepEnded(11, "17", 1400),
        StepEnded(2, "17", 1600, 2),
    ]
    assert [step.number for step in history.steps] == list(range(13))


def test_only_the_current_run_is_read(store: Store) -> None:
    """When a workflow begins its next run, the steps of the one before are history no longer."""
    store.commit([begun("w", 1000, act(0), act(1), nap(2, 9000))])
    store.commit([checkpoint("w", run=2, events=[Started(3000)], issued=[act(0, "renew")], at=3000)])

    assert record_of(store).run == 2
    assert history_of(store) == History([Started(3000)], [act(0, "renew")])
    assert [step.name for step in store.steps("w")] == ["renew"]


# ---------------------------------------------------------------------- every store: changes


def test_what_a_checkpoint_leaves_out_stays(store: Store) -> None:
    """A checkpoint without a status, a start or a count changes none of them."""
    store.commit([checkpoint("w", created=submission(), events=[Started(1000)], recovery_attempts=3)])
    store.commit([checkpoint("w", status=WorkflowStatus.STALLED, reason="no \udcff code")])
    before = record_of(store)
    store.commit([checkpoint("w", reason="not read without a status", outcome="1", at=5)])
    store.commit([checkpoint("w")])

    assert record_of(store) == before
    assert (before.status, before.reason, before.recovery_attempts) == ("stalled", "no \udcff code", 3)


def test_a_new_status_brings_its_own_reason_and_end(store: Store) -> None:
    """A new status drops what belonged to the old: a workflow that goes on has no reason, outcome or end."""
    store.commit([begun("w", 1000)])
    store.commit([checkpoint("w", status=WorkflowStatus.STALLED, reason="mismatch")])
    store.commit([checkpoint("w", status=WorkflowStatus.PROCESSING)])
    again = record_of(store)
    store.commit([checkpoint("w", status=WorkflowStatus.STALLED, reason="mismatch")])
    store.commit([checkpoint("w", status=WorkflowStatus.FAILED, outcome=FAILURE, at=2000)])
    failed = record_of(store)

    assert (again.status, again.reason, again.outcome, again.finished_at) == ("processing", None, None, None)
    assert (failed.reason, failed.outcome, failed.finished_at) == (None, FAILURE, 2000)


def test_a_client_s_workflow_is_started_later(store: Store) -> None:
    """A workflow that was submitted without being driven is started by a later checkpoint."""
    store.submit([submission()])
    store.commit([checkpoint("w", events=[Started(1500)], issued=[act(0)], at=1500, recovery_attempts=1)])

    record = record_of(store)
    assert (record.started_at, record.updated_at, record.recovery_attempts) == (1500, 1500, 1)
    assert history_of(store) == History([Started(1500)], [act(0)])


def refused_checkpoints() -> list[tuple[str, Checkpoint]]:
    return [
        ("an outcome of a step that is not there", checkpoint("w", place=2, events=[ended(9, 2000)])),
        ("an outcome for the second time", checkpoint("w", place=2, events=[ended(0, 2000)])),
        (
            "an outcome of a cancelled step's number in another run",
            checkpoint("w", run=2, place=2, events=[ended(1, 2000)]),
        ),
        ("a failure of a step that has ended", checkpoint("w", place=2, events=[ended(0, 2000, FAILURE)])),
        ("a cancellation of a step that has ended", checkpoint("w", cancelled=[(0, 1)])),
        ("a cancellation for the second time", checkpoint("w", cancelled=[(2, 1)])),
        ("a step number for the second time", checkpoint("w", issued=[act(0)])),
        ("a start of a workflow that is not there", checkpoint("none", events=[Started(1)])),
        ("a status of a workflow that is not there", checkpoint("none", status=WorkflowStatus.STALLED)),
        ("a count of a workflow that is not there", checkpoint("none", recovery_attempts=1)),
        ("a rest of a workflow that is not there", checkpoint("none", wake_at=5000)),
    ]


@pytest.mark.parametrize(
    "refused", [pair[1] for pair in refused_checkpoints()], ids=[p[0] for p in refused_checkpoints()]
)
def test_a_change_of_what_is_not_there_is_refused(store: Store, refused: Checkpoint) -> None:
    """A checkpoint that does not fit what is on disk is refused, with all that was to be written beside it."""
    store.commit([begun("w", 1000, act(0), act(1), act(2))])
    store.commit([checkpoint("w", place=1, events=[ended(0, 1500)], cancelled=[(2, 1)])])
    before = seen(store, "w", "new")
    beside = checkpoint("w", place=2, events=[ended(1, 1600)], issued=[act(3)], at=1600)

    with pytest.raises(RefusedValueError):
        store.commit([begun("new", 1600, act(0)), beside, refused])

    assert seen(store, "w", "new") == before
    store.commit([begun("new", 1600, act(0)), beside])
    assert record_of(store).step == 2


def test_many_rows_at_once(store: Store) -> None:
    """Many new workflows are all there with their own steps, in the order added; if an id is taken, none is."""
    names = [f"w{number:03}" for number in range(75)]
    new = [begun(name, 1000, act(0, f"act-{name}"), nap(1, 5)) for name in names]
    store.commit([begun("z")])

    with pytest.raises(WorkflowAlreadyExistsError, match="'z'"):
        store.commit([*new[:50], begun("z"), *new[50:]])
    assert [record.id for record in store.records()] == ["z"]
    store.commit(new)

    assert [record.id for record in store.records(Filter(oldest_first=True))] == ["z", *names]
    assert [[step.name for step in store.steps(name)] for name in names] == [[f"act-{name}", "sleep"] for name in names]


def test_a_taken_id_is_refused_by_name(store: Store) -> None:
    """Several new workflows of which one has a taken id are refused together, and the error names the id."""
    store.commit([begun("w", 1000, act(0))])
    before = seen(store, "w", "a", "b")

    with pytest.raises(WorkflowAlreadyExistsError, match="'w'"):
        store.commit([begun("a"), checkpoint("w", place=1, events=[ended(0, 1001)]), begun("w"), begun("b")])
    with pytest.raises(WorkflowAlreadyExistsError, match="'w'"):
        store.submit([submission("a"), submission("w"), submission("b")])
    with pytest.raises(WorkflowAlreadyExistsError, match="'b'"):
        store.submit([submission("a"), submission("b"), submission("b")])

    assert seen(store, "w", "a", "b") == before
    store.submit([submission("a"), submission("b")])
    assert sorted(record.id for record in store.records()) == ["a", "b", "w"]


def test_any_thread_may_submit_and_read(store: Store) -> None:
    """Clients in several threads submit and read while the scheduler commits; nothing is lost or mixed up."""
    store.commit([begun("w", 1000, act(0))])
    failed: list[BaseException] = []

    def client(name: str) -> None:
        try:
            for number in range(20):
                store.submit([submission(f"{name}{number}", name=name)])
                assert len(store.records(Filter(name=name))) == number + 1
                steps = store.steps("w")
                assert [step.step for step in steps] == list(range(len(steps)))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=client, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for number in range(20):
        store.commit(
            [checkpoint("w", place=number + 1, events=[ended(number, 2000)], issued=[act(number + 1)], at=2000)]
        )
    for thread in threads:
        thread.join()

    assert failed == []
    assert len(store.records()) == 61
    assert record_of(store).step == 20


def test_closing_twice_does_no_harm(store: Store) -> None:
    """A second close does nothing."""
    store.close()
    store.close()


# ---------------------------------------------------------------------- every store: recovery, arrivals, listing


def test_arrivals_are_what_clients_added(store: Store) -> None:
    """The owner finds what was submitted and not driven yet, in the order added and once each."""
    first = arrived(store)
    store.commit([begun("mine", 1000), checkpoint("later", created=submission("later", 1001, starts_at=9000))])
    after_own_commit = arrived(store)
    store.submit([submission("b", 3000), submission("a", 2000), submission("c", 3000, starts_at=9000)])
    found = arrived(store)
    again = arrived(store)
    store.commit([checkpoint(each, events=[Started(4000)]) for each in "abc"])
    store.submit([submission("d", 5000)])

    assert (first, after_own_commit, again) == ([], [], [])
    assert found == ["later", "b", "a", "c"]
    assert store.arrivals() == Arrivals([("d", None)], [])


def test_the_first_look_always_looks(store: Store) -> None:
    """The owner's first look finds earlier submissions, but for those that ended or stalled unstarted."""
    store.submit([submission("w"), submission("over"), submission("stalled")])
    store.commit([checkpoint("over", status=WorkflowStatus.CANCELLED, at=2000)])
    store.commit([checkpoint("stalled", status=WorkflowStatus.STALLED, reason="not registered")])

    assert arrived(store) == ["w"]


def test_a_status_says_where_the_workflow_is(store: Store) -> None:
    """The current activity is the first that is awaited, the step counts outcomes, the update is the latest change."""
    store.commit([begun("w", 1000, nap(0, 9000), act(1, "first"), act(2, "second"))])
    at_first = record_of(store)
    store.commit([checkpoint("w", place=1, events=[ended(1, 1500)], issued=[act(3, "third")], at=1600)])
    then = record_of(store)
    store.commit([checkpoint("w", place=2, events=[ended(3, 1700, FAILURE)], cancelled=[(2, 2)], at=1650)])
    last = record_of(store)

    described = [
        (record.current and record.current.name, record.step, record.updated_at) for record in (at_first, then, last)
    ]
    assert described == [("first", 0, 1000), ("second", 1, 1600), (None, 2, 1700)]
    assert store.records() == [last]
    assert loaded(store).record == last


def test_those_who_wait_are_told_who_has_ended(store: Store) -> None:
    """A look tells of all that ended, stalled or vanished, and the next of those that did so since."""
    store.commit([begun(status.value) for status in WorkflowStatus])
    store.commit([over(status.value, status) for status in WorkflowStatus if status is not WorkflowStatus.PROCESSING])
    awaited = {*map(str, WorkflowStatus), "no such", "größe \U0010ffff", 'a "quoted" one'}
    store.submit([submission("größe \U0010ffff"), submission('a "quoted" one')])

    mark, found = store.ended(awaited, None)
    assert set(found) == {"done", "failed", "cancelled", "stalled", "no such"}

    waiting = awaited - set(found)
    mark, found = store.ended(waiting, mark)
    assert set(found) == set()
    store.commit([over("suspended", WorkflowStatus.CANCELLED)])
    mark, found = store.ended(waiting, mark)
    assert set(found) == {"suspended"}
    store.delete(["suspended"])
    _, found = store.ended(waiting, mark)
    assert set(found) == {"suspended"}
