"""`delete` and `purge`."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import desk
from tests.support.programs.launch import Program
from tests.support.shop import WAIT, nap, total, until_waiting
from yieldflow import (
    Flow,
    Orchestrator,
    Registry,
    WorkflowNotEndedError,
    WorkflowNotFoundError,
    WorkflowStatus,
    activity,
    continue_as_new,
    sleep,
    start,
    wait_signal,
    workflow,
)


def _rows(database: Path) -> dict[str, int]:
    """Count the rows of each table of workflows."""
    connection = sqlite3.connect(database)
    try:
        tables = ("workflows", "activity_executions", "workflow_inputs", "signals")
        return {table: connection.execute(f"select count(*) from {table}").fetchone()[0] for table in tables}
    finally:
        connection.close()


NOTHING = {"workflows": 0, "activity_executions": 0, "workflow_inputs": 0, "signals": 0}


@pytest.fixture
def family(registry: Registry) -> Any:
    """Children of children; those with a name in `waits` wait for a signal, and are left alone by their parents."""

    @workflow(registry=registry)
    def family(name: str, children: dict[str, Any], waits: list[str]) -> Flow[str]:
        for child, theirs in children.items():
            invocation = family(child, theirs, waits).with_options(workflow_id=child, on_parent_end="abandon")
            if child in waits:
                yield start(invocation)
            else:
                yield invocation
        if name in waits:
            yield wait_signal("end")
        return name

    return family


def test_delete_leaves_nothing(database: Path, store: Orchestrator) -> None:
    """A deleted workflow is gone with its steps, signals and requests; others stay."""
    kept = store.submit(total(1), workflow_id="kept")
    kept.result(WAIT)
    before = _rows(database)
    handle = store.submit(nap(), workflow_id="gone")
    handle.signal("late", 1)
    handle.cancel()
    with pytest.raises(Exception, match="gone was cancelled"):
        handle.result(WAIT)

    assert store.delete("gone") == 1
    assert _rows(database) == before
    assert kept.result(WAIT) == 4
    assert [entry["id"] for entry in store.list_workflows()] == ["kept"]
    for look in (handle.describe, handle.history, lambda: store.handle("gone")):
        with pytest.raises(WorkflowNotFoundError, match="'gone'"):
            look()


def test_the_id_of_a_deleted_workflow_is_free(store: Orchestrator) -> None:
    """Its id can be used again, by another invocation too; a handle of it is then that of the new one."""
    old = store.submit(total(1), workflow_id="w")
    assert old.result(WAIT) == 4
    store.delete("w")
    new = store.submit(nap(), workflow_id="w")
    assert new.describe().status is WorkflowStatus.PROCESSING
    new.terminate()
    store.delete("w")

    assert store.submit(total(2), workflow_id="w").result(WAIT) == 5
    assert old.result(WAIT) == 5


def test_delete_takes_several(database: Path, store: Orchestrator) -> None:
    """Several ids are deleted together, each counted once; of none, none is."""
    handles = store.submit_many(total(number) for number in range(5))
    for handle in handles:
        handle.result(WAIT)

    assert store.delete(handle.id for handle in [*handles[:3], handles[0]]) == 3
    assert store.delete([]) == 0
    assert [entry["id"] for entry in store.list_workflows()] == [handles[4].id, handles[3].id]


def test_delete_is_all_or_nothing(store: Orchestrator) -> None:
    """If one of several is not there or has not ended, none is deleted, and the error names it."""
    done = store.submit(total(1), workflow_id="done")
    done.result(WAIT)
    store.submit(nap(), workflow_id="under way")
    store.submit(nap(), workflow_id="paused").suspend()

    with pytest.raises(WorkflowNotFoundError, match="'missing'"):
        store.delete(["done", "missing"])
    with pytest.raises(WorkflowNotEndedError, match="workflow under way is processing"):
        store.delete(["done", "under way"])
    with pytest.raises(WorkflowNotEndedError, match="workflow paused is suspended"):
        store.delete(["paused", "done"])
    assert len(store.list_workflows()) == 3


@pytest.mark.parametrize("wrong", [5, None, [5], ["a", None], b"w", [""]])
def test_what_delete_does_not_take(store: Orchestrator, wrong: Any) -> None:
    """delete() takes ids, and says so."""
    with pytest.raises((TypeError, WorkflowNotFoundError), match=r"id"):
        store.delete(wrong)


def test_a_parent_takes_its_descendants(database: Path, orchestrator: Orchestrator, family: Any) -> None:
    """Deleting a workflow deletes its children and theirs; a child can be deleted without its parent."""
    handle = orchestrator.submit(family("root", {"a": {"aa": {}, "ab": {}}, "b": {}}, []), workflow_id="root")
    handle.result(WAIT)

    assert orchestrator.delete("a") == 3
    assert {entry["id"] for entry in orchestrator.list_workflows()} == {"root", "b"}
    assert orchestrator.delete("root") == 2
    assert _rows(database) == NOTHING


def test_a_descendant_that_runs_keeps_its_ancestors(orchestrator: Orchestrator, family: Any) -> None:
    """A workflow one of whose descendants has not ended is not deleted; the error names that one."""
    invocation = family("root", {"a": {"aa": {}}}, ["aa"])
    root = orchestrator.submit(invocation, workflow_id="root")
    until_waiting(root, "family")
    inner = orchestrator.handle("a")
    until_waiting(inner, "family")
    until_waiting(orchestrator.handle("aa"), "end")
    with pytest.raises(WorkflowNotEndedError, match="workflow root is processing"):
        orchestrator.delete("root")
    orchestrator.handle("aa").signal("end")
    root.result(WAIT)

    assert orchestrator.delete("root") == 3


def test_a_child_whose_result_is_still_wanted(orchestrator: Orchestrator, registry: Registry, family: Any) -> None:
    """A child that has ended is kept as long as its parent has not."""

    @workflow(registry=registry)
    def parent() -> Flow[None]:
        yield family("child", {}, []).with_options(workflow_id="child")
        yield wait_signal("end")

    handle = orchestrator.submit(parent(), workflow_id="parent")
    until_waiting(handle, "end")
    with pytest.raises(WorkflowNotEndedError, match="parent"):
        orchestrator.delete("child")
    assert orchestrator.purge() == 0
    handle.signal("end")
    handle.result(WAIT)

    assert orchestrator.delete("child") == 1


def test_children_of_a_run_that_is_over(orchestrator: Orchestrator, registry: Registry, family: Any) -> None:
    """The children of an endless workflow can be deleted once it is in another run; those of its present run stay."""

    @workflow(registry=registry)
    def endless(run: int) -> Flow[None]:
        yield family(f"child {run}", {}, []).with_options(workflow_id=f"child {run}")
        if run == 4:
            yield wait_signal("end")
        yield from continue_as_new(endless(run + 1))

    handle = orchestrator.submit(endless(1), workflow_id="endless")
    until_waiting(handle, "end")
    assert orchestrator.delete("child 1") == 1
    with pytest.raises(WorkflowNotEndedError):
        orchestrator.delete("child 4")
    assert orchestrator.purge() == 2
    assert [entry["id"] for entry in orchestrator.list_workflows()] == ["child 4", "endless"]


# ---------------------------------------------------------------------- purge


@pytest.fixture
def mixed(registry: Registry, orchestrator: Orchestrator) -> Orchestrator:
    """With a done, a failed, a cancelled, a suspended and a waiting workflow, named so."""

    @activity(registry=registry)
    def fail() -> None:
        raise ValueError("as it should")

    @workflow(registry=registry)
    def job(how: str) -> Flow[None]:
        yield sleep(0)
        if how == "failed":
            yield fail()
        if how != "done":
            yield wait_signal("go")

    for how in ("done", "failed", "cancelled", "suspended", "waiting"):
        handle = orchestrator.submit(job(how), workflow_id=how)
        if how == "cancelled":
            handle.terminate()
        elif how == "suspended":
            handle.suspend()
    orchestrator.handle("done").result(WAIT)
    with pytest.raises(ValueError, match="as it should"):
        orchestrator.handle("failed").result(WAIT)
    return orchestrator


@pytest.mark.parametrize(
    ("status", "gone"),
    [
        (None, {"done", "failed", "cancelled"}),
        ("done", {"done"}),
        (WorkflowStatus.FAILED, {"failed"}),
        (["cancelled", WorkflowStatus.DONE], {"cancelled", "done"}),
        ([], set()),
    ],
)
def test_purge_by_status(mixed: Orchestrator, status: Any, gone: set[str]) -> None:
    """purge() deletes ended workflows, all or those of some statuses; what has not ended stays."""
    everything = {"done", "failed", "cancelled", "suspended", "waiting"}

    assert mixed.purge(status=status) == len(gone)
    assert {entry["id"] for entry in mixed.list_workflows()} == everything - gone


def test_purge_by_age(mixed: Orchestrator) -> None:
    """older_than is counted from the workflow's end, in seconds or as a `timedelta`."""
    assert mixed.purge(older_than=3600) == 0
    assert mixed.purge(older_than=timedelta(days=30), status="done") == 0
    assert mixed.purge(older_than=timedelta.max) == 0
    assert mixed.purge(older_than=float("inf")) == 0
    assert mixed.purge(older_than=1e30) == 0
    assert mixed.purge(older_than=0, status="done") == 1
    assert mixed.purge(older_than=timedelta(0)) == 2
    assert len(mixed.list_workflows()) == 2


@pytest.mark.parametrize("status", ["processing", "suspended", ["done", "stalled"], "finished", 5, [5], [["done"]]])
def test_statuses_that_cannot_be_purged(mixed: Orchestrator, status: Any) -> None:
    """A status that is none, or of what has not ended, is refused with those that there are; nothing is deleted."""
    with pytest.raises((TypeError, ValueError), match=r"done.*failed.*cancelled"):
        mixed.purge(status=status)
    assert len(mixed.list_workflows()) == 5


@pytest.mark.parametrize(
    ("older_than", "error"),
    [
        (-1, ValueError),
        (timedelta(seconds=-1), ValueError),
        (float("nan"), ValueError),
        (float("-inf"), ValueError),
        ("1", TypeError),
        (True, TypeError),
    ],
)
def test_what_is_no_age(mixed: Orchestrator, older_than: Any, error: type[Exception]) -> None:
    """older_than is 0 or more seconds, or a `timedelta`; nothing is deleted otherwise."""
    with pytest.raises(error, match="older_than"):
        mixed.purge(older_than=older_than)
    assert len(mixed.list_workflows()) == 5


def test_purge_takes_families(database: Path, orchestrator: Orchestrator, family: Any) -> None:
    """Children go with their parents, and each is counted once."""
    for number in range(3):
        names: dict[str, Any] = {f"a{number}": {f"aa{number}": {}}, f"b{number}": {}}
        orchestrator.submit(family(f"root{number}", names, []), workflow_id=f"root{number}").result(WAIT)

    assert orchestrator.purge() == 12
    assert _rows(database) == NOTHING


def test_purge_leaves_those_with_a_descendant_under_way(
    orchestrator: Orchestrator, registry: Registry, family: Any
) -> None:
    """A workflow with a descendant that has not ended stays, and holds up no other."""

    @workflow(registry=registry)
    def parent() -> Flow[None]:
        yield start(child().with_options(workflow_id="child", on_parent_end="abandon"))
        yield sleep(0)
        raise ValueError("and leaves its child")

    @workflow(registry=registry)
    def child() -> Flow[None]:
        yield wait_signal("end")

    handle = orchestrator.submit(parent(), workflow_id="parent")
    orchestrator.submit(family("other", {}, [])).result(WAIT)
    with pytest.raises(ValueError, match="leaves its child"):
        handle.result(WAIT)
    assert orchestrator.purge() == 1
    assert {entry["id"] for entry in orchestrator.list_workflows()} == {"parent", "child"}
    orchestrator.handle("child").terminate()

    assert orchestrator.purge() == 2


def test_purge_of_very_many(orchestrator: Orchestrator, family: Any) -> None:
    """More than fit into one transaction are all deleted."""
    for handle in orchestrator.submit_many(family(str(number), {}, []) for number in range(1200)):
        handle.result(WAIT)

    assert orchestrator.purge() == 1200
    assert orchestrator.list_workflows() == []


def test_a_client_deletes_while_another_process_owns_the_file(database: Path) -> None:
    """A client deletes and purges; the owner goes on, and a deleted id can be used again."""
    client = Orchestrator(database, registry=desk.registry)
    with Program("desk", database) as running:
        assert running.line() == "started"
        for _ in range(2):
            handle = client.submit(desk.approval(), workflow_id="w", signal=("approve", 1))
            assert handle.result(WAIT) == [1]
            assert client.delete("w") == 1
        client.submit(desk.approval(), signal=("approve", 1)).result(WAIT)
        assert client.purge() == 1
        assert client.submit(desk.approval(), signal=("approve", 2)).result(WAIT) == [2]
    client.stop()
