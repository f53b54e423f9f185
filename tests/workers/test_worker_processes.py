"""Promises of activities in worker processes only: they may die, be killed, and have to find the program."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import yieldflow
from tests.support import tasks
from tests.support.programs.launch import Program
from tests.support.shop import until
from tests.support.tasks import WAIT, Declined, Door
from yieldflow import (
    Activity,
    ActivityTimeoutError,
    Flow,
    Orchestrator,
    Registry,
    RetryPolicy,
    WorkerDiedError,
    activity,
    activity_context,
    gather,
    race,
    wait_signal,
    workflow,
)


@pytest.fixture
def orchestrator(database: Path, registry: Registry) -> Iterator[Orchestrator]:
    """Started, with the test's own definitions and two processes at most."""
    with Orchestrator(database, registry=registry, max_processes=2) as started:
        yield started


@pytest.fixture
def define(registry: Registry) -> Callable[..., Activity[..., Any]]:
    """Makes an activity of a function, which runs in a worker process."""
    return lambda fn, **options: activity(fn, executor="process", registry=registry, **options)


def test_processes_are_few_and_used_again(orchestrator: Orchestrator, registry: Registry, define: Any) -> None:
    """Many activities share at most `max_processes` processes, none of them this one; none is left after the stop."""
    where = define(tasks.where)

    @workflow(registry=registry)
    def job() -> Flow[list[int]]:
        return (yield from gather(*(where() for _ in range(50))))

    pids = set(orchestrator.submit(job()).result(WAIT))
    orchestrator.stop()

    assert 1 <= len(pids) <= 2
    assert os.getpid() not in pids
    # The stop waits for their end, though not for ever.
    until(lambda: multiprocessing.active_children() == [])


@pytest.mark.parametrize(("how", "reason"), [("exit", "exit code 3"), ("kill", "SIGKILL")])
def test_a_death_harms_no_other(
    orchestrator: Orchestrator, registry: Registry, define: Any, door: Door, how: str, reason: str
) -> None:
    """An activity whose process dies has failed, with what it died of; those beside it and after it do not notice."""
    die, knock, same = define(tasks.die), define(tasks.knock), define(tasks.same)

    @workflow(registry=registry)
    def job() -> Flow[tuple[str, int]]:
        try:
            yield die(how)
        except WorkerDiedError as error:
            return str(error), (yield from same(1))
        return "", 0

    @workflow(registry=registry)
    def bystander() -> Flow[Any]:
        return (yield from knock(door.port))

    beside = orchestrator.submit(bystander())
    visitor = door.visitor()
    told, after = orchestrator.submit(job()).result(WAIT)
    visitor.let_go("unharmed")

    assert "'die' died: " + reason in told
    assert (after, beside.result(WAIT)) == (1, "unharmed")


def test_the_death_of_an_idle_process_fails_nothing(database: Path, registry: Registry, define: Any) -> None:
    """A process that is killed while it has nothing to do is replaced, and no activity fails for it."""
    where = define(tasks.where)

    @workflow(registry=registry)
    def job() -> Flow[Any]:
        return (yield from where())

    with Orchestrator(database, registry=registry, max_processes=1) as orchestrator:
        pids = []
        for _ in range(3):
            pids.append(orchestrator.submit(job()).result(WAIT))
            os.kill(pids[-1], signal.SIGKILL)
        assert orchestrator.submit(job()).result(WAIT) not in pids


def test_after_a_death_the_next_attempt_goes_on(orchestrator: Orchestrator, registry: Registry, define: Any) -> None:
    """With a retry policy, a death is followed by the next attempt, which finds the last heartbeat's details."""
    report = define(tasks.report_and_die, retry=RetryPolicy(initial_interval=0.001))

    @workflow(registry=registry)
    def job() -> Flow[Any]:
        return (yield from report())

    assert orchestrator.submit(job()).result(WAIT) == (2, {"row": 3})


def test_a_policy_s_function_judges_the_exception_itself(
    orchestrator: Orchestrator, registry: Registry, define: Any
) -> None:
    """`non_retryable` may be any function: it is asked where the exception was raised, about the exception itself."""
    declined_for_good = 14
    policy = RetryPolicy(non_retryable=lambda error: getattr(error, "code", 0) == declined_for_good)
    decline = define(tasks.decline, retry=policy)

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield decline("1")

    handle = orchestrator.submit(job())

    with pytest.raises(Declined):
        handle.result(WAIT)
    assert [step.attempt for step in handle.history()] == [1]


def test_who_is_not_waited_for_is_killed(
    orchestrator: Orchestrator, registry: Registry, define: Any, door: Door
) -> None:
    """If the branch of an activity is cancelled, its process is killed, and another one serves the next."""
    knock, same = define(tasks.knock), define(tasks.same)

    @workflow(registry=registry)
    def job() -> Flow[tuple[int, str]]:
        index, _ = yield from race(knock(door.port), wait_signal("enough"))
        return index, (yield from same("after"))

    handle = orchestrator.submit(job())
    visitor = door.visitor()
    handle.signal("enough")

    assert visitor.has_gone()
    assert handle.result(WAIT) == (1, "after")


def test_who_is_to_be_waited_for_is_told(
    orchestrator: Orchestrator, registry: Registry, define: Any, door: Door
) -> None:
    """With `on_cancel="wait"` the process lives, and its activity finds that it is cancelled."""
    patient = define(tasks.await_cancellation, on_cancel="wait")

    @workflow(registry=registry)
    def job() -> Flow[int]:
        index, _ = yield from race(patient(door.port), wait_signal("enough"))
        return index

    handle = orchestrator.submit(job())
    begun = door.visitor()
    handle.signal("enough")
    begun.let_go()
    cancelled = door.visitor()
    cancelled.let_go()

    assert (cancelled.said, cancelled.pid) == ("cancelled", begun.pid)
    assert handle.result(WAIT) == 1


def test_who_takes_too_long_is_killed(database: Path, registry: Registry, define: Any, door: Door) -> None:
    """An activity whose time runs out is killed, so that the only process there may be serves the next one."""
    knock, same = define(tasks.knock, timeout=0.05), define(tasks.same)

    @workflow(registry=registry)
    def job() -> Flow[Any]:
        try:
            yield knock(door.port)
        except ActivityTimeoutError:
            return (yield from same("after"))
        return "never"

    with Orchestrator(database, registry=registry, max_processes=1) as orchestrator:
        assert orchestrator.submit(job()).result(WAIT) == "after"


def test_an_interrupt_is_the_parent_s_to_heed(
    orchestrator: Orchestrator, registry: Registry, define: Any, door: Door
) -> None:
    """Ctrl-C at the terminal, which reaches all processes, and a service manager's SIGTERM end no activity."""
    knock = define(tasks.knock)

    @workflow(registry=registry)
    def job() -> Flow[Any]:
        return (yield from knock(door.port))

    handle = orchestrator.submit(job())
    visitor = door.visitor()
    os.kill(visitor.pid, signal.SIGINT)
    os.kill(visitor.pid, signal.SIGTERM)
    visitor.let_go("went on")

    assert handle.result(WAIT) == "went on"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_an_activity_that_forks(orchestrator: Orchestrator, registry: Registry, define: Any) -> None:
    """If an activity forks and returns twice, the worker's result counts, and the fork is no second worker."""
    forking, where = define(tasks.come_back_twice), define(tasks.where)

    @workflow(registry=registry)
    def job() -> Flow[tuple[int, int]]:
        return (yield from forking()), (yield from where())

    first, second = orchestrator.submit(job()).result(WAIT)

    assert first == second


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="a death shows only once all forks are gone, too")
def test_a_death_shows_although_a_fork_lives(
    orchestrator: Orchestrator, registry: Registry, define: Any, door: Door
) -> None:
    """A worker's death is noticed at once, also where a process that it forked lives on."""
    leave = define(tasks.leave_a_child_behind)

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield leave(door.port)

    with pytest.raises(WorkerDiedError, match="exit code 3"):
        orchestrator.submit(job()).result(WAIT)
    assert door.visitor().said == "left behind"


def test_one_that_stops_in_the_midst_of_a_word_holds_up_nobody(
    orchestrator: Orchestrator, registry: Registry, define: Any
) -> None:
    """A process that sends half of a message, and never the rest, is killed when its time is over."""

    def hog() -> None:
        context, many = activity_context(), threading.Event()

        def beat() -> None:
            for _ in range(1000):
                context.heartbeat("x" * 100_000)
                many.set()

        threading.Thread(target=beat, daemon=True).start()
        many.wait(WAIT)
        re.match(r"(a+)+$", "a" * 60 + "b")

    stuck, easy = define(hog, name="hog", timeout=0.5), define(os.getpid, name="easy")

    @workflow(registry=registry)
    def job() -> Flow[int]:
        try:
            yield stuck()
        except ActivityTimeoutError:
            pid: int = yield from easy()
            return pid
        return 0

    assert orchestrator.submit(job()).result(WAIT) > 0


def test_one_that_does_not_listen_holds_up_nobody(orchestrator: Orchestrator, registry: Registry, define: Any) -> None:
    """A process that was stopped while it was idle is sent more than its pipe holds: another one works meanwhile."""
    work = define(lambda data: os.getpid(), name="work")

    @workflow(registry=registry)
    def job(data: str) -> Flow[int]:
        pid: int = yield from work(data)
        return pid

    stopped = orchestrator.submit(job("")).result(WAIT)
    os.kill(stopped, signal.SIGSTOP)
    unheard = orchestrator.submit(job("x" * 10_000_000))

    assert orchestrator.submit(job("")).result(WAIT) != stopped

    # The stop kills it, and leaves its activity to the next start.
    orchestrator.stop()
    assert unheard.describe().status == "processing"


# ---------------------------------------------------------------------- whole programs


def test_no_orphan_works_on(database: Path, door: Door) -> None:
    """If the owner is killed, a worker process ends at once, in the midst of its activity."""
    with Program("children", database, "stay", door.port) as program:
        visitor = door.visitor()
        program.kill()

        assert visitor.has_gone()


@pytest.mark.skipif(sys.platform != "linux", reason="no other system ends a process with the one that started it")
def test_no_orphan_works_on_that_lets_nobody_look(database: Path, door: Door) -> None:
    """A worker process ends with its parent even in code that lets no other thread of the process run."""
    with Program("children", database, "hog", door.port) as program:
        visitor = door.visitor()
        program.kill()

        assert visitor.has_gone()


def test_leaving_without_stop_leaves_no_process(database: Path, door: Door) -> None:
    """A program may end without `stop()` while an activity works: it ends at once, and so does the worker process."""
    with Program("children", database, "leave", door.port) as program:
        visitor = door.visitor()
        program.tell("leave")

        assert (program.end(), program.complaints) == (0, "")
        assert visitor.has_gone()


def test_a_script_s_own_classes(database: Path) -> None:
    """Classes, enums and exceptions of a script itself go to worker processes and come back as themselves."""
    with Program("children", database, "order") as program:
        said = [program.line(), program.line()]
        assert (program.end(), program.complaints) == (0, "")

    assert said == ["charge o-1", "2 | __main__.fail.<locals>.Local: in a function"]
    # What is stored is read again by a process that never spawned another one.
    with Program("children", database, "read") as reader:
        assert reader.line() == said[1]
        assert reader.end() == 0
    with sqlite3.connect(database) as connection:
        stored = "".join(connection.iterdump())
    connection.close()
    assert "__main__" in stored
    assert "__mp_main__" not in stored
    assert b"__mp_main__".hex().upper() not in stored.upper()


def test_a_script_that_starts_wherever_it_is_imported(database: Path) -> None:
    """A script without the `__main__` guard is told by its activity's failure to have one; nothing goes on for ever."""
    with Program("unguarded", database) as program:
        said = program.line()
        assert program.end() == 0

    assert "died while it started: exit code 1" in said
    assert 'belongs under `if __name__ == "__main__":`' in said
    assert "MisplacedCallError: start() was called while a worker process imports" in program.complaints
    # Two at once, and no further ones for the rest of the hundred activities and their retries.
    assert program.complaints.count("MisplacedCallError: start()") <= 2


def test_a_program_without_a_file(database: Path) -> None:
    """Definitions typed at a prompt, or given with `-c`, cannot be imported from a file: they are sent by value."""
    program = """
import sys
import threading
from dataclasses import dataclass
from yieldflow import Orchestrator, activity, workflow
@dataclass
class Point:
    x: int
class Odd(Exception): pass
@activity
def plain(number): return number * 2
@activity(executor="process")
def double(point): return Point(plain.fn(point.x))
@activity(executor="process")
def refuse(point): raise Odd(point.x)
@workflow
def job():
    try:
        yield refuse(Point(1))
    except Odd:
        return (yield double(Point(21)))
with Orchestrator(sys.argv[1], max_processes=1) as orchestrator:
    print(orchestrator.run(job()) == Point(42))
"""
    home = Path(yieldflow.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program, str(database)], cwd=home, capture_output=True, text=True, timeout=WAIT
    )

    assert (done.stdout, done.stderr) == ("True\n", "")
