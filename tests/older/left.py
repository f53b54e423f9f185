"""How a workflow was left, and what it is made of: activities that hang where a file is written, and nowhere else."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from yieldflow import Orchestrator, Registry, WorkflowInvocation, activity

REGISTRY = Registry()
#: The labels of the activities that were performed in this process.
PERFORMED: list[str] = []
#: The name of a method of a handle, and its arguments.
Call: TypeAlias = tuple[Any, ...]


class Writing:
    """What is so only where a file is written."""

    on: ClassVar[bool] = False
    #: Whether it is the second process, in which the code of a workflow is another.
    again: ClassVar[bool] = False
    #: The labels of the activities that hang.
    hanging: ClassVar[set[str]] = set()
    #: Set once the calls were made.
    called: ClassVar[threading.Event] = threading.Event()


@dataclass(frozen=True)
class Left:
    """How a workflow was left, and what becomes of it.

    Args:
        invocation: What was submitted.
        output: What it returns.
        error: What it fails with, if it does: type and message.
        status: How it was left.
        under_way: The activities that hung.
        to_do: Those that were not begun, and will be.
        submitter: Who submitted it: "owner"; "client", after the owner's death; or "fork".
        delay: In how many seconds it was to start.
        calls: What the owner was asked.
        late_calls: What a client left after the owner's death.
        last_calls: What it takes for the workflow to come to its end.
        pickled: Whether it has values that JSON has not.
    """

    invocation: WorkflowInvocation[Any]
    output: object = None
    error: str | None = None
    status: str = "processing"
    under_way: tuple[str, ...] = ()
    to_do: tuple[str, ...] = ()
    submitter: str = "owner"
    delay: float | None = None
    calls: tuple[Call, ...] = ()
    late_calls: tuple[Call, ...] = ()
    last_calls: tuple[Call, ...] = ()
    pickled: bool = False


def make(calls: tuple[Call, ...], orchestrator: Orchestrator, workflow_id: str) -> None:
    """Make calls of a workflow's handle."""
    for name, *arguments in calls:
        getattr(orchestrator.handle(workflow_id), name)(*arguments)


@activity(registry=REGISTRY)
def work(label: str) -> str:
    """What is over at once."""
    PERFORMED.append(label)
    return label.upper()


@activity(registry=REGISTRY)
def hang(label: str) -> str:
    """What is under way when the process is killed."""
    if Writing.on:
        Writing.hanging.add(label)
        threading.Event().wait()
    return work.fn(label)


@activity(registry=REGISTRY)
def refuse(label: str) -> str:
    """What fails."""
    PERFORMED.append(label)
    raise ValueError(label)
