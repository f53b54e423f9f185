"""Storage as the scheduler and the orchestrator see it.

A `Checkpoint` is all that one turn changes of one workflow. `Store.commit` takes the checkpoints of a turn and writes
all of them or none. `yieldflow.testing.memory` keeps them in dictionaries, `yieldflow.sqlite` in a file.

Whoever is not the owner (a client in another process, say) changes nothing of a workflow that lives: it leaves a
`Request`, which the owner finds by `arrivals` and carries out. Anybody may rewind, fork or delete what has ended.
"""

from .checkpoint import UNCHANGED, Checkpoint, Continued, Retried, check_rewindable, id_taken_error, statuses_before
from .protocol import Store
from .records import (
    FOREVER,
    Arrivals,
    BufferedSignals,
    Current,
    Found,
    Loaded,
    OpenAttempt,
    Parent,
    Request,
    RequestKind,
    Rewind,
    Sleeper,
    StepRecord,
    Submission,
    UntakenSignal,
    WorkflowBrief,
    WorkflowRecord,
)

__all__ = [
    "FOREVER",
    "UNCHANGED",
    "Arrivals",
    "BufferedSignals",
    "Checkpoint",
    "Continued",
    "Current",
    "Found",
    "Loaded",
    "OpenAttempt",
    "Parent",
    "Request",
    "RequestKind",
    "Retried",
    "Rewind",
    "Sleeper",
    "StepRecord",
    "Store",
    "Submission",
    "UntakenSignal",
    "WorkflowBrief",
    "WorkflowRecord",
    "check_rewindable",
    "id_taken_error",
    "statuses_before",
]
