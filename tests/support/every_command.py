"""Workflows that, taken together, yield every command and are sent every request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

from yieldflow import (
    Cancelled,
    Flow,
    Registry,
    RetryPolicy,
    TaskCancelledError,
    WaitTimeoutError,
    WorkflowAlreadyExistsError,
    WorkflowCancelledError,
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

REGISTRY = Registry()
performed: list[str] = []


@activity(registry=REGISTRY)
def work(label: str, at: int = 0) -> str:
    """Takes until the second ``at``, counted from the beginning."""
    performed.append(label)
    return label.upper()


@activity(registry=REGISTRY)
def fail(label: str, at: int = 0) -> str:
    performed.append(label)
    raise ValueError(label)


@activity(registry=REGISTRY, on_cancel="wait")
def pay(label: str, at: int = 0) -> str:
    performed.append(label)
    return label.upper()


#: The number of the attempt that is made.
making: list[int] = []
TRIED = RetryPolicy(1, 2, jitter=False)


@activity(registry=REGISTRY, retry=TRIED)
def tried(label: str, at: int = 0, failures: int = 0) -> str:
    """Fails in so many attempts, whichever process makes them."""
    performed.append(label)
    if making[-1] <= failures:
        raise ValueError(f"{label} {making[-1]}")
    return label.upper()


@activity(registry=REGISTRY, retry=TRIED, on_cancel="wait")
def pay_in_time(label: str, at: int = 0, failures: int = 0) -> str:
    return tried.fn(label, at, failures)


@activity(registry=REGISTRY, timeout=2, retry=RetryPolicy(1, 1, maximum_attempts=2, jitter=False))
def hang(label: str, at: int = 0) -> str:
    performed.append(label)
    return label.upper()


# ---------------------------------------------------------------------- the workflows


def leg(name: str, at: int = 0) -> Flow[list[str]]:
    first = yield from work(f"{name} 1")
    return [first, (yield from work(f"{name} 2", at))]


def guarded(name: str, at: int = 0) -> Flow[str]:
    """A branch with a cleanup of two steps."""
    try:
        return (yield from work(name, at))
    except Cancelled:
        yield work(f"undo {name}")
        yield sleep(1)
        raise


@workflow(registry=REGISTRY)
def fans() -> Flow[list[object]]:
    nested = yield from gather(gather(*(leg(f"leg {number}") for number in range(3)), limit=2), work("beside"))
    results = yield from gather(work("good"), fail("bad"), return_exceptions=True)
    try:
        yield gather(fail("stumbles", 1), guarded("sibling", 9), sleep(9), wait_signal("never"))
    except ValueError as error:
        return [nested, results[0], str(results[1]), str(error)]
    return []


@workflow(registry=REGISTRY)
def races() -> Flow[list[object]]:
    first = yield from race(guarded("loser", 9), work("winner", 1), wait_signal("never"))
    second = yield from race(work("too slow", 9), sleep(2))
    return [first, second]


@workflow(registry=REGISTRY)
def in_time() -> Flow[list[str]]:
    results = [(yield from wait_for(work("quick", 1), 5))]
    try:
        yield wait_for(guarded("late", 9), 1)
    except WaitTimeoutError:
        results.append("too late")
    return results


@workflow(registry=REGISTRY)
def tasks() -> Flow[list[object]]:
    task, doomed = (yield from start(leg("task", 1))), (yield from start(guarded("doomed", 9)))
    meanwhile = yield from work("meanwhile")
    yield cancel(doomed)
    once, twice = yield from gather(task, task)
    try:
        yield doomed
    except TaskCancelledError:
        return [meanwhile, once, twice, "cancelled"]
    return []


@workflow(registry=REGISTRY)
def unseen() -> Flow[str]:
    yield start(leg("left to itself", 2))
    yield start(fail("nobody looks", 1))
    return "returned"


@workflow(registry=REGISTRY)
def times() -> Flow[list[str]]:
    yield sleep(2)
    moment = yield from now()
    yield sleep_until(moment + timedelta(seconds=2))
    yield sleep_until(moment)
    return [str((yield from now()))]


@workflow(registry=REGISTRY)
def signals() -> Flow[list[object]]:
    yield work("before", 2)
    first = yield from wait_signal("a")
    second = yield from wait_signal("a")
    both = yield from gather(wait_signal("b"), wait_signal("a"))
    return [first, second, both, (yield from take_signals("a")), (yield from take_signals("none"))]


@workflow(registry=REGISTRY)
def drawn() -> Flow[list[str]]:
    results = []
    for number in range(3):
        yield set_progress({"done": number})
        results += [str((yield from uuid4())), str((yield from random())), str((yield from now()))]
        if (yield from patched("the new way")):
            results.append((yield from work(f"step {number}", number)))
    return results


@workflow(registry=REGISTRY)
def child(label: str, at: int = 0) -> Flow[str]:
    return (yield from guarded(label, at))


@workflow(registry=REGISTRY)
def bad_child(label: str) -> Flow[None]:
    yield fail(label)


@workflow(registry=REGISTRY)
def family() -> Flow[list[object]]:
    results: list[object] = [(yield from child("first"))]
    task = yield from start(child("second", 2))
    results += yield from gather(child("named").with_options(workflow_id="named"), child("fourth", 1), child("fifth"))
    for hopeless in (bad_child("bad"), child("again").with_options(workflow_id="named")):
        try:
            yield hopeless
        except (ValueError, WorkflowAlreadyExistsError) as error:
            results.append(type(error).__name__)
    return [*results, (yield from task)]


@workflow(registry=REGISTRY)
def leaves_a_child(on_parent_end: str) -> Flow[list[object]]:
    invocation = child("child", 3).with_options(on_parent_end=on_parent_end)  # type: ignore[arg-type]  # one of three
    return [(yield from race(invocation, sleep(1))), (yield from work("then"))]


@workflow(registry=REGISTRY)
def loses_a_child() -> Flow[str]:
    try:
        yield child("lost", 9).with_options(workflow_id="lost")
    except WorkflowCancelledError as error:
        return str(error)
    return ""


@workflow(registry=REGISTRY)
def runs(number: int, seen: list[str]) -> Flow[list[str]]:
    yield start(work(f"task of {number}"))
    seen = [*seen, (yield from wait_signal("go"))]
    me = yield from info()
    yield work(f"run {me.run}")
    if number == 3:
        return seen
    return (yield from continue_as_new(runs(number + 1, seen)))


@workflow(registry=REGISTRY)
def has_endless_child() -> Flow[list[str]]:
    return (yield from runs(1, []).with_options(workflow_id="runs"))


@workflow(registry=REGISTRY)
def tidy() -> Flow[str]:
    """Cleans up in two branches when it is cancelled."""
    yield gather(guarded("one", 9), child("the child", 9), guarded("two", 9), wait_signal("never"))
    return "not cancelled"


@workflow(registry=REGISTRY)
def stubborn() -> Flow[str]:
    try:
        yield sleep(3600)
    except Cancelled as error:
        return (yield from work(f"after {error}"))
    return "not cancelled"


@workflow(registry=REGISTRY)
def careful() -> Flow[list[object]]:
    first = yield from race(pay("paid anyway", 3), sleep(1))
    return [first, (yield from work("then"))]


@workflow(registry=REGISTRY)
def persistent() -> Flow[list[object]]:
    results: list[object] = [(yield from gather(tried("a", 0, 2), work("beside", 2), tried("b", 1, 1)))]
    try:
        yield tried("never", 0, 9).with_options(retry=RetryPolicy(1, 1, maximum_attempts=3, jitter=False))
    except ValueError as error:
        results.append(str(error))
    try:
        yield gather(tried("given up", 0, 9), fail("bad", 10))
    except ValueError as error:
        results.append(str(error))
    return [*results, (yield from tried("last", 0, 1))]


@workflow(registry=REGISTRY)
def impatient(how: str) -> Flow[list[object]]:
    what = tried("lost", 0, 9) if how == "abandon" else pay_in_time("lost", 0, 9)
    return [(yield from race(what, sleep(5))), (yield from work("then"))]


@workflow(registry=REGISTRY)
def hanging() -> Flow[list[str]]:
    try:
        yield hang("hangs", 30)
    except TimeoutError as error:
        return [str(error), (yield from hang("quick", 0))]
    return []


@workflow(registry=REGISTRY)
def pausing() -> Flow[list[object]]:
    results = yield from gather(work("early", 2), wait_signal("a"), sleep(2), child("meanwhile", 2))
    return [*results, (yield from work("last"))]


# ---------------------------------------------------------------------- what is asked of them, and when


class Asked(NamedTuple):
    """Something that a client asks, at that second."""

    at: int
    kind: str
    value: object = None
    name: str | None = None
    of: str = "w"


class Case(NamedTuple):
    """A workflow, the requests sent to it, and its end."""

    make: Callable[[], WorkflowInvocation[object]]
    #: Of the workflow, with the beginning of how it ends.
    ends: tuple[str, str]
    asked: Sequence[Asked] = ()
    #: Seconds.
    timeout: int | None = None
    #: What may differ: an outcome that was lost while the workflow was suspended comes again once it goes on.
    either: Sequence[str] = ()


def signal(at: int, name: str, value: object, of: str = "w") -> Asked:
    return Asked(at, "signal", value, name, of)


GO = [signal(at, "go", f"go {at}") for at in (0, 0, 4)]
CASES: dict[str, Case] = {
    "gather": Case(fans, ("done", "[[[['LEG 0 1'")),
    "race": Case(races, ("done", "[(1, 'WINNER'), (1, None)]")),
    "wait_for": Case(in_time, ("done", "['QUICK', 'too late']")),
    "tasks": Case(tasks, ("done", "['MEANWHILE', ['TASK 1', 'TASK 2'], ['TASK 1', 'TASK 2'], 'cancelled']")),
    "unseen task": Case(unseen, ("failed", "ValueError: nobody looks")),
    "sleep": Case(times, ("done", "['2026-01-01 00:00:04")),
    "signals": Case(
        signals,
        ("done", "[1, 2, ['b', 3], [4, 5], []]"),
        [signal(0, "a", 1), signal(3, "a", 2), *(signal(4, "a", number) for number in (3, 4, 5)), signal(5, "b", "b")],
    ),
    "drawn": Case(drawn, ("done", "['")),
    "children": Case(
        family, ("done", "['FIRST', 'NAMED', 'FOURTH', 'FIFTH', 'ValueError', 'WorkflowAlreadyExistsError', 'SECOND']")
    ),
    "child cancelled": Case(lambda: leaves_a_child("cancel"), ("done", "[(1, None), 'THEN']")),
    "child waited for": Case(lambda: leaves_a_child("wait"), ("done", "[(1, None), 'THEN']")),
    "child abandoned": Case(lambda: leaves_a_child("abandon"), ("done", "[(1, None), 'THEN']")),
    "child cancelled by another": Case(
        loses_a_child, ("done", "child lost was cancelled: enough"), [Asked(1, "cancel", "enough", of="lost")]
    ),
    "continue_as_new": Case(lambda: runs(1, []), ("done", "['go 0', 'go 0', 'go 4']"), GO),
    "continue_as_new of a child": Case(
        has_endless_child,
        ("done", "['go 1', 'go 1', 'go 4']"),
        [signal(at, "go", f"go {at}", "runs") for at in (1, 1, 4)],
    ),
    "cancel": Case(
        tidy, ("cancelled", "Cancelled: enough"), [Asked(2, "cancel", "enough"), Asked(2, "cancel", "more")]
    ),
    "cancel a sleeper": Case(stubborn, ("done", "AFTER ENOUGH"), [Asked(2, "cancel", "enough")]),
    "terminate": Case(tidy, ("cancelled", "Cancelled: at once"), [Asked(2, "terminate", "at once")]),
    "timeout": Case(tidy, ("failed", "WorkflowTimeoutError: workflow 'tidy' did not end within 2.0 s"), timeout=2),
    "on_cancel=wait": Case(careful, ("done", "[(1, None), 'THEN']")),
    "retries": Case(persistent, ("done", "[['A', 'BESIDE', 'B'], 'never 3', 'bad', 'LAST']")),
    "retries given up": Case(lambda: impatient("abandon"), ("done", "[(1, None), 'THEN']")),
    "retries given up and waited for": Case(lambda: impatient("wait"), ("done", "[(1, None), 'THEN']")),
    "retries suspended": Case(
        persistent,
        ("done", "[['A', 'BESIDE', 'B'], 'never 3', 'bad', 'LAST']"),
        [Asked(1, "suspend"), Asked(4, "resume")],
        either=["applied", "due_at", "turn", "attempt"],
    ),
    "retries cancelled": Case(persistent, ("cancelled", "Cancelled: enough"), [Asked(2, "cancel", "enough")]),
    "retries terminated": Case(persistent, ("cancelled", "Cancelled: at once"), [Asked(2, "terminate", "at once")]),
    "timeout of an attempt": Case(
        hanging,
        ("done", "[\"attempt 2 at activity 'hang' took longer than its timeout of 2 s\", 'QUICK']"),
        # One that was lost with the process has its time once more.
        either=["due_at"],
    ),
    "suspend and resume": Case(
        pausing,
        ("done", "['EARLY', 'b', None, 'MEANWHILE', 'LAST']"),
        [Asked(1, "suspend"), signal(2, "a", "b"), Asked(4, "resume")],
        either=["applied"],
    ),
    "suspend and cancel": Case(
        tidy, ("cancelled", "Cancelled: enough"), [Asked(1, "suspend"), Asked(3, "cancel", "enough")]
    ),
    "suspend and terminate": Case(
        pausing,
        ("cancelled", "Cancelled: at once"),
        [Asked(1, "suspend"), Asked(3, "terminate", "at once")],
        either=["status", "outcome", "dropped"],
    ),
}
