"""Waiting until the file is free, to take over from the orchestrator that owns it."""

from __future__ import annotations

import time
from collections.abc import Callable

from .._core.errors import DatabaseInUseError, OrchestratorStoppedError
from ..log import logger
from .gateway import Gateway

#: Seconds between two attempts. Each takes as long again where the file is not free, so that it is taken over within
#: half a second; and both together cost less than half a percent of a processor.
PAUSE = 0.25


def stand_by(access: Gateway, start: Callable[[], None], timeout: float | None) -> None:
    """Try to start until that is refused no more.

    A lock that dies with a process tells nobody when it does, so it is tried again and again.

    Args:
        access: The ways of the orchestrator that is to start.
        start: Starts it; called with the lock of whoever starts or stops.
        timeout: Seconds after which the refusal is raised; None for never.

    Raises:
        DatabaseInUseError: Another orchestrator is started on the file when the time is up.
        OrchestratorStoppedError: This one was told to stop meanwhile.
    """
    deadline = None if timeout is None else time.monotonic() + timeout
    stops = access.stops
    told = False
    while True:
        # A stop that has returned is not followed by a start.
        with access.lifetime:
            if access.stops != stops:
                raise OrchestratorStoppedError(f"{access.path}: stop() was called while start() stood by for the file")
            try:
                start()
                return
            except DatabaseInUseError as error:
                refusal = error
        left = PAUSE if deadline is None else deadline - time.monotonic()
        if not left > 0:
            raise refusal
        if not told:
            logger.info("standing by: %s", refusal)
            told = True
        time.sleep(min(PAUSE, left))
