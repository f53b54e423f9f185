"""Activities that fail: what the workflow catches, and what is remembered of it."""

from __future__ import annotations

from typing import Any

import pytest

from yieldflow import (
    ActivityError,
    EncodingError,
    Flow,
    Registry,
    WorkflowFailedError,
    WorkflowStatus,
    activity,
    sleep,
    workflow,
)
from yieldflow.testing import Stepper

registry = Registry()


class CardDeclined(Exception):
    """An error of the user's, with a constructor of its own."""

    def __init__(self, card: str, *, left: int) -> None:
        super().__init__(f"card {card} declined, {left} attempts left")
        self.card = card
        self.left = left

    def __reduce__(self) -> tuple[Any, ...]:
        return _declined, (self.card, self.left)


def _declined(card: str, left: int) -> CardDeclined:
    return CardDeclined(card, left=left)


class Stubborn(Exception):
    """Cannot be pickled: it holds on to what cannot be stored."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")
        self.rest = (number for number in range(3))


@activity(registry=registry)
def charge(order: str) -> str:
    raise AssertionError("a stepper runs no activity")


@activity(registry=registry)
def refuse(order: str) -> str:
    raise AssertionError("a stepper runs no activity")


@workflow(registry=registry)
def selling() -> Flow[str]:
    try:
        receipt = yield from charge("o-1")
    except CardDeclined as error:
        yield from refuse(error.card)
        return f"refused, {error.left} left"
    yield from sleep(1)
    return receipt


@workflow(registry=registry)
def telling() -> Flow[list[Any]]:
    """Tells all that can be seen of a failure, before and after a step."""
    try:
        yield from charge("o-1")
    except Exception as error:
        seen = [type(error).__qualname__, str(error), repr(error.args)]
        yield from sleep(1)
        return seen
    return []


def raised(error: BaseException) -> BaseException:
    """``error`` with a traceback, as if an activity had raised it."""
    try:
        raise error
    except BaseException as caught:
        return caught


# ---------------------------------------------------------------------- caught


def test_a_failure_is_raised_at_the_yield() -> None:
    """An activity's exception comes out of the yield as its own type, with its attributes."""
    flow = Stepper(selling())
    flow.fail(CardDeclined("visa", left=2))

    assert flow.pending == [refuse("visa")]


def test_a_caught_failure_is_remembered() -> None:
    """After a crash, a workflow that caught a failure goes on in the same branch."""
    flow = Stepper(selling())
    flow.fail(CardDeclined("visa", left=2))
    flow.crash()
    assert flow.pending == [refuse("visa")]

    flow.resolve("told")
    flow.crash()
    assert flow.result == "refused, 2 left"


def test_a_success_is_remembered_as_one() -> None:
    """After a crash, a workflow whose activity succeeded does not go into its `except`."""
    flow = Stepper(selling())
    flow.resolve("receipt")
    flow.crash()

    assert flow.pending == [sleep(1)]


def test_an_activity_can_be_tried_again_in_a_loop() -> None:
    """Failures in a loop are steps like others: each attempt gets its own outcome, also when resumed."""

    @workflow(registry=registry)
    def insisting() -> Flow[str]:
        for attempt in range(5):
            try:
                receipt = yield from charge("o-1")
            except ConnectionError:
                yield from sleep(2**attempt)
            else:
                return f"{receipt} at attempt {attempt}"
        return "given up"

    flow = Stepper(insisting())
    for seconds in (1, 2):
        flow.fail(ConnectionError("down"))
        flow.crash()
        flow.resolve(sleep(seconds))
        flow.crash()
    flow.resolve("receipt")

    assert flow.result == "receipt at attempt 2"


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no such order"),
        ValueError(),
        KeyError("x"),
        OSError(2, "No such file or directory", "missing.txt"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        CardDeclined("visa", left=2),
    ],
    ids=repr,
)
@pytest.mark.parametrize("crashes", [False, True], ids=["live", "with a crash"])
def test_a_failure_arrives_as_its_own_type(error: Exception, crashes: bool) -> None:
    """Type, text and arguments of an exception are the same in the workflow, before a crash as after it."""
    flow = Stepper(telling())
    flow.fail(error)
    if crashes:
        flow.crash()
    flow.resolve()

    assert flow.result == [type(error).__qualname__, str(error), repr(error.args)]


def test_the_place_of_the_failure_is_kept_as_a_note() -> None:
    """An exception that crossed a yield carries the traceback of the activity, so that a log shows where it began."""

    @workflow(registry=registry)
    def failing() -> Flow[None]:
        yield from charge("o-1")

    flow = Stepper(failing())
    flow.fail(raised(ValueError("no such order")))
    flow.crash()

    error = flow.exception
    assert isinstance(error, ValueError)
    assert "Traceback where it was raised:" in error.__notes__[0]
    assert "in raised" in error.__notes__[0]


# ---------------------------------------------------------------------- what cannot be built again


class _Local:
    """Makes an exception type that no module holds."""

    @staticmethod
    def error() -> Exception:
        class Hidden(Exception):
            pass

        return Hidden("hidden trouble")


@pytest.mark.parametrize(
    ("error", "type_name", "message"),
    [
        (Stubborn("one", "two"), f"{__name__}.Stubborn", "one and two"),
        (_Local.error(), f"{__name__}._Local.error.<locals>.Hidden", "hidden trouble"),
        (StopIteration("done"), "builtins.StopIteration", "done"),
        (SystemExit(3), "builtins.SystemExit", "3"),
        (KeyboardInterrupt(), "builtins.KeyboardInterrupt", ""),
        (GeneratorExit(), "builtins.GeneratorExit", ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
@pytest.mark.parametrize("crashes", [False, True], ids=["live", "with a crash"])
def test_what_cannot_be_raised_again_arrives_as_activity_error(
    error: BaseException, type_name: str, message: str, crashes: bool
) -> None:
    """An exception that cannot be built again, or that Python itself acts upon, arrives as an ActivityError."""

    @workflow(registry=registry)
    def telling_more() -> Flow[list[str]]:
        try:
            yield from charge("o-1")
        except ActivityError as failure:
            yield from sleep(1)
            return [failure.type_name, failure.message, failure.traceback]
        return []

    flow = Stepper(telling_more())
    flow.fail(raised(error))
    if crashes:
        flow.crash()
    flow.resolve()

    assert flow.result[:2] == [type_name, message]
    assert "in raised" in flow.result[2]


# ---------------------------------------------------------------------- how workflows end


def test_an_uncaught_failure_fails_the_workflow() -> None:
    """An exception that the workflow does not catch ends it, and comes out of `result` as its own type."""
    flow = Stepper(selling())
    flow.fail(TimeoutError("bank is slow"))

    assert (flow.status, flow.failed, flow.done, flow.pending) == (WorkflowStatus.FAILED, True, False, [])
    with pytest.raises(TimeoutError, match="bank is slow"):
        _ = flow.result


def test_a_workflows_own_error_fails_it() -> None:
    """An exception of the workflow's own code ends it in the same way."""

    @workflow(registry=registry)
    def dividing(by: int) -> Flow[int]:
        yield from sleep(1)
        return 1 // by

    flow = Stepper(dividing(0))
    flow.resolve()

    assert isinstance(flow.exception, ZeroDivisionError)


def test_a_workflows_own_odd_error_is_told_by_type_and_message() -> None:
    """An exception of the workflow's that cannot be built again comes out as a WorkflowFailedError."""

    @workflow(registry=registry)
    def odd() -> Flow[None]:
        yield from sleep(1)
        raise Stubborn("one", "two")

    flow = Stepper(odd())
    flow.resolve()

    with pytest.raises(WorkflowFailedError) as caught:
        _ = flow.result
    assert (caught.value.type_name, caught.value.message) == (f"{__name__}.Stubborn", "one and two")
    assert str(caught.value) == f"{__name__}.Stubborn: one and two"


@pytest.mark.parametrize("error", [StopIteration("early"), GeneratorExit(), SystemExit(3)], ids=repr)
def test_a_workflow_that_raises_what_python_acts_upon_has_failed(error: BaseException) -> None:
    """Even sys.exit() in a workflow ends that workflow alone, as failed."""

    @workflow(registry=registry)
    def leaving(second: bool) -> Flow[None]:
        if second:
            yield from sleep(1)
        raise error

    for flow in (Stepper(leaving(False)), Stepper(leaving(True))):
        if flow.pending:
            flow.resolve()
        assert flow.failed


# ---------------------------------------------------------------------- values that cannot be stored


def test_an_argument_that_cannot_be_stored_is_refused_at_the_yield() -> None:
    """The error names activity and argument, is raised at the yield, and fails the workflow where it is not caught."""

    @workflow(registry=registry)
    def careless() -> Flow[None]:
        yield from charge(order={"lines": open})  # type: ignore[arg-type]  # the mistake
        yield from refuse({"lines": [1, (line for line in "ab")]})  # type: ignore[arg-type]  # the mistake

    flow = Stepper(careless())
    flow.resolve("receipt")

    with pytest.raises(EncodingError) as caught:
        _ = flow.result
    assert "an argument of activity 'refuse'" in str(caught.value)
    assert "['order']['lines'][1]: a generator" in str(caught.value)


def test_a_refused_argument_can_be_caught() -> None:
    """A workflow may catch the refusal and go on; nothing was issued, and a crash changes nothing."""

    @workflow(registry=registry)
    def careful() -> Flow[str]:
        try:
            yield from charge(order=(line for line in "ab"))  # type: ignore[arg-type]  # the mistake
        except EncodingError:
            return (yield from charge("plain"))
        return "never"

    flow = Stepper(careful())
    assert flow.pending == [charge("plain")]

    flow.crash()
    flow.resolve("receipt")
    assert flow.result == "receipt"


def test_a_result_that_cannot_be_stored_fails_the_workflow() -> None:
    """A workflow that returns what cannot be stored fails, and the error names the part of the result."""

    @workflow(registry=registry)
    def careless() -> Flow[dict[str, Any]]:
        yield from sleep(1)
        return {"rows": [1, (line for line in "ab")]}

    flow = Stepper(careless())
    flow.resolve()

    with pytest.raises(EncodingError) as caught:
        _ = flow.result
    assert "what workflow 'careless' returned" in str(caught.value)
    assert "['rows'][1]: a generator" in str(caught.value)


def test_an_argument_of_the_workflow_is_refused_before_it_begins() -> None:
    """A workflow whose own argument cannot be stored does not start."""

    @workflow(registry=registry)
    def taking(rows: Any) -> Flow[None]:
        yield from sleep(1)

    with pytest.raises(EncodingError, match=r"\['rows'\]: a generator"):
        Stepper(taking(line for line in "ab"))


def test_json_alone_refuses_what_json_cannot_hold() -> None:
    """With codec="json", a value that only a pickle says is refused at the yield as well."""

    @workflow(registry=registry)
    def pairing() -> Flow[Any]:
        return (yield from charge(print))  # type: ignore[arg-type]  # the mistake

    assert isinstance(Stepper(pairing(), codec="json").exception, EncodingError)
    assert Stepper(pairing()).pending == [charge(print)]  # type: ignore[arg-type]  # as above
