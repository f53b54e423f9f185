"""What came with version 2: races, tasks, signals, children, cancellation, later runs, and what an owner is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.older.left import PERFORMED, REGISTRY, Left, Writing, hang, work
from tests.older.version_1 import fail_oddly
from yieldflow import (
    Flow,
    activity,
    continue_as_new,
    gather,
    patched,
    race,
    set_progress,
    sleep,
    sleep_until,
    start,
    take_signals,
    wait_for,
    wait_signal,
    workflow,
)

FAR = datetime(2100, 1, 1, tzinfo=UTC)


@activity(registry=REGISTRY)
def work_once_called(label: str) -> str:
    """What ends after the writer has made its calls."""
    if Writing.on:
        Writing.called.wait()
    return work.fn(label)


@activity(registry=REGISTRY)
def hang_at_second(label: str) -> str:
    """What fails at first, and is under way for the second time when the process is killed."""
    if Writing.on and not Writing.again and label not in PERFORMED:
        PERFORMED.append(label)
        raise ValueError(label)
    return hang.fn(label)


@workflow(registry=REGISTRY)
def racing() -> Flow[list[object]]:
    first = yield from race(work("racing/1"), hang("racing/lost"), sleep(3600))
    return [*first, *(yield from race(wait_signal("never"), hang("racing/2")))]


@workflow(registry=REGISTRY)
def waiting() -> Flow[list[object]]:
    first = yield wait_signal("note")
    second = yield wait_signal("note")
    return [first, second, *(yield from take_signals("others"))]


@workflow(registry=REGISTRY)
def told() -> Flow[object]:
    return (yield wait_signal("note"))


@workflow(registry=REGISTRY)
def child(label: str) -> Flow[str]:
    yield work(f"{label}/1")
    return (yield from hang(f"{label}/2"))


@workflow(registry=REGISTRY)
def leaf(label: str) -> Flow[str]:
    return (yield from work(label))


@workflow(registry=REGISTRY)
def lost(label: str) -> Flow[None]:
    yield fail_oddly(label)


@workflow(registry=REGISTRY)
def parent() -> Flow[list[object]]:
    first = yield from leaf("parent/1")
    try:
        yield lost("parent/2")
    except Exception as error:
        first += f", {type(error).__name__}: {error}"
    return [first, *(yield from gather(child("parent/a"), child("parent/b")))]


@workflow(registry=REGISTRY)
def tasks() -> Flow[list[str]]:
    def branch() -> Flow[str]:
        yield work("tasks/branch/1")
        return (yield from hang("tasks/branch/2"))

    begun, over, slow = (
        (yield from start(branch())),
        (yield from start(work("tasks/1"))),
        (yield from start(hang("tasks/2"))),
    )
    return [(yield from over), (yield from begun), (yield from slow)]


@workflow(registry=REGISTRY)
def limited() -> Flow[str]:
    return (yield from wait_for(hang("limited/1"), timedelta(days=30_000)))


@workflow(registry=REGISTRY)
def cleaning() -> Flow[None]:
    try:
        yield sleep_until(FAR)
    finally:
        yield hang("cleaning/1")
        yield work("cleaning/2")


@workflow(registry=REGISTRY)
def counting(number: int) -> Flow[int]:
    yield work(f"counting/{number}")
    if number == 2:
        yield hang("counting/under way")
    if number < 4:
        return (yield from continue_as_new(counting(number + 1)))
    return number


@workflow(registry=REGISTRY)
def patching() -> Flow[list[bool]]:
    yield set_progress({"percent": 50})
    first = yield from patched("new way")
    yield hang("patching/1")
    return [first, (yield from patched("new way"))]


@workflow(registry=REGISTRY, timeout=3600)
def overdue() -> Flow[None]:
    try:
        yield sleep_until(FAR)
    finally:
        yield work("overdue/1")


@workflow(registry=REGISTRY)
def pausing() -> Flow[list[str]]:
    return [(yield from work_once_called("pausing/1")), (yield from work("pausing/2"))]


@workflow(registry=REGISTRY)
def forking() -> Flow[list[str]]:
    return [(yield from work("forking/1")), (yield from work("forking/2"))]


@workflow(registry=REGISTRY)
def failing() -> Flow[list[str]]:
    return [(yield from work("failing/1")), (yield from hang_at_second("failing/2"))]


@workflow(registry=REGISTRY)
def far() -> Flow[None]:
    yield sleep_until(FAR)


LEFT = {
    "racing": Left(racing(), [0, "RACING/1", 1, "RACING/2"], under_way=("racing/2",)),
    "waiting": Left(
        waiting(),
        ["one", "two", "three", "four"],
        calls=(("signal", "note", "one"), ("signal", "others", "three"), ("signal", "others", "four")),
        last_calls=(("signal", "note", "two"),),
    ),
    "told": Left(told(), "late", late_calls=(("signal", "note", "late"),)),
    "parent": Left(
        parent(),
        [
            "PARENT/1, ActivityError: tests.older.version_1.fail_oddly.<locals>.OddError: parent/2",
            "PARENT/A/2",
            "PARENT/B/2",
        ],
        under_way=("parent/a/2", "parent/b/2"),
    ),
    "tasks": Left(tasks(), ["TASKS/1", "TASKS/BRANCH/2", "TASKS/2"], under_way=("tasks/branch/2", "tasks/2")),
    "limited": Left(limited(), "LIMITED/1", under_way=("limited/1",)),
    "cleaning": Left(
        cleaning(),
        error="WorkflowCancelledError: workflow cleaning was cancelled: enough",
        under_way=("cleaning/1",),
        to_do=("cleaning/2",),
        calls=(("cancel", "enough"),),
    ),
    "counting": Left(counting(1), 4, under_way=("counting/under way",), to_do=("counting/3", "counting/4")),
    "patching": Left(patching(), [True, True], under_way=("patching/1",)),
    "overdue": Left(
        overdue(), error="WorkflowTimeoutError: workflow 'overdue' did not end within 3600.0 s", to_do=("overdue/1",)
    ),
    "pausing": Left(
        pausing(),
        ["PAUSING/1", "PAUSING/2"],
        status="suspended",
        to_do=("pausing/2",),
        calls=(("suspend",),),
        last_calls=(("resume",),),
    ),
    "forking": Left(forking(), ["FORKING/1", "FORKING/2"], status="done", late_calls=(("fork", 1, "forked"),)),
    "forked": Left(forking(), ["FORKING/1", "FORKING/2"], to_do=("forking/2",), submitter="fork"),
    "failing": Left(failing(), ["FAILING/1", "FAILING/2"], under_way=("failing/2",), calls=(("retry",),)),
    "ended": Left(
        told(),
        error="WorkflowCancelledError: workflow ended was cancelled: too late",
        status="cancelled",
        calls=(("terminate", "too late"),),
    ),
    "cancelled late": Left(
        far(),
        error="WorkflowCancelledError: workflow cancelled late was cancelled: no more",
        late_calls=(("cancel", "no more"),),
    ),
    "far": Left(far(), error="WorkflowCancelledError: workflow far was cancelled", last_calls=(("cancel",),)),
}
