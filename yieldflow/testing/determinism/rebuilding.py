"""Executions built again from what is recorded of a workflow, and those that nobody drives any more."""

from __future__ import annotations

__tracebackhide__ = True

import gc
from collections.abc import Iterable
from typing import Any, NamedTuple

from ..._core.context import WorkflowInfo
from ..._core.definitions import Workflow
from ..._core.execution import Execution
from ..._core.history import Codec, History, Payload

#: After so many executions were abandoned, those are closed of which that runs no code of the user's.
FEW = 32


class Recorded(NamedTuple):
    """All that an execution is built from."""

    definition: Workflow[..., Any]
    info: WorkflowInfo
    #: The arguments by name.
    input: Payload
    seed: bytes
    history: History


def build(past: Recorded, codec: Codec) -> Execution:
    """An execution that has the whole history to replay."""
    arguments: dict[str, object] = codec.decode(past.input)  # type: ignore[assignment]  # encoded from a dict
    return Execution(past.definition, arguments, past.info, past.seed, codec, past.history)


class Abandoned:
    """Executions that nobody drives any more, as if the process had been killed.

    To close a suspended generator would run its ``finally``, which a killed process does not: so it is kept.
    """

    def __init__(self) -> None:
        self._latest: list[Execution] = []
        self._kept: list[Execution] = []

    def add(self, execution: Execution) -> None:
        """Keep an execution; those that close silently are closed some time."""
        self._latest.append(execution)
        if len(self._latest) == FEW:
            for one in self._latest:
                if one.closes_silently(gc.get_referents):
                    one.close()
                else:
                    self._kept.append(one)
            self._latest.clear()

    def close(self, others: Iterable[Execution] = ()) -> None:
        """Close all, and some others."""
        for execution in [*others, *self._latest, *self._kept]:
            execution.close()
        self._latest.clear()
        self._kept.clear()
