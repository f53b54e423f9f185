"""Signals of the operating system, such as SIGTERM: their handlers, and whether a call is made in one."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from inspect import CO_VARARGS
from types import FrameType

from .._core.commands import show
from .._core.errors import MisplacedCallError

#: The references to the copy of a frame's variables where nobody else has it: the frame's, one here, and the call's.
UNSHARED = 3


#: The signals that no program can handle.
UNHANDLED = {getattr(signal, name) for name in ("SIGKILL", "SIGSTOP") if hasattr(signal, name)}


def checked_signals(given: object) -> frozenset[signal.Signals]:
    """Return the signals of an argument of `Orchestrator.run_until_signalled`.

    Raises:
        TypeError: It is no collection of signals.
        ValueError: No program can handle one of them.
    """
    if not isinstance(given, Iterable) or not all(isinstance(number, int) for number in given):
        raise TypeError(
            f"run_until_signalled(signals={show(given)}): signals is a collection of signals: [signal.SIGTERM]"
        )
    try:
        found = frozenset(signal.Signals(number) for number in given)
    except ValueError as error:
        raise ValueError(f"run_until_signalled(signals={show(given)}): {error}") from None
    for number in found & UNHANDLED:
        raise ValueError(
            f"run_until_signalled(signals={show(given)}): no program can handle {number.name}: leave it out"
        )
    return found


@contextmanager
def handled_by(handler: Callable[[int, FrameType | None], None], signals: Collection[signal.Signals]) -> Iterator[None]:
    """While the body runs, have signals call ``handler``; then they are handled as before.

    Raises:
        MisplacedCallError: The caller is not the main thread, where Python handles signals.
    """
    if threading.current_thread() is not threading.main_thread():
        raise MisplacedCallError(
            "run_until_signalled() was called outside the main thread, and Python handles signals there alone: call it "
            "there, or call start() here, and stop() when it is time"
        )
    # A handler that Python does not know is none of Python's, and cannot be put back.
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in signals}
    try:
        for number in signals:
            signal.signal(number, handler)
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)


def in_signal_handler() -> bool:
    """Return True where a signal handler is among the callers.

    What the signal interrupted holds its locks until the handler returns, so that the handler must wait for nothing
    that may need one of these. A handler is the function that was called with the frame that it interrupted.
    """
    if threading.get_ident() != threading.main_thread().ident:
        return False
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_back is not None:
        if _is_given(frame, frame.f_back):
            return True
        frame = frame.f_back
    return False


def _is_given(frame: FrameType, caller: FrameType) -> bool:
    """Return True where a function was given the frame of its caller as an argument."""
    code = frame.f_code
    positional, rest = code.co_argcount, code.co_flags & CO_VARARGS
    # A handler takes a number and a frame.
    if not (rest or positional >= 2):
        return False
    values = frame.f_locals
    given = [values.get(name) for name in code.co_varnames[:positional]]
    if rest:
        given += values.get(code.co_varnames[positional + code.co_kwonlyargcount], ())
    if isinstance(values, dict) and frame.f_trace is None and sys.getrefcount(values) <= UNSHARED:
        # Up to Python 3.12 it is a copy, which the frame would keep, and with it what the variables refer to now. The
        # function itself may have it, from `locals()`: then it stays.
        values.clear()
    return any(value is caller for value in given)
