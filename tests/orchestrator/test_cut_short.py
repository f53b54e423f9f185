"""A start or a stop that is cut short: whatever is raised wherever, the orchestrator is started or stopped."""

from __future__ import annotations

import gc
import itertools
import linecache
import logging
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import yieldflow
from tests.support.shop import WAIT, nap, shop, total
from yieldflow import Orchestrator, YieldflowError

PACKAGE = str(Path(yieldflow.__file__).parent)


class Cut:
    """Does something at one of the lines of yieldflow that a thread runs: raises an error, or sends a signal.

    Args:
        line: The number of the line, in the order run, from 0.
        act: What is done there.
    """

    def __init__(self, line: int, act: Callable[[], object]) -> None:
        self._left = line
        self._act = act
        #: The place at which it was done, once it was.
        self.place: str | None = None
        self._visits: Counter[tuple[str, int]] = Counter()
        self._entered: set[tuple[FrameType, int]] = set()

    def __call__(self, frame: FrameType, event: str, argument: object) -> Any:
        """Trace a frame: as `sys.settrace` wants it."""
        if self.place is not None or not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line" and self._counts(frame) and not self._leaves_block(frame):
            self._left -= 1
            if self._left < 0:
                self.place = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}, in {frame.f_code.co_name}"
                self._act()
        return self

    def _counts(self, frame: FrameType) -> bool:
        """True for the first visits of a line: how often a loop goes round is not always the same."""
        line = frame.f_code.co_filename, frame.f_lineno
        self._visits[line] += 1
        return self._visits[line] <= 2

    def _leaves_block(self, frame: FrameType) -> bool:
        """True at the lines at which nothing is ever raised: Python runs nothing there that could, and no signal comes.

        It counts as a line to enter a ``try``, and to leave a ``with`` block, which is between the body and its end.
        """
        line = frame.f_lineno
        text = linecache.getline(frame.f_code.co_filename, line).strip()
        if not text.startswith("with "):
            return text == "try:"
        left = (frame, line) in self._entered
        self._entered.add((frame, line))
        return left


@contextmanager
def traced(cut: Cut) -> Iterator[None]:
    """Have a cut come in this thread."""
    before = sys.gettrace()
    sys.settrace(cut)
    try:
        yield
    finally:
        sys.settrace(before)


@contextmanager
def traced_in_session(cut: Cut) -> Iterator[None]:
    """Have a cut come in the thread of the next session, up to where others are begun and from where it ends."""

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        return cut if threading.current_thread().name == "yieldflow-session" else None

    before = threading.gettrace()
    threading.settrace(trace)
    try:
        yield
    finally:
        threading.settrace(before)


def interrupt() -> None:
    raise KeyboardInterrupt


def run_out_of_memory() -> None:
    raise MemoryError("cut")


def assert_started_or_stopped(orchestrator: Orchestrator, path: Path, cut: Cut) -> None:
    """It works if it says that it is started, and leaves the file to others if it does not."""
    started = orchestrator.health().started
    assert (Orchestrator(path, registry=shop).health().owner is not None) == started, cut.place
    if started:
        assert orchestrator.submit(total(1, count=1)).result(WAIT) == 1, cut.place


def assert_can_be_started(orchestrator: Orchestrator, cut: Cut) -> None:
    """Another start makes it work, and another stop leaves the file, and nothing that goes on."""
    orchestrator.start()
    assert orchestrator.health().started, cut.place
    assert orchestrator.submit(total(2, count=1)).result(WAIT) == 2, cut.place
    orchestrator.stop()
    assert not orchestrator.health().started, cut.place
    for thread in threading.enumerate():
        if thread.name.startswith("yieldflow"):
            thread.join(WAIT)
            assert not thread.is_alive(), cut.place


def try_each_line(
    database: Path,
    call: Callable[[Orchestrator], object],
    act: Callable[[], object],
    *,
    trace: Callable[[Cut], AbstractContextManager[None]] = traced,
    started: bool = False,
    every: int = 1,
    after: Callable[[Orchestrator], object] = lambda orchestrator: None,
) -> int:
    """Make a call again and again, each time cut short at another line, until it has no further line.

    Returns:
        The number of its lines.
    """
    for line in itertools.count(0, every):
        orchestrator, cut = Orchestrator(database, registry=shop, max_workers=2), Cut(line, act)
        if started:
            orchestrator.start()
        with suppress(KeyboardInterrupt, MemoryError, YieldflowError), trace(cut):
            call(orchestrator)
        after(orchestrator)
        assert_started_or_stopped(orchestrator, database, cut)
        assert_can_be_started(orchestrator, cut)
        if cut.place is None:
            return line
    raise AssertionError("it never ends")


def start_and_stop(orchestrator: Orchestrator) -> None:
    orchestrator.start()
    orchestrator.stop()


# ---------------------------------------------------------------------- errors


def test_ctrl_c_in_a_start(database: Path) -> None:
    """Ctrl-C at any line of `start` leaves it started or stopped, and another start works."""
    assert try_each_line(database, Orchestrator.start, interrupt) > 30


def test_ctrl_c_in_a_stop(database: Path) -> None:
    """Ctrl-C at any line of `stop` leaves it started or stopped, and another start works."""
    assert try_each_line(database, Orchestrator.stop, interrupt, started=True) > 30


def test_ctrl_c_in_a_stop_of_a_client(database: Path) -> None:
    """Ctrl-C at any line of a client's `stop` leaves it a client, and a start works."""
    assert try_each_line(database, Orchestrator.stop, interrupt) > 30


# Half a store is closed with its object.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("every", [29, pytest.param(1, marks=pytest.mark.slow)])
def test_no_memory_for_a_session(database: Path, every: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error at any line by which a session begins, is watched or ends leaves it stopped, and another start works."""
    # These would keep the errors, and with them what they left.
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    monkeypatch.setattr(logging.getLogger("yieldflow"), "disabled", True)
    lines = try_each_line(database, start_and_stop, run_out_of_memory, trace=traced_in_session, every=every)
    assert lines > 300
    gc.collect()


# ---------------------------------------------------------------------- signals


@contextmanager
def stopped_by_signal() -> Iterator[list[Orchestrator]]:
    """While the body runs, SIGUSR1 stops the orchestrator in the list, and a call that hangs fails."""
    stopping: list[Orchestrator] = []

    def stop(number: int, frame: FrameType | None) -> None:
        stopping[-1].stop()

    def fail(number: int, frame: FrameType | None) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGUSR1, stop), signal.signal(signal.SIGALRM, fail)
    try:
        yield stopping
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGUSR1, before[0])
        signal.signal(signal.SIGALRM, before[1])


def send_signal() -> None:
    signal.raise_signal(signal.SIGUSR1)


CALLS: dict[str, tuple[Callable[[Orchestrator], object], bool]] = {
    "start": (Orchestrator.start, False),
    "stop": (Orchestrator.stop, True),
    "stop of a client": (Orchestrator.stop, False),
    "submit": (lambda orchestrator: orchestrator.submit(total(3, count=1)), True),
    "submit of a client": (lambda orchestrator: orchestrator.submit(total(3, count=1)), False),
    "result": (lambda orchestrator: orchestrator.submit(nap(), workflow_id="nap").result(0.01), True),
    "result of a client": (lambda orchestrator: orchestrator.submit(nap(), workflow_id="nap").result(0.01), False),
}


@pytest.mark.parametrize("every", [11, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CALLS)
def test_a_stop_in_a_signal_handler(database: Path, name: str, every: int) -> None:
    """A handler that interrupts a call at any line may call `stop`: it returns, and so does the call; then it stops."""
    call, started = CALLS[name]
    with stopped_by_signal() as stopping:

        def interrupted(orchestrator: Orchestrator) -> None:
            signal.alarm(int(WAIT))
            stopping.append(orchestrator)
            call(orchestrator)

        def stops(orchestrator: Orchestrator) -> None:
            # The last call of all was not interrupted, nor is one that had not begun.
            orchestrator.stop()

        assert try_each_line(database, interrupted, send_signal, started=started, every=every, after=stops) > 30
