"""What holds of every activity, wherever it runs: on a thread, the event loop, in a process, in an executor given."""

from __future__ import annotations

import asyncio
import functools
import logging
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, InvalidStateError, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.support import tasks
from tests.support.shop import until
from tests.support.tasks import WAIT, Declined, Door, Point, Visitor
from yieldflow import (
    Activity,
    ActivityError,
    ActivityTimeoutError,
    EncodingError,
    Flow,
    MisplacedCallError,
    Orchestrator,
    OrchestratorStoppedError,
    Registry,
    RetryPolicy,
    WorkerDiedError,
    WorkflowCancelledError,
    activity,
    gather,
    race,
    wait_signal,
    workflow,
)

KINDS = ["thread", "async", "process", "given threads", "given processes"]
ELSEWHERE = ["process", "given processes"]


@pytest.fixture(scope="module")
def given() -> Iterator[dict[str, Executor]]:
    """The executors that are handed over: none is shut down by an orchestrator, so that all tests share them."""
    spawn = multiprocessing.get_context("spawn")
    with ThreadPoolExecutor(4) as threads, ProcessPoolExecutor(2, mp_context=spawn) as processes:
        yield {"given threads": threads, "given processes": processes}


class Place:
    """Makes activities that run in one kind of place, and orchestrators for them."""

    def __init__(self, kind: str, database: Path, given: dict[str, Executor]) -> None:
        self.kind = kind
        self.registry = Registry()
        self._database = database
        self._given = given

    def activity(self, fn: Callable[..., Any], blocks: bool = False, **options: Any) -> Activity[..., Any]:
        """An activity of a plain function; ``blocks`` where it waits for the test."""
        options["registry"] = self.registry
        if self.kind != "async":
            return activity(fn, executor=self.kind, **options)

        @functools.wraps(fn)
        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            return await asyncio.to_thread(fn, *args, **kwargs) if blocks else fn(*args, **kwargs)

        return activity(wrapped, **options)

    def workflow(self, fn: Any) -> Any:
        """A workflow beside them."""
        return workflow(registry=self.registry)(fn)

    def orchestrator(self, workers: int = 4) -> Orchestrator:
        """One that has so many workers of each kind."""
        return Orchestrator(
            self._database, workers, registry=self.registry, executors=self._given, max_processes=min(workers, 2)
        )

    def run(self, definition: Activity[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What a workflow of one step makes of an activity."""

        @self.workflow
        def only_step() -> Flow[Any]:
            return (yield from definition(*args, **kwargs))

        with self.orchestrator() as orchestrator:
            return orchestrator.submit(only_step()).result(WAIT)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def place(kind: str, tmp_path: Path, given: dict[str, Executor]) -> Place:
    return Place(kind, tmp_path / "workflows.db", given)


@contextmanager
def narrow(kind: str, folder: Path) -> Iterator[Place]:
    """A place of its own, whose executors run one thing at a time."""
    spawn = multiprocessing.get_context("spawn")
    with ThreadPoolExecutor(1) as threads, ProcessPoolExecutor(1, spawn) as processes:
        yield Place(kind, folder / "workflows.db", {"given threads": threads, "given processes": processes})


@pytest.fixture
def door() -> Iterator[Door]:
    with Door() as door:
        yield door


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
    """What Python itself acts upon arrives as `ActivityError`, and the next activity finds a worker."""
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


# ---------------------------------------------------------------------- executors that are handed over


def test_a_stop_wakes_what_waits_in_a_given_executor(tmp_path: Path) -> None:
    """An activity in a given executor that waits for a workflow hears of the stop, and runs again if it fails then."""
    with narrow("given threads", tmp_path) as place:
        orchestrator = place.orchestrator()
        waits = threading.Event()
        heard: list[str] = []

        def patient(workflow_id: str) -> str:
            if heard:
                return "again"
            waits.set()
            try:
                return str(orchestrator.handle(workflow_id).result(WAIT))
            except OrchestratorStoppedError as error:
                heard.append(type(error).__name__)
                raise

        waiting = place.activity(patient)

        @place.workflow
        def never() -> Flow[None]:
            yield wait_signal("never")

        @place.workflow
        def job(workflow_id: str) -> Flow[Any]:
            return (yield from waiting(workflow_id))

        orchestrator.start()
        handle = orchestrator.submit(job(orchestrator.submit(never()).id))
        assert waits.wait(WAIT)
        orchestrator.stop()
        between = handle.describe().step

        with orchestrator:
            assert (between, heard, handle.result(WAIT)) == (0, ["OrchestratorStoppedError"], "again")


def test_what_the_owner_of_an_executor_cancels(tmp_path: Path, door: Door) -> None:
    """An activity that the executor's owner cancels before it begins has failed, and may be tried again."""
    handed_over = threading.Semaphore(0)

    class Noting(ThreadPoolExecutor):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            future = super().submit(fn, *args, **kwargs)
            handed_over.release()
            return future

    pool = Noting(1)
    place = Place("given threads", tmp_path / "w.db", {"given threads": pool})
    knock, same = place.activity(tasks.knock), place.activity(tasks.same)

    @place.workflow
    def job() -> Flow[Any]:
        return (yield from gather(knock(door.port), same(1), return_exceptions=True))

    with place.orchestrator() as orchestrator:
        handle = orchestrator.submit(job())
        visitor = door.visitor()
        for _ in range(2):
            assert handed_over.acquire(timeout=WAIT)
        pool.shutdown(wait=False, cancel_futures=True)
        visitor.let_go("ran")
        ran, cancelled = handle.result(WAIT)

    assert ran == "ran"
    assert isinstance(cancelled, WorkerDiedError)
    assert str(cancelled) == "executor 'given threads' failed activity 'same': it was cancelled"


class Ending(Executor):
    """Has a thread for each call, and futures that can be cancelled at any time, as those of some executors can."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Begin a call."""
        future: Future[Any] = Future()

        def work() -> None:
            result = fn(*args, **kwargs)
            with suppress(InvalidStateError):
                future.set_result(result)

        threading.Thread(target=work, daemon=True).start()
        return future


@pytest.mark.parametrize("on_cancel", ["abandon", "wait"])
def test_an_executor_that_can_end_what_runs(tmp_path: Path, door: Door, on_cancel: str) -> None:
    """What is cancelled there makes room for the next; what is to be waited for is not cancelled."""
    place = Place("ending", tmp_path / "w.db", {"ending": Ending()})
    knock = place.activity(tasks.knock, max_concurrent=1, on_cancel=on_cancel)

    @place.workflow
    def job() -> Flow[Any]:
        return (yield from knock(door.port))

    with place.orchestrator() as orchestrator:
        first, second = orchestrator.submit(job()), orchestrator.submit(job())
        visitor = door.visitor()
        first.cancel()
        if on_cancel == "wait":
            visitor.let_go("waited for")
        with pytest.raises(WorkflowCancelledError):
            first.result(WAIT)
        door.visitor().let_go("next")
        assert second.result(WAIT) == "next"
        visitor.let_go("too late")


def test_an_executor_that_there_is_not(tmp_path: Path) -> None:
    """`start()` refuses a registry with an activity for an executor that was not given, and names both."""
    registry = Registry()
    activity(tasks.same, executor="gpu", registry=registry)
    orchestrator = Orchestrator(tmp_path / "w.db", registry=registry)

    with pytest.raises(ValueError, match=r"activity 'same' is to run in executor='gpu'.*executors=\{'gpu': \.\.\.\}"):
        orchestrator.start()


def test_an_executor_that_is_missed_later(tmp_path: Path) -> None:
    """An activity defined after the start fails at once if its executor was not given, and hears which there are."""
    registry = Registry()
    with (
        ThreadPoolExecutor(1) as pool,
        Orchestrator(tmp_path / "w.db", registry=registry, executors={"cpu": pool}) as orchestrator,
    ):
        same = activity(tasks.same, executor="gpu", registry=registry, retry=RetryPolicy())

        @workflow(registry=registry)
        def job() -> Flow[Any]:
            return (yield from same(1))

        with pytest.raises(ValueError, match="There are: 'thread', 'async', 'process', 'cpu'"):
            orchestrator.submit(job()).result(WAIT)


def test_an_executor_that_was_shut_down(tmp_path: Path) -> None:
    """An activity whose executor takes no more has failed, with the executor's name and reason."""
    pool = ThreadPoolExecutor(1)
    place = Place("given threads", tmp_path / "w.db", {"given threads": pool})
    pool.shutdown()

    with pytest.raises(WorkerDiedError, match="'given threads' failed activity 'same': RuntimeError: cannot schedule"):
        place.run(place.activity(tasks.same), 1)


def test_an_executor_whose_processes_die(tmp_path: Path) -> None:
    """An activity that takes a given pool's process down has failed, with the pool's reason."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        place = Place("given processes", tmp_path / "w.db", {"given processes": pool})

        with pytest.raises(WorkerDiedError, match="'given processes' failed activity 'die': BrokenProcessPool"):
            place.run(place.activity(tasks.die), "exit")


def test_an_executor_stays_its_owner_s(tmp_path: Path) -> None:
    """An executor that was handed over works on after the orchestrator's stop."""
    with ThreadPoolExecutor(1) as pool:
        place = Place("given threads", tmp_path / "w.db", {"given threads": pool})

        assert place.run(place.activity(tasks.same), 1) == 1
        assert pool.submit(tasks.same, 2).result(WAIT) == 2
