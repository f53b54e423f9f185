"""Every command, and every request, survives a crash at any point: right before and right after every commit."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.support.engine import CODEC, SECOND, START, Crash, Host, WatchedStore, open_store, submission
from tests.support.every_command import CASES, REGISTRY, Case, child, making, performed
from tests.support.storage import unfinished
from yieldflow._core.history import Failure, Outcome
from yieldflow.store import Request, RequestKind, StepRecord
from yieldflow.workers import Attempt, perform

# ---------------------------------------------------------------------- one life


class Life:
    """A case lived through, going on after a crash."""

    def __init__(self, store: WatchedStore, case: Case) -> None:
        performed.clear()
        self.store = store
        self._case = case
        self.crashed = False
        self.repeated: list[Attempt] = []
        self._asked = list(case.asked)
        self._running: list[Attempt] = []
        self.host = Host(store, REGISTRY)
        deadline_at = None if case.timeout is None else START + case.timeout * SECOND
        store.submit([submission(case.make(), "w")._replace(deadline_at=deadline_at)])

    def live(self) -> None:
        for _ in range(1000):
            try:
                if self._go_on():
                    break
            except Crash:
                self.crashed = True
                self._running.clear()
                self.store.reopen()
                self.host.start()
        else:
            raise AssertionError(f"it does not end: {unfinished(self.store)}")
        self.host.close()

    def _go_on(self) -> bool:
        """Do what comes next; return True once nothing is left."""
        host, second = self.host, (self.host.now - START) // SECOND
        while self._asked and self._asked[0].at <= second:
            _, kind, value, name, of = self._asked.pop(0)
            self.store.ask([Request(of, RequestKind(kind), host.now, name, CODEC.encode(value))])
        host.settle()
        while host.tasks:
            if host.scheduler.wants(task := host.tasks.pop(0)):
                task.begun_at = host.now
                self._running.append(task)
                if self.store.steps(task.workflow_id)[task.step].status.value != "scheduled":
                    self.repeated.append(task)
        ready = next((task for task in self._running if _ready_at(task) <= second), None)
        if ready is not None:
            self._running.remove(ready)
            making.append(ready.number)
            host.settle(perform(ready, CODEC))
            return False
        host.now += SECOND
        return not self._asked and not unfinished(self.store)

    @property
    def result(self) -> dict[tuple[object, ...], object]:
        """All that may not differ, of all workflows."""
        found: dict[tuple[object, ...], object] = {}
        for record in self.store.records():
            for column in ("name", "status", "run", "input", "reason", "parent", "progress", "version"):
                found[record.id, column] = getattr(record, column)
            found[record.id, "outcome"] = _told(record.outcome)
            for step in self.store.steps(record.id):
                found.update(((record.id, step.step, column), value) for column, value in _columns(step).items())
        return {key: value for key, value in found.items() if key[-1] not in self._case.either}

    def check_that_nothing_is_left(self) -> None:
        """Nothing on disk still waits for anything."""
        assert self.repeated == [], "an activity was dispatched again whose checkpoint was there"
        left = [(record.id, step) for record in self.store.records() for step in self.store.steps(record.id)]
        assert [(id, step) for id, step in left if step.status.value == "scheduled"] == []
        # What was written makes the store look at all that is asked.
        self.store.submit([submission(child("somebody else's"), "somebody else's")])
        assert self.store.arrivals().requests == []


def _ready_at(task: Attempt) -> int:
    arguments = CODEC.decode(task.input)
    assert isinstance(arguments, dict)
    return int(arguments["at"]) if "at" in arguments else 0


def _told(outcome: Outcome | None) -> object:
    return outcome.summary if isinstance(outcome, Failure) else outcome


def _columns(step: StepRecord) -> dict[str, object]:
    kept = ["kind", "name", "input", "turn", "applied", "dropped", "source", "due_at", "attempt"]
    if step.name != "pay":
        # That was cancelled while it was at work: after a crash nobody knows how it came out, and nobody asks.
        kept.append("status")
    columns = {column: getattr(step, column) for column in kept}
    return columns if step.name == "pay" else {**columns, "outcome": _told(step.outcome)}


def _needed(store: WatchedStore) -> Counter[str]:
    """The activities whose results count, by label."""
    steps = [step for record in store.records() for step in store.steps(record.id)]
    # The end of an activity that hangs, or is cancelled while it runs, is not waited for.
    made = [step for step in steps if step.kind == "activity" and step.name not in ("pay", "hang")]
    applied = [step for step in made if step.applied is not None]
    return Counter(str(step.input).split('"')[3] for step in applied)


@pytest.mark.parametrize(
    ("kind", "by_turns"), [("memory", False), ("sqlite", True), pytest.param("sqlite", False, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", CASES)
def test_crash_at_every_commit(tmp_path: Path, name: str, kind: str, by_turns: bool) -> None:
    """Wherever the process dies, everything ends as it would have: the same result, the same history, nothing left.

    It dies before and after each commit; ``by_turns`` has it die before one and after the next.
    """
    case = CASES[name]
    with open_store(kind, tmp_path, "whole.db") as store:
        whole = Life(store, case)
        whole.live()
        expected, commits, done = whole.result, len(store.commits), Counter(performed)
        assert (whole.host.status("w"), str(whole.host.output("w"))[: len(case.ends[1])]) == case.ends, (
            whole.host.output("w")
        )
        whole.check_that_nothing_is_left()
    assert commits >= 3
    for moment in ("before", "after"):
        for number in range(1 + (by_turns and moment == "after"), commits + 1, 1 + by_turns):
            with open_store(kind, tmp_path, f"{moment} {number}.db") as store:
                setattr(store, f"crash_{moment}", number)
                other = Life(store, case)
                other.live()
                where = f"after a crash right {moment} commit {number}"
                assert other.crashed, where
                assert other.result.items() ^ expected.items() == set(), where
                assert _needed(store) - Counter(performed) == Counter(), where
                # Performed again is the one activity whose outcome was not on disk, and nothing where it was.
                assert (Counter(performed) - done).total() <= (moment == "before"), where
                other.check_that_nothing_is_left()
