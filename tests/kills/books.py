"""The books of a killed process: acknowledged calls and effects, compared with the disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.support.programs.logbook import noted

from .disk import Disk, Effect, look


class Broken(AssertionError):
    """A promise was broken."""


class Books:
    """The books of one file.

    Args:
        database: The file.
        folder: Where the program that is killed notes what it does.
    """

    def __init__(self, database: Path, folder: Path) -> None:
        self._database, self._folder = database, folder
        self.disk = Disk()
        #: Each effect in the order noted.
        self.effects: list[Effect] = []
        #: How often each promise was looked at.
        self.checked: Counter[str] = Counter()
        self._lives = 0

    @property
    def repeated(self) -> int:
        """Return the number of effects repeated since a kill came before their checkpoint."""
        return len(self.effects) - len(set(self.effects))

    def compare(self) -> None:
        """Look at the disk after one more life.

        Raises:
            Broken: The message says which promise was, and where.
        """
        self._lives += 1
        before, after = self.disk, look(self._database, self._folder)
        effects = [_effect(line) for line in noted(self._folder / "effects")]
        lately = Counter(effects[len(self.effects) :])
        ended = {key: step for key, step in before.steps.items() if step.status != "scheduled"}

        self._none("the file is sound", after.complaints)
        self._none(
            "an effect is never there again after its checkpoint", (one for one in lately if before.settled(one))
        )
        self._none("one life has an effect once", (effect for effect, times in lately.items() if times > 1))
        self._none("nothing is begun before it is on disk", (one for one in lately if not after.knows(one)))
        self._none("what is checkpointed had its effect", set(after.attempts()).difference(effects))
        self._none("an outcome stays what it is", (key for key, step in ended.items() if _changed(key, step, after)))
        self._none("no workflow is lost", before.workflows.keys() - after.workflows.keys())
        self._acknowledged(after)
        self.checked["invariants of the file"] += after.invariants
        self.disk, self.effects = after, effects

    def acknowledged(self, call: str) -> list[list[str]]:
        """The arguments of all calls of one kind that were acknowledged: a workflow's id, and what else there is."""
        lines = (line.split() for line in noted(self._folder / "acknowledged"))
        return [words[1:] for words in lines if words[0] == call]

    def _acknowledged(self, disk: Disk) -> None:
        submitted, cancelled = ({words[0] for words in self.acknowledged(call)} for call in ("submit", "cancel"))
        self._none("no acknowledged submission is lost", submitted - disk.workflows.keys())
        self._none("no acknowledged cancellation is lost", cancelled - disk.cancelled)
        signals = {(workflow_id, number) for workflow_id, number in self.acknowledged("signal")}
        self._none("no acknowledged signal is lost", signals - disk.signals)

    def _none(self, promise: str, against: Iterable[object]) -> None:
        self.checked[promise] += 1
        found = list(against)
        if found:
            raise Broken(f"after life {self._lives}: {promise}; not so {len(found)} times: {found[:5]}")


def _effect(line: str) -> Effect:
    workflow_id, *numbers = line.split()
    return Effect(workflow_id, *map(int, numbers))


def _changed(key: tuple[str, int, int], step: object, after: Disk) -> bool:
    """Return whether a step that had ended is another now, in the same run."""
    return after.workflows[key[0]].run == key[1] and after.steps.get(key) != step
