"""Programs that a type checker rejects. Only checked, never run: see test_typing.py.

Each mistake bears the error that is expected of it, as a comment that tells mypy to pass over just that error there.
Where mypy no longer rejects a line, the comment is unused, and that is an error.
"""

from __future__ import annotations

from typing import Any, assert_never

from yieldflow import (
    Flow,
    Orchestrator,
    Registry,
    RetryPolicy,
    Task,
    activity,
    cancel,
    continue_as_new,
    gather,
    patched,
    race,
    sleep,
    sleep_until,
    start,
    take_signals,
    wait_for,
    wait_signal,
    workflow,
)
from yieldflow.testing import Stepper, replay

registry = Registry()


@activity
def fetch_data(source: str) -> dict[str, int]:
    return {source: 1}


@activity(retry=RetryPolicy(), timeout=5)
async def download(url: str) -> bytes:
    return url.encode()


@activity(name="renamed", registry=registry)
def process_data(data: dict[str, int], *, scale: int = 1) -> int:
    return sum(data.values()) * scale


@workflow
def pipeline(source: str) -> Flow[int]:
    raw = yield from fetch_data(source)
    return (yield from process_data(raw))


# ---------------------------------------------------------------------- wrong arguments, at the call

download(5)  # type: ignore[call-overload]  # an int for a str, of an async function with options
download("a").with_options(timeout=5).arguments["url"] = 5  # type: ignore[index]  # an invocation is immutable

fetch_data(5)  # type: ignore[arg-type]  # an int for a str
fetch_data()  # type: ignore[call-arg]  # an argument is missing
fetch_data("a", "b")  # type: ignore[call-arg]  # one too many
fetch_data(sauce="a")  # type: ignore[call-arg]  # no such argument
process_data({}, scale="2")  # type: ignore[arg-type]  # a str for an int, under a decorator with keywords
process_data(fetch_data("a"))  # type: ignore[arg-type]  # a command that was not yielded, for its result
pipeline(5)  # type: ignore[arg-type]  # a workflow checks its arguments as well
pipeline("a", retries=3)  # type: ignore[call-arg]  # no such argument
sleep("60")  # type: ignore[arg-type]  # a str for seconds
gather(fetch_data("a"), 5)  # type: ignore[call-overload]  # no command
gather(fetch_data("a"), limit="2")  # type: ignore[call-overload]  # a str for a number
race(fetch_data("a"), 5)  # type: ignore[call-overload]  # no command
race(fetch_data)  # type: ignore[call-overload]  # not called
wait_for(fetch_data("a"))  # type: ignore[call-arg]  # no limit
wait_for(fetch_data("a"), "5")  # type: ignore[arg-type]  # a str for seconds
start(5)  # type: ignore[arg-type]  # no command
cancel(fetch_data("a"))  # type: ignore[arg-type]  # a command for a task
sleep_until(60)  # type: ignore[arg-type]  # seconds for a moment
sleep_until("2030-01-01")  # type: ignore[arg-type]  # a text for a moment
wait_signal(5)  # type: ignore[arg-type]  # an int for a name
take_signals()  # type: ignore[call-arg]  # no name
patched(True)  # type: ignore[arg-type]  # a bool for a name
continue_as_new(fetch_data("a"))  # type: ignore[arg-type]  # an activity
continue_as_new(pipeline)  # type: ignore[arg-type]  # not called
fetch_data("a").with_options(on_cancel="stop")  # type: ignore[arg-type]  # neither "abandon" nor "wait"
fetch_data("a").with_options(on_parent_end="wait")  # type: ignore[call-arg]  # an option of children
pipeline("a").with_options(on_parent_end="stop")  # type: ignore[arg-type]  # no such mode
pipeline("a").with_options(on_cancel="wait")  # type: ignore[call-arg]  # an option of activities
pipeline("a").with_options(timeout="5")  # type: ignore[arg-type]  # a str for seconds
pipeline("a").with_options("w-1")  # type: ignore[call-arg]  # options have names

# ---------------------------------------------------------------------- wrong results, in a workflow


@workflow
def returns_another_type(source: str) -> Flow[str]:
    total = yield from process_data({source: 1})
    return total  # type: ignore[return-value]  # an int for a str


@workflow
def forgets_the_yield(source: str) -> Flow[int]:
    raw = fetch_data(source)
    yield from sleep(1)
    total: int = raw["a"]  # type: ignore[index]  # a command is not its result
    return total


@workflow
def yields_no_command() -> Flow[None]:
    yield 5  # type: ignore[misc]  # no command


def delegates_to_no_command() -> Flow[None]:
    yield from fetch_data  # type: ignore[misc]  # not called


@workflow  # type: ignore[arg-type]  # no generator
def yields_nothing(source: str) -> int:
    return len(source)


def takes_a_task_for_its_value() -> Flow[int]:
    task = yield from start(pipeline("a"))
    total = task + 1  # type: ignore[operator]  # it was not waited for
    print(total)
    text: str = yield from task  # type: ignore[assignment]  # it gives an int
    narrower: Task[bool] = task  # type: ignore[assignment]  # an int is no bool
    print(text, narrower)
    return 1


def forgets_a_case() -> Flow[str]:
    first = yield from race(fetch_data("a"), sleep(60))
    match first:
        case (0, _):
            return "fetched"
        case _:
            assert_never(first)  # type: ignore[arg-type]  # the sleep may win


def confuses_the_cases() -> Flow[int]:
    first = yield from race(pipeline("a"), sleep(60))
    if first[0] == 1:
        return first[1]  # type: ignore[return-value]  # None, of the sleep
    return first[1]


def takes_a_race_for_its_value() -> Flow[int]:
    return (yield from race(pipeline("a"), pipeline("b")))  # type: ignore[return-value]  # a pair


def waits_for_another_type() -> Flow[str]:
    return (yield from wait_for(pipeline("a"), 5))  # type: ignore[return-value]  # an int for a str


def takes_a_child_for_another_type() -> Flow[str]:
    return (yield from pipeline("a"))  # type: ignore[return-value]  # an int for a str


# ---------------------------------------------------------------------- wrong options of a decorator, of one call

activity(on_cancel="later")  # type: ignore[call-overload]  # neither "abandon" nor "wait"
activity(retry=3)  # type: ignore[call-overload]  # no policy
activity(retries=RetryPolicy())  # type: ignore[call-overload]  # no such option
activity(timeout="5 s")  # type: ignore[call-overload]  # a str for seconds
activity(max_concurrent="2")  # type: ignore[call-overload]  # a str for a count
RetryPolicy(initial_interval="1")  # type: ignore[arg-type]  # a str for seconds
RetryPolicy(attempts=3)  # type: ignore[call-arg]  # no such argument
RetryPolicy(non_retryable="ValueError")  # type: ignore[arg-type]  # the name of a type
fetch_data("a").with_options(retry=3)  # type: ignore[arg-type]  # no policy
fetch_data("a").with_options(max_concurrent=2)  # type: ignore[call-arg]  # belongs to the activity
fetch_data("a").with_options(timeouts=5)  # type: ignore[call-arg]  # no such option
fetch_data("a").with_options(timeout="5")  # type: ignore[arg-type]  # a str for seconds
activity(version="2")  # type: ignore[call-overload]  # an option of workflows
workflow(version=2)  # type: ignore[call-overload]  # an int for a str
workflow(timeout="5")  # type: ignore[call-overload]  # a str for seconds

# ---------------------------------------------------------------------- wrong use of what users hold


def with_an_orchestrator(orchestrator: Orchestrator) -> None:
    orchestrator.submit(fetch_data("a"))  # type: ignore[arg-type]  # an activity
    orchestrator.submit(pipeline)  # type: ignore[arg-type]  # not called
    orchestrator.run(pipeline.fn("a"))  # type: ignore[arg-type]  # a plain generator
    text: str = orchestrator.run(pipeline("a"))  # type: ignore[assignment]  # it returns an int
    for handle in orchestrator.submit_many([pipeline("a"), pipeline("b")]):
        text = handle.result()  # type: ignore[assignment]  # it returns an int
    print(text)


async def from_asyncio(orchestrator: Orchestrator) -> str:
    handle = orchestrator.submit(pipeline("a"))
    return await handle  # type: ignore[return-value]  # it returns an int


def under_test(anything: Any) -> None:
    Stepper(fetch_data("a"))  # type: ignore[arg-type]  # an activity
    flow = Stepper(pipeline("a"))
    flow.fail(fetch_data("a"), "lost")  # type: ignore[call-overload]  # no exception
    flow.resolve(fetch_data("a"), {"a": 1}, anything)  # type: ignore[call-overload]  # one too many
    flow.resolve(fetch_data("a"), 3.5)  # type: ignore[call-overload]  # a float for a dict
    flow.resolve(fetch_data("a"), {"a": "1"})  # type: ignore[call-overload]  # a str for an int in it
    flow.resolve(pipeline("a"), "5")  # type: ignore[call-overload]  # a str for an int
    flow.resolve(sleep(60), 5)  # type: ignore[call-overload]  # a sleep gives nothing
    flow.child(fetch_data("a"))  # type: ignore[arg-type]  # an activity
    flow.advance("60")  # type: ignore[arg-type]  # a str for seconds
    flow.cancel(5)  # type: ignore[call-overload]  # neither a reason nor a command
    replay(fetch_data, flow.history)  # type: ignore[arg-type]  # an activity
    replay(pipeline, list(flow.history))  # type: ignore[arg-type]  # a list without what it takes to replay it
    text: str = flow.result  # type: ignore[assignment]  # it returns an int
    print(text)
