"""When a workflow wakes is on disk: who must be in memory, who rests until when, and what wakes it. On every store."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.storage import (
    FAILURE,
    act,
    begun,
    checkpoint,
    child,
    ended,
    ids,
    loaded,
    over,
    record_of,
    seen,
    signal,
    step_of,
    submission,
)
from yieldflow._core.errors import RefusedValueError
from yieldflow._core.history import ENDED, TRANSITIONS, Started, WorkflowStatus
from yieldflow.store import (
    FOREVER,
    Continued,
    OpenAttempt,
    Parent,
    Retried,
    Store,
    WorkflowBrief,
    check_rewindable,
    statuses_before,
)

SUSPENDED, STALLED, PROCESSING = WorkflowStatus.SUSPENDED, WorkflowStatus.STALLED, WorkflowStatus.PROCESSING


def wakes(store: Store, *workflow_ids: str) -> list[int | None]:
    """When workflows wake, as their rows say."""
    return [record_of(store, each).wake_at for each in workflow_ids]


def pending(store: Store, after: int = 0, limit: int = 100) -> list[str]:
    return [found.workflow_id for found in store.pending(after, limit, counted=False)]


def rest(store: Store, workflow_id: str, wake_at: int | None = FOREVER, **fields: Any) -> None:
    """Have a workflow begin, and rest then."""
    store.commit([begun(workflow_id)])
    store.commit([checkpoint(workflow_id, wake_at=wake_at, **fields)])


# ---------------------------------------------------------------------- what is written


def test_a_new_workflow_is_awake_until_its_start_lies_ahead(store: Store) -> None:
    """A workflow that starts at once must be in memory, and one with a delay rests until then, whoever adds it."""
    store.submit([submission("now"), submission("later", starts_at=5000)])
    store.commit([begun("mine"), checkpoint("mine later", created=submission("mine later", starts_at=6000))])
    store.commit([checkpoint("mine", children=[child("c", of="mine"), child("c later", of="mine", starts_at=7000)])])

    assert wakes(store, "now", "mine", "c") == [None, None, None]
    assert wakes(store, "later", "mine later", "c later") == [5000, 6000, 7000]


def test_a_workflow_may_rest_from_its_first_turn_on(store: Store) -> None:
    """The checkpoint that creates a workflow may say when it wakes."""
    first = [begun("asleep"), begun("waits"), begun("awake", starts_at=5000)]
    first[0].wake_at, first[1].wake_at, first[2].wake_at = 9000, FOREVER, None
    store.commit(first)

    assert wakes(store, "asleep", "waits", "awake") == [9000, FOREVER, None]


def test_a_checkpoint_says_when_a_workflow_wakes(store: Store) -> None:
    """A checkpoint that says nothing of it leaves it as it is, and every other has the last word."""
    store.commit([begun("w")])
    found = []
    for wake_at in (9000, FOREVER, None, 9000):
        store.commit([checkpoint("w", wake_at=wake_at)])
        store.commit([checkpoint("w", progress="1")])
        found += wakes(store, "w")

    assert found == [9000, FOREVER, None, 9000]


@pytest.mark.parametrize("status", sorted(ENDED))
def test_what_has_ended_rests_forever(store: Store, status: WorkflowStatus) -> None:
    """An end needs no word on it, and none changes it; it holds for a workflow that ends as it begins, too."""
    store.commit([begun("w"), begun("at once"), begun("asleep")])
    at_once = begun("new")
    at_once.status, at_once.outcome = status, over("new", status).outcome
    store.commit([over("w", status), over("at once", status, wake_at=None), at_once])

    assert wakes(store, "w", "at once", "new") == [FOREVER, FOREVER, FOREVER]
    assert pending(store) == ["asleep"]


def test_the_next_run_is_awake(store: Store) -> None:
    """A workflow that is continued as new must be in memory, to begin its next run."""
    rest(store, "w")
    store.commit([checkpoint("w", wake_at=9000, continued=Continued("order", "{}", b"2"))])

    assert wakes(store, "w") == [None]


def test_what_goes_back_or_is_copied_is_awake(store: Store) -> None:
    """A workflow that is retried, and a copy, must be in memory, though the copy's start was put off."""
    store.commit([begun("w")])
    store.commit([over("w", WorkflowStatus.FAILED)])
    store.fork("w", 1, 1, submission("copy", starts_at=9000))
    store.rewind("w", 1, 1, reapply=False, at=5000)

    assert wakes(store, "w", "copy") == [None, None]


# ---------------------------------------------------------------------- what wakes


def test_a_commit_wakes_others(store: Store) -> None:
    """Whom a checkpoint wakes must be in memory, if it is under way; others, and what is not there, stay."""
    for each in ("parent", "paused", "stalled", "over"):
        rest(store, each)
    store.commit([checkpoint("delayed", created=submission("delayed", starts_at=9000))])
    ends = {"paused": (SUSPENDED, None), "stalled": (STALLED, "mismatch"), "over": (WorkflowStatus.FAILED, None)}
    for each, (status, reason) in ends.items():
        outcome = FAILURE if status.ended else None
        store.commit([checkpoint(each, status=status, reason=reason, outcome=outcome)])
    store.commit([begun("c")])
    store.commit([over("c", wakes=["parent", "paused", "stalled", "over", "delayed", "not there"])])

    assert wakes(store, "parent", "paused", "stalled", "over", "delayed") == [None, FOREVER, FOREVER, FOREVER, 9000]


def test_to_be_woken_is_the_last_word(store: Store) -> None:
    """A workflow that goes to rest in the commit that wakes it is awake; if it is suspended in it, it is not."""
    rest(store, "w", 9000)
    rest(store, "paused", 9000)
    store.commit(
        [
            begun("c", 1000),
            checkpoint("w", wake_at=FOREVER, signals=[signal(0)], wakes=["w", "paused"]),
            checkpoint("paused", wake_at=FOREVER, status=SUSPENDED),
        ]
    )

    assert wakes(store, "w", "paused") == [None, FOREVER]


def test_only_a_wake_of_what_is_gone_does_no_harm(store: Store) -> None:
    """Waking others works though the workflow of the checkpoint itself was deleted."""
    rest(store, "w")
    store.commit([checkpoint("gone", wakes=["w"])])

    assert wakes(store, "w") == [None]


def test_a_terminated_parent_leaves_orphans_awake(store: Store) -> None:
    """Every child that was to end with its parent must be in memory, whatever its status; others rest on."""
    store.commit([begun("p"), begun("q")])
    ends = {"asleep": "cancel", "paused": "cancel", "stalled": "cancel", "free": "abandon", "waits": "wait"}
    store.commit([checkpoint("p", children=[child(each, of="p") for each in ("over", *ends)])])
    for each, ending in ends.items():
        new = submission(f"{each} 2", parent=Parent("p", 1, 0, ending))  # type: ignore[arg-type]  # one of the three
        store.commit([checkpoint("p", children=[new])])
    store.commit([checkpoint("q", children=[child("other's", of="q")])])
    names = [*ends, *(f"{each} 2" for each in ends), "other's"]
    store.commit([checkpoint(each, events=[Started(1000)], wake_at=FOREVER) for each in names])
    store.commit([checkpoint(f"{each} 2", status=SUSPENDED) for each in ("paused",)])
    store.commit([checkpoint("stalled 2", status=STALLED, reason="mismatch"), over("over")])
    store.commit([over("p", WorkflowStatus.CANCELLED, orphans=True)])

    assert wakes(store, "asleep 2", "paused 2", "stalled 2") == [None, None, None]
    assert wakes(store, "free 2", "waits 2", "other's", "over") == [FOREVER] * 4
    assert [loaded(store, each).orphan_of for each in ("asleep 2", "paused 2", "free 2", "other's")] == [
        *("p", "p"),
        *(None, None),
    ]


def test_a_child_of_a_living_parent_is_no_orphan(store: Store) -> None:
    """Only the end of its parent makes an orphan of a child, and going back by itself sets it free."""
    store.commit([begun("p")])
    store.commit([checkpoint("p", children=[child("c", of="p"), child("d", of="p")])])
    before = loaded(store, "c").orphan_of
    store.commit([over("d", WorkflowStatus.FAILED)])
    store.commit([over("p", WorkflowStatus.CANCELLED, orphans=True)])
    store.rewind("d", 1, 0, reapply=False, at=5000)

    assert (before, loaded(store, "c").orphan_of, loaded(store, "d").orphan_of) == (None, "p", None)


def test_stalled_ones_are_tried_again(store: Store) -> None:
    """Those of a name, or all, must be in memory again, and nothing else changes."""
    store.commit([begun("a", name="order"), begun("b", name="größe"), begun("c", name="order"), begun("d")])
    store.commit([checkpoint(each, status=STALLED, reason="mismatch", wake_at=FOREVER) for each in "abc"])
    store.commit([checkpoint("d", status=SUSPENDED, wake_at=FOREVER)])
    before = pending(store)
    store.wake_stalled("größe")
    of_a_name = pending(store)
    store.wake_stalled()

    assert (before, of_a_name, pending(store)) == ([], ["b"], ["a", "b", "c"])
    assert [record_of(store, each).status for each in "abcd"] == [STALLED, STALLED, STALLED, SUSPENDED]


# ---------------------------------------------------------------------- what is read


def test_those_that_must_be_in_memory_come_in_pages(store: Store) -> None:
    """A session finds them in the order added, page by page: those with a count, and the others."""
    for number in range(14):
        rest(store, f"w{number}", FOREVER if number in (6, 7) else None, recovery_attempts=number * (number % 2))
    store.commit([over("w10"), over("w11")])

    assert paged(store, counted=True) == [[("w1", 1), ("w3", 3), ("w5", 5)], [("w9", 9), ("w13", 13)], []]
    assert paged(store, counted=False) == [[("w0", 0), ("w2", 0), ("w4", 0)], [("w8", 0), ("w12", 0)], []]


def paged(store: Store, *, counted: bool) -> list[list[tuple[str, int]]]:
    """All pages of three, each with the ids and counts."""
    pages = [store.pending(0, 3, counted=counted)]
    while pages[-1]:
        pages.append(store.pending(pages[-1][-1].number, 3, counted=counted))
    return [[(one.workflow_id, one.recovery_attempts) for one in page] for page in pages]


def test_sleepers_come_in_pages_soonest_first(store: Store) -> None:
    """Those due until a moment come in the order in which they are due, however many are due at once."""
    for number, wake_at in enumerate((9000, 5000, 7000, 5000, 5000, FOREVER, 7001, None)):
        rest(store, f"w{number}", wake_at)
    rest(store, "over", 5000)
    store.commit([over("over")])
    pages = [store.sleepers((0, 0), 7000, 2)]
    while pages[-1]:
        last = pages[-1][-1]
        pages.append(store.sleepers((last.wake_at, last.number), 7000, 2))

    assert [[sleeper.workflow_id for sleeper in page] for page in pages] == [["w1", "w3"], ["w4", "w2"], []]
    assert [sleeper.wake_at for page in pages for sleeper in page] == [5000, 5000, 5000, 7000]
    everything = store.sleepers((0, 0), FOREVER - 1, 100)
    assert [sleeper.workflow_id for sleeper in everything] == ["w1", "w3", "w4", "w2", "w6", "w0"]


def test_a_brief_is_the_row_alone(store: Store) -> None:
    """It says what the row says, of a workflow in whatever state; None where there is none."""
    store.commit([begun("p", 1000, act(0))])
    store.commit([checkpoint("p", children=[child("c", 3, of="p", starts_at=9000)])])
    store.commit([checkpoint("p", status=STALLED, reason="mismatch", wake_at=FOREVER, recovery_attempts=2)])

    assert store.brief("none") is None
    assert store.brief("p") == WorkflowBrief("p", "order", STALLED, 1, True, None, 2, FOREVER, None)
    assert store.brief("c") == WorkflowBrief("c", "order", PROCESSING, 1, False, 9000, 0, 9000, Parent("p", 1, 3))


def test_arrivals_say_when_they_start(store: Store) -> None:
    """The owner is told of each with the moment until which it rests."""
    store.arrivals()
    store.submit([submission("now"), submission("later", starts_at=9000)])

    assert store.arrivals().workflows == [("now", None), ("later", 9000)]


# ---------------------------------------------------------------------- where attempts ran


def test_an_end_says_when_its_attempt_began_and_where(store: Store) -> None:
    """With a value, a failure, a later attempt's value or one kept for later; nothing where it is not known."""
    store.commit([begun("w", 1000, *(act(number) for number in range(5)))])
    begun_by = {number: (1000 + number, f"yieldflow-{number} größe \udcff") for number in range(4)}
    last = checkpoint("w", place=1, begun_by=begun_by, recorded=[ended(3, 1200)])
    last.events = [ended(0, 1200), ended(1, 1200, FAILURE), ended(2, 1200, attempt=2), ended(4, 1200)]
    store.commit([last])

    found = [(step.begun_at, step.worker) for step in store.steps("w")]
    assert found == [*begun_by.values(), (None, None)]


def test_a_retried_step_tells_of_the_attempt_that_failed(store: Store) -> None:
    """Until the next attempt has run for long, or ended."""
    store.commit([begun("w", 1000, act(0))])
    retried = [Retried(0, FAILURE, 1100, OpenAttempt(2, 1200))]
    found = []
    for change in (
        checkpoint("w", retried=retried, begun_by={0: (1001, "first")}),
        checkpoint("w", begun=[(0, 1201, "second"), (7, 1, "not there")]),
        checkpoint("w", retried=[Retried(0, FAILURE, 1300, OpenAttempt(3, 1400))]),
        checkpoint("w", place=1, events=[ended(0, 1500, attempt=3)], begun_by={0: (1401, "third")}),
        checkpoint("w", begun=[(0, 1, "ended")]),
    ):
        store.commit([change])
        step = step_of(store, 0)
        found.append((step.begun_at, step.worker))

    assert found == [(1001, "first"), (1201, "second"), (None, None), (1401, "third"), (1401, "third")]


def test_going_back_forgets_where_attempts_ran(store: Store) -> None:
    """A step that is open again has not begun, in the workflow or a copy; kept steps still say where they ran."""
    store.commit([begun("w", 1000, act(0), act(1))])
    for number in (0, 1):
        begun_by = {number: (1001, "yieldflow-1")}
        store.commit([checkpoint("w", place=number + 1, events=[ended(number, 1100)], begun_by=begun_by)])
    store.commit([over("w", WorkflowStatus.FAILED)])
    store.fork("w", 1, 2, submission("copy"))
    store.rewind("w", 1, 2, reapply=False, at=5000)

    for each in ("w", "copy"):
        assert [step.worker for step in store.steps(each)] == ["yieldflow-1", None]
        assert [step.begun_at for step in store.steps(each)] == [1001, None]


# ---------------------------------------------------------------------- statuses


@pytest.mark.parametrize("after", sorted(WorkflowStatus))
@pytest.mark.parametrize("before", sorted(WorkflowStatus))
def test_a_checkpoint_changes_a_status_as_the_table_says(
    store: Store, before: WorkflowStatus, after: WorkflowStatus
) -> None:
    """In one step, or by way of processing in one turn; anything else is refused, with all that is beside it."""
    store.commit([begun("w")])
    if before is not PROCESSING:
        store.commit([over("w", before, reason="why")])
    rows = seen(store, "w", "new")
    allowed = before not in ENDED and (
        after is before
        or after in TRANSITIONS[before]
        or (PROCESSING in TRANSITIONS[before] and after in TRANSITIONS[PROCESSING])
    )
    changed = [begun("new"), over("w", after, reason="why")]
    if allowed:
        store.commit(changed)
        assert ids(store, id_prefix="w") == ["w"]
        assert record_of(store).status is after
    else:
        with pytest.raises(RefusedValueError):
            store.commit(changed)
        assert seen(store, "w", "new") == rows
    assert allowed == (before in statuses_before(after))


@pytest.mark.parametrize("status", sorted(ENDED))
def test_what_has_ended_is_not_continued(store: Store, status: WorkflowStatus) -> None:
    """The next run of a workflow that has ended is refused."""
    store.commit([begun("w")])
    store.commit([over("w", status)])

    with pytest.raises(RefusedValueError):
        store.commit([checkpoint("w", continued=Continued("order", "{}", b"2"))])
    assert record_of(store).run == 1


@pytest.mark.parametrize("status", sorted(WorkflowStatus))
def test_clients_go_back_as_the_table_says(status: WorkflowStatus) -> None:
    """Clients may take back a workflow in every status that may become processing, but suspended: it is resumed."""
    may = PROCESSING in TRANSITIONS[status] and status is not SUSPENDED
    try:
        check_rewindable("w", status)
        refused = False
    except (RuntimeError, ValueError):
        refused = True

    assert refused is not may
