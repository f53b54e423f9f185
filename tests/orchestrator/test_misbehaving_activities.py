"""Misbehaving activities: each has its end, and neither its workflow nor any other hangs."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.shop import WAIT, Gate, Told, told_the_time, until
from yieldflow import (
    ActivityTimeoutError,
    AttemptInfo,
    EncodingError,
    Flow,
    MisplacedCallError,
    Orchestrator,
    Registry,
    RetryPolicy,
    Tracer,
    activity,
    activity_context,
    gather,
    workflow,
)


class CannotComeBack(Exception):
    """Is pickled, and refuses to be unpickled: its state is kept instead."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return refuse, (str(self),)


def refuse(*args: object) -> CannotComeBack:
    raise RuntimeError("never")


def with_recursive_cause() -> ValueError:
    """An exception that is its own cause's cause."""
    error, cause = ValueError("outer"), KeyError("inner")
    error.__cause__, cause.__cause__ = cause, error
    return error


@pytest.fixture
def outcome(orchestrator: Orchestrator, registry: Registry) -> Callable[[Callable[[], Any]], object]:
    """Runs a function as an activity: what the workflow sees of it, after another activity has run too."""

    @activity(registry=registry)
    def recover() -> str:
        return "recovered"

    def run(function: Callable[[], Any], **options: Any) -> object:
        step = activity(function, name="step", registry=registry, **options)

        @workflow(registry=registry)
        def job() -> Flow[object]:
            try:
                seen = yield step()
            except Exception as error:
                seen = f"{type(error).__name__}: {error}"
            assert (yield from recover()) == "recovered"
            return seen

        return orchestrator.submit(job()).result(10 * WAIT)

    return run


def a_generator() -> Iterator[int]:
    return (number for number in range(3))


def a_socket() -> socket.socket:
    with socket.socket() as made:
        return made


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (MemoryError("all gone"), "MemoryError: all gone"),
        (RecursionError("too deep"), "RecursionError: too deep"),
        (with_recursive_cause(), "ValueError: outer"),
        (CannotComeBack("lost"), "CannotComeBack: lost"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_it_raises_what_is_hard_to_keep(outcome: Any, error: BaseException, seen: str) -> None:
    """Whatever an activity raises, the workflow gets an exception that tells of it, and goes on."""

    def fail() -> None:
        raise error

    assert outcome(fail) == seen


@pytest.mark.parametrize("made", [a_generator, a_socket], ids=["generator", "socket"])
def test_it_returns_what_cannot_be_stored(outcome: Any, made: Callable[[], Any]) -> None:
    """The error names the activity, and it is not run again: what it did is done."""
    runs: list[int] = []

    def returns() -> Any:
        runs.append(activity_context().attempt)
        return made()

    seen = outcome(returns, retry=RetryPolicy(initial_interval=0.001))
    assert str(seen).startswith("EncodingError: what activity 'step' returned: ")
    assert runs == [1]


@pytest.mark.parametrize("size", [20_000_000, pytest.param(200_000_000, marks=pytest.mark.slow)])
def test_it_returns_much(orchestrator: Orchestrator, registry: Registry, size: int) -> None:
    """Many megabytes are stored and come back."""

    @activity(registry=registry)
    def much() -> bytes:
        return bytes(size)

    @workflow(registry=registry)
    def job() -> Flow[int]:
        return len((yield from much()))

    assert orchestrator.submit(job()).result(WAIT) == size


@pytest.mark.slow
def test_it_returns_more_than_sqlite_holds(outcome: Any) -> None:
    """A result that no row can hold fails the activity, and the error says what to do instead."""
    seen = outcome(lambda: bytes(1_000_000_000))
    assert " bytes, and a database holds at most 900,000,000 in one value" in seen
    assert "put it into a file, and return where that is" in seen


def test_it_never_returns(database: Any, registry: Registry, gate: Gate) -> None:
    """Activities that hang lose their places to others when their time is over, and are counted as long as they do."""

    @activity(registry=registry, timeout=0.05)
    def hang(number: int) -> int:
        gate.pass_through()
        return number

    @activity(registry=registry)
    def work() -> str:
        return "worked"

    @workflow(registry=registry)
    def job() -> Flow[list[str]]:
        failures = yield from gather(hang(1), hang(2), return_exceptions=True)
        return [*(type(failure).__name__ for failure in failures), (yield from work())]

    with Orchestrator(database, max_workers=2, registry=registry) as orchestrator:
        handle = orchestrator.submit(job())
        assert handle.result(WAIT) == ["ActivityTimeoutError", "ActivityTimeoutError", "worked"]
        abandoned = orchestrator.health().abandoned
        assert sorted((each.activity, each.workflow_id, each.step) for each in abandoned) == [
            ("hang", handle.id, 0),
            ("hang", handle.id, 1),
        ]
        gate.open()
    assert handle.history()[0].error_message == (
        "ActivityTimeoutError: attempt 1 at activity 'hang' took longer than its timeout of 0.05 s"
    )


def test_its_time_is_over_before_it_runs(database: Any, registry: Registry, gate: Gate) -> None:
    """A thread that is held up between taking an attempt and running it loses its place to another as well."""

    class HoldingUp(Tracer):
        def attempt_started(self, attempt: AttemptInfo) -> None:
            if attempt.activity == "late":
                gate.pass_through()

    @activity(registry=registry, timeout=0.01)
    def late() -> None: ...

    @activity(registry=registry)
    def work() -> str:
        return "worked"

    @workflow(registry=registry)
    def job() -> Flow[str]:
        try:
            yield late()
        except ActivityTimeoutError:
            return (yield from work())
        return "in time"

    with Orchestrator(database, max_workers=1, registry=registry, tracer=HoldingUp()) as orchestrator:
        assert orchestrator.submit(job()).result(WAIT) == "worked"
        gate.open()


def test_its_time_is_over_before_it_begins(database: Any, registry: Registry, gate: Gate) -> None:
    """A thread that was given up before it found that it is not to begin its attempt is none too many after that."""
    before = set(threading.enumerate())
    taken = threading.Event()

    def now() -> int:
        if threading.current_thread().name.startswith("yieldflow-worker"):
            taken.set()
            gate.pass_through()
        # Time passes once a thread has the attempt.
        return 1_000_000 * taken.is_set()

    def workers() -> int:
        return sum(thread.name.startswith("yieldflow-worker") for thread in set(threading.enumerate()) - before)

    @activity(registry=registry, schedule_to_start_timeout=0.01)
    def late() -> None: ...

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield late()

    with told_the_time(Orchestrator(database, max_workers=1, registry=registry), Told(now)) as orchestrator:
        with pytest.raises(ActivityTimeoutError):
            orchestrator.submit(job()).result(WAIT)
        until(lambda: orchestrator.health().abandoned)
        gate.open()
        until(lambda: workers() == 1)


def test_it_never_returns_and_no_thread_can_be_had(
    orchestrator: Orchestrator, registry: Registry, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no thread can take its place, the attempt still fails, the engine goes on, and its thread works later."""
    meeting = threading.Barrier(5)

    @activity(registry=registry, timeout=0.05)
    def hang() -> None:
        gate.pass_through()

    @activity(registry=registry)
    def work() -> None:
        meeting.wait(WAIT)

    @workflow(registry=registry)
    def job() -> Flow[list[str]]:
        failures = yield from gather(*(hang() for _ in range(5)), return_exceptions=True)
        return [type(failure).__name__ for failure in failures]

    @workflow(registry=registry)
    def later() -> Flow[int]:
        return len((yield from gather(*(work() for _ in range(5)))))

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert orchestrator.submit(job()).result(WAIT) == ["ActivityTimeoutError"] * 5
    handle = orchestrator.submit(later())
    gate.open()
    # They have met, so all five threads are back.
    assert handle.result(WAIT) == 5
    assert orchestrator.health().abandoned == ()


def test_it_never_returns_and_the_orchestrator_stops(
    orchestrator: Orchestrator, registry: Registry, gate: Gate
) -> None:
    """A stop waits for an attempt as long as that has time, and no longer."""

    @activity(registry=registry, timeout=0.5, retry=RetryPolicy(initial_interval=3600))
    def hang() -> None:
        gate.pass_through()

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield hang()

    handle = orchestrator.submit(job())
    gate.await_entry()
    orchestrator.stop()
    assert handle.describe().last_error == (
        "ActivityTimeoutError: attempt 1 at activity 'hang' took longer than its timeout of 0.5 s"
    )


def test_it_is_told_that_its_time_is_over(orchestrator: Orchestrator, registry: Registry) -> None:
    """An activity that looks at `activity_context().cancelled` can end when nobody waits for it any more."""
    told = threading.Event()

    @activity(registry=registry, timeout=0.02)
    def patient() -> None:
        context = activity_context()
        while not context.cancelled:
            threading.Event().wait(0.001)
        told.set()

    @workflow(registry=registry)
    def job() -> Flow[str]:
        try:
            yield patient()
        except ActivityTimeoutError:
            return "too late"
        return "in time"

    assert orchestrator.submit(job()).result(WAIT) == "too late"
    assert told.wait(WAIT)


def test_it_prints(outcome: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """Output that an activity prints appears on the terminal."""
    assert outcome(lambda: print("hello from an activity")) is None
    assert "hello from an activity" in capfd.readouterr().out


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_it_forks(outcome: Any) -> None:
    """A child that comes back from the activity ends there, and is no second worker."""
    reader, writer = os.pipe()

    def fork() -> int:
        pid = os.fork()
        if pid == 0:
            os.write(writer, b"child")
        else:
            os.waitpid(pid, 0)
        return pid

    assert outcome(fork) > 0
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        assert told.read() == b"child"


def test_it_starts_threads(outcome: Any) -> None:
    """An activity's own threads run; they are no activity."""
    said: list[str] = []

    def ask() -> None:
        try:
            activity_context()
        except MisplacedCallError as error:
            said.append(str(error))

    def starts() -> list[str]:
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        return said

    (message,) = outcome(starts)
    assert message.startswith("activity_context() was called outside an activity")


def test_it_calls_back(orchestrator: Orchestrator, outcome: Any) -> None:
    """An activity may use the orchestrator; to stop it would be to wait for itself, and is refused."""

    def calls() -> list[str]:
        context = activity_context()
        status = orchestrator.get_workflow_status(context.workflow_id)
        orchestrator.handle(context.workflow_id).signal("note", "from inside")
        try:
            orchestrator.stop()
        except MisplacedCallError as error:
            return [status["status"], status["current_activity"], str(error)]
        return []

    assert outcome(calls) == [
        "processing",
        "step",
        "stop() waits for running activities, so an activity that calls it would wait for itself",
    ]


def test_it_waits_and_no_thread_can_be_had(
    orchestrator: Orchestrator, outcome: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no other thread can work in its place, it fails, says what to do, and does not wait for ever."""

    def waits() -> None:
        orchestrator.handle(activity_context().workflow_id).result(WAIT)

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    seen = outcome(waits)
    assert seen == (
        "YieldflowError: activity 'step' waits for a workflow, and no thread can be started to work in its place "
        "(can't start new thread). 0 others wait so: max_concurrent on the activity keeps them fewer"
    )


def test_it_asks_where_there_is_no_activity() -> None:
    """`activity_context()` outside activities is refused."""
    with pytest.raises(MisplacedCallError, match="called outside an activity"):
        activity_context()


def test_its_heartbeat_cannot_be_stored(orchestrator: Orchestrator, registry: Registry) -> None:
    """Details that a heartbeat cannot store are an error at the call."""

    @activity(registry=registry)
    def beats() -> str:
        try:
            activity_context().heartbeat(number for number in range(3))
        except EncodingError as error:
            return str(error)
        return "stored"

    @workflow(registry=registry)
    def job() -> Flow[str]:
        return (yield from beats())

    assert "generator" in orchestrator.submit(job()).result(WAIT)


def test_its_heartbeat_is_huge(orchestrator: Orchestrator, registry: Registry) -> None:
    """Details that would be too much to write again and again are refused at the call, with what to do instead."""

    @activity(registry=registry)
    def beats() -> list[str]:
        said = []
        for size in (9_999_998, 9_999_999):
            try:
                activity_context().heartbeat("x" * size)
            except EncodingError as error:
                said.append(str(error))
        return said

    @workflow(registry=registry)
    def job() -> Flow[list[str]]:
        return (yield from beats())

    (said,) = orchestrator.submit(job()).result(WAIT)
    assert "details of 10,000,001 bytes" in said
    assert "at most 10,000,000. Put them into a file" in said
