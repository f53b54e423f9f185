"""Runs activities in worker processes: started when they are needed, reused, and killed when they run for nothing.

One thread manages all of them. Only it touches the processes and the queue; other threads send it commands.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import wait

from .._core.errors import EncodingError, WorkerDiedError
from ..log import logger
from .attempt import Attempt, Completed, Ending
from .pipe_protocol import FromWorker, Heartbeat, Loaded, Over, Ready
from .protocols import Engine, Occupant
from .worker_process import WorkerProcess

#: So often in a row the managing thread is struck only by a defect.
TOO_OFTEN = 3
#: Seconds in which idle processes are to end at a stop, before they are killed.
PATIENCE = 1.0


class ProcessWorkers:
    """Runs activities in worker processes.

    Args:
        count: How many processes there are at most.
        engine: The engine that the activities run for.
    """

    def __init__(self, count: int, engine: Engine) -> None:
        self._count = count
        self._engine = engine
        self._waiting: deque[Attempt] = deque()
        self._processes: list[WorkerProcess] = []
        #: Attempts whose process died before they began: another process gets them, but only once.
        self._assigned_again: set[Attempt] = set()
        #: True once any process was ready: then the program can be imported.
        self._starts_well = False
        self._closed = False
        self._killed = False
        #: Set once nothing runs and nothing more will.
        self._idle = threading.Event()
        # The commands of other threads, and the pipe that wakes the managing thread for them.
        self._commands: deque[Callable[[], None]] = deque()
        self._wake_reader, self._wake_writer = multiprocessing.get_context("spawn").Pipe(duplex=False)
        self._woken = False
        self._pid = os.getpid()
        # Registered after multiprocessing's own handler, which waits for all processes, and so called before it.
        atexit.register(self.kill)
        self._thread = threading.Thread(target=self._manage, name="yieldflow-processes", daemon=True)
        self._thread.start()

    def submit(self, attempt: Attempt) -> None:
        """Queue an attempt; attempts begin in the order queued."""
        self._command(lambda: self._queue(attempt))

    def abandon(self, attempt: Attempt, timed_out: bool) -> None:
        """Kill the process of an attempt, unless its end is to be waited for."""
        self._command(lambda: self._abandon(attempt, timed_out))

    def occupants(self) -> list[Occupant]:
        """The attempts that have a process."""
        processes = [(process.attempt, process.timed_out) for process in list(self._processes)]
        return [Occupant(attempt, timed_out) for attempt, timed_out in processes if attempt is not None]

    def close(self) -> None:
        """Begin nothing more, and have idle processes end."""
        self._command(self._close)

    def join(self, deadline: float | None) -> list[Attempt]:
        """Wait for what runs; the attempts that are still running."""
        left = None if deadline is None else deadline - time.monotonic()
        self._idle.wait(None if left is None else min(max(0.0, left), threading.TIMEOUT_MAX))
        return [occupant.attempt for occupant in self.occupants()]

    def kill(self) -> None:
        """Kill what still runs, and end the managing thread."""
        if os.getpid() != self._pid:
            # A forked child exits, and inherited the call.
            return
        atexit.unregister(self.kill)
        self._command(self._kill)
        self._thread.join(2 * PATIENCE)

    def _command(self, call: Callable[[], None]) -> None:
        """Have the managing thread make a call: it is woken once for many."""
        self._commands.append(call)
        if not self._woken:
            self._woken = True
            # Closed where the thread has ended: then nothing begins any more.
            with suppress(OSError):
                self._wake_writer.send_bytes(b"")

    # ------------------------------------------------------------------ on the managing thread

    def _manage(self) -> None:
        if hasattr(signal, "pthread_sigmask"):
            # Inherited by the processes, until each ignores it by itself: the terminal sends it to all.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._go_round()
        except BaseException as error:
            logger.critical("the worker processes ended by a defect of yieldflow, please report it", exc_info=error)
        finally:
            self._closed = self._killed = True
            self._end_all()
            self._idle.set()
            self._wake_reader.close()
            self._wake_writer.close()

    def _go_round(self) -> None:
        """Work until killed.

        Raises:
            BaseException: As often in a row as only a defect does it. Once, another thread may have it be raised here,
                or memory has run out for a moment.
        """
        struck: BaseException | None = None
        times = 0
        while True:
            try:
                if struck is not None:
                    self._recover(struck)
                    struck = None
                # A loop inside, since one that is struck at its own line is not caught by what stands in it.
                while not self._killed:
                    self._assign_waiting()
                    self._note_idle()
                    self._wait_and_receive()
                    times = 0
                return
            except BaseException as error:
                struck = error
                times += 1
                if times == TOO_OFTEN:
                    raise

    def _recover(self, error: BaseException) -> None:
        """Kill all processes, since a message or a death of any of them may be lost; their attempts end by that."""
        logger.error(
            "the thread that manages the worker processes was struck by %s: they are killed",
            type(error).__name__,
            exc_info=error,
        )
        for process in list(self._processes):
            if process.reaped:
                self._processes.remove(process)
                self._take_in_death(process)
            else:
                process.distrust(f"the thread that manages it was struck by {type(error).__name__}")
        self._carry_out()

    def _note_idle(self) -> None:
        if self._closed and not any(process.attempt for process in self._processes):
            self._idle.set()

    def _wait_and_receive(self) -> None:
        """Wait for commands, messages and deaths, and deal with them."""
        processes = list(self._processes)
        pipes = [process.pipe for process in processes if not process.pipe_ended]
        happened = set(wait([self._wake_reader, *pipes, *(process.death for process in processes)]))
        if self._wake_reader in happened:
            self._obey()
        for process in processes:
            if process.pipe in happened or process.death in happened:
                for message in process.receive(dead=process.death in happened):
                    self._take_in(process, message)
            if process.death in happened and process.reap():
                self._take_in_death(process)
                self._processes.remove(process)

    def _obey(self) -> None:
        self._wake_reader.recv_bytes()
        self._carry_out()

    def _carry_out(self) -> None:
        # Before the queue is emptied: a command that is appended later wakes the thread again.
        self._woken = False
        while self._commands:
            self._commands[0]()
            # Last, so that none is lost: to obey twice does no harm.
            self._commands.popleft()

    def _queue(self, attempt: Attempt) -> None:
        if not self._closed:
            self._waiting.append(attempt)

    def _assign_waiting(self) -> None:
        """Assign waiting attempts to idle processes, and start further processes for the rest."""
        for process in self._processes:
            while self._waiting and process.idle:
                self._assign(process, self._waiting[0])
                self._waiting.popleft()
        starting = sum(not process.ready for process in self._processes)
        while len(self._waiting) > starting and len(self._processes) < self._count:
            try:
                self._processes.append(WorkerProcess(self._engine))
            except Exception as error:
                died = WorkerDiedError(f"no worker process could be started: {type(error).__name__}: {error}")
                self._fail(self._waiting[0], died)
                self._waiting.popleft()
            else:
                starting += 1

    def _assign(self, process: WorkerProcess, attempt: Attempt) -> None:
        try:
            process.assign(attempt)
        except EncodingError as error:
            self._fail(attempt, error, retryable=False)

    def _take_in(self, process: WorkerProcess, message: FromWorker) -> None:
        attempt = process.attempt
        if isinstance(message, Ready):
            process.ready = self._starts_well = True
            self._dismiss_if_closed(process)
        elif attempt is None:
            # A heartbeat of a thread that an attempt left behind.
            return
        elif isinstance(message, Loaded):
            self._assigned_again.discard(attempt)
            process.allow(self._may_begin(attempt))
            self._dismiss_if_closed(process)
        elif isinstance(message, Heartbeat):
            if message.info == attempt.info:
                self._engine.beat(attempt, message.details)
        elif isinstance(message, Over):
            if process.begun or self._may_begin(attempt):
                self._deliver(attempt, message.ending)
            process.attempt = None
            self._dismiss_if_closed(process)

    def _may_begin(self, attempt: Attempt) -> bool:
        return not self._closed and self._engine.begin(attempt)

    def _dismiss_if_closed(self, process: WorkerProcess) -> None:
        if self._closed and process.attempt is None:
            process.dismiss()

    def _take_in_death(self, process: WorkerProcess) -> None:
        """Settle the attempt of a process that died; where it had none, it may have failed to start."""
        attempt = process.attempt
        if attempt is None:
            if not process.ready and not process.unwanted:
                self._take_in_failed_start(process)
        elif not (process.begun or self._closed or attempt in self._assigned_again):
            # The process may have been dead already when it was given the attempt.
            self._assigned_again.add(attempt)
            self._waiting.appendleft(attempt)
        else:
            name = attempt.definition.name
            if process.unwanted:
                text = f"the worker process of activity {name!r} was killed, since nobody waited for it any more"
            else:
                cause = process.cause_of_death
                text = f"the worker process of activity {name!r} died: {cause}. What the activity did is unknown"
            self._fail(attempt, WorkerDiedError(text))
        process.attempt = None

    def _take_in_failed_start(self, process: WorkerProcess) -> None:
        """Fail the attempt that waits longest, since a process for it died while it started."""
        # If no process was ever ready, the next would die as well, and so on for all that wait.
        hopeless = process.failed_to_start and not self._starts_well
        for _ in range(len(self._waiting) if hopeless else 1):
            if self._waiting:
                attempt = self._waiting.popleft()
                text = (
                    f"a worker process for activity {attempt.definition.name!r} died while it started: "
                    f"{process.cause_of_death}. What it wrote to stderr says more. It imports the program's main "
                    "module anew: what starts anything there (an orchestrator, say) belongs under "
                    '`if __name__ == "__main__":`'
                )
                self._fail(attempt, WorkerDiedError(text), retryable=not process.failed_to_start)

    def _fail(self, attempt: Attempt, error: Exception, retryable: bool = True) -> None:
        self._assigned_again.discard(attempt)
        if attempt.begun_at is not None or self._may_begin(attempt):
            self._deliver(attempt, Ending(self._engine.codec.encode_failure(error), retryable))

    def _deliver(self, attempt: Attempt, ending: Ending) -> None:
        # An attempt that is killed at a stop is made again at the next start.
        if not self._killed:
            self._engine.deliver(Completed(attempt, *ending))

    def _abandon(self, attempt: Attempt, timed_out: bool) -> None:
        for process in self._processes:
            if process.attempt is attempt:
                process.timed_out = timed_out
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
                # It is importing the program, or waits for leave to begin, and may never get to the next message.
                process.kill()

    def _kill(self) -> None:
        self._close()
        self._killed = True

    def _end_all(self) -> None:
        """Kill busy processes, and idle ones that do not end by themselves."""
        for process in self._processes:
            if process.attempt is not None:
                process.kill()
        deadline = time.monotonic() + PATIENCE
        for process in self._processes:
            if not process.reap(max(0.0, deadline - time.monotonic())):
                process.kill()
                process.reap()
        self._processes.clear()
