"""`list_workflows`: every filter, pages, order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import desk
from tests.support.programs.launch import Program
from tests.support.shop import WAIT, greet, nap, shop, total, until_waiting
from yieldflow import (
    Flow,
    Orchestrator,
    Registry,
    WorkflowNotFoundError,
    WorkflowStatus,
    activity,
    gather,
    now,
    wait_signal,
    workflow,
)

#: Id, and how it is to stand, in the order submitted.
ALL = [
    ("a-done", "done"),
    ("a-failed", "failed"),
    ("b-cancelled", "cancelled"),
    ("b-suspended", "suspended"),
    ("B-waiting", "processing"),
    ("a-other", "done"),
    ("a-delayed", "processing"),
]
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001  # what is to be refused
IDS = [workflow_id for workflow_id, _ in ALL]


@pytest.fixture
def mixed(database: Path) -> Iterator[Orchestrator]:
    """With workflows of every status but stalled, and none of them about to change."""
    registry = Registry()

    @activity(registry=registry)
    def fail() -> None:
        raise ValueError("as it should")

    @workflow(registry=registry)
    def job(how: str) -> Flow[None]:
        if how == "failed":
            yield fail()
        elif how != "done":
            yield wait_signal("go")

    @workflow(registry=registry)
    def other() -> Flow[str]:
        yield from now()
        return "other"

    with Orchestrator(database, registry=registry) as orchestrator:
        for workflow_id, how in ALL[:5]:
            handle = orchestrator.submit(job(how), workflow_id=workflow_id)
            if how == "cancelled":
                handle.cancel("enough")
            elif how == "suspended":
                handle.suspend()
        orchestrator.submit(other(), workflow_id="a-other").result(WAIT)
        orchestrator.submit(job("done"), workflow_id="a-delayed", delay=3600)
        orchestrator.handle("a-done").result(WAIT)
        with pytest.raises(ValueError, match="as it should"):
            orchestrator.handle("a-failed").result(WAIT)
        yield orchestrator


def _ids(orchestrator: Orchestrator, *args: Any, **kwargs: Any) -> list[str]:
    return [entry["id"] for entry in orchestrator.list_workflows(*args, **kwargs)]


def test_by_default_a_plain_list_of_all_newest_first(mixed: Orchestrator) -> None:
    """Without arguments it is a list of dictionaries, each as the status is, the newest first."""
    listed = mixed.list_workflows()

    assert type(listed) is list
    assert [(type(entry), entry["id"]) for entry in listed] == [(dict, workflow_id) for workflow_id in IDS[::-1]]
    assert listed == [mixed.get_workflow_status(workflow_id) for workflow_id in IDS[::-1]]
    assert {entry["id"]: entry["status"] for entry in listed} == dict(ALL)
    assert {type(entry["status"]) for entry in listed} == {str}


def test_oldest_first(mixed: Orchestrator) -> None:
    """The order can be turned round."""
    assert _ids(mixed, oldest_first=True) == IDS


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("done", {"done"}),
        (WorkflowStatus.FAILED, {"failed"}),
        ("cancelled", {"cancelled"}),
        ("suspended", {"suspended"}),
        ("processing", {"processing"}),
        ("stalled", set()),
        (["done", WorkflowStatus.PROCESSING], {"done", "processing"}),
        ({"failed", "suspended"}, {"failed", "suspended"}),
        (("cancelled", "stalled"), {"cancelled"}),
        (["done", "done"], {"done"}),
        ([], set()),
        (None, {status for _, status in ALL}),
        (list(WorkflowStatus), {status for _, status in ALL}),
    ],
)
@pytest.mark.parametrize("oldest_first", [False, True])
def test_by_status(mixed: Orchestrator, status: Any, expected: set[str], oldest_first: bool) -> None:
    """One status, or any of several; of none there is nothing."""
    wanted = [workflow_id for workflow_id, how in ALL if how in expected]

    assert _ids(mixed, status=status, oldest_first=oldest_first) == (wanted if oldest_first else wanted[::-1])


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("a-", ["a-done", "a-failed", "a-other", "a-delayed"]),
        ("b", ["b-cancelled", "b-suspended"]),
        ("B", ["B-waiting"]),
        ("a-done", ["a-done"]),
        ("a-done-", []),
        ("", IDS),
        ("%", []),
        ("_", []),
        ("a*", []),
        ("\U0010ffff", []),
        ("half \ud800", []),
    ],
)
def test_by_id_prefix(mixed: Orchestrator, prefix: str, expected: list[str]) -> None:
    """The beginning of the id, letter by letter: nothing in it is special, and case matters."""
    assert _ids(mixed, id_prefix=prefix, oldest_first=True) == expected


@pytest.mark.parametrize("text", ["ä", "\U0001f600", "\ud7ff", "a\U0010ffff", "o'clock; --"])
def test_any_text_is_a_prefix(store: Orchestrator, text: str) -> None:
    """A prefix may be any text that an id may be."""
    store.submit(nap(), workflow_id=f"{text}1")
    store.submit(nap(), workflow_id="0")
    store.submit(nap(), workflow_id="\U0010ffff\U0010ffff")

    assert _ids(store, id_prefix=text) == [f"{text}1"]


def test_by_name(mixed: Orchestrator) -> None:
    """By the name of the workflow, which is the first argument."""
    assert _ids(mixed, "other") == _ids(mixed, name="other") == ["a-other"]
    assert _ids(mixed, "job", oldest_first=True) == [workflow_id for workflow_id in IDS if workflow_id != "a-other"]
    assert _ids(mixed, "jo") == []
    assert _ids(mixed, "") == _ids(mixed, "half \ud800") == []


def test_by_parent(orchestrator: Orchestrator, registry: Registry) -> None:
    """The children of one workflow, and not theirs."""

    @workflow(registry=registry)
    def child(number: int) -> Flow[int]:
        if number == 1:
            yield child(7)
        else:
            yield from now()
        return number

    @workflow(registry=registry)
    def parent() -> Flow[list[int]]:
        return (yield from gather(*(child(number) for number in range(3))))

    handle = orchestrator.submit(parent())
    assert handle.result(WAIT) == [0, 1, 2]
    listed = orchestrator.list_workflows(parent=handle.id)

    assert {entry["input"]["number"] for entry in listed} == {0, 1, 2}
    assert {entry["parent"] for entry in listed} == {handle.id}
    middle = next(entry["id"] for entry in listed if entry["input"]["number"] == 1)
    assert [entry["input"] for entry in orchestrator.list_workflows(parent=middle)] == [{"number": 7}]
    assert orchestrator.list_workflows(parent="nobody") == []
    assert orchestrator.list_workflows(name="parent", parent=handle.id) == []
    assert len(orchestrator.list_workflows(parent=handle.id, status="done", limit=2)) == 2


def test_by_time(mixed: Orchestrator) -> None:
    """From one time on, to just before another, in whatever time zone they are given."""
    created = [mixed.handle(workflow_id).describe().created_at for workflow_id in IDS]
    east = timezone(timedelta(hours=5, minutes=30))

    assert _ids(mixed, created_after=created[2]) == IDS[:1:-1]
    assert _ids(mixed, created_before=created[2]) == IDS[1::-1]
    assert _ids(mixed, created_after=created[1].astimezone(east), created_before=created[4]) == IDS[3:0:-1]
    assert _ids(mixed, created_after=created[3], created_before=created[3]) == []
    assert _ids(mixed, created_before=datetime(1, 1, 1, tzinfo=UTC)) == []
    assert (
        _ids(mixed, created_after=datetime(1, 1, 1, tzinfo=UTC), created_before=datetime.max.replace(tzinfo=UTC))
        == (IDS[::-1])
    )


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"name": "job"},
        {"status": "processing"},
        {"status": ["done", "failed"]},
        {"id_prefix": "a-"},
        {"name": "job", "status": ["suspended", "cancelled"], "id_prefix": "b"},
    ],
    ids=repr,
)
def test_pages(mixed: Orchestrator, filters: dict[str, Any], limit: int, oldest_first: bool) -> None:
    """Page after page gives what the whole list gives, whatever is filtered."""
    whole = _ids(mixed, **filters, oldest_first=oldest_first)
    seen: list[str] = []
    after = None
    while page := _ids(mixed, **filters, oldest_first=oldest_first, limit=limit, after=after):
        assert len(page) <= limit
        seen += page
        after = page[-1]

    assert seen == whole


def test_what_comes_meanwhile_does_not_disturb_the_pages(store: Orchestrator) -> None:
    """New workflows come before the first page, and no page has one twice or leaves one out."""
    ids = [store.submit(nap()).id for _ in range(6)]
    first = _ids(store, limit=3)
    newer = store.submit(nap()).id
    store.handle(ids[4]).terminate()
    second = _ids(store, limit=3, after=first[-1])

    assert first + second == ids[::-1]
    assert _ids(store, oldest_first=True, after=ids[-1]) == [newer]


def test_many_of_one_moment_are_paged_in_order(store: Orchestrator) -> None:
    """Workflows that were submitted together have an order too, which is that of submitting."""
    ids = [handle.id for handle in store.submit_many(total(number) for number in range(50))]
    pages: list[str] = []
    while len(pages) < 50:
        pages += _ids(store, limit=7, after=pages[-1] if pages else None)

    assert pages == ids[::-1]


def test_a_page_after_one_that_was_deleted(store: Orchestrator) -> None:
    """If the last workflow of a page is gone, the error says so, and the listing does not begin anew."""
    store.submit(total(1), workflow_id="w").result(WAIT)
    store.delete("w")

    with pytest.raises(WorkflowNotFoundError, match="'w' any more, that the page would follow"):
        store.list_workflows(after="w")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"name": 5}, TypeError, "name is a string, not 5"),
        ({"id_prefix": b"a"}, TypeError, "id_prefix is a string"),
        ({"parent": 1.5}, TypeError, "parent is a string"),
        ({"after": 5}, TypeError, "after is a string"),
        ({"limit": 0}, ValueError, "limit is at least 1"),
        ({"limit": -5}, ValueError, "limit is at least 1"),
        ({"limit": 1.0}, TypeError, "limit is a whole number"),
        ({"limit": True}, TypeError, "limit is a whole number"),
        ({"limit": "5"}, TypeError, "limit is a whole number"),
        ({"status": "finished"}, ValueError, "no status 'finished': there are 'processing', 'done', 'failed'"),
        ({"status": ["done", "finished"]}, ValueError, "no status 'finished'"),
        ({"status": 5}, TypeError, "status is .* not 5: there are 'processing'"),
        ({"status": [["done"]]}, ValueError, r"no status \['done'\]"),
        ({"status": [None]}, ValueError, "no status None"),
        ({"created_after": NAIVE}, ValueError, r"created_after has no time zone: write .*tzinfo=UTC"),
        ({"created_before": NAIVE}, ValueError, "created_before has no time zone"),
        ({"created_before": "2026-01-01"}, TypeError, "created_before is a datetime, not '2026-01-01'"),
        ({"created_after": 5}, TypeError, "created_after is a datetime, not 5"),
    ],
    ids=repr,
)
def test_bad_arguments(store: Orchestrator, arguments: Any, error: type[Exception], message: str) -> None:
    """Each wrong argument is refused by its name, with what it may be."""
    with pytest.raises(error, match=message):
        store.list_workflows(**arguments)


def test_limits_beyond_all_bounds(store: Orchestrator) -> None:
    """A limit may be as large as one likes."""
    store.submit(total(1), workflow_id="w")

    assert _ids(store, limit=10**30) == ["w"]


def test_a_listing_opens_no_pickle(database: Path) -> None:
    """Whoever only looks needs no code: values that JSON has no type for show with their tags."""
    with Orchestrator(database, registry=shop) as orchestrator:
        orchestrator.submit(greet({1, 2}), workflow_id="w").result(WAIT)  # type: ignore[arg-type]  # to be tagged
    reader = Orchestrator(database, registry=Registry())
    [entry] = reader.list_workflows(status="done")
    reader.stop()

    assert entry["input"] == {"name": {"$set": [1, 2]}}


def test_a_client_lists_what_another_process_runs(database: Path) -> None:
    """A client lists while another process owns the file."""
    client = Orchestrator(database, registry=desk.registry)
    with Program("desk", database) as running:
        assert running.line() == "started"
        client.submit(desk.approval(), workflow_id="done", signal=("approve", 1)).result(WAIT)
        waiting = client.submit(desk.approval(), workflow_id="waiting")
        until_waiting(waiting, "approve")
        assert _ids(client, status="done") == ["done"]
        assert _ids(client, status="processing") == ["waiting"]
    client.stop()
