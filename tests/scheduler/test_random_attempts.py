"""Retries, timeouts, heartbeats, suspensions, failing disks and crashes, in any order: all ends as it has to."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.support.engine import CODEC, Host, WatchedStore, open_store
from yieldflow import Flow, Registry, RetryPolicy, activity, gather, race, sleep, workflow
from yieldflow.store import RequestKind
from yieldflow.workers import Attempt, perform

REGISTRY = Registry()
FEW = RetryPolicy(1, 2, maximum_attempts=5, jitter=False)
#: The attempt that is made.
making: list[Attempt] = []


def failures_of(label: str) -> int:
    """How many attempts fail: for some labels, all."""
    return Random(label).choice([0, 0, 1, 2, 6])


@activity(registry=REGISTRY, retry=FEW, timeout=20, heartbeat_timeout=15, schedule_to_close_timeout=200)
def timed(label: str) -> str:
    if making[-1].number <= failures_of(label):
        raise ValueError(label)
    return label.upper()


@activity(registry=REGISTRY, retry=FEW, max_concurrent=2, on_cancel="wait")
def narrow(label: str) -> str:
    return timed.fn(label)


def leg(label: str) -> Generator[Any, Any, None]:
    for number in range(3):
        with suppress(ValueError, TimeoutError):
            yield (timed if number % 2 else narrow)(f"{label}{number}")


@workflow(registry=REGISTRY)
def mixed(name: str) -> Flow[str]:
    yield gather(*(leg(f"{name} {number} ") for number in range(3)))
    with suppress(ValueError, TimeoutError):
        yield gather(timed(f"{name} x"), narrow(f"{name} y"))
    with suppress(ValueError):
        yield race(narrow(f"{name} z"), sleep(3))
    return name


class Chaos:
    """A host to which anything happens."""

    def __init__(self, store: WatchedStore, seed: int) -> None:
        self.store, self.random = store, Random(seed)
        self.host = Host(store, REGISTRY, max_recovery_attempts=1_000_000)
        self.running: list[Attempt] = []

    def step(self) -> None:
        host, random, what = self.host, self.random, self.random.random()
        if what < 0.35:
            if host.tasks and host.scheduler.wants(host.tasks[0]):
                host.now += 1
                host.tasks[0].begun_at = host.now
                self.running.append(host.tasks[0])
            del host.tasks[:1]
        elif what < 0.65 and self.running:
            self.end(self.running.pop(random.randrange(len(self.running))))
        elif what < 0.70 and self.running:
            host.beat(random.choice(self.running), random.random())
        elif what < 0.73:
            self.store.failing_commits = random.randrange(3)
        elif what < 0.745:
            self.running.clear()
            self.store.failing_commits = 0
            host.restart()
        elif what < 0.77:
            self.ask(f"w{random.randrange(3)}", random.choice([RequestKind.SUSPEND, RequestKind.RESUME]))
        else:
            host.advance(random.choice([0.1, 0.5, 1, 1, 20] if what > 0.98 else [0.1, 0.5, 1]))

    def end(self, attempt: Attempt) -> None:
        making.append(attempt)
        self.host.settle(perform(attempt, CODEC))

    def ask(self, workflow_id: str, kind: RequestKind) -> None:
        if not self.host.record(workflow_id).status.ended:
            self.host.ask(workflow_id, kind)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens(tmp_path: Path, seed: int) -> None:
    """Nobody stalls, no attempt is skipped or made beyond the last, and nothing is left over."""
    with open_store("sqlite" if seed % 5 == 0 else "memory", tmp_path) as store:
        chaos = Chaos(store, seed)
        host = chaos.host
        for number in range(3):
            host.submit(mixed(f"{seed} {number}"), f"w{number}")
        for count in range(20_000):
            # To look takes longer than a step.
            if count % 20 == 0 and all(record.status.ended for record in store.records()):
                break
            chaos.step()
            if count > 3000:
                for number in range(3):
                    chaos.ask(f"w{number}", RequestKind.RESUME)
        store.failing_commits = 0
        for attempt in chaos.running:
            chaos.end(attempt)
        assert [host.output(f"w{number}") for number in range(3)] == [f"{seed} {number}" for number in range(3)]
        for step in (step for record in store.records() for step in store.steps(record.id)):
            assert step.status != "scheduled"
            assert step.attempt <= 5
            if step.kind == "activity" and step.status == "done":
                assert step.attempt > failures_of(str(CODEC.decode(step.outcome or "")).lower())  # type: ignore[arg-type]  # of a value
        state = host.scheduler._state
        assert (host.scheduler.load, state.limiter._by_name) == ((0, 0), {})
        host.close()
