"""What users hold: `Orchestrator` and `WorkflowHandle`, with all that stands behind them."""

from .handle import WorkflowHandle
from .orchestrator import Orchestrator
from .replay_check import ReplayProblem, ReplayReport
from .views import StepDescription, WaitingDescription, WorkflowDescription

__all__ = [
    "Orchestrator",
    "ReplayProblem",
    "ReplayReport",
    "StepDescription",
    "WaitingDescription",
    "WorkflowDescription",
    "WorkflowHandle",
]
