"""Commands that are made and never yielded: the commonest slip, and it is not silent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.core.source_lines import line_of
from yieldflow import (
    CommandError,
    EncodingError,
    Flow,
    Registry,
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

#: Where a test's workflow may keep what it makes.
KEPT: list[Any] = []


@activity(registry=registry)
def fetch(key: Any) -> Any:
    raise AssertionError("a stepper runs no activity")


@workflow(registry=registry)
def other(key: str) -> Flow[Any]:
    return (yield from fetch(key))


class Shy:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@dataclass
class Job:
    """Holds a command where nobody looks for one."""

    command: Any


def stepper(body: Callable[[], Flow[Any]], replay: bool = True) -> Stepper[Any]:
    """A workflow with that body."""

    @workflow(registry=registry)
    def with_body() -> Flow[Any]:
        return (yield from body())

    KEPT.clear()
    return Stepper(with_body(), replay=replay)


def complaint(body: Callable[[], Flow[Any]]) -> str:
    """The complaint about a workflow, which is driven until there is one."""
    with pytest.raises(CommandError) as caught:
        complete(body)
    return str(caught.value)


def complete(body: Callable[[], Flow[Any]], replay: bool = True) -> Stepper[Any]:
    """A workflow with that body, driven to its end."""
    flow = stepper(body, replay)
    while flow.pending:
        flow.resolve(flow.pending[0], None)
    return flow


# ---------------------------------------------------------------------- what is reported


def forgotten_activity() -> Flow[None]:
    fetch("forgotten")
    yield from fetch("next")


def forgotten_sleep() -> Flow[None]:
    yield from fetch("first")
    sleep(60)
    yield from fetch("next")


def forgotten_gather() -> Flow[None]:
    gather(fetch("a"), fetch("b"))
    yield from fetch("next")


def forgotten_instant() -> Flow[None]:
    now()
    yield from fetch("next")


def forgotten_workflow() -> Flow[None]:
    other("forgotten")
    yield from fetch("next")


def forgotten_at_the_end() -> Flow[None]:
    yield from fetch("first")
    fetch("forgotten")


def forgotten_in_a_variable() -> Flow[None]:
    _value = fetch("forgotten")
    yield from fetch("next")
    del _value


def forgotten_in_a_list() -> Flow[None]:
    KEPT.append(fetch("forgotten"))
    yield from fetch("next")


def forgotten_in_a_helper() -> Flow[None]:
    yield forgotten_activity()


def forgotten_in_a_branch() -> Flow[None]:
    yield gather(forgotten_activity(), fetch("beside"))


def forgotten_in_a_plain_function() -> Flow[None]:
    plain_function()
    yield from fetch("next")


def plain_function() -> None:
    fetch("forgotten")


def forgotten_shy() -> Flow[None]:
    fetch(Shy())
    yield from fetch("next")


def made_by_a_helper_and_dropped() -> Flow[None]:
    yield choosing()
    yield from fetch("next")


def choosing() -> Flow[Any]:
    yield from sleep(1)
    return fetch("forgotten")


@pytest.mark.parametrize(
    ("body", "command", "maker", "line"),
    [
        (forgotten_activity, "fetch(key='forgotten')", forgotten_activity, 'fetch("forgotten")'),
        (forgotten_sleep, "sleep(60)", forgotten_sleep, "sleep(60)"),
        (forgotten_gather, "gather(fetch(key='a'), fetch(key='b'))", forgotten_gather, 'gather(fetch("a")'),
        (forgotten_instant, "now()", forgotten_instant, "now()"),
        (forgotten_workflow, "other(key='forgotten')", forgotten_workflow, "other("),
        (forgotten_at_the_end, "fetch(key='forgotten')", forgotten_at_the_end, 'fetch("forgotten")'),
        (forgotten_in_a_variable, "fetch(key='forgotten')", forgotten_in_a_variable, "_value = fetch"),
        (forgotten_in_a_list, "fetch(key='forgotten')", forgotten_in_a_list, "KEPT.append"),
        (forgotten_in_a_helper, "fetch(key='forgotten')", forgotten_activity, 'fetch("forgotten")'),
        (forgotten_in_a_branch, "fetch(key='forgotten')", forgotten_activity, 'fetch("forgotten")'),
        (forgotten_in_a_plain_function, "fetch(key='forgotten')", plain_function, 'fetch("forgotten")'),
        (made_by_a_helper_and_dropped, "fetch(key='forgotten')", choosing, "return fetch"),
        (forgotten_shy, "fetch(key=<Shy>)", forgotten_shy, "fetch(Shy())"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_forgotten_yield_is_reported_with_its_line(
    body: Callable[[], Flow[None]], command: str, maker: Callable[..., Any], line: str
) -> None:
    """A command that nobody yields is reported with the line that made it and the line to write."""
    assert complaint(body) == (
        f"{command} was made at {line_of(maker, line)} and never yielded. Write:\n    yield {command}"
    )


def test_what_nothing_refers_to_is_reported_at_once() -> None:
    """A forgotten yield is reported as soon as the workflow waits, and not only at its end."""
    with pytest.raises(CommandError, match="never yielded"):
        stepper(forgotten_activity)


def test_an_overwritten_variable_is_reported_once_it_is_overwritten() -> None:
    """In an endless loop, a command in a variable is reported when the next one takes its place."""

    def endless() -> Flow[None]:
        while True:
            _value = fetch("forgotten")
            yield from sleep(60)

    flow = stepper(endless)
    with pytest.raises(CommandError, match="never yielded"):
        flow.resolve()


def test_an_error_that_follows_from_the_slip_tells_of_it() -> None:
    """A workflow that fails over a command that it took for a result: the error names the slip in a note."""

    def adding() -> Flow[int]:
        total = fetch("total")
        yield from sleep(1)
        return total + 1  # type: ignore[operator]  # the mistake

    error = complete(adding).exception

    assert isinstance(error, TypeError)
    assert error.__notes__[-1] == (
        f"fetch(key='total') was made at {line_of(adding, 'total = ')} and never yielded. "
        "Write:\n    yield fetch(key='total')"
    )


def test_several_slips_are_told_together() -> None:
    """Two forgotten yields between two waits are both named."""

    def careless() -> Flow[None]:
        fetch("one")
        fetch("other")
        yield from sleep(1)

    told = complaint(careless)

    assert "fetch(key='one') was made at" in told
    assert "fetch(key='other') was made at" in told


def test_what_would_resume_at_once_is_reported_too() -> None:
    """now(), uuid4(), random() and info() need a yield like any other command."""

    def careless() -> Flow[None]:
        now()
        uuid4()
        random()
        info()
        yield from sleep(1)

    told = complaint(careless)

    assert [name for name in ("now()", "uuid4()", "random()", "info()") if f"{name} was made at " not in told] == []


def test_a_command_inside_a_forgotten_one_is_not_told_by_itself() -> None:
    """A forgotten command with another for its argument is reported alone: the inner one is in it."""

    def careless() -> Flow[None]:
        fetch(other("inside"))
        other([fetch("inside")])  # type: ignore[arg-type]  # as any argument
        yield from sleep(1)

    assert complaint(careless).count("never yielded") == 2


def test_two_commands_of_one_line_are_told_apart() -> None:
    """A forgotten yield is reported though another command of the same line is yielded."""

    def careless() -> Flow[Any]:
        return [(yield fetch("yielded")), str(fetch("forgotten"))]

    assert complaint(careless).startswith("fetch(key='forgotten') was made at")


# ---------------------------------------------------------------------- what is not


def yielded_later() -> Flow[Any]:
    command = fetch("a")
    yield from sleep(1)
    return (yield command)


def kept_in_a_list() -> Flow[Any]:
    commands = [fetch(key) for key in "abc"]
    yield from sleep(1)
    results = []
    while commands:
        results.append((yield commands.pop(0)))
    return results


def gathered() -> Flow[Any]:
    return (yield from gather(fetch("a"), fetch("b")))


def gathered_later() -> Flow[Any]:
    commands = [fetch(key) for key in "abc"]
    yield from sleep(1)
    both = gather(*commands)
    yield from sleep(2)
    return (yield both)


def gathered_in_a_gather() -> Flow[Any]:
    inner = gather(fetch("a"), fetch("b"))
    return (yield from gather(inner, fetch("c")))


def passed_to_an_activity() -> Flow[Any]:
    return (yield from fetch(other("k")))


def passed_inside_an_object() -> Flow[Any]:
    job = Job(other("k"))
    result = yield from fetch(job)
    del job
    yield from sleep(1)
    return result


def returned_inside_an_object() -> Flow[Any]:
    yield from sleep(1)
    return Job(other("k"))


def tried_one_by_one() -> Flow[Any]:
    for command in [fetch(key) for key in "abc"]:
        value = yield command
        if value is None:
            return "the first will do"


def passed_inside_a_value() -> Flow[Any]:
    return (yield from fetch({"todo": [other("a"), (other("b"), {"more": other("c")})]}))


def passed_in_a_circle() -> Flow[Any]:
    circle: list[Any] = [other("k")]
    circle.append(circle)
    return (yield from fetch(circle))


def returned() -> Flow[Any]:
    yield from sleep(1)
    return [other("a"), other("b")]


def given_to_a_helper() -> Flow[Any]:
    def running(command: Any) -> Flow[Any]:
        yield from sleep(1)
        return (yield command)

    return (yield running(fetch("a")))


def made_by_a_helper() -> Flow[Any]:
    command = yield choosing()
    return (yield command)


def caught_misuse() -> Flow[Any]:
    try:
        if fetch("a"):
            pass
    except CommandError:
        return (yield from fetch("b"))


def yielded_twice() -> Flow[Any]:
    command = fetch("a")
    yield command
    yield from sleep(1)
    return (yield command)


@pytest.mark.parametrize(
    "body",
    [
        yielded_later,
        kept_in_a_list,
        gathered,
        gathered_later,
        gathered_in_a_gather,
        tried_one_by_one,
        given_to_a_helper,
        made_by_a_helper,
        caught_misuse,
        yielded_twice,
    ],
)
def test_a_command_that_is_used_is_not_reported(body: Callable[[], Flow[Any]]) -> None:
    """Keeping a command for later, gathering it, or handing it to a helper is no slip."""
    assert complete(body).done


def passed_from_a_variable() -> Flow[Any]:
    slip = other("k")
    return (yield from fetch([slip]))


def returned_from_a_variable() -> Flow[Any]:
    slip = other("k")
    yield from sleep(1)
    return {"slip": slip}


def returned_as_it_is() -> Flow[Any]:
    yield from sleep(1)
    return other("k")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (passed_to_an_activity, "other("),
        (passed_from_a_variable, "slip ="),
        (passed_inside_a_value, "other("),
        (passed_inside_an_object, "other("),
        (passed_in_a_circle, "other("),
        (returned_as_it_is, "other("),
        (returned_from_a_variable, "slip ="),
        (returned_inside_an_object, "other("),
        (returned, "other("),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_command_in_the_place_of_its_result_is_refused(body: Callable[[], Flow[Any]], line: str) -> None:
    """Passing on or returning what was not yielded fails, with what was forgotten and the line that made it."""
    flow = complete(body)

    assert isinstance(flow.exception, EncodingError)
    assert f" was made at {line_of(body, line)} and never yielded" in str(flow.exception)


def test_a_failure_leaves_no_slip_behind() -> None:
    """A workflow that fails before it has come to yield all that it made fails as it would otherwise."""

    def failing() -> Flow[None]:
        first, second = fetch("first"), fetch("second")
        yield first
        yield second

    flow = stepper(failing)
    flow.fail(ValueError("lost"))

    assert isinstance(flow.exception, ValueError)


def test_commands_made_outside_a_workflow_are_nobodys_slip() -> None:
    """Tests, activities and scripts may make commands and drop them."""
    command = fetch("outside")

    def yielding() -> Flow[Any]:
        return (yield command)

    flow = stepper(yielding)
    fetch("dropped")
    flow.resolve(1)

    assert flow.result == 1


def test_thousands_of_commands_can_be_kept_for_later() -> None:
    """A workflow that makes many commands first and yields them one by one is no slip, and not slow."""

    def hoarding() -> Flow[int]:
        results = []
        for command in [fetch(number) for number in range(5000)]:
            results.append((yield command))
        return len(results)

    assert complete(hoarding, replay=False).result == 5000


def test_a_slip_among_thousands_is_reported() -> None:
    """A dropped command among many that are kept is still found while the workflow goes on."""

    def hoarding() -> Flow[None]:
        commands = [fetch(number) for number in range(1000)]
        commands.append(fetch("dropped"))
        commands.pop()
        while True:
            yield commands[0]

    with pytest.raises(CommandError, match=r"fetch\(key='dropped'\) was made at"):
        complete(hoarding)
