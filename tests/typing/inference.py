"""What a type checker infers of the public names. Only checked, never run: see test_typing.py."""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_type
from uuid import UUID

from yieldflow import (
    Activity,
    ActivityInvocation,
    Command,
    Flow,
    Orchestrator,
    Registry,
    Workflow,
    WorkflowHandle,
    WorkflowInfo,
    WorkflowInvocation,
    activity,
    gather,
    info,
    now,
    random,
    sleep,
    uuid4,
    workflow,
)
from yieldflow.testing import Stepper

registry = Registry()

# ---------------------------------------------------------------------- the decorators keep signatures


@activity
def fetch_data(source: str) -> dict[str, int]:
    return {source: 1}


@activity()
def process_data(data: dict[str, int], *, scale: int = 1) -> int:
    return sum(data.values()) * scale


@activity("renamed")
def describe(number: int) -> str:
    return str(number)


@activity(name="renamed again", registry=registry)
def is_large(number: int) -> bool:
    return number > 100


@workflow
def pipeline(source: str, destination: str) -> Flow[int]:
    raw = yield from fetch_data(source)
    assert_type(raw, dict[str, int])
    total = yield from process_data(raw, scale=2)
    assert_type(total, int)
    loose = yield describe(total)
    assert_type(loose, Any)
    return total


@workflow()
def with_parentheses() -> Flow[str]:
    return (yield from describe(5))


@workflow("renamed")
def with_a_name(number: int) -> Flow[bool]:
    return (yield from is_large(number))


@workflow(name="renamed again", registry=registry)
def with_keywords(number: int = 5) -> Flow[None]:
    yield from sleep(number)


class Bank:
    def charge(self, cents: int) -> str:
        return f"{cents}"


assert_type(fetch_data("a"), ActivityInvocation[dict[str, int]])
assert_type(process_data({}, scale=2), ActivityInvocation[int])
assert_type(describe(5), ActivityInvocation[str])
assert_type(is_large(number=5), ActivityInvocation[bool])
assert_type(pipeline("a", destination="b"), WorkflowInvocation[int])
assert_type(with_parentheses(), WorkflowInvocation[str])
assert_type(with_a_name(5), WorkflowInvocation[bool])
assert_type(with_keywords(), WorkflowInvocation[None])
assert_type(activity(Bank().charge, name="charge")(5), ActivityInvocation[str])
assert_type(activity(len, name="length")("abc"), ActivityInvocation[int])

assert_type(fetch_data.fn("a"), dict[str, int])

any_activity: Activity[..., Any] = fetch_data
any_workflow: Workflow[..., Any] = pipeline
any_invocation: ActivityInvocation[object] = fetch_data("a")
any_command: Command[object] = sleep(1)

# ---------------------------------------------------------------------- what a yield from gives


def helper(number: int) -> Flow[str]:
    return (yield from describe(number))


def at_once() -> Flow[None]:
    assert_type((yield from now()), datetime)
    assert_type((yield from uuid4()), UUID)
    assert_type((yield from random()), float)
    assert_type((yield from info()), WorkflowInfo)
    assert_type((yield from sleep(1)), None)
    assert_type((yield from helper(5)), str)
    assert_type((yield helper(5)), Any)
    assert_type((yield from pipeline.fn("a", "b")), int)


def of_gathers(sources: list[str]) -> Flow[None]:
    one = yield from gather(describe(1))
    assert_type(one, tuple[str])
    two = yield from gather(describe(1), is_large(2))
    assert_type(two, tuple[str, bool])
    five = yield from gather(describe(1), is_large(2), sleep(3), helper(4), now())
    assert_type(five, tuple[str, bool, None, str, datetime])
    many = yield from gather(*(fetch_data(source) for source in sources), limit=10)
    assert_type(many, list[dict[str, int]])
    branches = yield from gather(*map(helper, range(5)))
    assert_type(branches, list[str])
    nested = yield from gather(gather(describe(1), is_large(2)), gather(*map(helper, range(5))))
    assert_type(nested, tuple[tuple[str, bool], list[str]])
    text, large = yield from gather(describe(1), is_large(2), limit=1)
    assert_type(text, str)
    assert_type(large, bool)


def of_tolerant_gathers(sources: list[str]) -> Flow[None]:
    one = yield from gather(describe(1), return_exceptions=True)
    assert_type(one, tuple[str | Exception])
    two = yield from gather(describe(1), is_large(2), return_exceptions=True, limit=1)
    assert_type(two, tuple[str | Exception, bool | Exception])
    five = yield from gather(describe(1), is_large(2), sleep(3), helper(4), now(), return_exceptions=True)
    assert_type(five, tuple[str | Exception, bool | Exception, Exception | None, str | Exception, datetime | Exception])
    many = yield from gather(*(fetch_data(source) for source in sources), return_exceptions=True)
    assert_type(many, list[dict[str, int] | Exception])
    assert_type([result for result in many if not isinstance(result, Exception)], list[dict[str, int]])


# ---------------------------------------------------------------------- what users hold


def with_an_orchestrator(orchestrator: Orchestrator) -> None:
    handle = orchestrator.submit(pipeline("database", destination="warehouse"))
    assert_type(handle, WorkflowHandle[int])
    assert_type(handle.result(timeout=30), int)
    assert_type(orchestrator.submit(with_parentheses(), workflow_id="w-1", delay=5).result(), str)
    handles = orchestrator.submit_many(pipeline(source, "warehouse") for source in ("a", "b"))
    assert_type(handles, list[WorkflowHandle[int]])
    assert_type(orchestrator.run(with_a_name(5)), bool)
    assert_type(orchestrator.run(with_keywords()), None)
    assert_type(orchestrator.handle("w-1"), WorkflowHandle[Any])
    assert_type(orchestrator.invoke_workflow("pipeline", source="a", destination="b"), str)
    assert_type(orchestrator.get_workflow_status("w-1"), dict[str, Any])
    assert_type(orchestrator.list_workflows("pipeline"), list[dict[str, Any]])


async def from_asyncio(orchestrator: Orchestrator) -> None:
    handle = orchestrator.submit(pipeline("database", destination="warehouse"))
    assert_type(await handle, int)


def under_test() -> None:
    flow = Stepper(pipeline("database", destination="warehouse"))
    assert_type(flow, Stepper[int])
    assert_type(flow.pending, list[Command[Any]])
    assert_type(flow.result, int)
    assert_type(flow.done, bool)
    assert_type(flow.exception, BaseException | None)
    flow.resolve(fetch_data("database"), {"a": 1})
    flow.resolve(sleep(60))
    flow.resolve({"a": 1})
    flow.fail(fetch_data("database"), ValueError("no such source"))
    flow.fail(ValueError("no such source"))
