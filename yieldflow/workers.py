"""Where activities run: a pool of threads.

The pool is our own and not `concurrent.futures`' for three reasons: the interpreter must exit without waiting for
running activities or draining what is queued, a thread that waits for another workflow must be able to lend its place,
and a hand-over must cost next to nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, Protocol, TypeAlias

from ._core.definitions import Definition
from ._core.errors import EncodingError
from ._core.history import Codec, Failure, Outcome, Payload

#: Workflow, run and step.
Key: TypeAlias = tuple[str, int, int]


class Attempt(NamedTuple):
    """One attempt at an activity."""

    key: Key
    number: int
    definition: Definition[..., Any]
    #: The arguments by name, as they are stored.
    input: Payload

    @property
    def workflow_id(self) -> str:
        """The workflow that asks for it."""
        return self.key[0]

    @property
    def step(self) -> int:
        """The workflow's step."""
        return self.key[2]


class Completed(NamedTuple):
    """What became of an attempt."""

    attempt: Attempt
    outcome: Outcome


class Workers(Protocol):
    """What the scheduler asks of whatever runs activities."""

    def submit(self, attempt: Attempt) -> None:
        """Run ``attempt`` some time, and deliver its outcome."""


def perform(attempt: Attempt, codec: Codec) -> Completed:
    """Run one attempt; whatever the activity does, the answer is an outcome."""
    try:
        arguments: dict[str, object] = codec.decode(attempt.input)  # type: ignore[assignment]  # encoded from a dict
        result = attempt.definition.call(arguments)
        try:
            outcome: Outcome = codec.encode(result)
        except EncodingError as error:
            raise EncodingError(f"what activity {attempt.definition.name!r} returned: {error}") from None
    except BaseException as error:
        outcome = codec.encode_failure(error)
    return Completed(attempt, outcome)


class _Seat:
    """What one thread of a pool is at."""

    __slots__ = ("attempt", "interrupted", "pool", "waits")

    def __init__(self, pool: ThreadWorkers) -> None:
        self.pool = pool
        self.attempt: Attempt | None = None
        #: How many waits of the attempt lend this place: more than one where it awaits several workflows at once.
        self.waits = 0
        #: Whether the attempt was told to wait no longer, since the pool stops.
        self.interrupted = False


class _Here(threading.local):
    """The seat of the current thread; None where it is no worker."""

    seat: _Seat | None = None


_here = _Here()


@contextmanager
def lend(wake: Callable[[], None]) -> Iterator[None]:
    """While the body waits, have another thread work in this one's place. On threads that are no workers: nothing.

    Args:
        wake: Called, from any thread, if the pool stops: what is waited for may not come any more. See `interrupted`.
    """
    seat = _here.seat
    if seat is None:
        yield
        return
    seat.pool.begin_wait(seat, wake)
    try:
        yield
    finally:
        seat.pool.end_wait(seat, wake)


def interrupted() -> bool:
    """Whether the activity that asks is to give up waiting, since its pool stops."""
    seat = _here.seat
    if seat is None or not seat.pool.stopping:
        return False
    seat.interrupted = True
    return True


class ThreadWorkers:
    """Runs activities on daemon threads.

    Args:
        count: How many activities run at once.
        deliver: Called on the worker's thread with each outcome.
        codec: How arguments and results are stored.
        wanted: Asked on the worker's thread, before an attempt is begun, whether anybody still waits for it.
    """

    def __init__(
        self,
        count: int,
        deliver: Callable[[Completed], None],
        codec: Codec,
        wanted: Callable[[Attempt], bool] = lambda attempt: True,
    ) -> None:
        self._count = count
        self._deliver = deliver
        self._codec = codec
        self._wanted = wanted
        # A thread-safe queue is all that passes between the scheduler's thread and the workers'.
        self._queue: SimpleQueue[Attempt | None] = SimpleQueue()
        # Guards the four below, which are changed and read in a few instructions.
        # The garbage collector may end a wait on a thread that holds it.
        self._lock = threading.RLock()
        self._threads: dict[threading.Thread, _Seat] = {}
        #: How many threads are to end once they have nothing to do: those lent for came back.
        self._surplus = 0
        #: What wakes those that wait.
        self._wakes: list[Callable[[], None]] = []
        #: Whether nothing more begins. Never taken back.
        self.stopping = False

    def start(self) -> None:
        """Start the threads."""
        with self._lock:
            for _ in range(self._count):
                self._spawn()

    def submit(self, attempt: Attempt) -> None:
        """Queue an attempt; attempts begin in the order queued."""
        self._queue.put(attempt)

    def begin_wait(self, seat: _Seat, wake: Callable[[], None]) -> None:
        """Have another thread take the place of one that waits."""
        with self._lock:
            stopping = self.stopping
            # Further waits of the same attempt find its place taken.
            if not seat.waits and not stopping:
                self._spawn()
            seat.waits += 1
            self._wakes.append(wake)
        if stopping:
            wake()

    def end_wait(self, seat: _Seat, wake: Callable[[], None]) -> None:
        """Have one thread less, since one that waited goes on."""
        with self._lock:
            self._wakes.remove(wake)
            seat.waits -= 1
            if seat.waits == 0:
                self._surplus += 1

    @property
    def on_worker(self) -> bool:
        """Whether the calling thread is one of the pool's."""
        seat = _here.seat
        return seat is not None and seat.pool is self

    def stop(self, timeout: float | None) -> list[Attempt]:
        """Begin nothing more, and wait for what runs.

        An attempt that waits for a workflow is told to give up; if it then fails, that does not count as its outcome.

        Args:
            timeout: Seconds to wait at most; None for as long as it takes.

        Returns:
            The attempts that are still running.
        """
        with self._lock:
            # From here on no thread is added, so that those counted are all.
            self.stopping = True
            threads, wakes = list(self._threads), list(self._wakes)
        try:
            while True:
                self._queue.get_nowait()
        except Empty:
            pass
        for _ in threads:
            self._queue.put(None)
        for wake in wakes:
            wake()
        deadline = None if timeout is None else time.monotonic() + timeout
        for thread in threads:
            left = None if deadline is None else deadline - time.monotonic()
            thread.join(None if left is None else min(max(0.0, left), threading.TIMEOUT_MAX))
        with self._lock:
            return [seat.attempt for seat in self._threads.values() if seat.attempt is not None]

    def _spawn(self) -> None:
        """Add a thread; the lock is held by the caller."""
        seat = _Seat(self)
        thread = threading.Thread(target=self._work, args=(seat,), name="yieldflow-worker", daemon=True)
        thread.start()
        self._threads[thread] = seat

    def _work(self, seat: _Seat) -> None:
        _here.seat = seat
        try:
            while (attempt := self._queue.get()) is not None and not self.stopping:
                if not self._wanted(attempt):
                    continue
                seat.attempt = attempt
                completed = perform(attempt, self._codec)
                seat.attempt = None
                if not (seat.interrupted and isinstance(completed.outcome, Failure)):
                    self._deliver(completed)
                if self._surplus and self._retire():
                    return
        finally:
            with self._lock:
                del self._threads[threading.current_thread()]

    def _retire(self) -> bool:
        with self._lock:
            if self._surplus:
                self._surplus -= 1
                return True
            return False
