"""A logger for workflows that says each thing once, however often it is replayed."""

from __future__ import annotations

import logging
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
            if not all(type(value) in _IMMUTABLE for value in args):
                # The workflow may change them before a handler is called.
                text, args = _formatted(text, args)
            logger.log(self.logger, level, text, args, options)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add ``workflow_id``, ``workflow`` and ``run`` to the record."""
        current = driving()
        if current is not None:
            known = {"workflow_id": current.info.workflow_id, "workflow": current.info.name, "run": current.info.run}
            kwargs["extra"] = {**known, **(kwargs.get("extra") or {})}
        return msg, kwargs


#: What is still the same when a handler is called.
_IMMUTABLE = frozenset({str, bytes, int, float, complex, bool, type(None)})


def _formatted(text: object, values: tuple[object, ...]) -> tuple[object, tuple[object, ...]]:
    """Return a message with its values in it; both as they are where they do not fit, which a handler reports."""
    try:
        return logging.LogRecord("", 0, "", 0, text, values, None).getMessage(), ()
    except Exception:
        return text, values


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
