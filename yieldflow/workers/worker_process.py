"""One worker process, seen from the process that owns it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from multiprocessing.connection import wait
from queue import SimpleQueue
from typing import Any

from ..log import logger
from .attempt import Attempt
from .pipe_protocol import Cancel, FromOwner, FromWorker, Go, Job, Reader
from .protocols import Engine
from .serialization import serialize
from .worker_main import main

#: Not by a fork: that would copy locks which no thread of the copy ever releases.
_CONTEXT = multiprocessing.get_context("spawn")

#: Messages taken in from one process before it is another's turn.
AT_ONCE = 100
#: Seconds between the end of a process's pipe and the news of its death, at most.
DEATH_IS_LATE = 0.5


class _PipeIsUnused:
    """Ends the thread that sends: the process is dead."""


class WorkerProcess:
    """A process that makes one attempt at a time.

    Args:
        engine: The engine that it works for.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, engine: Engine) -> None:
        self._limits = engine.limits
        # No queue and no lock is shared with other workers, so that none of them can be left broken by a kill.
        self.pipe, theirs = _CONTEXT.Pipe()
        try:
            arguments = (theirs, engine.codec, os.getpid())
            self._process = _CONTEXT.Process(target=main, args=arguments, name="yieldflow-worker")
            self._process.start()
        except BaseException:
            self.pipe.close()
            raise
        finally:
            theirs.close()
        self._name = f"process {self._process.pid}"
        self._reader = Reader(self.pipe)
        # Sent by a thread: a worker that was stopped, and does not read, must not hold up the others.
        self._outbox: SimpleQueue[FromOwner | _PipeIsUnused] = SimpleQueue()
        threading.Thread(target=self._send_all, name="yieldflow-process-pipe", daemon=True).start()
        #: Why it was killed, where it could not be relied on any more.
        self._distrusted: str | None = None
        self._exit_code: int | None = None
        #: Becomes readable when the process dies.
        self.death = _death_of(self._process)
        #: True once it has imported the program, and can take a job.
        self.ready = False
        #: The attempt that it has.
        self.attempt: Attempt | None = None
        #: True once the time of its attempt ran out.
        self.timed_out = False
        #: True once it was told to end, or killed.
        self.unwanted = False
        #: True once nothing more is to be read from it.
        self.pipe_ended = False

    @property
    def idle(self) -> bool:
        """True while it can take a job."""
        return self.ready and self.attempt is None and not self.unwanted and self._distrusted is None

    @property
    def reaped(self) -> bool:
        """True once it is dead, and nothing of it is held any more."""
        return self._exit_code is not None

    def assign(self, attempt: Attempt) -> None:
        """Send it an attempt.

        Raises:
            EncodingError: The activity cannot be sent to another process.
        """
        definition = serialize(attempt.definition, attempt.options.retry)
        job = Job(definition, attempt.input, attempt.info, attempt.details, self._limits)
        self.attempt = attempt
        attempt.worker = self._name
        self._outbox.put(job)

    @property
    def begun(self) -> bool:
        """True where it has an attempt that has begun."""
        return self.attempt is not None and self.attempt.begun_at is not None

    def allow(self, begin: bool) -> None:
        """Let it begin its attempt, or take that away from it."""
        if not begin:
            self.attempt = None
        self._outbox.put(Go(begin))

    def tell_cancelled(self) -> None:
        """Let its attempt know that it was cancelled."""
        self._outbox.put(Cancel())

    def dismiss(self) -> None:
        """Have it end when it is done with its attempt, if it has one."""
        self.unwanted = True
        self._outbox.put(None)

    def kill(self) -> None:
        """End it at once."""
        self.unwanted = True
        self._process.kill()

    def receive(self, dead: bool) -> list[FromWorker]:
        """Take in its messages: all of a dead one; else only so many, so that the others get their turn."""
        if self.pipe_ended:
            return []
        try:
            return self._reader.read(None if dead else AT_ONCE)
        # An EOFError, or whatever the bytes of a broken message raise.
        except Exception:
            self.pipe_ended = True
            # A death closes the pipe too, a moment before it is told.
            if not dead and not wait([self.death], DEATH_IS_LATE):
                self.distrust("what it said could not be read any more")
            return []

    def distrust(self, reason: str) -> None:
        """Kill it, since it cannot be relied on. Any thread may call."""
        self._distrusted = reason
        # It may be dead and forgotten.
        with suppress(ValueError):
            self._process.kill()

    def reap(self, timeout: float | None = None) -> bool:
        """Wait for its death and free what it held; False where it does not die in time."""
        process = self._process
        # Asked first: to join may mean to wait for what it forked as well.
        if process.exitcode is None:
            process.join(timeout)
        self._exit_code = process.exitcode
        if self._exit_code is None:
            return False
        process.join(0)
        self._outbox.put(_PipeIsUnused())
        if self.death != process.sentinel:
            os.close(self.death)
        process.close()
        return True

    @property
    def cause_of_death(self) -> str:
        """The exit code or the signal of a dead one, in words."""
        code = self._exit_code or 0
        if self._distrusted is not None:
            return f"{self._distrusted}, so that it was killed"
        with suppress(ValueError):
            if code < 0:
                name = signal.Signals(-code).name
                return f"{name}, which the system sends when memory runs out" if name == "SIGKILL" else name
        return f"exit code {code}"

    @property
    def failed_to_start(self) -> bool:
        """True where a dead one never was ready by its own doing: the program raised, and nothing killed it."""
        return not self.ready and (self._exit_code or 0) >= 0

    def _send_all(self) -> None:
        """Send what is in the outbox, however long that takes."""
        try:
            self._send_until_dead()
        except BaseException as error:
            # What was to be sent may be lost.
            logger.error(
                "a thread that sends to a worker process was struck by %s", type(error).__name__, exc_info=error
            )
            self.distrust(f"the thread that sends to it was struck by {type(error).__name__}")
            self._send_until_dead()
        self.pipe.close()

    def _send_until_dead(self) -> None:
        while not isinstance(message := self._outbox.get(), _PipeIsUnused):
            # Where the process is dead, its owner hears of that in another way.
            with suppress(ConnectionError):
                self.pipe.send(message)


def _death_of(process: Any) -> int:
    """Return a file descriptor that becomes readable when a process dies.

    The process's sentinel is a pipe, which the processes that it forked hold open after its death.
    """
    try:
        return os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        sentinel: int = process.sentinel
        return sentinel
