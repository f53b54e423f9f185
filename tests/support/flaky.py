"""Shared by the tests of attempts: activities that fail as often as they are told, and what is seen of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.engine import CODEC, Host, Lab, open_store
from yieldflow import ActivityError, ActivityInvocation, Flow, RetryPolicy, WorkflowInvocation, activity, workflow
from yieldflow.store import StepRecord
from yieldflow.workers import Attempt, Completed, failed

#: Waits of 1, 2, 4, … seconds.
CALM = RetryPolicy(jitter=False)


class Flaky(Lab):
    """A registry with activities that are tried again, and a workflow that yields one of them with options."""

    def __init__(self) -> None:
        super().__init__()
        #: How often an attempt with that label is still to fail, and how.
        self.failures: dict[str, list[BaseException]] = {}

        @activity(registry=self.registry, retry=CALM)
        def flaky(label: str) -> str:
            self.performed.append(label)
            if self.failures.get(label):
                raise self.failures[label].pop(0)
            return label.upper()

        @activity(registry=self.registry, retry=CALM, on_cancel="wait")
        def pay(label: str) -> str:
            return flaky.fn(label)

        @workflow(registry=self.registry)
        def one(label: str, options: dict[str, Any]) -> Flow[str]:
            try:
                return (yield from flaky(label).with_options(**options))
            except ActivityError as error:
                return f"{error} {error.retryable} {error.retry_after}"

        self.flaky, self.pay = flaky, pay
        self._one = one

    def reset(self) -> None:
        super().reset()
        self.failures.clear()

    def fails(self, label: str, *how: BaseException | str) -> None:
        """Have the next attempts with that label fail so: with a `ValueError` where a text is given."""
        self.failures[label] = [ValueError(each) if isinstance(each, str) else each for each in how]

    def one(self, label: str = "a", **options: Any) -> WorkflowInvocation[str]:
        """A workflow that yields one activity with these options."""
        return self._one(label, options)

    def call(self, label: str, **options: Any) -> ActivityInvocation[str]:
        return self.flaky(label).with_options(**options)


@contextmanager
def hosted(kind: str, folder: Path, lab: Lab, **settings: Any) -> Iterator[Host]:
    """A session on a new, empty store of that kind."""
    with open_store(kind, folder) as store:
        host = Host(store, lab.registry, **settings)
        yield host
        host.close()


def step_of(host: Host, number: int = 0, workflow_id: str = "w") -> StepRecord:
    return next(step for step in host.store.steps(workflow_id) if step.step == number)


def failing(host: Host, attempt: Attempt, error: BaseException | str = "no") -> None:
    """Fail the attempt that a worker has begun, and take the turns that follow."""
    raised = ValueError(error) if isinstance(error, str) else error
    host.settle(Completed(attempt, *failed(raised, attempt.definition, attempt.options.retry, CODEC)))


def numbers(host: Host) -> list[tuple[str, int]]:
    """The attempts dispatched and not done: label and number."""
    return [(label_of(attempt), attempt.number) for attempt in host.tasks]


def label_of(attempt: Attempt) -> str:
    arguments = CODEC.decode(attempt.input)
    assert isinstance(arguments, dict)
    return str(arguments["label"])
