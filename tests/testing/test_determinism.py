"""A workflow that is not deterministic fails its plain test, and is told where it differed."""

from __future__ import annotations

import datetime
import inspect
import os
import random
import re
import threading
import time
import uuid
from collections.abc import Callable
from datetime import date
from datetime import datetime as moment
from typing import Any

import pytest

from yieldflow import Flow, Registry, ReplayMismatchError, activity, gather, set_progress, workflow
from yieldflow import now as workflow_now
from yieldflow import random as workflow_random
from yieldflow import uuid4 as workflow_uuid4
from yieldflow.testing import Stepper

registry = Registry()
Body = Callable[[], Flow[Any]]

calls = 0


@activity(registry=registry)
def note(what: Any) -> Any:
    raise AssertionError("a stepper runs no activity")


def complete(body: Body, **options: Any) -> Stepper[Any]:
    """A workflow with that body behind a first step, stepped to its end."""

    @workflow(registry=registry)
    def with_body() -> Flow[Any]:
        yield from note("first")
        return (yield from body())

    flow = Stepper(with_body(), **options)
    while flow.pending:
        flow.resolve(flow.pending[0], None)
    return flow


def lines_of(body: Body) -> set[str]:
    """Each line of a function, as ``file:line``."""
    lines, first = inspect.getsourcelines(body)
    return {f"{inspect.getsourcefile(body)}:{first + offset}" for offset in range(len(lines))}


def complaint(body: Body) -> str:
    with pytest.raises(ReplayMismatchError) as caught:
        complete(body)
    return str(caught.value)


# ---------------------------------------------------------------------- the clock


def looks_at_the_clock() -> Flow[None]:
    yield from note(time.time())


def takes_the_hour() -> Flow[None]:
    yield from note(time.localtime().tm_hour)


def takes_the_year() -> Flow[None]:
    yield from note(time.strftime("%Y"))


def takes_the_date() -> Flow[None]:
    yield from note(date.today().isoformat())  # noqa: DTZ011  # what a workflow may not


def asks_datetime() -> Flow[None]:
    yield from note(moment.now(datetime.UTC).year)


def asks_the_module() -> Flow[None]:
    yield from note(datetime.datetime.now(datetime.UTC).year)


def measures() -> Flow[None]:
    if time.monotonic() > DEADLINE:
        yield from note("late")
    else:
        yield from note("in time")


DEADLINE = time.monotonic() + 3600

# ---------------------------------------------------------------------- chance


def draws() -> Flow[None]:
    yield from note(random.random())


def tosses_a_coin() -> Flow[None]:
    yield from note(random.choice(["heads", "tails"]))


def makes_an_id() -> Flow[None]:
    yield from note(str(uuid.uuid4()))


# ---------------------------------------------------------------------- surroundings


def reads_a_variable() -> Flow[None]:
    yield from note(os.environ["PATH"])


def reads_what_is_not_set() -> Flow[None]:
    yield from note(os.getenv("YIELDFLOW_NO_SUCH_VARIABLE", "default"))


def asks_whether_it_is_set() -> Flow[None]:
    if "YIELDFLOW_NO_SUCH_VARIABLE" in os.environ:
        yield from note("set")
    yield from note("go on")


COLOURS = [f"colour {number}" for number in range(30)]


def counts() -> Flow[None]:
    global calls
    calls += 1
    yield from note(calls)


def loops_over_a_set() -> Flow[None]:
    for colour in {"red", "green", "blue"}:
        yield from note(f"paint it {colour}")


def gathers_from_a_set() -> Flow[None]:
    yield from gather(*(note(colour) for colour in {"red", "green", "blue"}))


def lists_a_set() -> Flow[None]:
    for colour in list(set(COLOURS)):
        yield from note(colour)


EVERYTHING: list[tuple[Body, str]] = [
    (lists_a_set, "order of a set"),
    (looks_at_the_clock, "time.time()"),
    (takes_the_hour, "time.localtime()"),
    (takes_the_year, "time.strftime()"),
    (takes_the_date, "date.today()"),
    (asks_datetime, "datetime.now()"),
    (asks_the_module, "datetime.now()"),
    (measures, "time.monotonic()"),
    (draws, "random"),
    (tosses_a_coin, "random"),
    (makes_an_id, "random"),
    (reads_a_variable, "os.environ['PATH']"),
    (reads_what_is_not_set, "os.environ['YIELDFLOW_NO_SUCH_VARIABLE']"),
    (asks_whether_it_is_set, "os.environ['YIELDFLOW_NO_SUCH_VARIABLE']"),
    (counts, "global state"),
    (loops_over_a_set, "sorted(...)"),
    (gathers_from_a_set, "sorted(...)"),
]


@pytest.mark.parametrize(("body", "named"), EVERYTHING, ids=lambda value: getattr(value, "__name__", ""))
def test_what_another_run_may_find_otherwise_fails_the_test(body: Body, named: str) -> None:
    """The message names the step and the line of the yield that differed, both sides of it, and what was looked at."""
    message = complaint(body)
    lines = message.splitlines()

    assert lines[0] == (
        "workflow 'with_body' is not deterministic: run again on its own history, it did something else at step 1:"
    )
    assert lines[1].startswith("  recorded: activity note(what=")
    assert lines[2].startswith("  yielded:  ")
    assert lines_of(body).intersection(re.findall(r" at (\S+)", lines[1]))
    assert named in message


def test_both_sides_are_shown_with_the_variables() -> None:
    """Recorded and yielded stand one below the other, with the line's text and the variables there."""

    def stamping() -> Flow[None]:
        global calls
        calls = stamp = calls + 1
        yield from note({"stamp": stamp})

    calls_before = calls
    message = complaint(stamping)

    assert f"  recorded: activity note(what={{'stamp': {calls_before + 1}}}) at " in message
    assert f"  yielded:  activity note(what={{'stamp': {calls_before + 2}}}) at " in message
    assert '    yield from note({"stamp": stamp})\n' in message
    assert f"    stamp = {calls_before + 2}\n" in message


def test_what_is_returned_and_shown_is_compared_too() -> None:
    """A result, a progress or a failure that differs is told, though no step does."""

    def returning() -> Flow[float]:
        yield from note("last")
        return time.time()

    def showing() -> Flow[None]:
        yield set_progress(time.time())
        yield from note("last")

    def failing() -> Flow[None]:
        yield from note("last")
        raise ValueError(str(uuid.uuid4()))

    assert "  recorded: it returned " in complaint(returning)
    assert "  recorded: set_progress(" in complaint(showing)
    assert "  recorded: it ended with ValueError: " in complaint(failing)


def test_without_replay_nothing_is_compared() -> None:
    """replay=False drives the workflow once, for a debugger or for speed; a crash still compares."""
    flow = complete(looks_at_the_clock, replay=False)
    assert flow.done

    with pytest.raises(ReplayMismatchError, match="is not deterministic"):
        flow.crash()


# ---------------------------------------------------------------------- what is no fault


def sorts_a_set() -> Flow[int]:
    colours = {"red", "green"}
    for colour in sorted(colours):
        yield from note(colour)
    for number in {1, 2, 3}:
        yield from note(number)
    return sum(len(colour) for colour in colours)


def uses_its_own_commands() -> Flow[None]:
    for command in (workflow_now(), workflow_random(), workflow_uuid4()):
        yield from note((yield command))


def builds_dates() -> Flow[bool]:
    first = moment(2026, 5, 17, tzinfo=datetime.UTC)
    yield from note(first)
    return isinstance(first, moment) and moment.fromisoformat("2026-05-17").date() == date(2026, 5, 17)


def looks_and_forgets() -> Flow[None]:
    assert time.time() > 0
    assert os.environ.get("PATH")
    yield from note("done")


@pytest.mark.parametrize("body", [sorts_a_set, uses_its_own_commands, builds_dates, looks_and_forgets])
def test_what_changes_no_command_is_no_fault(body: Body) -> None:
    """Only what is yielded, returned or raised counts."""
    assert complete(body).done


def test_sets_that_come_in_are_gone_through_in_another_order() -> None:
    """A set that an activity returned has another order in the second run, where it decides what is yielded."""

    def listing() -> Flow[None]:
        colours = yield from note("colours")
        yield from note(list(colours))

    @workflow(registry=registry)
    def painting() -> Flow[None]:
        yield from listing()

    flow = Stepper(painting())
    with pytest.raises(ReplayMismatchError):
        flow.resolve({"red", "green", "blue", "white", "black"})


def test_nobody_else_sees_another_time_or_environment() -> None:
    """While a workflow runs a second time, other threads have the true clock and the true environment."""
    seen: list[Any] = []

    def looking() -> None:
        seen.append((abs(time.time() - before) < 3600, os.environ.get("YIELDFLOW_NO_SUCH_VARIABLE"), moment.now))

    def beside_a_thread() -> Flow[None]:
        thread = threading.Thread(target=looking)
        thread.start()
        thread.join()
        yield from note("done")

    before, real = time.time(), moment.now
    complete(beside_a_thread)

    assert len(seen) > 2
    assert {(true, variable) for true, variable, _ in seen} == {(True, None)}
    assert (moment.now, time.time, os.environ.get("YIELDFLOW_NO_SUCH_VARIABLE")) == (real, time.time, None)


def test_a_long_workflow_is_not_built_again_at_every_step() -> None:
    """A thousand steps are stepped in well under the square of their number."""
    driven = 0

    def long() -> Flow[None]:
        nonlocal driven
        for number in range(1000):
            driven += 1
            yield from note(number)

    complete(long)
    assert driven < 25_000
