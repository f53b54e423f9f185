"""The types that a type checker infers of the public names. Only checked, never run: see test_typing.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Never, TypedDict, assert_never, assert_type
from uuid import UUID

from yieldflow import (
    Activity,
    ActivityInvocation,
    Command,
    Flow,
    Orchestrator,
    Registry,
    RetryPolicy,
    Task,
    Workflow,
    WorkflowHandle,
    WorkflowInfo,
    WorkflowInvocation,
    activity,
    cancel,
    continue_as_new,
    gather,
    info,
    now,
    patched,
    race,
    random,
    set_progress,
    sleep,
    sleep_until,
    start,
    take_signals,
    uuid4,
    wait_for,
    wait_signal,
    workflow,
)
from yieldflow.testing import (
    Call,
    Ending,
    Exploration,
    Stepper,
    WorkflowHistory,
    explore,
    in_turn,
    replay,
    run_workflow,
)

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


def of_races(sources: list[str]) -> Flow[None]:
    one = yield from race(describe(1))
    assert_type(one, tuple[Literal[0], str])
    two = yield from race(describe(1), sleep(2))
    assert_type(two, tuple[Literal[0], str] | tuple[Literal[1], None])
    three = yield from race(describe(1), is_large(2), helper(3))
    assert_type(three, tuple[Literal[0], str] | tuple[Literal[1], bool] | tuple[Literal[2], str])
    four = yield from race(describe(1), is_large(2), helper(3), pipeline("a", "b"))
    assert_type(
        four, tuple[Literal[0], str] | tuple[Literal[1], bool] | tuple[Literal[2], str] | tuple[Literal[3], int]
    )
    five = yield from race(now(), is_large(2), helper(3), pipeline("a", "b"), wait_signal("go"))
    assert_type(
        five,
        tuple[Literal[0], datetime]
        | tuple[Literal[1], bool]
        | tuple[Literal[2], str]
        | tuple[Literal[3], int]
        | tuple[Literal[4], Any],
    )
    many = yield from race(*(fetch_data(source) for source in sources))
    assert_type(many, tuple[int, dict[str, int]])
    nested = yield from race(gather(describe(1), is_large(2)), race(sleep(1), is_large(2)))
    assert_type(
        nested,
        tuple[Literal[0], tuple[str, bool]] | tuple[Literal[1], tuple[Literal[0], None] | tuple[Literal[1], bool]],
    )
    index, value = yield from race(describe(1), is_large(2))
    assert_type(index, Literal[0, 1])
    assert_type(value, str | bool)


def matching_a_race() -> Flow[str]:
    first = yield from race(describe(1), is_large(2), sleep(60))
    match first:
        case (0, text):
            assert_type(text, str)
            return text
        case (1, large):
            assert_type(large, bool)
            return "large" if large else "small"
        case (2, _):
            return "too late"
        case _:
            assert_never(first)


def asking_which_won() -> Flow[str]:
    first = yield from race(describe(1), is_large(2))
    if first[0] == 0:
        assert_type(first[1], str)
        return first[1]
    assert_type(first[1], bool)
    return "large"


def of_limits_of_time() -> Flow[None]:
    assert_type((yield from wait_for(describe(1), 5)), str)
    assert_type((yield from wait_for(helper(1), timedelta(minutes=5))), str)
    assert_type((yield from wait_for(gather(describe(1), is_large(2)), 0.5)), tuple[str, bool])
    assert_type((yield from wait_for(wait_signal("go"), 5)), Any)
    assert_type((yield from wait_for(pipeline("a", "b"), 5)), int)


def of_tasks() -> Flow[None]:
    task = yield from start(describe(1))
    assert_type(task, Task[str])
    assert_type((yield from task), str)
    of_a_helper = yield from start(helper(1))
    assert_type(of_a_helper, Task[str])
    of_a_child = yield from start(pipeline("a", "b"))
    assert_type(of_a_child, Task[int])
    of_several = yield from start(gather(describe(1), is_large(2)))
    assert_type(of_several, Task[tuple[str, bool]])
    both = yield from gather(task, of_a_child)
    assert_type(both, tuple[str, int])
    first = yield from race(task, sleep(1))
    assert_type(first, tuple[Literal[0], str] | tuple[Literal[1], None])
    assert_type((yield from wait_for(of_a_child, 5)), int)
    assert_type((yield from cancel(task)), None)
    wider: Task[str | int] = task
    as_command: Command[object] = wider
    yield as_command


def of_messages_and_time() -> Flow[None]:
    assert_type((yield from wait_signal("go")), Any)
    assert_type((yield from take_signals("go")), list[Any])
    assert_type((yield from sleep_until(datetime(2030, 1, 1, tzinfo=UTC))), None)
    assert_type((yield from set_progress({"done": 1})), None)
    assert_type((yield from patched("change")), bool)


def of_children() -> Flow[None]:
    assert_type((yield from pipeline("a", "b")), int)
    results = yield from gather(pipeline("a", "b"), with_parentheses())
    assert_type(results, tuple[int, str])


def of_options() -> Flow[None]:
    fetching = fetch_data("a").with_options(on_cancel="wait")
    assert_type(fetching, ActivityInvocation[dict[str, int]])
    assert_type((yield from fetching), dict[str, int])
    child = pipeline("a", "b").with_options(workflow_id="w-2", on_parent_end="abandon", timeout=timedelta(hours=1))
    assert_type(child, WorkflowInvocation[int])
    assert_type((yield from child), int)


@activity(on_cancel="wait")
def charge(cents: int) -> str:
    return f"{cents}"


POLICY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    maximum_interval=60,
    maximum_attempts=5,
    non_retryable=(KeyError, ConnectionError),
)


@activity(retry=POLICY, timeout=5, heartbeat_timeout=timedelta(seconds=2), max_concurrent=3)
def upload(name: str, *, size: int = 0) -> dict[str, int]:
    return {name: size}


@activity(retry=RetryPolicy(non_retryable=lambda error: isinstance(error, KeyError)))
async def download(url: str) -> bytes:
    return url.encode()


assert_type(upload("a", size=5), ActivityInvocation[dict[str, int]])
assert_type(upload.fn("a"), dict[str, int])
assert_type(upload("a").with_options(retry=RetryPolicy(), timeout=5), ActivityInvocation[dict[str, int]])
assert_type(download("a"), ActivityInvocation[bytes])
assert_type(download("a").with_options(schedule_to_close_timeout=60, on_cancel=None), ActivityInvocation[bytes])


async def plainly() -> None:
    assert_type(await download.fn("a"), bytes)


@workflow
def transfers(url: str) -> Flow[int]:
    data = yield from download(url)
    assert_type(data, bytes)
    stored = yield from upload(url, size=len(data)).with_options(schedule_to_start_timeout=timedelta(minutes=1))
    assert_type(stored, dict[str, int])
    both = yield from gather(download("a"), upload("b"))
    assert_type(both, tuple[bytes, dict[str, int]])
    return len(both[0])


class Choice(TypedDict):
    tool: str


@activity
def choose() -> Choice:
    return {"tool": "saw"}


@activity
def list_tools() -> list[Choice]:
    return []


@activity
def measure() -> float:
    return 1.5


@activity
def look_up(tool: str) -> str | None:
    return None


@workflow(version="2", timeout=timedelta(days=1))
def versioned(turn: int) -> Flow[str]:
    return (yield from charge(turn))


assert_type(charge(5), ActivityInvocation[str])
assert_type(versioned(5), WorkflowInvocation[str])
assert_type(continue_as_new(versioned(5)), Command[Never])


@workflow
def endless(turn: int) -> Flow[int]:
    yield from sleep(1)
    return (yield from continue_as_new(endless(turn + 1)))


@workflow
def endless_on_the_other_hand(turn: int) -> Flow[str]:
    if turn > 100:
        return "enough"
    yield from sleep(1)
    # Nothing comes behind it, so nothing is returned.
    assert_never((yield from continue_as_new(endless_on_the_other_hand(turn + 1))))


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
    flow.resolve(charge(5), "receipt")
    flow.resolve(wait_signal("approve"), {"by": "ann"})
    flow.resolve(pipeline("a", "b"), 5)
    flow.resolve(sleep(60), None)
    # The given value may be any part of what the activity returns, also where it is only a literal.
    flow.resolve(choose(), {"tool": "saw"})
    flow.resolve(list_tools(), [])
    flow.resolve(measure(), 5)
    flow.resolve(look_up("saw"), None)
    assert_type(flow.child(versioned(5)), Stepper[str])
    assert_type(flow.child(versioned(5)).result, str)
    assert_type(flow.fork(), Stepper[int])
    assert_type(flow.history, WorkflowHistory)
    assert_type(flow.now, datetime)
    assert_type(flow.next_timer, datetime | None)
    flow.cancel("too late")
    flow.cancel(charge(5))
    flow.time_out()
    flow.advance(timedelta(days=1))
    assert_type(replay(versioned, flow.history), Stepper[str])
    assert_type(replay(versioned(5), WorkflowHistory.load("history.json")).result, str)


def run_to_its_end() -> None:
    ending = run_workflow(pipeline("database", destination="warehouse"), activities={fetch_data: {"a": 1}})
    assert_type(ending, Ending[int])
    assert_type(ending.result, int)
    assert_type(ending.calls, list[Call])
    found = explore(
        pipeline("database", destination="warehouse"),
        activities=lambda: {fetch_data: in_turn({"a": 1}, ConnectionError)},
        failures=[ConnectionError, ValueError("no such source")],
        check=lambda ending: ending.result > 0,
    )
    assert_type(found, Exploration[int])
    assert_type(found.endings[0].result, int)
