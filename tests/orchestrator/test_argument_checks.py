"""Arguments of callers (ids, names, payloads, numbers) are taken as they are, or refused by an error that says so."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.programs.launch import WAIT
from yieldflow import Flow, Orchestrator, Registry, WorkflowHandle, YieldflowError, wait_signal, workflow

REGISTRY = Registry()


@workflow(registry=REGISTRY)
def echo(value: object) -> Flow[object]:
    return (yield from wait_signal("back")), value


ANYTHING: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([1 << 63, -(1 << 63), 1 << 64, 10**5000, 1e308, float("nan"), float("inf"), -0.0]),
    st.floats(),
    st.text(max_size=20),
    st.text(st.characters(categories=["Cs"]), min_size=1, max_size=3),
    st.sampled_from(["", " ", "\0", "a\0b", "x" * 100_000, "'; drop table workflows; --", "../..", "done", "\n"]),
    st.binary(max_size=10),
    st.lists(st.text(max_size=3), max_size=3),
    st.tuples(st.text(max_size=3), st.integers()),
    st.dictionaries(st.text(max_size=3), st.floats(), max_size=2),
    st.datetimes(),
    st.timedeltas(),
    st.sampled_from([object(), int, lambda: None, iter(()), Exception("x"), timedelta.max, NotImplemented]),
)

#: Every call that takes something of the caller's which a type checker could not refuse in all that is wrong with it.
CALLS: dict[str, Callable[[Orchestrator, WorkflowHandle[Any], Any], object]] = {
    "submit: the workflow": lambda all, one, given: all.submit(given),
    "submit: an argument": lambda all, one, given: all.submit(echo(given)),
    "submit: the id": lambda all, one, given: all.submit(echo(1), workflow_id=given),
    "submit: the delay": lambda all, one, given: all.submit(echo(1), delay=given),
    "submit: the signal": lambda all, one, given: all.submit(echo(1), signal=given),
    "submit_many": lambda all, one, given: all.submit_many(given),
    "invoke_workflow": lambda all, one, given: all.invoke_workflow(given, value=given),
    "handle": lambda all, one, given: all.handle(given),
    "get_workflow_status": lambda all, one, given: all.get_workflow_status(given),
    "list: name": lambda all, one, given: all.list_workflows(given, limit=1),
    "list: status": lambda all, one, given: all.list_workflows(status=given, limit=1),
    "list: id_prefix": lambda all, one, given: all.list_workflows(id_prefix=given, limit=1),
    "list: parent": lambda all, one, given: all.list_workflows(parent=given),
    "list: created_after": lambda all, one, given: all.list_workflows(created_after=given, limit=1),
    "list: limit": lambda all, one, given: all.list_workflows("none", limit=given),
    "list: after": lambda all, one, given: all.list_workflows("none", after=given),
    "delete": lambda all, one, given: all.delete(given),
    "purge: older_than": lambda all, one, given: all.purge(given, "failed"),
    "purge: status": lambda all, one, given: all.purge(1e9, given),
    "signal: name": lambda all, one, given: one.signal(given),
    "signal: payload": lambda all, one, given: one.signal("other", given),
    "cancel": lambda all, one, given: all.submit(echo(1)).cancel(given),
    "terminate": lambda all, one, given: all.submit(echo(1)).terminate(given),
    "retry": lambda all, one, given: one.retry(given),
    "fork: step": lambda all, one, given: one.fork(given),
    "fork: id": lambda all, one, given: one.fork(0, given),
}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orchestrator]:
    with Orchestrator(tmp_path_factory.mktemp("given") / "given.db", registry=REGISTRY, durability="normal") as started:
        yield started


@settings(max_examples=400)
@given(st.sampled_from(sorted(CALLS)), ANYTHING)
def test_whatever_is_given(started: Orchestrator, call: str, given: Any) -> None:
    """Any value in any place is taken, or refused by an error of ours, a TypeError or a ValueError; others go on."""
    one = started.submit(echo("still here"))
    with contextlib.suppress(YieldflowError, TypeError, ValueError):
        CALLS[call](started, one, given)
    if call not in ("signal: name", "delete"):
        one.signal("back", "heard")
        assert one.result(WAIT) == ("heard", "still here")
