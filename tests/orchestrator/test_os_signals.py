"""Signals of the operating system: a program that serves until it is sent one."""

from __future__ import annotations

import functools
import os
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from tests.support.shop import WAIT, Gate, Held, shop, total, until
from yieldflow import DatabaseLostError, MisplacedCallError, Orchestrator, Registry
from yieldflow.orchestrator.os_signals import in_signal_handler


@contextmanager
def meanwhile(*calls: Callable[[], object]) -> Iterator[None]:
    """Make calls one after the other in another thread, while the body runs."""
    errors: list[BaseException] = []

    def make() -> None:
        try:
            for call in calls:
                call()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    try:
        yield
    finally:
        thread.join(WAIT)
    assert errors == []


def sends(number: signal.Signals) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_a_signal(database: Path, number: signal.Signals) -> None:
    """`run_until_signalled` starts, serves, stops on SIGTERM or Ctrl-C, says which it was, and handles them no more."""
    handlers = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)]
    orchestrator = Orchestrator(database, registry=shop)

    def works() -> None:
        assert orchestrator.submit(total(1)).result(WAIT) == 4

    with meanwhile(lambda: until(lambda: orchestrator.health().started), works, sends(number)):
        assert orchestrator.run_until_signalled() is number
    assert not orchestrator.health().started
    assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)] == handlers


def test_the_first_signal_waits_and_the_second_does_not(database: Path, registry: Registry, gate: Gate) -> None:
    """After a signal running activities are waited for, until another comes; what was left runs at the next start."""
    orchestrator = Orchestrator(database, registry=registry)
    held = Held(orchestrator, registry, gate)
    handle = orchestrator.submit(held.job(1))
    stopping = threading.Event()

    def waits() -> None:
        # It has a worker still, so that it is waited for.
        # The activity may begin before the start is over.
        until(lambda: (session := orchestrator._gateway.session) is not None and session.ending.asked)
        assert orchestrator.health().running == 1
        stopping.set()

    with meanwhile(gate.await_entry, sends(signal.SIGTERM), waits, sends(signal.SIGTERM)):
        assert orchestrator.run_until_signalled() is signal.SIGTERM
    assert stopping.is_set()
    assert handle.describe().step == 0
    with orchestrator:
        gate.open()
        assert handle.result(WAIT) == 11


def test_the_time_for_running_activities_is_limited(database: Path, registry: Registry, gate: Gate) -> None:
    """With a timeout, one signal is enough."""
    orchestrator = Orchestrator(database, registry=registry)
    held = Held(orchestrator, registry, gate)
    orchestrator.submit(held.job(1))
    with meanwhile(gate.await_entry, sends(signal.SIGTERM)):
        assert orchestrator.run_until_signalled(timeout=0.01) is signal.SIGTERM
    gate.open()


def test_other_signals_may_be_chosen(database: Path) -> None:
    """It ends by the signals that are named, and by a `stop` in another thread, which is none."""
    orchestrator = Orchestrator(database, registry=shop)
    orchestrator.start()
    with meanwhile(lambda: until(lambda: callable(signal.getsignal(signal.SIGUSR1))), sends(signal.SIGUSR1)):
        assert orchestrator.run_until_signalled([signal.SIGUSR1]) is signal.SIGUSR1
    with meanwhile(lambda: until(lambda: orchestrator.health().started), orchestrator.stop):
        assert orchestrator.run_until_signalled([signal.SIGUSR1]) is None


@pytest.mark.parametrize(
    ("signals", "error", "message"),
    [
        (signal.SIGTERM, TypeError, r"a collection of signals: \[signal.SIGTERM\]"),
        (["SIGTERM"], TypeError, "a collection of signals"),
        ([signal.SIGTERM, signal.SIGKILL], ValueError, "no program can handle SIGKILL: leave it out"),
        ([12345], ValueError, "12345 is not a valid Signals"),
    ],
)
def test_wrong_signals_are_refused(database: Path, signals: Any, error: type[Exception], message: str) -> None:
    """What is no collection of signals that a program can handle is refused, with the argument, before a start."""
    with pytest.raises(error, match=message) as caught:
        Orchestrator(database).run_until_signalled(signals)
    assert str(caught.value).startswith("run_until_signalled(signals=")
    assert not database.exists()


def test_it_serves_in_the_main_thread_alone(database: Path) -> None:
    """Elsewhere Python handles no signals: it is refused, with what to call instead."""

    def serve() -> None:
        with pytest.raises(MisplacedCallError, match=r"outside the main thread.*call start\(\) here"):
            orchestrator.run_until_signalled()

    orchestrator = Orchestrator(database, registry=shop)
    with meanwhile(serve):
        pass
    assert not orchestrator.health().started


def test_it_does_not_serve_a_lost_file(database: Path) -> None:
    """Where nothing goes on any more, it stops, and raises the reason, instead of serving nobody."""
    orchestrator = Orchestrator(database, registry=shop)
    with (
        meanwhile(lambda: until(lambda: orchestrator.health().started), database.unlink),
        pytest.raises(DatabaseLostError, match="was deleted"),
    ):
        orchestrator.run_until_signalled()
    assert not orchestrator.health().started


# ---------------------------------------------------------------------- the handlers of users


class Handlers:
    """Handlers of signals as programs have them; each notes whether it is seen to be one."""

    def __init__(self) -> None:
        self.seen: list[bool] = []

    def method(self, number: int, frame: FrameType | None) -> None:
        self.deeper()

    def __call__(self, *_: object) -> None:
        self.deeper()

    def given(self, name: str, number: int, frame: FrameType | None) -> None:
        self.deeper()

    def deeper(self) -> None:
        self.seen.append(in_signal_handler())

    @property
    def all(self) -> list[Any]:
        def closure(number: int, frame: FrameType | None) -> None:
            for _ in filter(None, [frame]):
                self.deeper()

        partial = functools.partial(self.given, "stop")
        return [self.method, self, lambda *_: self.deeper(), lambda number, frame: self.deeper(), partial, closure]


def test_handlers_of_every_shape_are_seen() -> None:
    """A function, a method, a partial, an object that is called: a stop in any of them is known to be in a handler."""
    handlers = Handlers()
    before = signal.getsignal(signal.SIGUSR1)
    try:
        for handler in handlers.all:
            signal.signal(signal.SIGUSR1, handler)
            signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert handlers.seen == [True] * 6


def test_a_handler_that_is_called_by_hand_is_none() -> None:
    """Where the same function is called by the program itself, a stop waits as usual."""
    handlers = Handlers()
    handlers.method(signal.SIGUSR1, None)
    handlers(signal.SIGUSR1)
    assert handlers.seen == [False] * 2


class Box:
    """A value that can be referred to weakly."""


def test_a_stop_keeps_nothing_of_its_callers(database: Path) -> None:
    """To find out whether a handler is among the callers keeps none of their values alive."""

    def caller(orchestrator: Orchestrator, box: Box | None) -> bool:
        kept = weakref.ref(box) if box is not None else None
        orchestrator.stop()
        box = None
        return kept is not None and kept() is None

    # Not in the assertion, where pytest keeps what is given.
    is_gone = caller(Orchestrator(database, registry=shop), Box())
    assert is_gone


def test_a_stop_leaves_its_callers_locals_alone(database: Path) -> None:
    """A caller that keeps its `locals()` finds in them what was there."""

    def caller(orchestrator: Orchestrator, answer: int) -> dict[str, object]:
        kept = locals()
        orchestrator.stop()
        return kept

    assert caller(Orchestrator(database, registry=shop), 42)["answer"] == 42
