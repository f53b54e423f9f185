"""Test workflows: step one by hand, run one with stand-ins, explore every order, replay a recorded one."""

from .._core.errors import Cancelled, YieldflowError
from ..orchestrator.recording import WorkflowHistory
from .ending import Call, Ending
from .exploring import Exploration, ScheduleError, explore
from .replaying import replay
from .running import run_workflow
from .standins import after, in_turn, real
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
