"""What runs in another process: one attempt at a time, for the process that owns it.

Of `processes`, which talks to it through a pipe:

=====================================  =============================================
to the child                           from the child
=====================================  =============================================
                                       `Ready`: it has imported what it has to
`Job`: an attempt                      `Loaded`: it has the activity; may it begin?
`Go`: begin, or not                    `HeartbeatReceived`, as often as the activity says so
`Cancel`: nobody waits any more        `Over`: how it came out
None: end
=====================================  =============================================

Of an executor that was handed over: `Parcel`, which such an executor sends wherever it likes.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from contextlib import suppress
from contextvars import copy_context
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from .._core.errors import MisplacedCallError
from .._core.history import Codec, Payload
from .attempt import AttemptInfo, Ending, run
from .context import ActivityContext, settle
from .pipe_protocol import send
from .serialization import settle_main, unship

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

#: What `prctl` calls it.
_PR_SET_PDEATHSIG = 1
#: Seconds between two looks whether the parent is still there.
LOOK = 1.0


class Job(NamedTuple):
    """An attempt, as it is sent."""

    #: The activity and its retry policy.
    shipped: bytes
    input: Payload
    info: AttemptInfo
    #: The details of the last heartbeat of the attempt before.
    details: Payload | None


class Go(NamedTuple):
    """Whether what was loaded is to begin."""

    begin: bool


class Cancel(NamedTuple):
    """Nobody waits for the attempt any more, and its end is waited for."""


class Ready(NamedTuple):
    """The process can take a job."""


class Loaded(NamedTuple):
    """The activity is there."""


class HeartbeatReceived(NamedTuple):
    """The attempt lives."""

    info: AttemptInfo
    details: Payload


class Over(NamedTuple):
    """How the attempt came out."""

    ending: Ending


FromParent: TypeAlias = Job | Go | Cancel | None
FromChild: TypeAlias = Ready | Loaded | HeartbeatReceived | Over


class ChildPlace:
    """Where an activity runs in another process."""

    #: There is none of either here.
    engine = None
    waits = None
    on_event_loop = False

    def __init__(self) -> None:
        self.context: ActivityContext | None = None

    def interrupted(self) -> bool:
        """No stop is heard of here."""
        return False


class Child:
    """A worker process, seen from inside.

    Args:
        pipe: To the parent.
        codec: How arguments and results are stored.
    """

    def __init__(self, pipe: Connection, codec: Codec) -> None:
        self._pipe = pipe
        self._codec = codec
        parent = multiprocessing.parent_process()
        self._parent = os.getppid() if parent is None else parent.pid
        self._pid = os.getpid()
        self._place = ChildPlace()
        self._cancelled = False
        self._inbox: SimpleQueue[Job | Go | None] = SimpleQueue()
        # An activity may send heartbeats from several threads.
        self._sending = threading.Lock()

    def work(self) -> None:
        """Take jobs until told to end."""
        settle(self._place)
        threading.Thread(target=self._listen, name="yieldflow-listener", daemon=True).start()
        self._send(Ready())
        while isinstance(job := self._inbox.get(), Job):
            ending = self._do(job)
            if ending is not None:
                self._send(Over(ending))

    def _do(self, job: Job) -> Ending | None:
        """Make an attempt; None where it is not to begin after all."""
        try:
            definition, policy = unship(job.shipped, job.info.activity)
        except BaseException as error:
            return Ending(self._codec.encode_failure(error), retryable=False)
        self._cancelled = False
        self._send(Loaded())
        go = self._inbox.get()
        if not isinstance(go, Go) or not go.begin:
            return None
        self._place.context = ActivityContext(
            job.info,
            self._codec,
            job.details,
            lambda details: self._send(HeartbeatReceived(job.info, details)),
            lambda: self._cancelled,
        )
        ending = copy_context().run(run, definition, job.input, policy, self._codec)
        if os.getpid() != self._pid:
            # The activity forked, and the child came back from it: that is no worker.
            os._exit(0)
        self._place.context = None
        _flush()
        return ending

    def _send(self, message: FromChild) -> None:
        with self._sending:
            send(self._pipe, message)

    def _listen(self) -> None:
        """Hear the parent, and end at once when it is no more: nobody would know of what is done."""
        try:
            while True:
                while not self._pipe.poll(LOOK):
                    # A fork of the parent may hold the other end of the pipe.
                    if os.getppid() != self._parent:
                        os._exit(1)
                message: FromParent = self._pipe.recv()
                if isinstance(message, Cancel):
                    self._cancelled = True
                else:
                    self._inbox.put(message)
        except (EOFError, OSError):
            os._exit(1)


def begin(pipe: Connection, codec: Codec, parent: int) -> None:
    """What a worker process runs, for the process with the id ``parent``."""
    # Terminals and service managers send these to all processes; whether anything ends is the parent's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # By a handler, since what is ignored stays so in the programs that an activity runs, and may want to end.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _end_with(parent)
    settle_main()
    Child(pipe, codec).work()


def _end_with(parent: int) -> None:
    """Have the system end this process when the one that owns it dies: it may be in code that lets nobody look.

    Linux alone can. What counts there is the death of the thread that started this process, which is the one that looks
    after all of them, and ends after them.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def _flush() -> None:
    """Let what was printed be seen, however this process ends."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()


class Parcel:
    """An attempt for an executor that was handed over and runs calls in other processes.

    Args:
        job: The attempt.
        codec: How arguments and results are stored.
    """

    def __init__(self, job: Job, codec: Codec) -> None:
        self._job = job
        self._codec = codec

    def __call__(self) -> Ending:
        """Make the attempt."""
        try:
            definition, policy = unship(self._job.shipped, self._job.info.activity)
        except BaseException as error:
            return Ending(self._codec.encode_failure(error), retryable=False)
        place = ChildPlace()
        place.context = ActivityContext(self._job.info, self._codec, self._job.details, _refuse_beat, lambda: False)

        def there() -> Ending:
            settle(place)
            return run(definition, self._job.input, policy, self._codec)

        ending = copy_context().run(there)
        _flush()
        return ending


def _refuse_beat(details: Payload) -> None:
    raise MisplacedCallError(
        "heartbeat() was called in another process, in an executor that was handed to the orchestrator, from where it "
        "cannot be heard: use executor='process'"
    )
