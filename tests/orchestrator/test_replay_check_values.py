"""`check_replay` reads every stored value of unfinished workflows under today's classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.support.shop import until, until_waiting
from yieldflow import (
    Flow,
    Orchestrator,
    Registry,
    RetryPolicy,
    activity,
    activity_context,
    continue_as_new,
    set_progress,
    start,
    wait_signal,
    workflow,
)


class Parcel:
    """A value that is read back only by the version of the code that stored it."""

    version: ClassVar[int] = 1

    def __init__(self, label: str) -> None:
        self.label = label

    def __getstate__(self) -> tuple[int, str]:
        return Parcel.version, self.label

    def __setstate__(self, state: tuple[int, str]) -> None:
        if state[0] != Parcel.version:
            raise ValueError("it is of an older version")
        self.label = state[1]

    def __repr__(self) -> str:
        return f"Parcel({self.label!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parcel) and self.label == other.label


class LostError(Exception):
    """A failure that holds a parcel."""


class Post:
    """A registry whose workflows have a parcel in one place each."""

    def __init__(self) -> None:
        self.registry = registry = Registry()

        @activity(registry=registry)
        def pack(label: str) -> Parcel:
            return Parcel(label)

        @activity(registry=registry)
        def weigh(parcel: Parcel) -> int:
            return len(parcel.label)

        @activity(registry=registry)
        def lose() -> None:
            raise LostError(Parcel("lost"))

        @activity(registry=registry, heartbeat_timeout=100, retry=RetryPolicy(maximum_attempts=2, initial_interval=1e6))
        def carry() -> None:
            activity_context().heartbeat(Parcel("half-way"))
            raise ValueError("dropped")

        @workflow(registry=registry)
        def given(parcel: Parcel) -> Flow[None]:
            yield wait_signal("go")

        @workflow(registry=registry)
        def passed_on() -> Flow[None]:
            yield weigh(Parcel("a"))
            yield wait_signal("go")

        @workflow(registry=registry)
        def received(labels: str) -> Flow[None]:
            for label in labels:
                yield pack(label)
            yield wait_signal("go")

        @workflow(registry=registry)
        def failed_once() -> Flow[None]:
            try:
                yield lose()
            except LostError:
                yield wait_signal("go")

        @workflow(registry=registry)
        def showing() -> Flow[None]:
            yield set_progress(Parcel("p"))
            yield wait_signal("go")

        @workflow(registry=registry)
        def carrying() -> Flow[None]:
            yield start(carry())
            yield wait_signal("go")

        @workflow(registry=registry)
        def again(parcel: Parcel | None) -> Flow[None]:
            if parcel is not None:
                yield continue_as_new(again(None))
            yield wait_signal("go")


@pytest.fixture
def deploy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Called, it deploys code that can read no parcel of before."""
    return lambda: monkeypatch.setattr(Parcel, "version", 2)


def _submit(orchestrator: Orchestrator, invocation: Any, *signals: tuple[str, object]) -> str:
    handle = orchestrator.submit(invocation)
    until_waiting(handle, "go")
    for signal in signals:
        handle.signal(*signal)
    return handle.id


WRONG = f"cannot read the stored {Parcel.__module__}.Parcel back: ValueError: it is of an older version"
PLACES = {
    "given": f"the arguments of workflow 'given': {WRONG}",
    "received": f"the outcome of step 0, activity pack, and 3 more of its values: {WRONG}",
    "failed_once": f"the outcome of step 0, activity lose: cannot build the {LostError.__module__}.LostError again: "
    f"EncodingError: {WRONG}",
    "showing": f"its progress: {WRONG}",
    "carrying": f"the heartbeat details of step 0, activity carry: {WRONG}",
    "again": f"the arguments of its first run, workflow 'again': {WRONG}",
}


@pytest.mark.parametrize("name", PLACES)
def test_each_place(database: Path, deploy: Any, name: str) -> None:
    """A value that this code cannot read is told of by its place, and the same trouble once for each workflow."""
    post = Post()
    invocation = post.registry.workflow(name)
    arguments: dict[str, list[Any]] = {"given": [Parcel("a")], "again": [Parcel("a")], "received": ["abcd"]}
    with Orchestrator(database, registry=post.registry) as orchestrator:
        workflow_id = _submit(orchestrator, invocation(*arguments.get(name, [])))
        if name == "carrying":
            until(lambda: orchestrator.handle(workflow_id).describe().last_error is not None)
    assert Orchestrator(database, registry=post.registry).check_replay().ok
    deploy()
    report = Orchestrator(database, registry=post.registry).check_replay()

    assert [(problem.workflow_id, problem.reason) for problem in report.problems] == [(workflow_id, PLACES[name])]


def test_a_signal_that_waits(database: Path, deploy: Any) -> None:
    """A signal that was not received yet is read too: the workflow would stall when it is."""
    post = Post()
    with Orchestrator(database, registry=post.registry) as orchestrator:
        workflow_id = _submit(orchestrator, post.registry.workflow("received")(""), ("parcel", Parcel("x")))
        until(lambda: orchestrator.handle(workflow_id).describe().buffered_signals)
    deploy()
    report = Orchestrator(database, registry=post.registry).check_replay()

    assert f"the payload of signal 'parcel', not received yet: {WRONG}" == report.problems[0].reason


def test_a_signal_that_no_owner_has_seen(database: Path, deploy: Any) -> None:
    """A signal that a client left while nobody owned the file is read as well."""
    post = Post()
    with Orchestrator(database, registry=post.registry) as orchestrator:
        workflow_id = _submit(orchestrator, post.registry.workflow("received")(""))
    client = Orchestrator(database, registry=post.registry)
    client.handle(workflow_id).signal("parcel", Parcel("x"))
    assert client.check_replay().ok
    deploy()

    assert f"the payload of signal 'parcel', not received yet: {WRONG}" == client.check_replay().problems[0].reason


def test_arguments_of_a_step(database: Path, deploy: Any) -> None:
    """Arguments of a step that cannot be read are told of beside the mismatch that they lead to."""
    post = Post()
    with Orchestrator(database, registry=post.registry) as orchestrator:
        _submit(orchestrator, post.registry.workflow("passed_on")())
    deploy()
    report = Orchestrator(database, registry=post.registry).check_replay()

    assert f"the arguments of step 0, activity weigh: {WRONG}" in [one.reason for one in report.problems]


def test_equal_problems_are_grouped(database: Path, deploy: Any) -> None:
    """Workflows with the same trouble make one text with their number and three ids, whichever steps have it."""
    post = Post()
    with Orchestrator(database, registry=post.registry) as orchestrator:
        ids = [_submit(orchestrator, post.registry.workflow("received")("abcdef"[:count])) for count in (2, 4, 3, 6)]
        ids.append(_submit(orchestrator, post.registry.workflow("given")(Parcel("a"))))
    deploy()
    report = Orchestrator(database, registry=post.registry).check_replay()

    assert [problem.workflow_id for problem in report.problems] == ids
    text = str(report)
    assert text.startswith("0 of 5 unfinished workflows replay under this code; 5 do not:\n")
    assert f"4 of received alike ({', '.join(ids[:3])}, and 1 more). The first, processing: " in text
    assert text.count(WRONG) == 2
