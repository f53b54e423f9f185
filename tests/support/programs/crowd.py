"""Many workflows of every kind, to be killed at any moment: ``crowd.py DATABASE FOLDER LIFE``.

It prints ``ready``, starts, and submits, signals and cancels for ever, with at most so many workflows unfinished; it
prints ``at work`` once there is one of each kind. Told ``stop`` on stdin, it stops the orchestrator, and calls on as a
client, as far as that goes. In the last LIFE, -1, it submits nothing more, brings all that there is to its end, and
ends. Each attempt at an activity is first noted in FOLDER/effects, and each call, once it is acknowledged, in
FOLDER/acknowledged.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from tests.support.programs.logbook import note
from yieldflow import (
    ActivityInvocation,
    Cancelled,
    Flow,
    Orchestrator,
    OrchestratorStoppedError,
    Registry,
    RetryPolicy,
    TaskCancelledError,
    WaitTimeoutError,
    WorkflowCancelledError,
    WorkflowEndedError,
    WorkflowHandle,
    WorkflowInvocation,
    activity,
    activity_context,
    cancel,
    continue_as_new,
    gather,
    info,
    now,
    patched,
    race,
    random,
    set_progress,
    sleep,
    sleep_until,
    start,
    take_signals,
    wait_for,
    wait_signal,
    workflow,
)
from yieldflow import uuid4 as draw

registry = Registry()
#: So many workflows are unfinished at most, but for those that the ones submitted start.
ENOUGH = 30
#: More than any test kills it in a row: nobody is set aside, and from half of it on suspects are tried one at a time.
MAX_RECOVERY_ATTEMPTS = 24
#: Receive signals as long as the test lasts.
LISTENERS = ("listener-0", "listener-1")
#: The signals of each life are numbered from a multiple of this on.
SIGNALS_OF_A_LIFE = 1_000_000
TRIED = RetryPolicy(initial_interval=0.005, maximum_attempts=5)


class Refused(Exception):
    """Lies in ``__main__`` while it runs: an `except` has to catch it after a restart, too."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


# ---------------------------------------------------------------------- activities


def take_effect() -> int:
    """Leave a lasting trace of an attempt; returns its number."""
    attempt = activity_context().info
    note(Path(sys.argv[2]) / "effects", f"{attempt.workflow_id} {attempt.run} {attempt.step} {attempt.attempt}")
    return attempt.attempt


@activity(registry=registry)
def square(number: int) -> int:
    take_effect()
    return number * number


@activity(registry=registry)
async def square_on_loop(number: int) -> int:
    take_effect()
    await asyncio.sleep(0.001)
    return number * number


@activity(registry=registry, executor="process")
def square_in_process(number: int) -> int:
    take_effect()
    return number * number


def squared(number: int) -> ActivityInvocation[int]:
    """One in five in a process, one in five on the event loop."""
    if number % 5 == 3:
        return square_in_process(number)
    return square_on_loop(number) if number % 5 == 4 else square(number)


@activity(registry=registry)
def refuse(key: str) -> None:
    take_effect()
    raise Refused(key)


@activity(registry=registry, executor="process")
def refuse_in_process(key: str) -> None:
    take_effect()
    raise Refused(key)


@activity(registry=registry, retry=TRIED)
def persist(failures: int) -> int:
    attempt = take_effect()
    if attempt <= failures:
        raise ConnectionError(f"attempt {attempt}")
    return attempt


@activity(registry=registry, retry=TRIED)
async def persist_on_loop(failures: int) -> int:
    return persist.fn(failures)


@activity(registry=registry, retry=TRIED, executor="process")
def persist_in_process(failures: int) -> int:
    return persist.fn(failures)


@activity(registry=registry)
def echo(value: tuple[str, float]) -> tuple[str, float]:
    take_effect()
    return value


@activity(registry=registry, on_cancel="wait")
def undo(key: str) -> str:
    take_effect()
    return key


# ---------------------------------------------------------------------- workflows


@workflow(registry=registry)
def loop(rounds: int) -> Flow[list[int]]:
    """One after another, wherever they run."""
    values = []
    for number in range(rounds):
        values.append((yield from squared(number)))
    return values


def branch(name: str, length: int) -> Flow[tuple[int, int]]:
    """Steps of its own, a failure that is caught, and a sleep."""
    total = caught = 0
    for number in range(length):
        total += yield from square(number)
        try:
            yield (refuse if number else refuse_in_process)(f"{name}-{number}")
        except Refused as error:
            caught += error.key == f"{name}-{number}"
            yield sleep(0.001)
    return total, caught


@workflow(registry=registry)
def fan(width: int) -> Flow[list[object]]:
    """Gathers in a gather: many at once, a few at a time, and branches."""
    wide, few, branches = yield from gather(
        gather(*(squared(number) for number in range(width))),
        gather(*(squared(number) for number in range(width)), limit=2),
        gather(*(branch(f"branch-{number}", 2) for number in range(2))),
    )
    return [wide, few, branches]


@workflow(registry=registry)
def choices(rounds: int) -> Flow[list[bool]]:
    """The way taken depends on chance, time, patches and failures; each has to be the same again."""
    same = []
    for number in range(rounds):
        yield set_progress({"round": number})
        chosen, began = (str((yield from draw())), (yield from random())), (yield from now())
        if (yield from patched("asked")) and chosen[1] < 0.5:
            same.append((yield from echo(chosen)) == chosen)
        else:
            try:
                yield gather(square(1), refuse(f"high-{number}"), sleep(3600))
            except Refused as error:
                same.append(error.key == f"high-{number}")
        same.append((yield from now()) >= began)
    return same


def cleaned(key: str) -> Flow[str]:
    """Waits for ever, and cleans up when it is cancelled."""
    try:
        yield gather(sleep(3600), wait_signal("never"))
    except Cancelled:
        yield undo(key)
        yield sleep(0.001)
        raise
    return key


@workflow(registry=registry)
def racing() -> Flow[list[object]]:
    """Losers and those out of time clean up first."""
    first = yield from race(cleaned("loser"), squared(3), wait_signal("never"))
    try:
        late = yield from wait_for(cleaned("late"), 0.005)
    except WaitTimeoutError:
        late = "too late"
    return [list(first), late, (yield from wait_for(squared(2), 3600))]


@workflow(registry=registry)
def persistent() -> Flow[tuple[int, ...]]:
    """Succeeds in the attempts in which it is meant to: no crash takes one or makes one up."""
    return (yield from gather(persist(2), persist_on_loop(1), persist_in_process(2), persist(0)))


@workflow(registry=registry)
def leaf(number: int) -> Flow[int]:
    if number < 0:
        yield refuse(str(number))
    return (yield from squared(number))


@workflow(registry=registry)
def family() -> Flow[list[object]]:
    """Children: waited for, at once, in the background, failing, and cancelled with their branch."""
    task = yield from start(leaf(5))
    values = list((yield from gather(leaf(1), leaf(2))))
    try:
        yield gather(leaf(-1), guarded("a child"))
    except Refused as error:
        values.append(int(error.key))
    return [values, (yield from task)]


@workflow(registry=registry)
def background() -> Flow[list[object]]:
    """Tasks that end, and a task that is cancelled and cleans up."""
    task, doomed = (yield from start(branch("task", 2))), (yield from start(cleaned("doomed")))
    meanwhile = yield from square(6)
    yield cancel(doomed)
    try:
        yield doomed
    except TaskCancelledError:
        return [meanwhile, (yield from task), (yield from task)]
    return []


@workflow(registry=registry)
def runs(left: int, total: int) -> Flow[tuple[int, int]]:
    """Goes on in a new run, and knows which it is."""
    total += yield from squared(left)
    yield sleep_until((yield from now()) + timedelta(milliseconds=1))
    if left:
        yield continue_as_new(runs(left - 1, total))
    return total, (yield from info()).run


@workflow(registry=registry)
def guarded(label: str) -> Flow[str]:
    """Ends when it is cancelled, and cleans up."""
    return (yield from cleaned(label))


@workflow(registry=registry)
def listener() -> Flow[list[int]]:
    """All that it was signalled, one by one or several at once, until it is told to end."""
    heard: list[int] = []
    while (number := (yield from wait_signal("number"))) >= 0:
        heard.append(number)
        if number % 4 == 0:
            yield square(number)
            heard += yield from take_signals("number")
            if heard[-1] < 0:
                return heard[:-1]
    return heard


#: Each kind that ends by itself, and what it has to return.
KINDS: dict[str, tuple[WorkflowInvocation[Any], object]] = {
    "loop": (loop(6), [0, 1, 4, 9, 16, 25]),
    "fan": (fan(5), [[0, 1, 4, 9, 16], [0, 1, 4, 9, 16], [(1, 2), (1, 2)]]),
    "choices": (choices(5), [True] * 10),
    "racing": (racing(), [[1, 9], "too late", 4]),
    "persistent": (persistent(), [3, 2, 3, 1]),
    "family": (family(), [[1, 4, -1], 25]),
    "background": (background(), [36, (1, 2), (1, 2)]),
    "runs": (runs(3, 0), (9 + 4 + 1, 4)),
}


# ---------------------------------------------------------------------- what is asked of them


class Callers:
    """Submits, signals and cancels, and notes what was acknowledged.

    Args:
        owner: Started on the file.
        client: Not started: every second signal and cancellation goes by this way.
        life: The number of the process.
    """

    def __init__(self, owner: Orchestrator, client: Orchestrator, life: int) -> None:
        self._owner, self._client, self._life = owner, client, life
        self._open: deque[WorkflowHandle[Any]] = deque()

    def acknowledged(self, call: str, workflow_id: str, what: object = "") -> None:
        """Note a call that has returned."""
        note(Path(sys.argv[2]) / "acknowledged", f"{call} {workflow_id} {what}")

    def take_over(self) -> None:
        """Go on with what lives before have left."""
        left = self._owner.list_workflows(status="processing", oldest_first=True)
        for entry in left:
            if entry["parent"] is None and entry["id"] not in LISTENERS:
                if entry["name"] == "guarded":
                    self.cancel(entry["id"], by_client=False)
                self._open.append(self._owner.handle(entry["id"]))

    def submit(self, kind: str, invocation: WorkflowInvocation[Any], number: int) -> str:
        """Submit a workflow under an id that tells its kind."""
        handle = self._owner.submit(invocation, workflow_id=f"{self._life}-{number}-{kind}")
        self.acknowledged("submit", handle.id)
        self._open.append(handle)
        return handle.id

    def signal(self, workflow_id: str, number: int, by_client: bool) -> None:
        """Send the next number."""
        (self._client if by_client else self._owner).handle(workflow_id).signal("number", number)
        self.acknowledged("signal", workflow_id, number)

    def cancel(self, workflow_id: str, by_client: bool) -> None:
        """Cancel a workflow."""
        with suppress(WorkflowEndedError):
            (self._client if by_client else self._owner).handle(workflow_id).cancel("not needed")
            self.acknowledged("cancel", workflow_id)

    def wait(self, enough: int) -> None:
        """Wait for the oldest, until so few are open."""
        while len(self._open) > enough:
            # Whether each ended as it should is for the test to say.
            with suppress(WorkflowCancelledError):
                self._open.popleft().result()

    def go_on(self) -> None:
        """Call for ever."""
        for listening in LISTENERS:
            self._owner.submit(listener(), workflow_id=listening)
            self.acknowledged("submit", listening)
        for number in count():
            for at, (kind, (invocation, _)) in enumerate(KINDS.items()):
                self.submit(kind, invocation, number)
                sent = self._life * SIGNALS_OF_A_LIFE + number * len(KINDS) + at
                self.signal(LISTENERS[at // 2 % 2], sent, by_client=at % 2 == 1)
                self.wait(ENOUGH)
            self.cancel(self.submit("guarded", guarded("on its own"), number), by_client=number % 2 == 1)
            if number == 0:
                print("at work", flush=True)

    def finish(self) -> None:
        """Bring all to its end."""
        for listening in LISTENERS:
            self._open.append(self._owner.submit(listener(), workflow_id=listening))
            self._owner.handle(listening).signal("number", -1)
        self.wait(0)


def stop_when_told(owner: Orchestrator) -> None:
    """To be killed while it stops, too."""
    if sys.stdin.readline():
        owner.stop()


@contextmanager
def calling(database: str, life: int) -> Iterator[Callers]:
    owner = Orchestrator(database, registry=registry, max_processes=1, max_recovery_attempts=MAX_RECOVERY_ATTEMPTS)
    client = Orchestrator(database, registry=registry)
    with owner:
        threading.Thread(target=stop_when_told, args=(owner,), daemon=True).start()
        yield Callers(owner, client, life)
    client.stop()


def main() -> None:
    life = int(sys.argv[3])
    print("ready", flush=True)
    with calling(sys.argv[1], life) as callers:
        if life < 0:
            callers.take_over()
            callers.finish()
            return
        try:
            callers.take_over()
            callers.go_on()
        except OrchestratorStoppedError:
            # The kill comes.
            threading.Event().wait()


if __name__ == "__main__":
    main()
