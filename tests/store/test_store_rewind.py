"""Going back to an earlier event, on each store, with the children started since."""

from __future__ import annotations

import pytest

from tests.store.pasts import lived
from tests.support.storage import (
    FAILURE,
    act,
    awake,
    begun,
    checkpoint,
    child,
    ended,
    history_of,
    ids,
    loaded,
    orphans,
    over,
    record_of,
    seen,
    signal,
    step_of,
    submission,
    told,
)
from yieldflow._core.errors import (
    RetryRefusedError,
    WorkflowNotEndedError,
    WorkflowNotFoundError,
)
from yieldflow._core.history import History, Started, Step, StepStatus, WorkflowStatus
from yieldflow.store import Checkpoint, Continued, Parent, Request, RequestKind, Rewind, Store

# ---------------------------------------------------------------------- going back


@pytest.mark.parametrize("status", [WorkflowStatus.FAILED, WorkflowStatus.CANCELLED, WorkflowStatus.STALLED])
def test_a_workflow_goes_on_from_an_earlier_event(store: Store, status: WorkflowStatus) -> None:
    """Going back to an event undoes what was applied since, keeps what was before, and asks the owner to go on."""
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
    """On request the outcome of the event itself stays on disk, to be applied again, and so do earlier ones."""
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
    """A signal that is to be applied again waits again, once, and its step is open."""
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
    """A workflow that is missing, has not ended, or is in another run by now is refused by name, and unchanged."""
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
    """Going back is refused whole where a child cannot go back or be deleted, and the error names that child."""
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
    """A child that was rewound when its parent was in another run goes on without it, whenever that ends."""
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
