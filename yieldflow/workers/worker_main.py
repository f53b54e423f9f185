"""The program of a worker process, and attempts in the processes of an executor that was handed over."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from contextlib import suppress
from contextvars import Context
from queue import SimpleQueue
from typing import TYPE_CHECKING

from .._core.errors import MisplacedCallError
from .._core.history import Codec, Payload
from .attempt import Ending, run
from .context import ActivityContext, ActivityHost, AttemptInfo, ContextHolder, provide_context
from .forks import flush_output
from .pipe_protocol import Cancel, FromOwner, FromWorker, Go, Heartbeat, Job, Loaded, Over, Ready, send
from .serialization import deserialize, rename_main

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

#: The number that `prctl` has for it.
_PR_SET_PDEATHSIG = 1
#: Seconds between two looks whether the owner is still there.
POLL = 1.0


def main(pipe: Connection, codec: Codec, owner: int) -> None:
    """Run a worker process for the process with the id ``owner``."""
    # Terminals and service managers send these to all processes; whether anything ends is the owner's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # By a handler, since an ignored signal stays ignored in the programs that an activity runs, and may want to end.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _end_with(owner)
    rename_main()
    _Worker(pipe, codec).work()


def _end_with(owner: int) -> None:
    """Have the system end this process when its owner dies: it may be in code that lets no other thread run.

    Only Linux can. There the death of the thread that started this process counts: it manages all worker processes, and
    ends after them.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != owner:
            os._exit(1)


class _Worker:
    """Makes one attempt at a time, for the owner at the other end of the pipe.

    Args:
        pipe: The pipe to the owner.
        codec: Encodes and decodes arguments and results.
    """

    def __init__(self, pipe: Connection, codec: Codec) -> None:
        self._pipe = pipe
        self._codec = codec
        parent = multiprocessing.parent_process()
        self._owner = os.getppid() if parent is None else parent.pid
        self._host: _OverPipe | None = None
        self._inbox: SimpleQueue[Job | Go | None] = SimpleQueue()
        # An activity may send heartbeats from several threads.
        self._sending = threading.Lock()

    def work(self) -> None:
        """Take jobs until told to end."""
        threading.Thread(target=self._listen, name="yieldflow-listener", daemon=True).start()
        self.send(Ready())
        while isinstance(job := self._inbox.get(), Job):
            ending = self._make(job)
            if ending is not None:
                self.send(Over(ending))

    def _make(self, job: Job) -> Ending | None:
        """Make an attempt; None where it is not to begin after all."""
        try:
            definition, policy = deserialize(job.definition, job.info.activity)
        except BaseException as error:
            return Ending(self._codec.encode_failure(error), retryable=False)
        self._host = _OverPipe(self, job.info)
        self.send(Loaded())
        go = self._inbox.get()
        if not isinstance(go, Go) or not go.begin:
            return None
        holder = ContextHolder(_context(job, self._codec, self._host))
        # In a context of its own, so that the next attempt finds nothing of it. (No copy of this thread's, in which the
        # program was imported.)
        context = Context()
        context.run(provide_context, holder)
        ending = context.run(run, definition, job.input, policy, self._codec, job.limits)
        # What the attempt left behind is in no attempt any more.
        holder.context = None
        flush_output()
        return ending

    def send(self, message: FromWorker) -> None:
        """Send a message to the owner. Any thread may call."""
        with self._sending:
            send(self._pipe, message)

    def _listen(self) -> None:
        """Receive messages, and end the process once the owner is gone: nothing that it does would be heard of."""
        try:
            while True:
                while not self._pipe.poll(POLL):
                    # A fork of the owner may hold the other end of the pipe.
                    if os.getppid() != self._owner:
                        os._exit(1)
                message: FromOwner = self._pipe.recv()
                if not isinstance(message, Cancel):
                    self._inbox.put(message)
                elif self._host is not None:
                    self._host.cancelled = True
        finally:
            # The pipe has ended; or another thread had this one be struck, and the owner would not be heard any more.
            os._exit(1)


class _OverPipe:
    """Answers an activity in a worker process."""

    def __init__(self, worker: _Worker, info: AttemptInfo) -> None:
        self._worker = worker
        self._info = info
        self.cancelled = False

    def beat(self, details: Payload) -> None:
        self._worker.send(Heartbeat(self._info, details))


class RemoteAttempt:
    """An attempt that an executor which was handed over makes in another process.

    Args:
        job: The attempt.
        codec: Encodes and decodes arguments and results.
    """

    def __init__(self, job: Job, codec: Codec) -> None:
        self._job = job
        self._codec = codec

    def __call__(self) -> Ending:
        """Make the attempt."""
        try:
            definition, policy = deserialize(self._job.definition, self._job.info.activity)
        except BaseException as error:
            return Ending(self._codec.encode_failure(error), retryable=False)

        def make() -> Ending:
            provide_context(ContextHolder(_context(self._job, self._codec, _OutOfReach())))
            return run(definition, self._job.input, policy, self._codec, self._job.limits)

        ending = Context().run(make)
        flush_output()
        return ending


class _OutOfReach:
    """Answers an activity whose executor passes nothing on to the engine while it runs."""

    cancelled = False

    def beat(self, details: Payload) -> None:
        raise MisplacedCallError(
            "heartbeat() was called in another process, in an executor that was handed to the orchestrator, from where "
            "it cannot be heard: use executor='process'"
        )


def _context(job: Job, codec: Codec, host: ActivityHost) -> ActivityContext:
    return ActivityContext(job.info, codec, host, job.details, job.limits.details)
