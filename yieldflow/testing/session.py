"""The life of a process, for a stepper: the scheduler, with workers and a store that do nothing by themselves."""

from __future__ import annotations

__tracebackhide__ = True

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from .._core.context import WorkflowInfo
from .._core.definitions import Activity, Workflow
from .._core.errors import DuplicateDefinitionError
from .._core.execution import Advance
from .._core.history import Codec, Failure, Micros, WorkflowStatus
from .._core.registry import Registry, taken_over
from ..clock import Reading
from ..scheduler.hooks import Hooks
from ..scheduler.messages import Ended, Message
from ..scheduler.scheduler import Scheduler
from ..scheduler.state import Limits
from ..scheduler.timers import NO_TIMERS
from ..store import Checkpoint
from ..workers import Attempt, Key, Occupant
from .store import StepperStore

#: All workflows are in memory that can be, however often they crashed.
LIMITS = Limits(max_workers=1 << 60, max_recovery_attempts=1 << 60, max_live=1 << 60)


class Definitions(Registry):
    """The workflows that are stepped, by name: the latest where several have one name."""

    def add(self, definition: Activity[..., Any] | Workflow[..., Any]) -> None:
        """Make ``definition`` known by its name.

        Raises:
            DuplicateDefinitionError: Where it is registered, its name finds another workflow of the same source.
        """
        refused = taken_over(definition) if isinstance(definition, Workflow) else None
        if refused is not None:
            raise refused
        self._workflows.by_name[definition.name] = definition


class Session(Hooks):
    """A scheduler on a store in memory, and the attempts that it handed to workers.

    Args:
        store: The store with the workflows.
        codec: The form in which values are stored.
        definitions: The workflows that are stepped.
    """

    starts_children = False
    limits_concurrency = False
    warns_of_waits = False

    def __init__(self, store: StepperStore, codec: Codec, definitions: Definitions) -> None:
        self.store = store
        self._definitions = definitions
        self._now: Micros = 0
        #: The attempts under way, by step.
        self.begun: dict[Key, Attempt] = {}
        #: The workflows that have stalled, with the reasons, until the host takes them.
        self.stalls: list[Ended] = []
        #: Messages about commands that were made and never yielded, until the host takes them.
        self.slips: list[str] = []
        #: Those of workflows that failed, by id: they may have failed before they came to their yields.
        self.slips_of_failed: dict[str, list[str]] = {}
        self.scheduler = Scheduler(store, self, codec, definitions, self._tell, limits=LIMITS, hooks=self)

    def turns(self, messages: Sequence[Message], now: Micros, *, timers: bool = False) -> Iterator[None]:
        """Have the scheduler take messages in, turn by turn, until nothing follows from them.

        Args:
            messages: The messages.
            now: The time.
            timers: True has the timers go off that are due by then.
        """
        self._now = now
        reading = Reading.same(now)
        self.scheduler.turn(messages, reading, until=reading if timers else NO_TIMERS)
        yield
        while self.scheduler.has_follow_ups:
            self.scheduler.turn((), reading, until=NO_TIMERS)
            yield

    def _tell(self, news: list[Ended]) -> None:
        self.stalls += [ended for ended in news if ended.status is WorkflowStatus.STALLED]

    # ------------------------------------------------------------------ the workers

    def submit(self, attempt: Attempt) -> None:
        """Begin an attempt at once. It sends its heartbeats: nothing else is known of it."""
        if self.scheduler.wants(attempt):
            attempt.begun_at = self._now
            if attempt.options.timed:
                attempt.options = replace(attempt.options, heartbeat_timeout=None, schedule_to_start_timeout=None)
            self.begun[attempt.key] = attempt

    def abandon(self, attempt: Attempt, timed_out: bool) -> None:
        """Forget an attempt whose time ran out. The end of a cancelled one may still be waited for."""
        if timed_out and self.begun.get(attempt.key) is attempt:
            del self.begun[attempt.key]

    def occupants(self) -> list[Occupant]:
        """The attempts that were begun and are not forgotten."""
        return list(map(Occupant, self.begun.values()))

    # ------------------------------------------------------------------ the hooks

    def conflict(self, registry: Registry, meant: Workflow[..., Any]) -> DuplicateDefinitionError | None:
        """Return the error about a workflow whose name finds, where it is registered, another of the same source."""
        return taken_over(meant)

    def applied(self, info: WorkflowInfo, advance: Advance) -> None:
        """Note commands that were never yielded, and the workflow of the next run."""
        live = self.scheduler.live(info.workflow_id) if advance.continuation is not None else None
        if live is not None and live.execution.following is not None:
            self._definitions.add(live.execution.following)
        slips = [
            f"{command} was made at {line} and never yielded. Write:\n    yield {command}"
            for command, line in advance.unyielded
        ]
        if advance.end is not None and isinstance(advance.end.outcome, Failure):
            # The failure is told first.
            self.slips_of_failed[info.workflow_id] = slips
        else:
            self.slips += slips

    def ended(self, info: WorkflowInfo, checkpoint: Checkpoint) -> None:
        """Log nothing: the test sees it."""

    def stalled(self, info: WorkflowInfo, reason: str) -> None:
        """Log nothing: the test hears of it."""
