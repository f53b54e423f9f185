"""What came with version 3: further attempts, the time that they take together, and heartbeats."""

from __future__ import annotations

from tests.older.left import PERFORMED, REGISTRY, Left, Writing, hang, work
from yieldflow import ActivityError, ActivityTimeoutError, Flow, RetryPolicy, activity, activity_context, workflow

IN_AN_HOUR = RetryPolicy(initial_interval=3600)
IN_AN_INSTANT = RetryPolicy(initial_interval=0.01)


@activity(registry=REGISTRY, retry=IN_AN_HOUR)
def fail_at_first(label: str) -> int:
    """What waits for its second attempt when the process is killed: the number of the attempt."""
    if Writing.on:
        raise ConnectionError(label)
    PERFORMED.append(label)
    return activity_context().attempt


@activity(registry=REGISTRY, retry=IN_AN_INSTANT)
def hang_at_second_attempt(label: str) -> int:
    if Writing.on and activity_context().attempt == 1:
        raise ConnectionError(label)
    hang.fn(label)
    return activity_context().attempt


@activity(registry=REGISTRY, heartbeat_timeout=1000)
def beat(label: str) -> object:
    """What the attempt that was killed last told of itself."""
    details = activity_context().heartbeat_details
    activity_context().heartbeat({"rows": 50})
    hang.fn(label)
    return details


@activity(registry=REGISTRY, retry=IN_AN_INSTANT)
def give_up(label: str) -> None:
    PERFORMED.append(label)
    raise ActivityError(label, retryable=False)


@workflow(registry=REGISTRY)
def trying() -> Flow[list[object]]:
    return [(yield from fail_at_first("trying/1")), (yield from work("trying/2"))]


@workflow(registry=REGISTRY)
def trying_again() -> Flow[int]:
    return (yield from hang_at_second_attempt("trying again/1"))


@workflow(registry=REGISTRY)
def within() -> Flow[int]:
    """All its attempts have two hours of what the engine runs."""
    return (yield from fail_at_first("within/1").with_options(schedule_to_close_timeout=7200))


@workflow(registry=REGISTRY)
def beating() -> Flow[object]:
    return (yield from beat("beating/1"))


@workflow(registry=REGISTRY)
def timing_out() -> Flow[str]:
    try:
        return (yield from hang("timing out/1").with_options(timeout=0.01))
    except ActivityTimeoutError as error:
        return f"{error}, {(yield from hang('timing out/2'))}"


@workflow(registry=REGISTRY)
def giving_up() -> Flow[str]:
    try:
        yield give_up("giving up/1")
    except ActivityError as error:
        return f"{error}, {error.retryable}, {(yield from hang('giving up/2'))}"
    return "it did not"


@workflow(registry=REGISTRY)
def given_up() -> Flow[None]:
    yield give_up("given up/1")


LEFT = {
    "trying": Left(trying(), [2, "TRYING/2"], to_do=("trying/1", "trying/2")),
    "trying again": Left(trying_again(), 2, under_way=("trying again/1",)),
    "within": Left(within(), 2, to_do=("within/1",)),
    "beating": Left(beating(), {"rows": 50}, under_way=("beating/1",)),
    "timing out": Left(
        timing_out(),
        "attempt 1 at activity 'hang' took longer than its timeout of 0.01 s, TIMING OUT/2",
        under_way=("timing out/2",),
    ),
    "giving up": Left(giving_up(), "giving up/1, False, GIVING UP/2", under_way=("giving up/2",)),
    "given up": Left(given_up(), error="ActivityError: given up/1", status="failed"),
}
