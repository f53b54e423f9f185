"""What clients ask and change, tried on each store: requests, going back, copies, deleting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.storage import (
    FAILURE,
    STORES,
    act,
    arrived,
    asked,
    awake,
    begun,
    checkpoint,
    child,
    ended,
    history_of,
    ids,
    loaded,
    make_store,
    nap,
    orphans,
    over,
    record_of,
    seen,
    signal,
    step_of,
    submission,
    told,
    wait,
)
from yieldflow._core.errors import (
    RetryRefusedError,
    WorkflowAlreadyExistsError,
    WorkflowEndedError,
    WorkflowNotEndedError,
    WorkflowNotFoundError,
)
from yieldflow._core.history import CancelRequested, History, Started, Step, StepKind, StepStatus, WorkflowStatus
from yieldflow.store import Arrivals, Checkpoint, Continued, Loaded, Parent, Request, RequestKind, Rewind, Store

NOTHING = History([], [])
EVERY_END = frozenset({WorkflowStatus.DONE, WorkflowStatus.FAILED, WorkflowStatus.CANCELLED})


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with closing(make_store(request.param, tmp_path)) as made:
        yield made


# ---------------------------------------------------------------------- requests


def test_requests_arrive_as_they_were_asked(store: Store) -> None:
    """What a client asks is found with all that it said, in the order asked, also behind what the owner wrote."""
    store.commit([begun("w"), begun("v")])
    requests = [
        asked("v", RequestKind.CANCEL, 1500, payload='"why \\ud800"'),
        asked("w", RequestKind.SIGNAL, 1400, name="größe \udcff", payload=b"\x80"),
        *(asked("w", kind, 1600) for kind in RequestKind),
    ]
    store.ask(requests[:1])
    store.ask(requests[1:])
    found = store.arrivals()

    assert [request._replace(number=None) for request in found.requests] == requests
    numbers = [request.number for request in found.requests]
    assert numbers == sorted(set(numbers), key=lambda number: number or 0)


def test_requests_are_told_of_until_they_are_handled(store: Store) -> None:
    """A request is told of at each look that finds news, until a commit says that it was carried out."""
    store.commit([begun("w")])
    store.arrivals()
    store.ask([asked("w", RequestKind.SUSPEND), asked("w", RequestKind.RESUME)])
    first = store.arrivals()
    nothing_new = store.arrivals()
    store.commit([checkpoint("w", handled=[first.requests[0].number or 0])])
    store.submit([submission("v")])
    second = store.arrivals()
    store.commit([checkpoint("w", handled=[request.number or 0 for request in second.requests])])
    store.ask([asked("v")])
    third = store.arrivals()

    assert (told(first.requests), nothing_new) == ([("w", "suspend"), ("w", "resume")], Arrivals([], []))
    assert (second.workflows, told(second.requests)) == ([("v", None)], [("w", "resume")])
    assert told(third.requests) == [("v", "suspend")]
    assert third.requests[0].number not in [request.number for request in first.requests]


def test_what_cannot_be_asked_is_not_left(store: Store) -> None:
    """Of requests one of which is for a workflow that is not there or has ended, none is left."""
    store.commit([begun("w"), begun("over")])
    store.commit([over("over", WorkflowStatus.FAILED)])
    store.arrivals()

    with pytest.raises(WorkflowNotFoundError, match="'none'"):
        store.ask([asked("w"), asked("none")])
    with pytest.raises(WorkflowEndedError, match=r"over has ended \(failed\)"):
        store.ask([asked("w"), asked("over")])
    store.submit([submission("v")])
    assert store.arrivals() == Arrivals([("v", None)], [])


def test_to_handle_what_is_gone_does_no_harm(store: Store) -> None:
    """A request whose workflow was deleted with it, or that was handled before, may be said to be handled."""
    store.commit([begun("w"), begun("gone")])
    store.ask([asked("w"), asked("gone")])
    numbers = [request.number or 0 for request in store.arrivals().requests]
    store.commit([over("gone", WorkflowStatus.CANCELLED)])
    store.delete(["gone"])

    store.commit([checkpoint("gone", handled=numbers[1:]), checkpoint("w", handled=numbers)])
    store.commit([checkpoint("w", handled=numbers)])
    store.submit([submission("v")])
    assert store.arrivals() == Arrivals([("v", None)], [])


def test_a_handled_request_comes_back_where_its_commit_fails(store: Store) -> None:
    """A commit that is refused handles nothing: the request is told of as before, in its old place."""
    store.commit([begun("w")])
    store.ask([asked("w", RequestKind.SUSPEND), asked("w", RequestKind.RESUME)])
    number = store.arrivals().requests[0].number or 0
    with pytest.raises(WorkflowAlreadyExistsError):
        store.commit([checkpoint("w", handled=[number]), begun("v"), begun("v")])
    store.submit([submission("v")])

    assert told(store.arrivals().requests) == [("w", "suspend"), ("w", "resume")]


# ---------------------------------------------------------------------- going back


def lived(store: Store, status: WorkflowStatus = WorkflowStatus.FAILED, workflow_id: str = "w") -> None:
    """A workflow with one event of each kind, ended.

    At 1 step 0 ended, at 2 a signal came for step 1 and step 2 was dropped, at 3 it was asked to end, at 4 step 4
    failed. Steps 3 to 5 were issued by the events 1, 3 and 4. Two signals were not received.
    """
    store.commit([begun(workflow_id, 1000, act(0), wait(1), nap(2, 9000), starts_at=1, deadline_at=8000, version="2")])
    store.commit(
        [
            checkpoint(workflow_id, place=1, events=[ended(0, 1100, "0", 3)], issued=[wait(3, "b", turn=1)], at=1100),
        ]
    )
    sent = [signal(1), signal(2, "b"), signal(3)]
    store.commit([checkpoint(workflow_id, signals=sent, patches=["p"], progress='"half"')])
    second = [ended(1, 1200)]
    store.commit([checkpoint(workflow_id, place=2, events=second, received=[(1, 2)], cancelled=[(2, 2)], at=1200)])
    wanted = CancelRequested(1300, "enough")
    store.commit([checkpoint(workflow_id, place=3, events=[wanted], issued=[act(4, "undo", turn=3)], at=1300)])
    last = checkpoint(workflow_id, place=4, events=[ended(4, 1400, FAILURE, 2)], issued=[act(5, turn=4)], at=1400)
    last.status, last.recovery_attempts = status, 3
    last.outcome = "1" if status is WorkflowStatus.DONE else FAILURE
    last.reason = "mismatch" if status is WorkflowStatus.STALLED else None
    store.commit([last])


@pytest.mark.parametrize("status", [WorkflowStatus.FAILED, WorkflowStatus.CANCELLED, WorkflowStatus.STALLED])
def test_a_workflow_goes_on_from_an_earlier_event(store: Store, status: WorkflowStatus) -> None:
    """What was applied from an event on is undone, what was before it is kept, and the owner is asked to go on."""
    lived(store, status)
    before = loaded(store)
    store.arrivals()
    store.rewind("w", 1, 3, reapply=False, at=5000)
    record, found = record_of(store), loaded(store)

    assert found.history == before.history._replace(
        events=before.history.events[:3], steps=before.history.steps[:4], dropped=frozenset({2})
    )
    assert (found.recorded, found.signals) == ([], [signal(2, "b"), signal(3)])
    assert (record.status, record.outcome, record.reason, record.finished_at) == ("processing", None, None, None)
    assert (record.deadline_at, record.recovery_attempts, record.step) == (None, 0, 2)
    assert (record.started_at, record.progress, record.version) == (1000, '"half"', "2")
    assert [request._replace(number=None) for request in store.arrivals().requests] == [
        Request("w", RequestKind.RESUME, 5000)
    ]
    assert awake(store) == ["w"]


def test_what_was_undone_is_as_if_it_had_not_been(store: Store) -> None:
    """Steps that had ended or been dropped are open again, and a signal that was received waits before the others."""
    lived(store)
    store.rewind("w", 1, 1, reapply=False, at=5000)

    assert [(step.status, step.outcome, step.attempt) for step in store.steps("w")] == [
        (StepStatus.SCHEDULED, None, 1)
    ] * 3
    assert [(step.applied, step.dropped, step.finished_at) for step in store.steps("w")] == [(None, None, None)] * 3
    assert history_of(store).events == [Started(1000)]
    assert loaded(store).signals == [signal(1), signal(2, "b"), signal(3)]
    assert loaded(store).last_signal == 3


def test_an_outcome_may_be_applied_again(store: Store) -> None:
    """Where it is wanted, the outcome of the event itself stays on disk and is not applied; so do earlier ones."""
    lived(store)
    store.rewind("w", 1, 4, reapply=True, at=5000)
    once = loaded(store)
    store.commit([checkpoint("w", place=4, events=[once.recorded[0]], status=WorkflowStatus.STALLED)])
    store.rewind("w", 1, 1, reapply=True, at=6000)

    assert once.recorded == [ended(4, 1400, FAILURE, 2)]
    assert [step.number for step in once.history.steps] == [0, 1, 2, 3, 4]
    assert loaded(store).recorded == [ended(0, 1100, "0", 3)]
    assert step_of(store, 0).applied is None


def test_a_signal_is_never_there_twice(store: Store) -> None:
    """Where the event was a signal, the signal waits again and its step is open, though it was to be applied again."""
    lived(store)
    store.rewind("w", 1, 2, reapply=True, at=5000)

    assert loaded(store).recorded == []
    assert step_of(store, 1).status is StepStatus.SCHEDULED
    assert loaded(store).signals == [signal(1), signal(2, "b"), signal(3)]


def test_outcomes_recorded_and_not_applied_are_kept(store: Store) -> None:
    """Going back forgets what was applied; what waits to be applied waits on."""
    store.commit([begun("w", 1000, act(0), act(1))])
    store.commit([checkpoint("w", place=1, events=[ended(0, 1100)], recorded=[ended(1, 1200)])])
    store.commit([checkpoint("w", status=WorkflowStatus.STALLED, reason="mismatch")])
    store.rewind("w", 1, 1, reapply=False, at=5000)

    assert loaded(store).recorded == [ended(1, 1200)]
    assert awake(store) == ["w"]


def test_a_workflow_may_begin_anew(store: Store) -> None:
    """Going back to before its start leaves a workflow that no turn has driven, with its signals."""
    lived(store)
    store.rewind("w", 1, 0, reapply=True, at=5000)

    assert history_of(store) == History([], [], frozenset({"p"}))
    assert (record_of(store).started_at, record_of(store).step) == (None, 0)
    assert [kept.number for kept in loaded(store).signals] == [1, 2, 3]


def test_what_is_done_does_not_go_back(store: Store) -> None:
    """A workflow that is done stays so, as the table of statuses says, and nothing of it is changed."""
    lived(store, WorkflowStatus.DONE)
    before = seen(store, "w")

    with pytest.raises(RetryRefusedError, match="w is done"):
        store.rewind("w", 1, 3, reapply=False, at=5000)
    assert seen(store, "w") == before


def test_a_workflow_that_lives_does_not_go_back(store: Store) -> None:
    """Who is not there, has not ended, or is in another run by now is refused by name, and nothing is changed."""
    store.commit([begun("w", 1000, act(0)), begun("suspended", 1000, act(0)), begun("again")])
    store.commit([checkpoint("suspended", status=WorkflowStatus.SUSPENDED)])
    store.commit([checkpoint("again", continued=Continued("order", "{}", b""))])
    store.commit([over("again", run=2)])
    before = seen(store, "w", "suspended", "again")
    store.arrivals()

    with pytest.raises(WorkflowNotFoundError, match="'none'"):
        store.rewind("none", 1, 1, reapply=False, at=5000)
    for refused, why in (("w", "processing"), ("suspended", "suspended"), ("again", "run 2 by now")):
        with pytest.raises(WorkflowNotEndedError, match=f"{refused} is .*{why}"):
            store.rewind(refused, 1, 1, reapply=False, at=5000)
    assert seen(store, "w", "suspended", "again") == before
    store.submit([submission("v")])
    assert store.arrivals().requests == []


# ---------------------------------------------------------------------- going back with children


def with_children(store: Store, status: WorkflowStatus = WorkflowStatus.FAILED) -> None:
    """A failed workflow "w" with ended children, of which "c" has a child itself."""
    store.commit([begun("w", 1000, act(0)), begun("other")])
    store.commit([checkpoint("w", children=[child("c", 1), child("d", 2)])])
    store.commit([begun_again("c", act(0)), begun_again("d", act(0))])
    store.commit([checkpoint("d", children=[child("d/e", of="d")])])
    for each in ("c", "d/e", "d", "w"):
        store.commit([over(each, status)])
    store.arrivals()


def begun_again(workflow_id: str, *steps: Step) -> Checkpoint:
    """The first turn of a workflow that is on disk."""
    return checkpoint(workflow_id, events=[Started(1000)], issued=list(steps), at=1000)


def test_children_go_back_with_their_parent(store: Store) -> None:
    """A workflow and children of it go on together, and those to be started anew are gone with their descendants."""
    with_children(store)
    store.rewind("w", 1, 1, reapply=False, at=5000, children=[Rewind("c", 1, 0, False)], undone=["d"])

    assert ids(store, oldest_first=True) == ["w", "other", "c"]
    assert awake(store) == ["w", "other", "c"]
    assert (record_of(store, "w").started_at, record_of(store, "c").started_at) == (1000, None)
    assert told(store.arrivals().requests) == [("w", "resume"), ("c", "resume")]
    store.commit([over("w")])
    assert orphans(store, "other", "c") == {"other": None, "c": "w"}


@pytest.mark.parametrize(
    ("children", "undone", "error", "named"),
    [
        ([Rewind("c", 1, 1, False), Rewind("other", 1, 1, False)], ["d"], WorkflowNotEndedError, "other is processing"),
        ([Rewind("c", 2, 1, False)], ["d"], WorkflowNotEndedError, "c is in run 1 by now"),
        ([Rewind("none", 1, 1, False)], ["d"], WorkflowNotFoundError, "'none'"),
        ([Rewind("c", 1, 1, False)], ["d", "none"], WorkflowNotFoundError, "'none'"),
        ([Rewind("c", 1, 1, False)], ["d", "other"], WorkflowNotEndedError, "w cannot go back.*other is processing"),
    ],
    ids=["a child lives", "in another run", "a child is gone", "an undone one is gone", "an undone one lives"],
)
def test_all_go_back_or_none(
    store: Store, children: list[Rewind], undone: list[str], error: type[Exception], named: str
) -> None:
    """Where one of them cannot go back or be deleted, all is as it was, and the error names that one."""
    with_children(store)
    every = ids(store)
    before = seen(store, *every)

    with pytest.raises(error, match=named):
        store.rewind("w", 1, 1, reapply=False, at=5000, children=children, undone=undone)
    assert seen(store, *every) == before
    store.submit([submission("v")])
    assert store.arrivals().requests == []


def test_the_children_of_a_stalled_workflow_are_started_anew(store: Store) -> None:
    """A workflow that stalled has not ended, and can go back before the start of its children all the same."""
    with_children(store)
    store.rewind("w", 1, 1, reapply=False, at=5000)
    store.commit([checkpoint("w", status=WorkflowStatus.STALLED, reason="mismatch")])
    store.rewind("w", 1, 1, reapply=False, at=6000, undone=["c", "d"])

    assert ids(store) == ["other", "w"]


def test_a_child_that_goes_on_by_itself_is_no_orphan(store: Store) -> None:
    """A child that was rewound after its parent ended goes on without it, until the parent is rewound too."""
    with_children(store)

    store.rewind("c", 1, 1, reapply=False, at=5000)
    parent = record_of(store, "c").parent
    alone = orphans(store, "other", "c")
    store.rewind("w", 1, 1, reapply=False, at=6000)
    together = record_of(store, "c").parent
    store.commit([over("w", WorkflowStatus.CANCELLED)])

    assert parent == Parent("w", 1, 1, "abandon")
    assert alone == {"other": None, "c": None}
    assert together == Parent("w", 1, 1, "cancel")
    assert orphans(store, "other", "c") == {"other": None, "c": "w"}


def test_a_child_of_an_earlier_run_goes_on_by_itself(store: Store) -> None:
    """So does one that was rewound when its parent was in another run, whenever that ends."""
    store.commit([begun("w"), begun("p")])
    store.commit([checkpoint("w", children=[child("c")]), checkpoint("p", children=[child("d", of="p")])])
    store.commit([over("c", WorkflowStatus.FAILED), over("d", WorkflowStatus.FAILED)])
    store.commit([checkpoint("w", continued=Continued("order", "{}", b""))])
    for each in ("c", "d"):
        store.rewind(each, 1, 0, reapply=False, at=5000)
    store.commit([over("w", run=2), over("p")])

    assert orphans(store, "c", "d") == {"c": None, "d": "p"}


def test_what_was_chosen_for_a_child_stays(store: Store) -> None:
    """A child that was to go on anyway still is to after it and its parent were rewound."""
    store.commit([begun("w")])
    store.commit([checkpoint("w", children=[child("c")._replace(parent=Parent("w", 1, 0, "abandon"))])])
    store.commit([over("c", WorkflowStatus.FAILED), over("w", WorkflowStatus.FAILED)])
    for each in ("c", "w"):
        store.rewind(each, 1, 0, reapply=False, at=5000)

    assert record_of(store, "c").parent == Parent("w", 1, 0, "abandon")


# ---------------------------------------------------------------------- copies


def test_a_copy_stands_where_the_original_stood(store: Store) -> None:
    """A copy has what was applied before the event, open steps are open in it, and the original stays as it is."""
    lived(store, WorkflowStatus.DONE)
    before = seen(store, "w")
    store.arrivals()
    new = submission("copy", 5000, name="renew", input="[2]", seed=b"other", version="3", deadline_at=9000)
    store.fork("w", 1, 3, new)
    record, found = record_of(store, "copy"), loaded(store, "copy")
    original = history_of(store)

    assert found.history == original._replace(events=original.events[:3], steps=original.steps[:4])
    assert found.signals == [signal(2, "b"), signal(3)]
    assert (record.name, record.input, record.seed, record.version) == ("renew", "[2]", b"other", "3")
    assert (record.created_at, record.started_at, record.deadline_at, record.run) == (5000, 1000, 9000, 1)
    assert (record.status, record.outcome, record.step, record.progress) == ("processing", None, 2, None)
    assert record.submitted == ("renew", "[2]")
    assert [step_of(store, number, "copy") for number in (0, 1, 2)] == store.steps("w")[:3]
    assert [request._replace(number=None) for request in store.arrivals().requests] == [
        Request("copy", RequestKind.RESUME, 5000)
    ]
    assert seen(store, "w")[3:] == before[3:]


def test_what_came_later_is_open_in_the_copy(store: Store) -> None:
    """Outcomes, signals and cancellations from the event on, and outcomes never applied, are not in the copy."""
    lived(store)
    store.commit([begun("late", 1000, act(0), act(1), act(2))])
    store.commit([checkpoint("late", place=1, events=[ended(0, 1100)], recorded=[ended(1, 1200)], cancelled=[(2, 1)])])
    store.fork("w", 1, 1, submission("copy", 5000))
    store.fork("late", 1, 2, submission("late copy", 5000))

    assert history_of(store, "copy").events == [Started(1000)]
    assert loaded(store, "copy").signals == [signal(1), signal(2, "b"), signal(3)]
    assert [(step.status, step.outcome, step.dropped) for step in store.steps("copy")] == [
        ("scheduled", None, None)
    ] * 3
    late = [(step.status, step.outcome) for step in store.steps("late copy")]
    assert late == [("done", "17"), ("scheduled", None), ("cancelled", None)]
    assert loaded(store, "late copy").recorded == []


def test_a_copy_from_the_start_starts_anew(store: Store) -> None:
    """Nothing but the signals is in a copy that stands before the first event, and it is in its first run."""
    lived(store, WorkflowStatus.STALLED)
    store.commit([checkpoint("w", continued=Continued("order", "{}", b"2"))])
    store.commit([checkpoint("w", run=2, events=[Started(2000)], issued=[wait(0)])])
    store.commit([checkpoint("w", run=2, place=1, events=[ended(0, 2100)], received=[(3, 1)], patches=["q"])])
    store.fork("w", 2, 0, submission("copy", 5000))
    store.fork("w", 2, 2, submission("same run", 5000))

    waiting = [signal(2, "b"), signal(3)]
    assert loaded(store, "copy") == Loaded(record_of(store, "copy"), NOTHING, [], waiting, 3)
    assert (record_of(store, "copy").run, record_of(store, "same run").run) == (1, 2)
    assert history_of(store, "same run") == history_of(store)
    assert arrived(store) == ["copy"]


def test_a_copy_is_nobody_s_child(store: Store) -> None:
    """A copy of a child is waited for by nobody: its parent has the original."""
    store.commit([begun("p")])
    store.commit([checkpoint("p", children=[child("c", of="p")])])
    store.fork("c", 1, 0, child("copy", of="p"))

    assert record_of(store, "copy").parent is None
    assert store.open_children("p", 1) == ["c"]


def test_what_cannot_be_copied_is_refused(store: Store) -> None:
    """A workflow that is not there or is in another run by now, and an id that is taken, are refused by name."""
    store.commit([begun("w"), begun("taken")])
    before = seen(store, "w", "taken", "copy")
    store.arrivals()

    for source, run in (("none", 1), ("w", 2)):
        with pytest.raises(WorkflowNotFoundError, match=source):
            store.fork(source, run, 0, submission("copy"))
    with pytest.raises(WorkflowAlreadyExistsError, match="'taken'"):
        store.fork("w", 1, 1, submission("taken"))
    assert seen(store, "w", "taken", "copy") == before
    store.submit([submission("v")])
    assert store.arrivals().requests == []


# ---------------------------------------------------------------------- deleting


def family(store: Store) -> None:
    """A workflow with a child, a grandchild and a child of a later run, all ended, and one of a similar id."""
    store.commit([begun("w", 1000, act(0)), begun("w2", 1000, act(0), signals=[signal(1)])])
    grandchild = child("c/g", of="c")
    store.commit([checkpoint("w", children=[child("c", signals=[signal(1)]), child("late", run=2)])])
    store.commit([checkpoint("c", children=[grandchild])])
    for each in ("c/g", "late", "c"):
        store.commit([checkpoint(each, events=[Started(1100), CancelRequested(1100)], issued=[act(0)], at=1100)])
        store.commit([over(each, WorkflowStatus.FAILED)])
    store.commit([over("w")])


def test_a_deleted_workflow_leaves_nothing(store: Store) -> None:
    """With a workflow go its steps, signals, events and requests; who gets its id has no past."""
    lived(store)
    store.rewind("w", 1, 2, reapply=False, at=5000)
    store.commit([over("w", WorkflowStatus.CANCELLED)])
    store.delete(["w"])
    store.submit([submission()])

    assert store.arrivals() == Arrivals([("w", None)], [])
    assert loaded(store) == Loaded(record_of(store), NOTHING, [], [])
    assert (record_of(store).step, record_of(store).updated_at) == (0, 1000)


def test_descendants_are_deleted_too(store: Store) -> None:
    """Children, grandchildren and children of other runs go with a workflow, and are counted; others stay."""
    family(store)
    other = loaded(store, "w2")
    deleted = store.delete(["w", "c", "w"])

    assert deleted == 4
    assert ids(store) == ["w2"]
    assert loaded(store, "w2") == other
    again = ["w", "c", "c/g", "late"]
    store.submit([submission(each) for each in again])
    for each in again:
        found = loaded(store, each)
        assert (found.history, found.signals, found.last_signal) == (NOTHING, [], 0)
    assert store.ended_children("w", 1) == []


def test_what_lives_is_not_deleted(store: Store) -> None:
    """Where one of the workflows, a descendant, or the parent that waits for one has not ended, nothing is deleted."""
    family(store)
    store.commit([begun("alive"), begun("p"), begun("over")])
    store.commit([over("over"), checkpoint("p", children=[child("awaited", of="p")])])
    store.commit([over("awaited")])
    attempts: list[tuple[list[str], type[Exception], str]] = [
        (["w", "none"], WorkflowNotFoundError, "'none'"),
        (["w", "alive"], WorkflowNotEndedError, "alive"),
        (["w", "awaited"], WorkflowNotEndedError, "p is processing|parent has not ended"),
    ]
    for wanted, error, named in attempts:
        before = seen(store, *ids(store))
        with pytest.raises(error, match=named):
            store.delete(wanted)
        assert seen(store, *ids(store)) == before
    store.commit([checkpoint("over", children=[child("late child", of="over")])])
    with pytest.raises(WorkflowNotEndedError, match="late child"):
        store.delete(["w", "over"])
    assert "w" in ids(store)


def test_children_of_an_earlier_run_may_go(store: Store) -> None:
    """What an earlier run of a workflow started nobody waits for: it may be deleted while the workflow lives on."""
    store.commit([begun("w"), begun("awaited")])
    store.commit([checkpoint("w", children=[child("c1"), child("c2"), child("alive")])])
    store.commit([over(each, WorkflowStatus.DONE, 2000) for each in ("c1", "c2")])
    before = store.purgeable(None, EVERY_END)
    store.commit([checkpoint("w", continued=Continued("order", "{}", b""))])
    store.commit([checkpoint("w", run=2, children=[child("new", run=2)])])
    store.commit([over("new", WorkflowStatus.DONE, 2000)])

    assert before == []
    assert store.purgeable(None, EVERY_END) == ["c1", "c2"]
    assert store.delete(["c1"]) == 1
    for refused in ("alive", "new"):
        with pytest.raises(WorkflowNotEndedError):
            store.delete(["c2", refused])
    assert ids(store, parent="w") == ["new", "alive", "c2"]


def test_what_is_submitted_after_a_deletion_arrives(store: Store) -> None:
    """The owner finds what comes after workflows were deleted, though the places of those were taken over."""
    store.submit([submission("a"), submission("b")])
    first = arrived(store)
    store.commit([over("b", WorkflowStatus.CANCELLED)])
    store.delete(["b"])
    store.submit([submission("b", seed=b"other"), submission("c")])
    second = arrived(store)
    store.commit([over(each, WorkflowStatus.CANCELLED) for each in "abc"])
    store.delete(["a", "b", "c"])
    store.submit([submission("d")])
    third = arrived(store)

    assert first == ["a", "b"]
    assert [each for each in second if each != "a"] == ["b", "c"]
    assert third == ["d"]


def test_what_may_be_purged_is_told(store: Store) -> None:
    """Asked for what ended so before a time, a store names those, oldest first, and no child still awaited."""
    store.commit(
        [begun("done", 1000), begun("failed", 900), begun("alive", 800), begun("parent", 700), begun("p", 600)]
    )
    store.commit(
        [
            checkpoint("parent", children=[child("awaited", of="parent")]),
            checkpoint("p", children=[child("orphan", of="p")]),
        ]
    )
    ends = [("done", WorkflowStatus.DONE), ("failed", WorkflowStatus.FAILED), ("p", WorkflowStatus.CANCELLED)]
    store.commit([over(each, status, 2000) for each, status in ends])
    store.commit([over(each, WorkflowStatus.DONE, 3000) for each in ("awaited", "orphan")])

    assert store.purgeable(None, EVERY_END) == ["p", "failed", "done", "orphan"]
    assert store.purgeable(3000, EVERY_END) == ["p", "failed", "done"]
    assert store.purgeable(2000, EVERY_END) == []
    assert store.purgeable(None, frozenset({WorkflowStatus.FAILED, WorkflowStatus.CANCELLED})) == ["p", "failed"]
    assert store.purgeable(None, frozenset({WorkflowStatus.DONE, WorkflowStatus.PROCESSING})) == ["done", "orphan"]
    assert store.purgeable(None, frozenset()) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.ask([asked()]),
        lambda store: store.fork("w", 1, 1, submission("copy")),
        lambda store: store.snapshot("w"),
    ],
    ids=["ask", "fork", "snapshot"],
)
def test_clients_leave_what_lives_alone(store: Store, change: Callable[[Store], object]) -> None:
    """Asking, copying and looking change nothing of the workflow itself."""
    store.commit([begun("w", 1000, act(0), Step(1, StepKind.CHILD, "order", "{}", 0, "shop.py:3"))])
    before = loaded(store)
    change(store)

    assert loaded(store) == before == store.snapshot("w")
