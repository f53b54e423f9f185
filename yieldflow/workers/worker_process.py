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

from .._core.history import Codec
from .attempt import Attempt
from .pipe_protocol import Reader
from .serialization import ship
from .worker_main import Cancel, FromChild, FromParent, Go, Job, begin

#: Not by a fork: that would copy locks which nobody is there to open.
_CONTEXT = multiprocessing.get_context("spawn")

#: How much of what one process has said is heard before others are.
AT_ONCE = 100
#: Seconds between the end of a process's pipe and the news of its death, at most.
MOMENT = 0.5


class Dead:
    """The last word to one that is dead."""


class WorkerProcess:
    """A process that makes one attempt at a time.

    Args:
        codec: How arguments and results are stored.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, codec: Codec) -> None:
        # No queue and no lock is shared with other children, so that none of them can be left broken by a kill.
        self.pipe, theirs = _CONTEXT.Pipe()
        try:
            self._process = _CONTEXT.Process(target=begin, args=(theirs, codec, os.getpid()), name="yieldflow-worker")
            self._process.start()
        except BaseException:
            self.pipe.close()
            raise
        finally:
            theirs.close()
        self._name = f"process {self._process.pid}"
        self._reader = Reader(self.pipe)
        # One that does not listen, since it was stopped, is not to hold up whoever looks after the others.
        self._unsaid: SimpleQueue[FromParent | Dead] = SimpleQueue()
        threading.Thread(target=self._speak, name="yieldflow-process-pipe", daemon=True).start()
        #: Whether it was killed since it lives and says nothing that can be read.
        self._unreadable = False
        self._exit_code: int | None = None
        #: What tells of its death.
        self.death = _death_of(self._process)
        #: Whether it has imported the program, and can take a job.
        self.ready = False
        #: The attempt that it has, and whether that has begun.
        self.attempt: Attempt | None = None
        self.begun = False
        #: Whether it ends since we want it to.
        self.unwanted = False
        #: Whether nothing more is to be read from it.
        self.silent = False

    @property
    def idle(self) -> bool:
        """Whether it can take a job."""
        return self.ready and self.attempt is None and not self.unwanted

    def give(self, attempt: Attempt) -> None:
        """Send it an attempt.

        Raises:
            EncodingError: That cannot be sent to another process.
        """
        job = Job(ship(attempt.definition, attempt.options.retry), attempt.input, attempt.info, attempt.details)
        self.attempt, self.begun = attempt, False
        attempt.worker = self._name
        self._send(job)

    def answer(self, go: bool) -> None:
        """Let it begin what it was given, or not."""
        self.begun = go
        if not go:
            self.attempt = None
        self._send(Go(go))

    def tell_cancelled(self) -> None:
        """Let its attempt know that nobody waits for it."""
        self._send(Cancel())

    def dismiss(self) -> None:
        """Have it end when it is done with what it has."""
        self.unwanted = True
        self._send(None)

    def kill(self) -> None:
        """End it at once."""
        self.unwanted = True
        self._process.kill()

    def heard(self, dead: bool) -> list[FromChild]:
        """What it has said and nobody has heard; of one that lives only so much, since others want to be heard too."""
        if self.silent:
            return []
        try:
            return self._reader.read(None if dead else AT_ONCE)
        # Whatever it is that has come.
        except Exception:
            self.silent = True
            # A death closes the pipe too, a moment before it is told.
            if not dead and not wait([self.death], MOMENT):
                self._unreadable = True
                self._process.kill()
            return []

    def bury(self, timeout: float | None = None) -> bool:
        """Wait for its death and let go of all that it held; False where it does not die in time."""
        process = self._process
        # Asked first: to join may mean to wait for what it forked as well.
        if process.exitcode is None:
            process.join(timeout)
        self._exit_code = process.exitcode
        if self._exit_code is None:
            return False
        process.join(0)
        self._unsaid.put(Dead())
        if self.death != process.sentinel:
            os.close(self.death)
        process.close()
        return True

    @property
    def end(self) -> str:
        """What a dead one died of."""
        code = self._exit_code or 0
        if self._unreadable:
            return "what it said could not be read any more, so that it was killed"
        with suppress(ValueError):
            if code < 0:
                name = signal.Signals(-code).name
                return f"{name}, which the system sends when memory runs out" if name == "SIGKILL" else name
        return f"exit code {code}"

    @property
    def refused_to_start(self) -> bool:
        """Whether a dead one never was ready by its own doing: the program raised, and nothing killed it."""
        return not self.ready and (self._exit_code or 0) >= 0

    def _send(self, message: FromParent) -> None:
        self._unsaid.put(message)

    def _speak(self) -> None:
        """Send what is to be sent, however long that takes."""
        while not isinstance(message := self._unsaid.get(), Dead):
            # Where it is dead, that is told elsewhere.
            with suppress(OSError):
                self.pipe.send(message)
        self.pipe.close()


def _death_of(process: Any) -> int:
    """What becomes readable when a process dies.

    Its sentinel is a pipe, which what it forked holds open after its death.
    """
    try:
        return os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        sentinel: int = process.sentinel
        return sentinel
