"""Starts and stops an orchestrator: `Orchestrator.start` and `Orchestrator.stop`, standing by, and the end at exit."""

from __future__ import annotations

import atexit
import os
import time
from datetime import timedelta

from .._core.commands import show
from .._core.errors import DatabaseInUseError, MisplacedCallError, OrchestratorStoppedError
from ..log import logger
from ..workers import current_slot
from .gateway import Gateway
from .results import timeout_seconds

#: Seconds between two attempts to become the owner. A refused attempt takes as long again, so the file is taken over
#: within half a second, and standing by costs less than half a percent of a processor.
STAND_BY_INTERVAL = 0.25
#: Seconds that the scheduler's thread is given to end when the interpreter exits.
EXIT_PATIENCE = 1.0


class SessionControl:
    """Makes the session of a gateway at a start, and ends it at a stop.

    Args:
        gateway: The orchestrator's access to its file and its session.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        #: The number of calls of `stop`, so that a start that stands by notices them.
        self._stops = 0

    def start(self, wait: bool, timeout: float | timedelta | None) -> None:
        """Carry out `Orchestrator.start`, which describes arguments and errors."""
        if timeout is not None and not wait:
            raise ValueError(f"start(timeout={show(timeout)}) waits for nothing: write start(wait=True, timeout=...)")
        seconds = timeout_seconds("start", timeout)
        gateway = self._gateway
        gateway.check_place("start()")
        gateway.check_not_imported_anew()
        gateway.settings.check_executors()
        try:
            if wait:
                self._stand_by(seconds)
            else:
                with gateway.lifetime:
                    self._open_session()
        except BaseException:
            with gateway.lifetime:
                if gateway.session is None:
                    gateway.close()
            raise

    def _open_session(self) -> None:
        """Become the owner of the file; the caller holds the lifetime lock."""
        from .session import Session

        gateway = self._gateway
        if gateway.session is None:
            gateway.session = Session(gateway.store, gateway.settings, gateway.watches)
            atexit.register(self._stop_at_exit)

    def _stand_by(self, timeout: float | None) -> None:
        """Try to start until no other orchestrator owns the file.

        It has to try again and again: nothing reports that a lock was freed by the death of its process.

        Args:
            timeout: Seconds after which the refusal is raised; None for never.

        Raises:
            DatabaseInUseError: Another orchestrator is started on the file when the time is up.
            OrchestratorStoppedError: `stop` was called meanwhile.
        """
        gateway = self._gateway
        deadline = None if timeout is None else time.monotonic() + timeout
        stops = self._stops
        logged = False
        while True:
            # Under the lock, so that no start follows a stop that has returned.
            with gateway.lifetime:
                if self._stops != stops:
                    raise OrchestratorStoppedError(
                        f"{gateway.path}: stop() was called while start() stood by for the file"
                    )
                try:
                    self._open_session()
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
        self._stops += 1
        self._close_session(seconds)

    def _close_session(self, timeout: float | None, patience: float | None = None) -> None:
        """End the session, if there is one, and close the file.

        Args:
            timeout: Seconds to wait for running activities; None for as long as they take.
            patience: Seconds to wait for the scheduler's thread, or for a start or stop under way; None for as long as
                it takes. Where it is not enough, all stays open.
        """
        gateway = self._gateway
        if not gateway.lifetime.acquire(timeout=-1 if patience is None else patience):
            return
        try:
            if gateway.session is not None:
                # Kept until it has ended: an activity that still runs may call.
                if not gateway.session.stop(timeout, patience):
                    return
                gateway.session = None
                atexit.unregister(self._stop_at_exit)
            gateway.close()
        finally:
            gateway.lifetime.release()

    def _stop_at_exit(self) -> None:
        """End cleanly when the interpreter exits, but wait for no activity."""
        if os.getpid() == self._gateway.pid:
            self._close_session(0, EXIT_PATIENCE)
