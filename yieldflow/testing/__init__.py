"""Test workflows: step one by hand, run one with stand-ins, explore every order, replay a recorded one."""

from .._core.errors import Cancelled, YieldflowError
from ..orchestrator.workflow_history import WorkflowHistory
from .exploring import Exploration, ScheduleError, explore
from .fakes import after, in_turn, real
from .replaying import replay
from .result import Call, Ending
from .runner import run_workflow
from .stepper import Stepper

__all__ = [
    "Call",
    "Cancelled",
    "Ending",
    "Exploration",
    "ScheduleError",
    "Stepper",
    "WorkflowHistory",
    "YieldflowError",
    "after",
    "explore",
    "in_turn",
    "real",
    "replay",
    "run_workflow",
]
