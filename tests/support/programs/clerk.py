"""A client that calls the owner of a database again and again: ``clerk.py DATABASE FOLDER NAME CALLS``.

It submits, signals, cancels and reads in two threads, each with so many CALLS. What was acknowledged is noted in
FOLDER/acknowledged. The owner is `desk`, and keeps the workflow ``shared``, which all clerks signal.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from tests.support.programs.desk import collecting, labelled, registry
from tests.support.programs.logbook import note
from yieldflow import Orchestrator, StorageError, WorkflowEndedError

#: How many workflows are submitted in one call.
BATCH = 3


class Clerk:
    """One thread of a client.

    Args:
        client: Not started.
        folder: Where the acknowledgements go.
        name: Begins the ids of its workflows.
    """

    def __init__(self, client: Orchestrator, folder: Path, name: str) -> None:
        self._client, self._folder, self._name = client, folder, name
        self._chance = random.Random(name)
        self._ids: list[str] = []

    def acknowledged(self, *words: object) -> None:
        """Note a call that has returned."""
        note(self._folder / "acknowledged", " ".join(map(str, words)))

    def submit(self, number: int) -> None:
        """Submit a workflow, and its first signal with it."""
        me = f"{self._name}-{number}"
        self._client.submit(collecting(), workflow_id=me, signal=("item", [self._name, number]))
        self.acknowledged("submit", me)
        self._ids.append(me)

    def submit_many(self, number: int) -> None:
        """Submit several at once."""
        self._client.submit_many(labelled(f"{self._name}-{number}", each) for each in range(BATCH))
        self.acknowledged("batch", f"{self._name}-{number}")

    def signal(self, number: int) -> None:
        """Signal the workflow that all signal."""
        self._client.handle("shared").signal("item", [self._name, number])
        self.acknowledged("signal", self._name, number)

    def cancel(self, number: int) -> None:
        """Cancel one of its own."""
        me = self._chance.choice(self._ids)
        with suppress(WorkflowEndedError):
            self._client.handle(me).cancel()
            self.acknowledged("cancel", me)

    def read(self, number: int) -> None:
        """Look at one of its own in every way."""
        me = self._chance.choice(self._ids)
        before, history = self._client.get_workflow_status(me), self._client.handle(me).history()
        after = self._client.handle(me).describe()
        assert before["id"] == after.id == me
        assert before["step"] <= after.step
        assert [step.step for step in history] == list(range(len(history)))
        assert me in [entry["id"] for entry in self._client.list_workflows("collecting", id_prefix=self._name)]

    def work(self, calls: int) -> None:
        """Call so many times."""
        self._insist(self.submit, 0)
        for number in range(1, calls):
            call = self._chance.choice((self.submit, self.submit_many, self.signal, self.cancel, self.read))
            self._insist(call, number)

    def _insist(self, call: Callable[[int], None], number: int) -> None:
        """Make a call again for as long as it is refused since the lock is taken: nothing was written then."""
        while True:
            try:
                call(number)
                return
            except StorageError as error:
                if "another program holds its lock" not in str(error):
                    raise


def main() -> None:
    database, folder, name, calls = sys.argv[1:]
    client = Orchestrator(database, registry=registry)
    clerks = [Clerk(client, Path(folder), f"{name}.{thread}") for thread in range(2)]
    print("ready", flush=True)
    with ThreadPoolExecutor(len(clerks)) as pool:
        for done in [pool.submit(clerk.work, int(calls)) for clerk in clerks]:
            done.result()
    client.stop()


if __name__ == "__main__":
    main()
