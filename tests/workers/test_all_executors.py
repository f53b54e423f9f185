"""Promises of every activity, wherever it runs: on a thread, the event loop, in a process, in an executor given."""

from __future__ import annotations

import logging
import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.support import tasks
from tests.support.executors import Place, narrow
from tests.support.shop import until
from tests.support.tasks import WAIT, Declined, Door, Point, Visitor
from yieldflow import (
    ActivityError,
    ActivityTimeoutError,
    EncodingError,
    Flow,
    MisplacedCallError,
    OrchestratorStoppedError,
    RetryPolicy,
    activity,
    gather,
    race,
    wait_signal,
)

KINDS = ["thread", "async", "process", "given threads", "given processes"]
ELSEWHERE = ["process", "given processes"]


@pytest.fixture(scope="module")
def given() -> Iterator[dict[str, Executor]]:
    """The executors that are handed over: none is shut down by an orchestrator, so that all tests share them."""
    spawn = multiprocessing.get_context("spawn")
    with ThreadPoolExecutor(4) as threads, ProcessPoolExecutor(2, mp_context=spawn) as processes:
        yield {"given threads": threads, "given processes": processes}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def place(kind: str, tmp_path: Path, given: dict[str, Executor]) -> Place:
    return Place(kind, tmp_path / "workflows.db", given)


def test_arguments_and_results_come_as_they_are(place: Place) -> None:
    """Arguments and results make the round trip as themselves: classes of a module, tuples, sets, int keys, bytes."""
    value = {1: Point(1, 2), "set": {1, 2}, "pair": (1, b"two"), "deep": [[{"none": None}]]}

    assert place.run(place.activity(tasks.same), value) == value


def test_every_kind_of_parameter(place: Place) -> None:
    """Positional, repeated, defaulted and further keyword arguments arrive as the function wants them."""
    assert place.run(place.activity(tasks.join_all), 1, 2, 3, sep="-", other=4) == "1-2-3-4"


def test_large_values(place: Place) -> None:
    """Megabytes go in and come out."""
    large = "x" * 5_000_000

    assert place.run(place.activity(tasks.same), large) == large


def test_an_exception_is_caught_by_its_type(place: Place) -> None:
    """`except Declined` catches what the activity raised, with its attributes, and a note tells where."""

    decline = place.activity(tasks.decline)

    @place.workflow
    def order() -> Flow[tuple[str, int, list[str]]]:
        try:
            yield decline("1")
        except Declined as error:
            return error.card, error.code, error.__notes__
        return "", 0, []

    with place.orchestrator() as orchestrator:
        card, code, notes = orchestrator.submit(order()).result(WAIT)

    assert (card, code) == ("1", 14)
    assert notes[0].startswith("Traceback where it was raised:")
    assert "in decline\n    raise Declined(card, code=14)" in notes[0]


def test_a_local_exception_arrives_as_activity_error(place: Place) -> None:
    """An exception of a class that lies in a function arrives as `ActivityError`, by its name."""
    with pytest.raises(ActivityError, match=r"tests\.support\.tasks\.fail_locally\.<locals>\.Local: only here"):
        place.run(place.activity(tasks.fail_locally))


@pytest.mark.parametrize("name", ["SystemExit", "KeyboardInterrupt", "GeneratorExit"])
def test_what_ends_programs_ends_no_worker(place: Place, name: str) -> None:
    """Exceptions that Python itself acts upon arrive as `ActivityError`, and the next activity finds a worker."""
    fail, same = place.activity(tasks.fail_with), place.activity(tasks.same)

    @place.workflow
    def job() -> Flow[tuple[str, int]]:
        try:
            yield fail(name)
        except ActivityError as error:
            return error.type_name, (yield from same(1))
        return "", 0

    with place.orchestrator() as orchestrator:
        assert orchestrator.submit(job()).result(WAIT) == (f"builtins.{name}", 1)


def test_out_of_memory_is_an_exception_like_others(place: Place) -> None:
    """A `MemoryError` of one activity is that activity's failure."""
    with pytest.raises(MemoryError, match="no more"):
        place.run(place.activity(tasks.fail_with), "MemoryError")


def test_a_result_that_cannot_be_stored(place: Place) -> None:
    """An activity that returns what cannot be stored has failed, with an error that names activity and part."""
    with pytest.raises(EncodingError, match=r"what activity 'lock_up' returned: .* at \['guard'\]"):
        place.run(place.activity(tasks.lock_up))


def test_an_activity_knows_which_attempt_it_is(place: Place) -> None:
    """`activity_context` tells workflow, step, attempt and name, and a key that is the step's own."""
    who = place.activity(tasks.who_am_i)

    @place.workflow
    def job() -> Flow[list[Any]]:
        return (yield from gather(*(who() for _ in range(3))))

    with place.orchestrator() as orchestrator:
        handle = orchestrator.submit(job(), workflow_id="job-1")
        told = handle.result(WAIT)

    assert [one[:4] for one in told] == [("job-1", step, 1, "who_am_i") for step in range(3)]
    assert len({UUID(one[4]) for one in told}) == 3


def test_what_is_printed_is_seen(kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`print` in an activity reaches the terminal, before the activity's result does anything."""
    # Processes write to where the output went when they were started.
    with narrow(kind, tmp_path) as place:
        place.run(place.activity(tasks.say), "hello from there")

        assert "hello from there\n" in capfd.readouterr().out


def test_many_at_once(place: Place) -> None:
    """Hundreds of activities queue for few workers, and each result finds its step."""
    same = place.activity(tasks.same)

    @place.workflow
    def job() -> Flow[list[int]]:
        return (yield from gather(*(same(number) for number in range(300))))

    with place.orchestrator(workers=2) as orchestrator:
        assert orchestrator.submit(job()).result(WAIT) == list(range(300))


def test_several_run_at_once(place: Place, door: Door) -> None:
    """Two activities are under way together, wherever they run, and each gets its own answer."""
    knock = place.activity(tasks.knock, blocks=True)

    @place.workflow
    def job() -> Flow[list[str]]:
        return (yield from gather(*(knock(door.port, text) for text in "ab")))

    with place.orchestrator() as orchestrator:
        handle = orchestrator.submit(job())
        for visitor in [door.visitor(), door.visitor()]:
            visitor.let_go(visitor.said * 2)
        assert list(handle.result(WAIT)) == ["aa", "bb"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "async"])
def test_what_was_cancelled_while_it_waited_never_begins(kind: str, tmp_path: Path, door: Door) -> None:
    """Activities that wait for a worker when their branch is cancelled never begin; those behind them do."""
    with narrow(kind, tmp_path) as place:
        knock = place.activity(tasks.knock)

        @place.workflow
        def job() -> Flow[Any]:
            yield race(wait_signal("enough"), *(knock(door.port, f"{number}") for number in range(8)))
            return (yield from knock(door.port, "after"))

        with place.orchestrator(workers=1) as orchestrator:
            handle = orchestrator.submit(job())
            first = door.visitor()
            handle.signal("enough")
            visitors = [first]
            until(lambda: len(handle.history()) == 10)
            while visitors[-1].said != "after":
                visitors[-1].let_go()
                visitors.append(door.visitor())
            visitors[-1].let_go("done")

            assert handle.result(WAIT) == "done"
    # A pool of processes fetches a few ahead; the last ones it has not.
    assert not {visitor.said for visitor in visitors} & {"5", "6", "7"}


def test_stop_waits_for_what_runs(place: Place, door: Door) -> None:
    """`stop()` waits for an activity that runs and records its result; what waits is left to the next start."""
    knock = place.activity(tasks.knock, blocks=True)

    @place.workflow
    def job() -> Flow[tuple[str, str]]:
        return (yield from knock(door.port, "first")), (yield from knock(door.port, "second"))

    orchestrator = place.orchestrator()
    watches, stops = threading.Event(), threading.Event()

    @activity(registry=place.registry)
    def watch_over(workflow_id: str) -> None:
        watches.set()
        try:
            orchestrator.handle(workflow_id).result(WAIT)
        except OrchestratorStoppedError:
            stops.set()
            raise

    @place.workflow
    def guard(workflow_id: str) -> Flow[None]:
        yield watch_over(workflow_id)

    orchestrator.start()
    handle = orchestrator.submit(job())
    visitor = door.visitor()
    orchestrator.submit(guard(handle.id))
    assert watches.wait(WAIT)
    stopping = threading.Thread(target=orchestrator.stop)
    stopping.start()
    # Let go before, the second would begin, and be waited for.
    assert stops.wait(WAIT)
    visitor.let_go("one")
    stopping.join(WAIT)

    assert not stopping.is_alive()
    assert [step.output for step in handle.history()] == ["one", None]
    with orchestrator:
        visitor = door.visitor()
        visitor.let_go("two")
        assert (visitor.said, handle.result(WAIT)) == ("second", ("one", "two"))


def test_what_a_stop_leaves_runs_again(place: Place, door: Door) -> None:
    """After `stop(timeout)` nothing of an activity counts that was still running, and the next start runs it again."""
    knock = place.activity(tasks.knock, blocks=True)

    @place.workflow
    def job() -> Flow[Any]:
        return (yield from knock(door.port))

    orchestrator = place.orchestrator()
    orchestrator.start()
    handle = orchestrator.submit(job())
    left: Visitor = door.visitor()
    orchestrator.stop(timeout=0)
    left.let_go("too late")
    between = handle.describe().step

    with orchestrator:
        door.visitor().let_go("in time")
        assert (between, handle.result(WAIT)) == (0, "in time")


def test_stop_does_not_wait_for_what_took_too_long(place: Place, door: Door) -> None:
    """`stop()` waits no longer for an activity whose time ran out, wherever it may run on."""
    knock = place.activity(tasks.knock, blocks=True, timeout=0.05)

    @place.workflow
    def job() -> Flow[str]:
        try:
            yield knock(door.port)
        except ActivityTimeoutError:
            return "too late"
        return "never"

    with place.orchestrator() as orchestrator:
        assert orchestrator.submit(job()).result(WAIT) == "too late"


def test_local_functions(place: Place) -> None:
    """A function within a function may be an activity, with the values around it."""
    factor = 3

    def scale(number: int) -> int:
        return number * factor

    assert place.run(place.activity(scale), 5) == 15


def test_bound_methods(place: Place) -> None:
    """A bound method may be an activity: it has its instance, and what that holds."""

    class Bank:
        def __init__(self, fee: int) -> None:
            self.fee = fee

        def charge(self, cents: int) -> int:
            return cents + self.fee

    assert place.run(place.activity(Bank(fee=25).charge, name="charge"), 100) == 125


def test_a_closure_over_a_lock(place: Place) -> None:
    """A function may hold a lock where the same process runs it; elsewhere the error names it, and says what to do."""
    lock = threading.Lock()

    def guarded() -> str:
        with lock:
            return "guarded"

    definition = place.activity(guarded, retry=RetryPolicy(initial_interval=0.001))
    if place.kind not in ELSEWHERE:
        assert place.run(definition) == "guarded"
        return
    with pytest.raises(EncodingError, match=r"activity 'guarded' cannot be sent to another process .*top level"):
        place.run(definition)


def test_heartbeats(place: Place) -> None:
    """An activity may send heartbeats; where they cannot be heard, it is told which executor to use."""
    beat = place.activity(tasks.beat)
    if place.kind == "given processes":
        with pytest.raises(MisplacedCallError, match="use executor='process'"):
            place.run(beat, {"row": 3})
        return

    assert place.run(beat, {"row": 3}) == "beaten"


def test_log_of_a_clean_life(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """A life without trouble warns of nothing."""
    with caplog.at_level(logging.WARNING):
        place.run(place.activity(tasks.same), 1)

    assert caplog.records == []
