"""The logger that yieldflow itself uses, and the thread that hands its messages to the user's handlers.

A handler, a filter or a `__repr__` may do anything: call the orchestrator, wait for a lock, raise `SystemExit`. So they
are never called where a message is logged, which may be on the scheduler's thread or under a lock.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType, MappingProxyType, TracebackType
from typing import Any, NamedTuple, TypeAlias

ExceptionInfo: TypeAlias = "tuple[type[BaseException], BaseException, TracebackType | None]"

#: Seconds for which whoever starts, stops or waits lets the handlers catch up with what was logged till then.
PATIENCE = 1.0
#: While so many messages wait, since a handler is slow, further ones are only counted.
MANY = 10_000


class _Message(NamedTuple):
    """A message, and where, when and by which thread it was logged."""

    logger: logging.Logger
    level: int
    text: object
    values: tuple[object, ...]
    error: ExceptionInfo | None
    stack: str | None
    extra: Mapping[str, object] | None
    path: str
    line: int
    function: str
    time: float
    thread: int
    thread_name: str

    def emit(self) -> None:
        """Hand it to the handlers, as the logger itself does."""
        logger = self.logger
        if not logger.isEnabledFor(self.level):
            return
        record = logger.makeRecord(
            logger.name, self.level, self.path, self.line, self.text, self.values, self.error,
            self.function, self.extra, self.stack,
        )  # fmt: skip
        record.relativeCreated -= (record.created - self.time) * 1000
        record.created, record.msecs = self.time, self.time % 1 * 1000
        record.thread, record.threadName = self.thread, self.thread_name
        logger.handle(record)


class Log:
    """The logger ``yieldflow``. Its messages are handed on by a thread, which lives while there are any."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("yieldflow")
        #: Messages, and functions to be called once all before them are handed on.
        self._waiting: deque[_Message | Callable[[], object]] = deque()
        self._left_out = 0
        #: Held by whoever hands on.
        self._handing_on = threading.Lock()
        self._thread: int | None = None
        #: The threads that must not come to run a handler of the user's, by ident.
        self.guarded: set[int] = set()
        atexit.register(self.flush)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin_anew)

    def info(self, message: str, *values: object) -> None:
        """Log what is as it should be."""
        self.log(self._logger, logging.INFO, message, values)

    def warning(self, message: str, *values: object) -> None:
        """Log what may be worth a look."""
        self.log(self._logger, logging.WARNING, message, values)

    def error(self, message: str, *values: object, exc_info: BaseException | None = None) -> None:
        """Log what needs a look."""
        self.log(self._logger, logging.ERROR, message, values, {"exc_info": exc_info})

    def critical(self, message: str, *values: object, exc_info: BaseException | None = None) -> None:
        """Log what stops everything."""
        self.log(self._logger, logging.CRITICAL, message, values, {"exc_info": exc_info})

    def log(
        self,
        logger: logging.Logger,
        level: int,
        text: object,
        values: tuple[object, ...],
        options: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Log a message of any logger. It comes from the nearest caller outside this module and `logging`.

        Args:
            logger: The logger.
            level: The level.
            text: The message, or what stands for it.
            values: The values that belong into it.
            options: What a call of `logging` takes by name: ``exc_info``, ``stack_info``, ``stacklevel``, ``extra``.
        """
        if level < logger.getEffectiveLevel():
            return  # which costs no thread, and takes no lock
        if len(self._waiting) >= MANY:
            self._left_out += 1
            return
        frame = _caller(options.get("stacklevel", 1))
        stack = "".join(traceback.format_stack(frame)).rstrip() if options.get("stack_info") else None
        thread = threading.current_thread()
        error = _raised(options.get("exc_info"))
        info = None if error is None else (type(error), error, error.__traceback__)
        code = frame.f_code
        self._waiting.append(
            _Message(
                logger, level, text, values, info,
                None if stack is None else f"Stack (most recent call last):\n{stack}", options.get("extra"),
                code.co_filename, frame.f_lineno, code.co_name, time.time(), threading.get_ident(), thread.name,
            )
        )  # fmt: skip
        self._see_that_it_is_handed_on()

    def flush(self, timeout: float = PATIENCE) -> None:
        """Wait until what was logged till now is handed on, or for ``timeout`` seconds. A handler does not wait."""
        reached = threading.Event()
        if self._call_behind(reached.set):
            reached.wait(timeout)

    async def flush_async(self, timeout: float = PATIENCE) -> None:
        """Do the same in a coroutine, whose event loop goes on meanwhile."""
        import asyncio

        loop, reached = asyncio.get_running_loop(), asyncio.Event()
        if self._call_behind(lambda: loop.call_soon_threadsafe(reached.set)):
            with suppress(TimeoutError):
                await asyncio.wait_for(reached.wait(), timeout)

    def _call_behind(self, reached: Callable[[], object]) -> bool:
        """Call a function once what was logged till now is handed on; False, and no call, where there is no need."""
        if self._thread == threading.get_ident() or not (self._waiting or self._handing_on.locked()):
            return False
        self._waiting.append(reached)
        if not self._see_that_it_is_handed_on():
            # There is no thread to do so.
            self._hand_on()
        return True

    # ------------------------------------------------------------------ handing on

    def _see_that_it_is_handed_on(self) -> bool:
        """Start the thread, unless it runs; False where the system gives none: then the next message tries again."""
        # Whoever takes it out has the lock to release: the thread, or this one where it was not started.
        right = [True]
        if self._handing_on.acquire(blocking=False):
            try:
                threading.Thread(target=self._run, args=(right,), name="yieldflow-log", daemon=True).start()
            except BaseException as error:
                if _took(right):
                    self._handing_on.release()
                if not isinstance(error, (RuntimeError, MemoryError)):
                    raise
                return False
        return True

    def _run(self, right: list[bool]) -> None:
        if _took(right):
            self._drain()
            self._hand_on()

    def _hand_on(self) -> None:
        """Hand on what waits, unless another thread does."""
        # Looked at again after each release: what came before it has found the lock taken.
        while self._waiting and self._handing_on.acquire(blocking=False):
            self._drain()

    def _drain(self) -> None:
        """Hand on all that waits, and release the lock, which the caller has acquired."""
        # In a child that a handler forked there is another one.
        acquired = self._handing_on
        self._thread = threading.get_ident()
        try:
            while self._waiting:
                item = self._waiting.popleft()
                try:
                    self._hand_on_one(item)
                except BaseException:
                    _tell_of_loss(item)
        finally:
            self._thread = None
            acquired.release()

    def _hand_on_one(self, item: _Message | Callable[[], object]) -> None:
        if not isinstance(item, _Message):
            item()
            return
        item.emit()
        left_out, self._left_out = self._left_out, 0
        if left_out:
            self.warning("%d messages are left out here: a handler of the program's is slower than they came", left_out)

    def _begin_anew(self) -> None:
        """Forget, in a forked child, what the parent logs."""
        self._waiting.clear()
        self._handing_on = threading.Lock()
        self._thread = None


def _caller(level: int) -> FrameType:
    """Return the frame that logs, or for a ``level`` above 1 that of a caller's caller."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__") in _INSIDE:
        frame = frame.f_back
    for _ in range(level - 1):
        frame = frame.f_back or frame
    return frame


def _raised(info: object) -> BaseException | None:
    """Return the exception that the argument ``exc_info`` of a call of `logging` stands for."""
    if isinstance(info, tuple):
        info = info[1]
    return info if isinstance(info, BaseException) else sys.exception() if info else None


def _tell_of_loss(item: object) -> None:
    """Print, as a handler itself does, that a filter or the like raised, and which message it was."""
    if not (isinstance(item, _Message) and logging.raiseExceptions):
        return
    with suppress(BaseException):
        sys.stderr.write(
            f"--- Logging error ---\n{traceback.format_exc()}"
            f"Logged from file {item.path}, line {item.line}, by {item.logger.name}: {item.text}\n"
        )


def _took(right: list[bool]) -> bool:
    """Take the one item out of a list; False where another thread was first."""
    try:
        return right.pop()
    except IndexError:
        return False


#: Their frames are not where a message comes from.
_INSIDE = {__name__, "yieldflow.workflow_logger", "logging"}

#: Used by all modules.
logger = Log()


#: Seconds between two looks of a watchdog at a thread, and the number of looks after which it is blocked.
LOOK = 0.25
TOO_LONG = 4


def stack_of(thread: threading.Thread) -> str:
    """Show where a thread is now, for a warning that it is blocked."""
    frame = sys._current_frames().get(thread.ident or 0)
    return "".join(traceback.format_stack(frame)) if frame is not None else "unknown\n"


def waits_for_caller(thread: threading.Thread) -> bool:
    """Return True where a thread waits for the lock of a logging handler that the calling thread is in."""
    frame = sys._current_frames().get(thread.ident or 0)
    handler = frame.f_locals.get("self") if frame is not None else None
    lock: Any = handler.lock if isinstance(handler, logging.Handler) else None
    return lock is not None and bool(lock._is_owned())
