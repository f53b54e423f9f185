"""Starts and stops an orchestrator: `Orchestrator.start` and `Orchestrator.stop`, standing by, and the end at exit."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta

from .._core.commands import show
from .._core.errors import DatabaseInUseError, MisplacedCallError, OrchestratorStoppedError
from ..log import logger
from ..workers import current_slot
from .ending import WAKE_INTERVAL, wait_until_set
from .gateway import Gateway
from .os_signals import checked_signals, handled_by, in_signal_handler
from .results import timeout_seconds
from .session_thread import SessionThread

#: Seconds between two attempts to become the owner. A refused attempt takes as long again, so the file is taken over
#: within half a second, and standing by costs less than half a percent of a processor.
STAND_BY_INTERVAL = 0.25


class SessionControl:
    """Has a session of a gateway begin at a start, and end at a stop.

    What is done here may be cut short between any two lines, by Ctrl-C or by a signal handler that raises: a
    `SessionThread` does all that has to be done whole.

    Args:
        gateway: The orchestrator's access to its file and its session.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        #: The thread of the session, under None: put there by `dict.setdefault`, which is one step, so that of several
        #: starts at once only one begins a session.
        self._current: dict[None, SessionThread] = {}
        #: Another object after each call of `stop`, so that a start notices those that come meanwhile.
        self._stops = object()

    def start(self, wait: bool, timeout: float | timedelta | None) -> None:
        """Carry out `Orchestrator.start`, which describes arguments and errors."""
        if timeout is not None and not wait:
            raise ValueError(f"start(timeout={show(timeout)}) waits for nothing: write start(wait=True, timeout=...)")
        stops = self._stops
        seconds = timeout_seconds("start", timeout)
        gateway = self._gateway
        gateway.check_place("start()")
        gateway.check_not_imported_anew()
        gateway.settings.check_executors()
        if wait:
            self._stand_by(seconds, stops)
        else:
            self._open_session(stops)
        logger.flush()

    def _open_session(self, stops: object) -> None:
        """Become the owner of the file, unless this is it already.

        Args:
            stops: What ``_stops`` was when the start was called.
        """
        while True:
            new = SessionThread(self._gateway, self._current)
            try:
                thread = self._current.setdefault(None, new)
                if thread is new:
                    thread.begin()
                is_open = thread.wait_until_open()
                if self._stops is not stops:
                    raise OrchestratorStoppedError(
                        f"{self._gateway.path}: stop() was called while start() was under way"
                    )
            except BaseException:
                new.give_up()
                raise
            if is_open:
                return
            if thread is new and thread.refusal is not None:
                raise thread.refusal

    def _stand_by(self, timeout: float | None, stops: object) -> None:
        """Try to start until no other orchestrator owns the file.

        It has to try again and again: nothing reports that a lock was freed by the death of its process.

        Args:
            timeout: Seconds after which the refusal is raised; None for never.
            stops: What ``_stops`` was when the start was called.

        Raises:
            DatabaseInUseError: Another orchestrator is started on the file when the time is up.
            OrchestratorStoppedError: `stop` was called meanwhile.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        logged = False
        while True:
            try:
                self._open_session(stops)
                return
            except DatabaseInUseError as error:
                refusal = error
            left = STAND_BY_INTERVAL if deadline is None else deadline - time.monotonic()
            if not left > 0:
                raise refusal
            if not logged:
                logger.info("standing by: %s", refusal)
                logged = True
            time.sleep(min(STAND_BY_INTERVAL, left))

    def stop(self, timeout: float | timedelta | None) -> None:
        """Carry out `Orchestrator.stop`, which describes arguments and errors."""
        seconds = timeout_seconds("stop", timeout)
        self._gateway.check_place("stop()")
        session, slot = self._gateway.session, current_slot()
        if session is not None and slot is not None and slot.engine is session:
            raise MisplacedCallError(
                "stop() waits for running activities, so an activity that calls it would wait for itself"
            )
        self._stops = object()
        thread = self._current.get(None)
        if in_signal_handler():
            self._stop_unattended(thread, seconds)
        elif thread is None:
            self._gateway.close()
        else:
            self._end_session(thread, seconds)

    def _end_session(self, thread: SessionThread, timeout: float | None) -> None:
        """Have a session end, and wait for that. If the wait is cut short, no activity is waited for any more."""
        try:
            thread.ending.ask(timeout)
            thread.wait_until_over()
        except BaseException:
            thread.give_up()
            raise
        logger.flush()
        if thread.failure is not None:
            raise thread.failure

    def _stop_unattended(self, thread: SessionThread | None, timeout: float | None) -> None:
        """Have a session end, or the file be closed, without a wait: the signal may have interrupted just that."""
        if thread is not None:
            thread.ending.unattended = True
            thread.ending.ask(timeout)
            return
        # Without a thread, the file is closed with the process.
        with suppress(RuntimeError):
            threading.Thread(target=self._gateway.close, name="yieldflow-close", daemon=True).start()

    def run_until_signalled(
        self, signals: Collection[signal.Signals], timeout: float | timedelta | None
    ) -> signal.Signals | None:
        """Carry out `Orchestrator.run_until_signalled`, which describes arguments and errors."""
        seconds = timeout_seconds("run_until_signalled", timeout)
        chosen = checked_signals(signals)
        self._gateway.check_place("run_until_signalled()")
        received: list[signal.Signals] = []

        def stop(number: int, frame: object) -> None:
            # The second one does not wait.
            self._stops = object()
            thread = self._current.get(None)
            if thread is not None:
                thread.ending.ask(0 if received else seconds)
            received.append(signal.Signals(number))

        with handled_by(stop, chosen):
            with suppress(OrchestratorStoppedError):
                self.start(False, None)
            thread = self._current.get(None)
            if thread is not None:
                self._serve(thread)
        return received[0] if received else None

    def _serve(self, thread: SessionThread) -> None:
        """Wait until a session is over, or has failed.

        Raises:
            DatabaseLostError, OrchestratorStoppedError: It has failed, and is over.
        """
        session = self._gateway.session
        try:
            while not wait_until_set(thread.ending.over, WAKE_INTERVAL):
                if session is not None:
                    session.check_running()
        except BaseException:
            thread.give_up()
            raise
        logger.flush()
        if thread.failure is not None:
            raise thread.failure
