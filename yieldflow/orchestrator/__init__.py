"""What users hold: `Orchestrator` and `WorkflowHandle`, with all that stands behind them."""

from .descriptions import StepDescription, WaitingDescription, WorkflowDescription
from .handle import WorkflowHandle
from .orchestrator import Orchestrator
from .replay_check import ReplayProblem, ReplayReport

__all__ = [
    "Orchestrator",
    "ReplayProblem",
    "ReplayReport",
    "StepDescription",
    "WaitingDescription",
    "WorkflowDescription",
    "WorkflowHandle",
]
