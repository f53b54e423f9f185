"""`SessionThread`: the thread on which a session begins, is watched, and ends.

Python has signals handled by the main thread, and raises `KeyboardInterrupt` there. So whoever waits for a start or a
stop may be cut short between any two lines, while the start and the stop themselves are carried out whole, here.
"""

from __future__ import annotations

import atexit
import math
import os
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from .._core.errors import StorageError
from ..log import LOOK, logger
from ..scheduler.loop import start_thread
from .ending import WAKE_INTERVAL, Ending, wait_until_set

if TYPE_CHECKING:
    from .gateway import Gateway

#: Seconds that a session is given to end when the wait for it is cut short, or the interpreter exits.
PATIENCE = 1.0


class SessionThread:
    """Has a session from its start to its end, and is the only one to open or close it.

    Args:
        gateway: The orchestrator's access to its file. Its ``session`` is set while there is one.
        current: Where the thread of the orchestrator's session is found, under None. The thread that made it puts it
            there, before it begins it.
    """

    def __init__(self, gateway: Gateway, current: dict[None, SessionThread]) -> None:
        self._gateway = gateway
        self._current = current
        # Whoever takes it decides: the thread, that it runs; another, that it never will.
        self._ticket = [True]
        #: Set once the session is open, or over.
        self._settled = threading.Event()
        self.ending = Ending()
        #: The reason why the session did not open.
        self.refusal: BaseException | None = None
        #: The reason why it did not end as it should.
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="yieldflow-session", daemon=True)

    def begin(self) -> None:
        """Start the thread.

        Raises:
            YieldflowError: The system gives none.
        """
        start_thread(self._thread)

    def wait_until_open(self) -> bool:
        """Wait until the session is open, and return True; or until it is over, and return False."""
        self._wait(self._settled)
        if self.ending.asked:
            self.wait_until_over()
        return not self.ending.over.is_set()

    def wait_until_over(self, timeout: float = math.inf) -> None:
        """Wait until the session is over."""
        self._wait(self.ending.over, timeout)

    def give_up(self) -> None:
        """Have the session end, or never begin, after the wait for its start was cut short."""
        self.ending.ask(0)
        if not self._retire():
            self.wait_until_over(PATIENCE)

    def _wait(self, event: threading.Event, timeout: float = math.inf) -> None:
        until = time.monotonic() + timeout
        while not wait_until_set(event, min(WAKE_INTERVAL, until - time.monotonic())) and time.monotonic() < until:
            # Whoever was to start it may have been cut short before.
            if not self._thread.is_alive():
                self._take_ticket()
                self._close()

    def _retire(self) -> bool:
        """See that the thread never runs; False if it does, or did."""
        if not self._take_ticket():
            return False
        self._leave()
        return True

    def _take_ticket(self) -> bool:
        try:
            return self._ticket.pop()
        except IndexError:
            return False

    def _leave(self) -> None:
        """Make room for the next session, and tell those who wait."""
        if self._current.get(None) is self:
            del self._current[None]
        self.ending.over.set()
        self._settled.set()

    # ------------------------------------------------------------------ on the thread

    def _run(self) -> None:
        if not self._take_ticket():
            return
        try:
            self._have_session()
        except BaseException as error:
            if self._settled.is_set():
                self.failure = error
                logger.critical("the session did not end as it should", exc_info=error)
            else:
                self.refusal = error
        finally:
            self._close()

    def _have_session(self) -> None:
        from .session import Session

        gateway, ending = self._gateway, self.ending
        with ExitStack() as steps_back:
            session = Session(gateway.lend_store(), gateway.settings, gateway.watches, ending)
            session.open(steps_back)
            gateway.session = session
            atexit.register(self._end_at_exit)
            logger.info("started: %s", gateway.path)
            self._settled.set()
            while not ending.wait_until_asked(LOOK):
                session.look()
        logger.info("stopped: %s", gateway.path)

    def _close(self) -> None:
        # Kept until here: an activity that still ran may have called.
        self._gateway.session = None
        try:
            atexit.unregister(self._end_at_exit)
            self._gateway.close(given_back=True)
        except StorageError as error:
            self.failure = self.failure or error
        finally:
            self._leave()

    def _end_at_exit(self) -> None:
        """End cleanly when the interpreter exits, but wait for activities only if a signal handler was to do so."""
        if os.getpid() != self._gateway.pid:
            return
        if self.ending.unattended:
            self.wait_until_over()
        else:
            self.give_up()
