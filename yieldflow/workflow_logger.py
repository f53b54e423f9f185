"""A logger for workflows that says each thing once, however often it is replayed."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from ._core.context import driving
from .log import logger

if TYPE_CHECKING:
    _Adapter = logging.LoggerAdapter[logging.Logger]
else:
    _Adapter = logging.LoggerAdapter


class WorkflowLogger(_Adapter):
    """A logger that is silent while a workflow is being replayed, and adds the workflow to each record."""

    def isEnabledFor(self, level: int) -> bool:
        """Tell whether a message of ``level`` would be logged now."""
        current = driving()
        return not (current is not None and current.silent) and self.logger.isEnabledFor(level)

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a message. On the scheduler's thread, the handlers are called by another one, as for yieldflow's own."""
        if threading.get_ident() not in logger.guarded:
            kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
            super().log(level, msg, *args, **kwargs)
        elif self.isEnabledFor(level):
            text, options = self.process(msg, kwargs)
            logger.log(self.logger, level, text, args, _raised(options.get("exc_info")), options["extra"])

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add ``workflow_id``, ``workflow`` and ``run`` to the record."""
        current = driving()
        if current is not None:
            known = {"workflow_id": current.info.workflow_id, "workflow": current.info.name, "run": current.info.run}
            kwargs["extra"] = {**known, **(kwargs.get("extra") or {})}
        return msg, kwargs


def _raised(info: object) -> BaseException | None:
    """Return the exception that the argument ``exc_info`` of a call of `logging` stands for."""
    if isinstance(info, tuple):
        info = info[1]
    return info if isinstance(info, BaseException) else sys.exception() if info else None


def get_logger(name: str) -> WorkflowLogger:
    """Get the logger of that name, for use in workflows: silent while replaying.

    In activities and elsewhere it does what `logging.getLogger` does.

    Args:
        name: As for `logging.getLogger`: usually ``__name__``.

    Example:
        >>> log = get_logger(__name__)
        >>> @workflow
        ... def order(order_id: str) -> Flow[None]:
        ...     receipt = yield from charge(order_id)
        ...     log.info("charged: %s", receipt)  # once, also after a restart
    """
    return WorkflowLogger(logging.getLogger(name), {})
