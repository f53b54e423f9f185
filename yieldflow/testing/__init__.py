"""Test workflows: step one by hand, in a plain test; replay a recorded one against today's code."""

from .._core.errors import Cancelled, YieldflowError
from ..orchestrator.recording import WorkflowHistory
from .replaying import replay
from .stepper import Stepper

__all__ = ["Cancelled", "Stepper", "WorkflowHistory", "YieldflowError", "replay"]
