"""`run_workflow`: a workflow run to its end, with stand-ins for what it calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.values import Array, Handle
from yieldflow import (
    ActivityTimeoutError,
    CommandError,
    EncodingError,
    Flow,
    Registry,
    RetryPolicy,
    WaitTimeoutError,
    WorkflowStatus,
    activity,
    activity_context,
    gather,
    race,
    sleep,
    sleep_until,
    take_signals,
    wait_for,
    wait_signal,
    workflow,
)
from yieldflow.testing import after, in_turn, real, run_workflow

registry = Registry()
HOURLY = RetryPolicy(initial_interval=3600, maximum_interval=3600, jitter=False)


@activity(registry=registry, retry=HOURLY)
def charge(order: str, cents: int = 500) -> str:
    return f"real receipt of {order}"


@activity(registry=registry, timeout=60)
def ship(order: str) -> str:
    return f"{activity_context().idempotency_key} of attempt {activity_context().attempt}"


@workflow(registry=registry)
def order_flow(order: str, cents: int) -> Flow[str]:
    receipt = yield from charge(order, cents)
    yield from sleep(timedelta(days=30))
    parcel = yield from ship(order)
    return f"{receipt}, {parcel}"


@workflow(registry=registry)
def approved(order: str) -> Flow[str]:
    answer = yield from wait_for(wait_signal("approve"), timeout=3600)
    return f"{order} by {answer}"


@workflow(registry=registry)
def lone_charge(order: str) -> Flow[str]:
    return (yield from charge(order))


@workflow(registry=registry)
def parent(count: int) -> Flow[list[str]]:
    return list((yield from gather(*(lone_charge(f"o-{number}") for number in range(count)))))


@activity(registry=registry)
def weigh(sample: Any) -> int:
    raise AssertionError("a stand-in answers")


@workflow(registry=registry)
def weighing(sample: Any) -> Flow[int]:
    return (yield from weigh(sample))


def run_order(**activities: Any) -> Any:
    known: dict[str, Any] = {"charge": charge, "ship": ship}
    return run_workflow(order_flow("o-1", 5), activities={known[name]: one for name, one in activities.items()})


@pytest.mark.parametrize("kind", [Handle, Array])
def test_calls_are_compared_by_the_parts_of_their_arguments(kind: Any) -> None:
    """`called` is compared with arrays, and with objects without `__eq__`, by what they hold."""
    ending = run_workflow(weighing(kind(1)), activities={weigh: 5})

    assert ending.called == [weigh(kind(1))]
    assert ending.called != [weigh(kind(2))]


# ---------------------------------------------------------------------- stand-ins


def test_thirty_days_are_over_at_once() -> None:
    """A workflow is run to its end in virtual time, and the result tells what was called, and how long it all took."""
    ending = run_order(charge="ch_9", ship="trk")

    assert (ending.result, ending.status, ending.exception) == ("ch_9, trk", WorkflowStatus.DONE, None)
    assert ending.called == [charge("o-1", cents=5), ship("o-1")]
    assert [(call.attempt, call.at.days, call.returned) for call in ending.calls] == [(1, 0, "ch_9"), (1, 30, "trk")]
    assert ending.duration == timedelta(days=30)
    assert str(ending) == (
        "returned 'ch_9, trk', after 30 d\n"
        "  charge(order='o-1', cents=5) returned 'ch_9', after 0 s\n"
        "  ship(order='o-1') returned 'trk', after 30 d"
    )


def test_hourly_retries_take_no_time() -> None:
    """A retry policy applies, in virtual time; in_turn gives one answer for each attempt."""
    ending = run_order(charge=in_turn(*[ConnectionError("down")] * 24, "ch_9"), ship="trk")

    assert ending.duration == timedelta(days=31)
    assert [call.attempt for call in ending.calls] == [*range(1, 26), 1]
    assert repr(ending.calls[0].raised) == "ConnectionError('down')"


def test_a_function_stands_in() -> None:
    """A function is given the arguments, those with defaults too, by name or by place."""
    ways: list[Callable[..., str]] = [
        lambda order, cents: f"{order}:{cents}",
        lambda cents, order: f"{order}:{cents}",
        lambda *args: f"{args[0]}:{args[1]}",
        lambda **named: f"{named['order']}:{named['cents']}",
        lambda it, amount: f"{it}:{amount}",
    ]
    for way in ways:
        assert run_workflow(lone_charge("o-1"), activities={charge: way}).result == "o-1:500"


def test_a_function_with_other_parameters_cannot_stand_in() -> None:
    """The parameters of a function are checked before anything runs, and both signatures are shown."""
    called: list[str] = []

    def fake_charge(order: str) -> str:
        called.append(order)
        return "ch_9"

    with pytest.raises(TypeError) as caught:
        run_order(ship=lambda cents, order: "trk", charge=fake_charge)
    assert "cannot stand in for ship(order: 'str') -> 'str': give it the same parameters" in str(caught.value)
    with pytest.raises(TypeError, match=r"fake_charge\(order: 'str'\) -> 'str' cannot stand in for charge"):
        run_order(charge=fake_charge, ship="trk")
    with pytest.raises(TypeError, match="cannot stand in for charge"):
        run_order(charge=lambda cents, receiver: "each is given the value of the other", ship="trk")
    assert called == []


def closed(order: str) -> str:
    raise PermissionError(f"closed for {order}")


@pytest.mark.parametrize("failure", [PermissionError, PermissionError("closed"), closed])
def test_an_exception_stands_in(failure: Any) -> None:
    """An exception, its class, and what a function raises all let the activity fail."""
    ending = run_order(charge="ch_9", ship=failure)

    assert ending.status is WorkflowStatus.FAILED
    assert isinstance(ending.exception, PermissionError)
    with pytest.raises(PermissionError):
        _ = ending.result


def test_an_exception_class_that_needs_arguments_is_refused() -> None:
    """A class is given where the exception can be made without arguments; else the exception itself."""
    with pytest.raises(TypeError, match=r"UnicodeDecodeError, which stands in for ship, cannot be made without"):
        run_order(charge="ch_9", ship=UnicodeDecodeError)


def test_a_list_is_a_value() -> None:
    """What every call returns may be a list or a tuple; a sequence of answers is said by in_turn."""

    @activity(registry=registry)
    def rows(page: int) -> list[int]:
        raise NotImplementedError

    @workflow(registry=registry)
    def reading() -> Flow[list[list[int]]]:
        first = yield from rows(1)
        first.append(0)  # its own copy
        return [first, (yield from rows(2))]

    assert run_workflow(reading(), activities={rows: [1, 2]}).result == [[1, 2, 0], [1, 2]]
    assert run_workflow(reading(), activities={rows: in_turn([1], [2])}).result == [[1, 0], [2]]


def test_the_real_function_may_be_called() -> None:
    """real runs the activity's own function, as an attempt that knows what it is."""
    result = run_order(charge=in_turn(ConnectionError, real), ship=real).result
    receipt, key = result.split(", ")

    assert receipt == "real receipt of o-1"
    assert len(key) == 36 + len(" of attempt 1")


def test_an_async_activity_may_be_called() -> None:
    """A coroutine is awaited, also where an event loop runs already."""

    @activity(registry=registry)
    async def asks(question: str) -> str:
        await asyncio.sleep(0)
        return question.upper()

    @workflow(registry=registry)
    def asking() -> Flow[str]:
        return (yield from asks("why"))

    async def inside() -> str:
        return run_workflow(asking(), activities={asks: real}).result

    assert run_workflow(asking(), activities={asks: real}).result == "WHY"
    assert asyncio.run(inside()) == "WHY"


def test_the_last_heartbeat_reaches_the_next_attempt() -> None:
    """A function that stands in may use activity_context, as the activity does."""
    found: list[object] = []

    def beats(order: str, cents: int) -> str:
        found.append((activity_context().attempt, activity_context().heartbeat_details))
        activity_context().heartbeat(cents)
        if len(found) == 1:
            raise ConnectionError
        return "ch_9"

    run_workflow(lone_charge("o-1"), activities={charge: beats})

    assert found == [(1, None), (2, 500)]


def test_a_failed_assertion_in_a_stand_in_fails_the_test() -> None:
    """An AssertionError of a function that stands in is the test's: no retry policy, no except hides it."""

    def strict(order: str, cents: int) -> str:
        assert cents < 0, "the test's own"
        return "ch_9"

    with pytest.raises(AssertionError, match="the test's own"):
        run_workflow(lone_charge("o-1"), activities={charge: strict})


def test_a_value_of_another_type_is_refused() -> None:
    """What stands in returns what the activity's annotation says; a value is looked at before anything runs."""
    with pytest.raises(CommandError, match=r"charge returns str, and 3\.5 is a float"):
        run_order(charge=3.5, ship="trk")
    with pytest.raises(CommandError, match="charge returns str, and 500 is a int"):
        run_order(charge=lambda order, cents: 500, ship="trk")


def test_a_value_that_cannot_be_stored_is_refused() -> None:
    """A value goes through the codec before anything runs."""

    @activity(registry=registry)
    def opens() -> Any: ...

    with pytest.raises(EncodingError, match=r"what stands in for opens: .*a generator"):
        run_workflow(order_flow("o-1", 5), activities={opens: (line for line in "ab")})


# ---------------------------------------------------------------------- what is missing, what is too much


def test_a_call_without_a_stand_in_is_an_error() -> None:
    """A call that nothing stands in for is named, with what to write."""
    with pytest.raises(CommandError) as caught:
        run_order(charge="ch_9")
    assert str(caught.value) == (
        "ship(order='o-1') was called, and nothing stands in for ship. Write:\n"
        "    activities={ship: ...}  # a value, a function, an exception, in_turn(...), or real to run it"
    )


def test_a_stand_in_that_is_not_used_is_an_error() -> None:
    """A stand-in that no call uses, and answers that are left, are told, unless that is allowed."""
    with pytest.raises(CommandError, match="not all was used: ship was never called"):
        run_workflow(lone_charge("o-1"), activities={charge: "ch_9", ship: "trk"})
    with pytest.raises(CommandError, match=r"charge was called 1 times, and in_turn\(\.\.\.\) has answers for 2"):
        run_workflow(lone_charge("o-1"), activities={charge: in_turn("ch_9", "ch_10")})
    both = {charge: in_turn("ch_9", "ch_10"), ship: "trk"}
    assert run_workflow(lone_charge("o-1"), activities=both, allow_unused=True).result == "ch_9"


def test_more_calls_than_answers_are_an_error() -> None:
    """Where in_turn has no answer left, the call is named."""
    with pytest.raises(CommandError, match=r"charge\(order='o-1'\) is call 2 of charge, and in_turn\(\.\.\.\) has"):
        run_workflow(lone_charge("o-1"), activities={charge: in_turn(ConnectionError)})


def test_keys_are_definitions() -> None:
    """activities= takes activities and children= workflows, not calls of them or names."""
    wrong: list[tuple[Any, str]] = [
        ({charge("o-1"): "ch_9"}, "Write charge without arguments"),
        ({lone_charge: "ch_9"}, "It belongs in children="),
        ({"charge": "ch_9"}, "takes activities as keys, as in "),
    ]
    for activities, message in wrong:
        with pytest.raises(TypeError, match=message):
            run_workflow(lone_charge("o-1"), activities=activities)


def test_stand_ins_do_not_nest_in_any_way() -> None:
    """in_turn holds after, and neither holds itself."""
    for wrong in (in_turn(in_turn("a")), after(1, in_turn("a")), after(1, after(1, "a"))):
        with pytest.raises(TypeError, match=r"write in_turn\(after\(60, \.\.\.\), after\(60, \.\.\.\)\)"):
            run_workflow(lone_charge("o-1"), activities={charge: wrong})
    with pytest.raises(TypeError, match=r"in_turn\(\) takes what the calls answer, one by one"):
        in_turn()
    with pytest.raises(ValueError, match=r"after\(\) takes 0 seconds to a hundred years, not -1"):
        after(-1, "ch_9")


# ---------------------------------------------------------------------- time


def test_a_call_may_take_time() -> None:
    """after(seconds, ...) says how long a call takes: a race is lost, a timeout comes first."""

    @workflow(registry=registry)
    def racing() -> Flow[Any]:
        return (yield from race(ship("o-1"), sleep(30)))

    assert run_workflow(racing(), activities={ship: "trk"}).result == (0, "trk")
    assert run_workflow(racing(), activities={ship: after(30, "trk")}).result == (0, "trk")
    assert run_workflow(racing(), activities={ship: after(31, "trk")}).result == (1, None)

    slow = run_order(charge="ch_9", ship=after(61, "trk"))
    assert isinstance(slow.exception, ActivityTimeoutError)
    assert slow.duration == timedelta(days=30, seconds=60)


def test_the_start_may_be_given() -> None:
    """sleep_until goes by the virtual time, which begins where the test says."""

    @workflow(registry=registry)
    def new_year() -> Flow[None]:
        yield from sleep_until(datetime(2030, 1, 1, tzinfo=UTC))

    assert run_workflow(new_year(), start=datetime(2029, 12, 31, tzinfo=UTC)).duration == timedelta(days=1)


def test_what_goes_on_for_ever_is_an_error() -> None:
    """Retries without an end, or a loop, end the test with what was called last."""
    with pytest.raises(CommandError, match=r"lone_charge goes on for ever: .* charge\(order='o-1'\) raised"):
        run_workflow(lone_charge("o-1"), activities={charge: ConnectionError}, replay=False)


# ---------------------------------------------------------------------- signals and children


def test_signals_come_when_they_are_said_to() -> None:
    """A signal is there at the start, or comes after a time; one that comes too late finds that it timed out."""
    assert run_workflow(approved("o-1"), signals=[("approve", "ann")]).duration == timedelta(0)
    assert run_workflow(approved("o-1"), signals=[after(60, ("approve", "ann"))]).duration == timedelta(seconds=60)
    late = run_workflow(approved("o-1"), signals=[after(3601, ("approve", "ann"))], allow_unused=True)
    assert isinstance(late.exception, WaitTimeoutError)


def test_a_signal_that_nobody_receives_is_an_error() -> None:
    """A signal that comes after the end, or is never waited for, is told, unless that is allowed."""
    with pytest.raises(CommandError, match="signal 'approve' was never received"):
        run_workflow(approved("o-1"), signals=[after(3601, ("approve", "ann"))])
    with pytest.raises(CommandError, match="signal 'other' was never received"):
        run_workflow(approved("o-1"), signals=[("approve", "ann"), ("other", 1)])
    with pytest.raises(TypeError, match=r"signals= takes pairs of a name and a payload, .* not 'approve'"):
        run_workflow(approved("o-1"), signals=["approve"])


def test_signals_that_came_together_are_taken_together() -> None:
    """Those that come at one time are there together."""

    @workflow(registry=registry)
    def collecting() -> Flow[list[Any]]:
        yield from sleep(10)
        return (yield from take_signals("item"))

    signals = [("item", 1), after(5, ("item", 2)), after(10, ("item", 3))]
    assert run_workflow(collecting(), signals=signals).result == [1, 2, 3]


def test_waiting_for_ever_is_an_error() -> None:
    """A workflow that nothing lets go on is an error, which says what it waits for."""

    @workflow(registry=registry)
    def forlorn() -> Flow[None]:
        yield from sleep(60)
        yield wait_signal("approve")

    with pytest.raises(CommandError) as caught:
        run_workflow(forlorn())
    assert str(caught.value) == (
        "it would wait for ever: nothing is left that could happen. forlorn has not ended: it waits for "
        "[wait_signal('approve')]. Send what it waits for, as in signals=[('approve', {'by': 'ann'})]"
    )


def test_children_are_run_with_the_same_stand_ins() -> None:
    """A child without a stand-in is run itself, and its calls are among those that are told."""
    ending = run_workflow(parent(3), activities={charge: lambda order, cents: order.upper()})

    assert ending.result == ["O-0", "O-1", "O-2"]
    assert ending.called == [charge("o-0"), charge("o-1"), charge("o-2")]


def test_something_stands_in_for_a_child() -> None:
    """children= takes what activities= takes."""
    ending = run_workflow(parent(3), children={lone_charge: in_turn("a", lambda order: order, after(60, "c"))})

    assert (ending.result, ending.duration) == (["a", "o-1", "c"], timedelta(minutes=1))
    assert ending.called == [lone_charge("o-0"), lone_charge("o-1"), lone_charge("o-2")]
    children = {lone_charge: in_turn(real, ValueError("broken"))}
    failing = run_workflow(parent(2), children=children, activities={charge: "ch"})
    assert repr(failing.exception) == "ValueError('broken')"
