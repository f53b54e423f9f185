"""Activities in worker processes: started when they are needed, reused, and killed where nobody waits any more.

One thread looks after all of them. Only it knows of the processes and of what waits; others send it mail.
"""

from __future__ import annotations

import atexit
import multiprocessing
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import wait

from .._core.errors import EncodingError, WorkerDiedError
from ..log import logger
from .attempt import Attempt, Completed, Ending, Engine
from .worker_main import FromChild, HeartbeatReceived, Loaded, Over, Ready
from .worker_process import WorkerProcess

#: Seconds in which processes that have nothing to do are to end at a stop, before they are killed.
PATIENCE = 1.0


class ProcessWorkers:
    """Runs activities in worker processes.

    Args:
        count: How many there are at most.
        engine: What the activities run for.
    """

    def __init__(self, count: int, engine: Engine) -> None:
        self._count = count
        self._engine = engine
        self._waiting: deque[Attempt] = deque()
        self._processes: list[WorkerProcess] = []
        #: What was given to a process that died before it began: given to another one, but only once.
        self._given_again: set[Attempt] = set()
        #: Whether any process was ever ready: then the program can be imported.
        self._proved = False
        self._closed = False
        self._killed = False
        #: Set once nothing runs and nothing more will.
        self._quiet = threading.Event()
        # What others have to say, and what wakes the thread for it.
        self._mail: deque[Callable[[], None]] = deque()
        self._bell, self._rope = multiprocessing.get_context("spawn").Pipe(duplex=False)
        self._rung = False
        # After multiprocessing's own, so called before it, which waits for all processes.
        atexit.register(self.kill)
        self._thread = threading.Thread(target=self._manage, name="yieldflow-processes", daemon=True)
        self._thread.start()

    def submit(self, attempt: Attempt) -> None:
        """Queue an attempt; attempts begin in the order queued."""
        self._tell(lambda: self._queue(attempt))

    def abandon(self, attempt: Attempt, timed_out: bool) -> None:
        """Kill the process of an attempt, unless its end is to be waited for."""
        self._tell(lambda: self._abandon(attempt, timed_out))

    def close(self) -> None:
        """Begin nothing more, and let the idle processes go."""
        self._tell(self._close)

    def join(self, deadline: float | None) -> list[Attempt]:
        """Wait for what runs; the attempts that are still running."""
        left = None if deadline is None else deadline - time.monotonic()
        self._quiet.wait(None if left is None else min(max(0.0, left), threading.TIMEOUT_MAX))
        attempts = [process.attempt for process in list(self._processes)]
        return [attempt for attempt in attempts if attempt is not None]

    def kill(self) -> None:
        """Kill what still runs, and end the thread."""
        atexit.unregister(self.kill)
        self._tell(self._kill)
        self._thread.join(2 * PATIENCE)

    def _tell(self, what: Callable[[], None]) -> None:
        """Have the thread do something: it is woken once for many."""
        self._mail.append(what)
        if not self._rung:
            self._rung = True
            # Closed: then nothing begins any more.
            with suppress(OSError):
                self._rope.send_bytes(b"")

    # ------------------------------------------------------------------ on the thread

    def _manage(self) -> None:
        if hasattr(signal, "pthread_sigmask"):
            # Inherited by the processes, until each ignores it by itself: the terminal sends it to all.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            while not self._killed:
                self._staff()
                self._listen()
        except BaseException:
            logger.critical("the worker processes ended by a defect of yieldflow, please report it", exc_info=True)
        finally:
            self._closed = self._killed = True
            self._end_all()
            self._quiet.set()
            self._bell.close()
            self._rope.close()

    def _listen(self) -> None:
        """Wait for anything to happen, and take it in."""
        processes = list(self._processes)
        pipes = [process.pipe for process in processes if not process.silent]
        happened = set(wait([self._bell, *pipes, *(process.death for process in processes)]))
        if self._bell in happened:
            self._open_mail()
        for process in processes:
            if process.pipe in happened or process.death in happened:
                for message in process.heard(dead=process.death in happened):
                    self._hear(process, message)
            if process.death in happened and process.bury():
                self._processes.remove(process)
                self._mourn(process)
        if self._closed and not any(process.attempt for process in self._processes):
            self._quiet.set()

    def _open_mail(self) -> None:
        self._bell.recv_bytes()
        # In this order, so that whoever finds that it was rung was heard.
        self._rung = False
        while self._mail:
            self._mail.popleft()()

    def _queue(self, attempt: Attempt) -> None:
        if not self._closed:
            self._waiting.append(attempt)

    def _staff(self) -> None:
        """Give what waits to the idle, and start further processes for the rest."""
        for process in self._processes:
            while self._waiting and process.idle:
                self._give(process, self._waiting.popleft())
        coming = sum(not process.ready for process in self._processes)
        while len(self._waiting) > coming and len(self._processes) < self._count:
            try:
                self._processes.append(WorkerProcess(self._engine.codec))
            except Exception as error:
                died = WorkerDiedError(f"no worker process could be started: {type(error).__name__}: {error}")
                self._fail(self._waiting.popleft(), died)
            else:
                coming += 1

    def _give(self, process: WorkerProcess, attempt: Attempt) -> None:
        try:
            process.give(attempt)
        except EncodingError as error:
            self._fail(attempt, error, retryable=False)

    def _hear(self, process: WorkerProcess, message: FromChild) -> None:
        attempt = process.attempt
        if isinstance(message, Ready):
            process.ready = self._proved = True
            if self._closed:
                process.dismiss()
        elif attempt is None:
            # A heartbeat of a thread that an attempt left behind.
            return
        elif isinstance(message, Loaded):
            self._given_again.discard(attempt)
            process.answer(not self._closed and self._engine.begin(attempt))
            self._let_go(process)
        elif isinstance(message, HeartbeatReceived):
            if message.info == attempt.info:
                self._engine.beat(attempt, message.details)
        elif isinstance(message, Over):
            if process.begun or (not self._closed and self._engine.begin(attempt)):
                self._deliver(attempt, message.ending)
            process.attempt = None
            self._let_go(process)

    def _let_go(self, process: WorkerProcess) -> None:
        if self._closed and process.attempt is None:
            process.dismiss()

    def _mourn(self, process: WorkerProcess) -> None:
        """Say what became of the attempt of a process that died."""
        attempt, process.attempt = process.attempt, None
        if attempt is not None and not process.begun and attempt not in self._given_again and not self._closed:
            # It may have been dead already.
            self._given_again.add(attempt)
            self._waiting.appendleft(attempt)
        elif attempt is not None:
            name = attempt.definition.name
            if process.unwanted:
                text = f"the worker process of activity {name!r} was killed, since nobody waited for it any more"
            else:
                text = f"the worker process of activity {name!r} died: {process.end}. What the activity did is unknown"
            self._fail(attempt, WorkerDiedError(text), begun=process.begun)
        elif not process.ready and not process.unwanted:
            self._give_up_on(process)

    def _give_up_on(self, process: WorkerProcess) -> None:
        """A process died before it had anything to do: whoever waits for it hears why."""
        # Where none was ever ready, the next would die as well, and so on for all that waits.
        hopeless = process.refused_to_start and not self._proved
        for _ in range(len(self._waiting) if hopeless else 1):
            if self._waiting:
                attempt = self._waiting.popleft()
                text = (
                    f"a worker process for activity {attempt.definition.name!r} died while it started: {process.end}. "
                    "What it wrote to stderr says more. It imports the program's main module anew: what starts "
                    'anything there (an orchestrator, say) belongs under `if __name__ == "__main__":`'
                )
                self._fail(attempt, WorkerDiedError(text), retryable=not process.refused_to_start)

    def _fail(self, attempt: Attempt, error: Exception, retryable: bool = True, begun: bool = False) -> None:
        self._given_again.discard(attempt)
        if begun or (not self._closed and self._engine.begin(attempt)):
            self._deliver(attempt, Ending(self._engine.codec.encode_failure(error), retryable))

    def _deliver(self, attempt: Attempt, ending: Ending) -> None:
        # What is killed at a stop is made again at the next start.
        if not self._killed:
            self._engine.deliver(Completed(attempt, *ending))

    def _abandon(self, attempt: Attempt, timed_out: bool) -> None:
        for process in self._processes:
            if process.attempt is attempt:
                if timed_out or attempt.options.on_cancel != "wait":
                    process.kill()
                else:
                    process.tell_cancelled()

    def _close(self) -> None:
        self._closed = True
        self._waiting.clear()
        for process in self._processes:
            if process.idle:
                process.dismiss()
            elif not (process.begun or process.unwanted):
                # It has not imported the program, or not heard what it is to do: that it never may.
                process.kill()

    def _kill(self) -> None:
        self._close()
        self._killed = True

    def _end_all(self) -> None:
        """Kill what works, and what does not end by itself although it has nothing to do."""
        for process in self._processes:
            if process.attempt is not None:
                process.kill()
        deadline = time.monotonic() + PATIENCE
        for process in self._processes:
            if not process.bury(max(0.0, deadline - time.monotonic())):
                process.kill()
                process.bury()
        self._processes.clear()
