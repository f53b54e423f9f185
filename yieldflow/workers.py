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
from typing import Any, NamedTuple, Protocol

from ._core.definitions import Definition
from ._core.errors import OrchestratorStoppedError
from ._core.history import Codec, Failure, Outcome, Payload


class Task(NamedTuple):
    """One attempt at an activity."""

    workflow_id: str
    run: int
    step: int
    attempt: int
    definition: Definition[..., Any]
    #: The arguments by name, as they are stored.
    input: Payload


class Completed(NamedTuple):
    """What became of a task."""

    workflow_id: str
    run: int
    step: int
    attempt: int
    outcome: Outcome


class Workers(Protocol):
    """What the scheduler asks of whatever runs activities."""

    def submit(self, task: Task) -> None:
        """Run ``task`` some time, and deliver its outcome."""


def perform(task: Task, codec: Codec) -> Completed:
    """Run one attempt; whatever the activity does, the answer is an outcome."""
    try:
        arguments: dict[str, object] = codec.decode(task.input)  # type: ignore[assignment]  # encoded from a dict
        outcome: Outcome = codec.encode(task.definition.call(arguments))
    except BaseException as error:
        outcome = codec.encode_failure(error)
    return Completed(*task[:4], outcome)


def _was_interrupted(completed: Completed) -> bool:
    """Whether it is only for the stop that the activity failed: then it runs again at the next start."""
    outcome = completed.outcome
    return isinstance(outcome, Failure) and outcome.type_name.endswith("." + OrchestratorStoppedError.__name__)


class ThreadWorkers:
    """Runs activities on daemon threads.

    Args:
        count: How many activities run at once.
        deliver: Called on the worker's thread with each outcome.
        codec: How arguments and results are stored.
    """

    def __init__(self, count: int, deliver: Callable[[Completed], None], codec: Codec) -> None:
        self._count = count
        self._deliver = deliver
        self._codec = codec
        # A thread-safe queue is all that passes between the scheduler's thread and the workers'.
        self._queue: SimpleQueue[Task | None] = SimpleQueue()
        # Guards the three below; each is changed and read in a few instructions.
        self._lock = threading.Lock()
        self._threads: dict[threading.Thread, Task | None] = {}
        self._surplus = 0
        self._stopping = False

    def start(self) -> None:
        """Start the threads."""
        for _ in range(self._count):
            self._spawn()

    def submit(self, task: Task) -> None:
        """Queue a task; tasks begin in the order queued."""
        self._queue.put(task)

    @contextmanager
    def lend(self) -> Iterator[None]:
        """While the body waits, have another thread work in this one's place. On other threads it does nothing."""
        ours = threading.current_thread() in self._threads
        if ours:
            self._spawn()
        try:
            yield
        finally:
            if ours:
                with self._lock:
                    self._surplus += 1

    @property
    def on_worker(self) -> bool:
        """Whether the calling thread is one of the pool's."""
        return threading.current_thread() in self._threads

    def stop(self, timeout: float | None) -> list[Task]:
        """Begin nothing more, and wait for what runs.

        Args:
            timeout: Seconds to wait at most; None for as long as it takes.

        Returns:
            The tasks that are still running.
        """
        self._stopping = True
        try:
            while True:
                self._queue.get_nowait()
        except Empty:
            pass
        with self._lock:
            threads = list(self._threads)
        for _ in threads:
            self._queue.put(None)
        deadline = None if timeout is None else time.monotonic() + timeout
        for thread in threads:
            thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        with self._lock:
            return [task for task in self._threads.values() if task is not None]

    def _spawn(self) -> None:
        thread = threading.Thread(target=self._work, name="yieldflow-worker", daemon=True)
        with self._lock:
            self._threads[thread] = None
        thread.start()

    def _work(self) -> None:
        me = threading.current_thread()
        try:
            while (task := self._queue.get()) is not None and not self._stopping:
                self._threads[me] = task
                completed = perform(task, self._codec)
                self._threads[me] = None
                if not (self._stopping and _was_interrupted(completed)):
                    self._deliver(completed)
                if self._surplus and self._retire():
                    return
        finally:
            with self._lock:
                del self._threads[me]

    def _retire(self) -> bool:
        with self._lock:
            if self._surplus:
                self._surplus -= 1
                return True
            return False
