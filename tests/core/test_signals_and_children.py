"""Signals, children and points in time as steps of the core. Each is also replayed from every prefix."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Literal

import pytest

from tests.core.driver import SECOND, START, Drive, clean_up, fetch, registry, ship
from yieldflow import (
    Cancelled,
    EncodingError,
    Flow,
    ReplayMismatchError,
    StepKind,
    WorkflowCancelledError,
    gather,
    now,
    race,
    sleep_until,
    start,
    take_signals,
    wait_for,
    wait_signal,
    workflow,
)

OnParentEnd = Literal["cancel", "wait", "abandon"]


def yielding(*commands: Any) -> Callable[[], Flow[Any]]:
    """A workflow that yields ``commands`` one after the other."""

    def body() -> Flow[list[Any]]:
        results = []
        for command in commands:
            results.append((yield command))
        return results

    return body


# ---------------------------------------------------------------------- signals


def test_waiting_for_a_signal_is_a_step(drive: Drive) -> None:
    """The step bears the signal's name, and resumes with the payload."""
    run = drive(yielding(wait_signal("approve")))
    (step,) = run.steps
    assert (step.kind, step.name, step.due_at) == (StepKind.WAIT_SIGNAL, "approve", None)
    assert run.codec.decode(step.input) == {}
    assert run.execution.open[0].definition is None

    run.resolve(0, {"by": "Ada"})
    assert run.result == [{"by": "Ada"}]


def test_a_signal_may_have_no_payload(drive: Drive) -> None:
    """A signal without a payload gives None."""
    run = drive(yielding(wait_signal("go")))
    run.resolve(0)

    assert run.result == [None]


def test_a_signal_can_be_waited_for_again(drive: Drive) -> None:
    """Each wait is a step of its own, one after the other or at once."""

    def body() -> Flow[Any]:
        first = yield from wait_signal("go")
        both = yield from gather(wait_signal("go"), wait_signal("go"))
        return [first, *both]

    run = drive(body)
    for payload in (1, 2, 3):
        run.resolve("wait_signal go", payload)

    assert run.result == [1, 2, 3]


def test_a_wait_for_a_signal_with_a_deadline(drive: Drive) -> None:
    """A wait that loses a race, or runs out of time, vanishes: the host hears that it receives nothing any more."""

    def body() -> Flow[str]:
        try:
            yield from wait_for(wait_signal("approve"), timedelta(days=2))
        except TimeoutError:
            return "nobody answered"
        return "approved"

    run = drive(body)
    run.resolve("sleep 172800")

    assert (run.result, run.dropped_by_last(), run.cancelling_by_last()) == (
        "nobody answered",
        ["wait_signal approve"],
        [],
    )


def test_taking_signals_is_a_step(drive: Drive) -> None:
    """take_signals resumes with the list of the payloads that are there, perhaps none."""
    run = drive(yielding(take_signals("note"), take_signals("note")))
    (step,) = run.steps
    assert (step.kind, step.name, run.codec.decode(step.input)) == (StepKind.TAKE_SIGNALS, "note", {})

    run.resolve("take_signals note", [1, None, "x"])
    run.resolve("take_signals note", [])
    assert run.result == [[1, None, "x"], []]


def test_taking_signals_vanishes_when_cancelled(drive: Drive) -> None:
    """A cancelled take_signals is no longer waited for."""
    run = drive(yielding(race(fetch("a"), take_signals("note"))))
    run.resolve("fetch a", "A")

    assert (run.result, run.dropped_by_last()) == ([(0, "A")], ["take_signals note"])


@pytest.mark.parametrize("command", [wait_signal, take_signals])
@pytest.mark.parametrize("name", [5, None, b"go", ["go"]], ids=repr)
def test_a_signals_name_is_a_string(command: Callable[[Any], Any], name: Any) -> None:
    """Anything else is a TypeError at the call, which shows what was given."""
    with pytest.raises(TypeError, match=f"{command.__name__}\\("):
        command(name)


@pytest.mark.parametrize("command", [wait_signal, take_signals])
def test_a_signals_name_is_not_empty(command: Callable[[str], Any]) -> None:
    """An empty name is a ValueError at the call."""
    with pytest.raises(ValueError, match=f"{command.__name__}\\("):
        command("")


def test_waits_for_signals_are_equal_by_value() -> None:
    """A test can name the signal that is waited for."""
    assert wait_signal("go") == wait_signal("go") != wait_signal("stop")
    assert wait_signal("go") != take_signals("go")
    assert repr(wait_signal("go")) == "wait_signal('go')"


def test_another_signal_is_a_mismatch(drive: Drive) -> None:
    """Code that waits for another signal than it did is noticed on replay."""
    run = drive(yielding(wait_signal("go")), replayed=False)
    run.body = yielding(wait_signal("stop"))

    with pytest.raises(ReplayMismatchError, match="stop"):
        run.crash()


def test_taking_is_not_waiting(drive: Drive) -> None:
    """Code that takes what is there, where it waited, is noticed on replay."""
    run = drive(yielding(wait_signal("go")), replayed=False)
    run.body = yielding(take_signals("go"))

    with pytest.raises(ReplayMismatchError):
        run.crash()


# ---------------------------------------------------------------------- points in time


def test_sleeping_until_a_time_is_a_sleep(drive: Drive) -> None:
    """The step is a sleep that is due at that time, whatever the zone it was written in."""
    when = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))

    def body() -> Flow[Any]:
        nothing = yield sleep_until(when)
        return [nothing, (yield from now())]

    run = drive(body)
    (step,) = run.steps
    assert (step.kind, step.name) == (StepKind.SLEEP, "sleep_until")
    assert step.due_at == int(when.timestamp()) * SECOND
    (until,) = run.codec.decode(step.input).values()  # type: ignore[attr-defined]  # arguments by name
    assert datetime.fromisoformat(until) == when
    assert datetime.fromisoformat(until).utcoffset() == timedelta(0)

    run.resolve(0)
    assert run.result == [None, when]


def test_the_same_time_in_another_zone_is_the_same_step(drive: Drive) -> None:
    """Code that names the same moment in another zone replays."""
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    run = drive(yielding(sleep_until(moment)), replayed=False)
    run.body = yielding(sleep_until(moment.astimezone(timezone(timedelta(hours=-5)))))
    run.crash()

    assert len(run.pending) == 1
    assert sleep_until(moment) == sleep_until(moment.astimezone(timezone(timedelta(hours=-5))))


def test_another_time_is_a_mismatch(drive: Drive) -> None:
    """Code that sleeps until another moment than it did is noticed on replay."""
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    run = drive(yielding(sleep_until(moment)), replayed=False)
    run.body = yielding(sleep_until(moment + timedelta(microseconds=1)))

    with pytest.raises(ReplayMismatchError):
        run.crash()


@pytest.mark.parametrize("year", [1, 1969, 2020])
def test_a_time_that_is_past_is_due_at_once(drive: Drive, year: int) -> None:
    """Sleeping until a time that is past is a step that is due, and time does not go back by it."""

    def body() -> Flow[datetime]:
        yield from sleep_until(datetime(year, 1, 1, tzinfo=UTC))
        return (yield from now())

    run = drive(body)
    (step,) = run.steps
    assert step.due_at is not None
    assert step.due_at <= START

    run.resolve(0)
    assert run.result == datetime(2026, 1, 1, tzinfo=UTC)


def test_microseconds_are_kept(drive: Drive) -> None:
    """The time is due to the microsecond."""
    run = drive(yielding(sleep_until(datetime(2026, 1, 1, 0, 0, 1, 234_567, tzinfo=UTC))))

    assert run.steps[0].due_at == START + 1_234_567


def test_a_naive_time_is_refused() -> None:
    """A time without a zone is a ValueError at the call that shows both ways to give it one."""
    with pytest.raises(ValueError, match=r"(?s)tzinfo=UTC.*astimezone\(\)"):
        sleep_until(datetime(2026, 3, 1, 12))  # noqa: DTZ001  # the mistake


@pytest.mark.parametrize("when", [60, "2026-03-01", None, timedelta(1), datetime(2026, 3, 1, tzinfo=UTC).date()])
def test_only_a_datetime_is_a_time(when: Any) -> None:
    """Anything else is a TypeError at the call."""
    with pytest.raises(TypeError, match=r"sleep_until\(.*datetime"):
        sleep_until(when)


def test_sleeping_until_a_time_vanishes_when_cancelled(drive: Drive) -> None:
    """It is cancelled as any sleep."""
    run = drive(yielding(race(fetch("a"), sleep_until(datetime(2027, 1, 1, tzinfo=UTC)))))
    run.resolve("fetch a", "A")

    assert (run.result, len(run.dropped_by_last())) == ([(0, "A")], 1)


# ---------------------------------------------------------------------- children


def test_a_child_is_a_step(drive: Drive) -> None:
    """Yielding a workflow's invocation is a step with its name and arguments, and resumes with its result."""
    invocation = ship("o-1").with_options(workflow_id="w-2")
    run = drive(yielding(invocation))
    (step,) = run.steps
    assert (step.kind, step.name, run.codec.decode(step.input)) == (StepKind.CHILD, "ship", {"key": "o-1"})
    leaf = run.execution.open[0]
    assert leaf.definition is None
    assert leaf.command is invocation

    run.resolve("child ship o-1", "shipped")
    assert run.result == ["shipped"]


def test_yield_from_a_child(drive: Drive) -> None:
    """`yield from` and `yield` of a child do the same."""

    def body() -> Flow[Any]:
        return [(yield from ship("a")), (yield ship("b"))]

    run = drive(body)
    run.resolve("child ship a", "A")
    run.resolve("child ship b", "B")

    assert run.result == ["A", "B"]


def test_a_childs_failure_is_its_own_exception(drive: Drive) -> None:
    """The parent catches what the child raised, with a note that says which step it was."""

    def body() -> Flow[list[str]]:
        try:
            yield from ship("o-1")
        except KeyError as error:
            return [repr(error), *error.__notes__]
        return []

    run = drive(body)
    run.fail(0, KeyError("o-1"))

    assert run.result == ["KeyError('o-1')", "in step 0, child ship(key='o-1')"]


def test_a_cancelled_child_is_an_exception(drive: Drive) -> None:
    """A child that was cancelled by somebody else raises WorkflowCancelledError in the parent."""

    def body() -> Flow[str]:
        try:
            yield from ship("o-1")
        except WorkflowCancelledError as error:
            return f"caught {error}"
        return "shipped"

    run = drive(body)
    run.fail(0, WorkflowCancelledError("not wanted"))

    assert run.result == "caught not wanted"


def test_children_side_by_side(drive: Drive) -> None:
    """Children may be gathered, raced and started, also the same invocation twice."""

    def body() -> Flow[Any]:
        task = yield from start(ship("t"))
        both = yield from gather(ship("a"), ship("a"), limit=2)
        first = yield from race(ship("b"), fetch("c"))
        return [both, first, (yield from task)]

    run = drive(body)
    assert run.pending == ["child ship t", "child ship a", "child ship a"]

    run.resolve(2, "second")
    run.resolve(1, "first")
    run.resolve("child ship b", "B")
    run.resolve("child ship t", "T")
    assert run.result == [["first", "second"], (0, "B"), "T"]


def test_an_argument_of_a_child_that_cannot_be_stored(drive: Drive) -> None:
    """It is refused at the yield, where it can be caught, and is no step."""

    def body() -> Flow[str]:
        try:
            yield from ship(object())
        except EncodingError as error:
            return str(error)
        return "taken"

    run = drive(body, codec="json")

    assert "ship" in run.result
    assert run.steps == []


def test_a_workflow_may_be_its_own_child(drive: Drive) -> None:
    """The invocation of the same name is a child like any other."""

    @workflow(registry=registry)
    def recursive(level: int) -> Flow[int]:
        return (yield from recursive(level - 1)) + 1 if level else 0

    run = drive(lambda: recursive.fn(3))
    assert run.pending == ["child recursive 2"]

    run.resolve(0, 2)
    assert run.result == 3


def test_another_childs_arguments_are_a_mismatch(drive: Drive) -> None:
    """Code that calls the child otherwise than it did is noticed on replay; a default that is spelt out is not."""

    @workflow(registry=registry)
    def deliver(key: str, express: bool = False) -> Flow[None]:
        yield from fetch(key)

    run = drive(yielding(deliver("a")), replayed=False)
    run.body = yielding(deliver("a", express=False))
    run.crash()
    run.body = yielding(deliver("a", express=True))

    with pytest.raises(ReplayMismatchError, match="express=True"):
        run.crash()


def test_a_workflow_that_is_not_called_is_still_refused(drive: Drive) -> None:
    """Yielding the workflow itself instead of an invocation is refused with the line to write."""
    run = drive(yielding(ship))

    assert "workflow 'ship' was yielded without being called" in run.failure


# ---------------------------------------------------------------------- what becomes of a cancelled child


def parent(on_parent_end: OnParentEnd | None) -> Callable[[], Flow[Any]]:
    """A workflow that waits for a child, and cleans up."""

    def body() -> Flow[str]:
        try:
            return (yield from ship("o-1").with_options(on_parent_end=on_parent_end))
        finally:
            yield from clean_up("o-1")

    return body


@pytest.mark.parametrize("mode", [None, "cancel"])
def test_by_default_a_child_is_cancelled_with_its_parent(drive: Drive, mode: OnParentEnd | None) -> None:
    """The host is told to cancel the child, and the parent cleans up when the child has ended."""
    run = drive(parent(mode))
    run.cancel("enough")
    assert (run.pending, run.cancelling_by_last(), run.dropped_by_last()) == (
        ["child ship o-1"],
        ["child ship o-1"],
        [],
    )

    run.fail(0, WorkflowCancelledError("enough"))
    assert run.pending == ["clean_up o-1"]

    run.resolve("clean_up o-1")
    assert run.status == "cancelled"


def test_a_child_may_be_waited_for(drive: Drive) -> None:
    """With "wait" the child is left alone and waited for; its result is dropped."""
    run = drive(parent("wait"))
    run.cancel("enough")
    assert (run.pending, run.cancelling_by_last(), run.dropped_by_last()) == (["child ship o-1"], [], [])

    run.resolve(0, "shipped")
    run.resolve("clean_up o-1")
    assert run.status == "cancelled"


def test_a_child_may_be_abandoned(drive: Drive) -> None:
    """With "abandon" the parent no longer waits for the child, which goes on."""
    run = drive(parent("abandon"))
    run.cancel("enough")

    assert (run.pending, run.cancelling_by_last(), run.dropped_by_last()) == (["clean_up o-1"], [], ["child ship o-1"])


@pytest.mark.parametrize("mode", ["cancel", "wait", "abandon"])
def test_a_child_that_loses_a_race(drive: Drive, mode: OnParentEnd) -> None:
    """A child that loses is treated as at the parent's end: the race waits for it unless it is abandoned."""

    def body() -> Flow[Any]:
        return (yield from race(fetch("a"), ship("o-1").with_options(on_parent_end=mode)))

    run = drive(body)
    run.resolve("fetch a", "A")
    if mode != "abandon":
        assert (run.status, run.pending) == ("processing", ["child ship o-1"])
        run.resolve("child ship o-1", "shipped")

    assert (run.result, run.pending) == ((0, "A"), [])


MODES: list[OnParentEnd] = ["cancel", "wait", "abandon"]


@pytest.mark.parametrize("then", MODES)
@pytest.mark.parametrize("now_", MODES)
def test_code_that_changed_its_mind_about_a_child(drive: Drive, then: OnParentEnd, now_: OnParentEnd) -> None:
    """What was recorded counts on replay, whatever the code says now: a child that was waited for still is."""
    run = drive(parent(then), replayed=False)
    run.cancel("enough")
    before = (run.pending, run.state.open)
    run.body = parent(now_)
    run.crash()
    assert (run.pending, run.state.open) == before

    if then != "abandon":
        run.fail(0, WorkflowCancelledError("enough"))
        run.crash()
    run.resolve("clean_up o-1")
    run.crash()
    assert run.status == "cancelled"


def test_a_cancelled_child_and_a_branch(drive: Drive) -> None:
    """A branch that waits for a cancelled child gets `Cancelled` when the child has ended, not before."""
    told: list[str] = []

    def branch() -> Flow[None]:
        try:
            yield from ship("o-1")
        except Cancelled:
            told.append("branch")
            raise

    def body() -> Flow[Any]:
        return (yield from race(fetch("a"), branch()))

    run = drive(body, replayed=False)
    run.resolve("fetch a", "A")
    assert told == []

    run.resolve("child ship o-1", "shipped")
    assert (told, run.result) == (["branch"], (0, "A"))


# ---------------------------------------------------------------------- options of a child


def test_options_are_no_part_of_equality() -> None:
    """A child's invocation with options is equal to one without, hashes like it, and is shown like it."""
    plain, other = ship("a"), ship("a").with_options(workflow_id="w-9", on_parent_end="wait", timeout=5)

    assert plain == other
    assert hash(plain) == hash(other)
    assert repr(plain) == repr(other) == "ship(key='a')"


def test_options_add_up() -> None:
    """with_options() makes a copy that keeps what was said before."""
    first = ship("a").with_options(workflow_id="w-9")
    second = first.with_options(on_parent_end="wait")

    assert (first.options.workflow_id, first.options.on_parent_end) == ("w-9", "cancel")
    assert (second.options.workflow_id, second.options.on_parent_end) == ("w-9", "wait")
    assert ship("a").options.workflow_id is None


def test_an_option_may_change_under_a_workflow(drive: Drive) -> None:
    """Options take no part in what replay compares."""
    run = drive(yielding(ship("a").with_options(timeout=5)), replayed=False)
    run.body = yielding(ship("a").with_options(workflow_id="w-9", timeout=6))
    run.crash()

    assert run.pending == ["child ship a"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"on_parent_end": "stop"}, "on_parent_end"),
        ({"workflow_id": ""}, "workflow.id"),
        ({"workflow_id": 5}, "workflow.id"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": "5"}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
    ],
    ids=str,
)
def test_bad_options_are_refused_at_the_call(options: dict[str, Any], named: str) -> None:
    """An option that cannot be is refused with its name."""
    with pytest.raises((TypeError, ValueError), match=named):
        ship("a").with_options(**options)


def test_a_workflow_has_a_version_and_a_timeout() -> None:
    """What the decorator says is what the definition knows, and one call may say otherwise."""

    @workflow(registry=registry, version="2", timeout=timedelta(minutes=1))
    def versioned() -> Flow[None]:
        yield from fetch("a")

    assert versioned.version == "2"
    assert ship.version is None
    assert versioned.options.timeout == versioned().options.timeout == 60
    assert versioned().with_options(timeout=5).options.timeout == 5
    assert ship("a").options.timeout is None


@pytest.mark.parametrize("options", [{"version": 2}, {"timeout": -1}, {"timeout": "1"}], ids=str)
def test_bad_options_are_refused_at_the_decorator(options: dict[str, Any]) -> None:
    """A version that is no string, or a timeout that is no time, is refused where it is written."""
    with pytest.raises((TypeError, ValueError), match=next(iter(options))):
        workflow(name="refused", registry=registry, **options)
