"""The deployed code: one workflow that does what its program says, and activities with options of every kind.

There are two versions of it. Where a program has a change, the second does one step more, under `patched`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.engine import START
from yieldflow import (
    ActivityInvocation,
    Cancelled,
    Flow,
    Registry,
    RetryPolicy,
    TaskCancelledError,
    WorkflowInvocation,
    activity,
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
    uuid4,
    wait_for,
    wait_signal,
    workflow,
)

from .context_checks import CONTEXTS
from .programs import OWN, SHARED, Program

BEGIN = datetime.fromtimestamp(START / 1e6, UTC)

SOON = RetryPolicy(initial_interval=0.2, maximum_interval=5)

#: The activities' options by name.
OPTIONS: dict[str, dict[str, Any]] = {
    "work": {},
    "pay": {"on_cancel": "wait"},
    "narrow": {"max_concurrent": 1},
    "pair": {"max_concurrent": 2, "retry": RetryPolicy(initial_interval=0.5, maximum_attempts=3)},
    "stubborn": {"retry": SOON},
    "thrice": {"retry": RetryPolicy(maximum_attempts=3, non_retryable=KeyError, jitter=False)},
    "timed": {"timeout": 3, "retry": SOON},
    "beating": {"heartbeat_timeout": 2, "retry": SOON},
    "impatient": {"timeout": 3},
    "hurried": {"schedule_to_close_timeout": 8, "retry": SOON},
    "queued": {"schedule_to_start_timeout": 2, "max_concurrent": 1},
    "careful": {"on_cancel": "wait", "timeout": 3, "max_concurrent": 1, "retry": RetryPolicy(maximum_attempts=2)},
}

#: The workflow whose code is registered later.
LATE = "late"

#: The failures that are final, by their name in a program.
FINAL: dict[str | None, tuple[type[Exception], ...]] = {None: (), "KeyError": (KeyError,), "ValueError": (ValueError,)}

LEAVES = {"act", "sleep", "until", "signal", "take", "child"}


class Code:
    """One version of the code.

    Args:
        changed: It is the second version.
    """

    def __init__(self, changed: bool) -> None:
        self.changed = changed
        self.registry = Registry()
        self._acts = {name: self._activity(name) for name in OPTIONS}
        #: The numbers of cleanups that are due and of those that began, in a replay.
        self.due: list[int] = []
        self.cleaned: list[int] = []

        @workflow(registry=self.registry)
        def program(tree: Program) -> Flow[Any]:
            CONTEXTS.check_clean("a workflow")
            return (yield from self.interpret(tree))

        @workflow(name=LATE, registry=self.registry)
        def late(tree: Program) -> Flow[Any]:
            CONTEXTS.check_clean("a workflow")
            return (yield from self.interpret(tree))

        self.program, self.late = program, late

    def deployed(self, with_late: bool) -> Registry:
        """Return a registry with this code, with or without the workflow that is registered later."""
        registry = Registry()
        for act in self._acts.values():
            registry.add(act)
        registry.add(self.program)
        if with_late:
            registry.add(self.late)
        return registry

    def _activity(self, name: str) -> Any:
        @activity(name=name, registry=self.registry, **OPTIONS[name])
        def act(number: int, fails: int, seen: object = None) -> str:
            raise AssertionError("the simulated workers do it")

        return act

    # ------------------------------------------------------------------ commands

    def leaf(self, tree: Program) -> Any:
        """Return the command of a leaf."""
        kind, number, *rest = tree
        if kind == "act":
            return self.act(number, *rest)
        if kind == "sleep":
            return sleep(rest[0])
        if kind == "until":
            return sleep_until(BEGIN + timedelta(seconds=rest[0]))
        if kind == "signal":
            return wait_signal(rest[0])
        if kind == "take":
            return take_signals(rest[0])
        return self.child(number, *rest)

    def act(
        self,
        number: int,
        name: str = "work",
        fails: int = 0,
        options: dict[str, Any] | None = None,
        seen: object = None,
    ) -> ActivityInvocation[Any]:
        """Return the command of an activity."""
        command: ActivityInvocation[Any] = self._acts[name](number, fails, seen)
        return command.with_options(**_options(options)) if options else command

    def child(
        self, number: int, then: Any, given: str | None, timeout: float | None, tree: Program, late: bool = False
    ) -> Any:
        """Return the command of a child; the workflow itself draws an id of its own, so that no other has it."""
        options: dict[str, Any] = {"on_parent_end": then}
        if timeout is not None:
            options["timeout"] = timeout
        command: WorkflowInvocation[Any] = (self.late if late else self.program)(tree)
        if given == SHARED:
            options["workflow_id"] = SHARED
        return self.named_child(command, options) if given == OWN else command.with_options(**options)

    def named_child(self, command: WorkflowInvocation[Any], options: dict[str, Any]) -> Flow[Any]:
        """Start a child, in a branch, under an id of its own."""
        return (yield command.with_options(workflow_id=f"c-{(yield from uuid4())}", **options))

    # ------------------------------------------------------------------ programs

    def interpret(self, tree: Program) -> Flow[Any]:
        """Run a program and return its result."""
        kind, *parts = tree
        if kind in LEAVES:
            mine = CONTEXTS.begin_step()
            value = yield self.leaf(tree)
            CONTEXTS.end_step(mine, parts[0])
            return value
        return (yield from getattr(self, f"_{kind}")(*parts))

    def member(self, tree: Program) -> Any:
        """Return a member of a gather or race: a command for a leaf, gather or race, a branch for all else."""
        kind, *rest = tree
        if kind in LEAVES:
            return self.leaf(tree)
        if kind == "gather" and not rest[2]:
            return gather(*map(self.member, rest[0]), limit=rest[1])
        if kind == "race":
            return race(*map(self.member, rest))
        return self.interpret(tree)

    def _look(self, number: int) -> Flow[Any]:
        yield from set_progress(number)
        me = yield from info()
        seen = [(yield now()).isoformat(), str((yield uuid4())), (yield random()), (yield patched("look"))]
        # It is stored, so that a replay that sees something else is found.
        yield self.act(number, seen=seen)
        return [number, len(seen), me.run]

    def _change(self, number: int) -> Flow[Any]:
        if self.changed and (yield from patched(f"change {number}")):
            yield self.act(number, "pay", 0)
        return number

    def _fail(self, number: int) -> Flow[Any]:
        raise ValueError(f"program {number}")
        yield

    def _sequence(self, *parts: Program) -> Flow[Any]:
        results = []
        for at, part in enumerate(parts):
            # Both ways to use a helper.
            results.append((yield from self.interpret(part)) if at % 2 else (yield self.interpret(part)))
        return results

    def _gather(self, parts: list[Program], limit: int | None, keep: bool) -> Flow[Any]:
        members = [self.member(part) for part in parts]
        if keep:
            kept = yield from gather(*members, limit=limit, return_exceptions=True)
            return [repr(one) if isinstance(one, Exception) else one for one in kept]
        return (yield from gather(*members, limit=limit))

    def _race(self, *parts: Program) -> Flow[Any]:
        return list((yield from race(*map(self.member, parts))))

    def _wait(self, part: Program, seconds: float) -> Flow[Any]:
        try:
            return (yield wait_for(self.member(part), seconds))
        except TimeoutError:
            return "timed out"

    def _task(self, part: Program, meanwhile: Program, then: str) -> Flow[Any]:
        task: Any = yield start(self.member(part))
        result = yield self.interpret(meanwhile)
        if "cancel" in then:
            yield cancel(task)
        if "race" in then:
            return [result, list((yield race(task, sleep(1))))]
        if "yield" in then:
            return [result, (yield from self.waiting(task))]
        return result

    def waiting(self, task: Any) -> Flow[Any]:
        """Wait for a task and return its result."""
        try:
            return (yield task)
        except TaskCancelledError:
            return "the task was cancelled"

    def _catch(self, part: Program) -> Flow[Any]:
        try:
            return (yield self.interpret(part))
        except Exception as error:
            return f"caught {error!r}"

    def _finally(self, number: int, part: Program, cleanup: Program) -> Flow[Any]:
        self.due.append(number)
        ended = "failed"
        begun = CONTEXTS.begin_cleanup()
        try:
            value = yield self.interpret(part)
            ended = "returned"
        except Cancelled:
            ended = "cancelled"
            raise
        finally:
            CONTEXTS.end_cleanup(begun, number)
            # Counted first, since a cancellation may come in the midst of the cleanup.
            self.cleaned.append(number)
            yield self._catch(["sequence", cleanup, ["act", number, "work", 0]])
        return [ended, value]

    def _again(self, number: int, part: Program, following: Program) -> Flow[Any]:
        yield self._catch(part)
        return (yield from continue_as_new(self.program(following)))


def _options(drawn: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a program's call as `with_options` takes them."""
    if "retry" not in drawn:
        return drawn
    policy = {**drawn["retry"]}
    return {**drawn, "retry": RetryPolicy(non_retryable=FINAL[policy.pop("final")], **policy)}


#: The two versions.
BEFORE, AFTER = Code(False), Code(True)
