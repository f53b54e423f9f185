"""Random workflow programs: trees of lists, as `deployed_code` interprets them. Each leaf has a number of its own.

A *steady* program comes to the same end in whichever order its steps end and whatever is lost on the way: nothing in it
is raced, limited in time or cancelled, and what fails does so by the number of the attempt. All others may end in
several ways, each of which is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Any, TypeAlias

Program: TypeAlias = list[Any]

#: The number of attempts at an activity that fail; `ALWAYS` stands for all.
ALWAYS = 99
FAILING = [0, 0, 0, 0, 1, 2, ALWAYS]
#: Activities of `deployed_code`. With a time limit, only those retried for ever are steady.
STEADY = ["work", "work", "pay", "narrow", "pair", "stubborn", "thrice", "timed", "beating"]
UNSTEADY = [*STEADY, "impatient", "hurried", "queued", "careful"]
#: Activities that are retried for ever, so not all of their attempts may fail.
TIRELESS = {"stubborn", "timed", "beating"}
#: Those of them with a time limit, which need their own options.
LIMITED = {"timed", "beating"}
#: The options of `with_options` beside a retry policy.
LIMITS: dict[str, list[Any]] = {
    "timeout": [0.5, 3],
    "schedule_to_close_timeout": [1, 8],
    "schedule_to_start_timeout": [1],
    "heartbeat_timeout": [2],
    "on_cancel": ["wait", "abandon"],
}
SECONDS = [0, 0.001, 0.5, 1, 1, 2, 5, 90]
#: A child's id.
OWN, SHARED = "own", "shared"
ON_PARENT_END = ["cancel", "wait", "abandon"]
#: The end of a task.
THEN = ["leave", "yield", "cancel", "cancel and yield", "race"]
#: A signal that several steps wait for.
BELL = "bell"
DEEPEST = 4


class _Draw:
    def __init__(self, random: Random, steady: bool) -> None:
        self.random = random
        self.steady = steady
        self.numbers = count(1)
        #: The leaves that may follow.
        self.left = random.choice([3, 6, 10, 16])

    def number(self) -> int:
        self.left -= 1
        return next(self.numbers)

    # ------------------------------------------------------------------ leaves

    def leaf(self, depth: int) -> Program:
        kinds: list[Callable[[int], Program]] = [self.act, self.act, self.act, self.act, self.sleep, self.signal]
        kinds += [self.look, self.change, self.fail]
        if not self.steady:
            kinds.append(self.take)
        if depth < DEEPEST and self.left > 1:
            kinds.append(self.child)
        return self.random.choice(kinds)(depth)

    def act(self, depth: int) -> Program:
        name = self.random.choice(STEADY if self.steady else UNSTEADY)
        fails = self.random.choice(FAILING)
        options = self.options(name) if self.random.random() < 0.25 else {}
        retry = options.get("retry")
        tireless = name in TIRELESS if retry is None else retry["maximum_attempts"] is None
        program = ["act", self.number(), name, min(fails, 2) if tireless else fails]
        return [*program, options] if options else program

    def options(self, name: str) -> dict[str, Any]:
        """Draw the options of one call."""
        if self.steady and name in LIMITED:
            return {}
        chosen = {} if self.steady else self.random.sample(sorted(LIMITS), self.random.choice([0, 1, 2]))
        options = {limit: self.random.choice(LIMITS[limit]) for limit in chosen}
        if self.steady or self.random.random() < 0.7:
            options["retry"] = {
                "initial_interval": self.random.choice([0.1, 1]),
                "backoff_coefficient": self.random.choice([1, 2, 3]),
                "maximum_interval": self.random.choice([None, 1, 5]),
                "maximum_attempts": self.random.choice([None, 1, 2, 3, 5]),
                "jitter": self.random.random() < 0.5,
                "final": self.random.choice([None, "KeyError", "ValueError"]),
            }
        return options

    def sleep(self, depth: int) -> Program:
        kind = "sleep" if self.random.random() < 0.8 else "until"
        return [kind, self.number(), self.random.choice(SECONDS)]

    def signal(self, depth: int) -> Program:
        number = self.number()
        return ["signal", number, BELL if not self.steady and self.random.random() < 0.4 else f"s{number}"]

    def take(self, depth: int) -> Program:
        return ["take", self.number(), BELL]

    def look(self, depth: int) -> Program:
        return ["look", self.number()]

    def change(self, depth: int) -> Program:
        return ["change", self.number()]

    def fail(self, depth: int) -> Program:
        return ["fail", self.number()] if self.random.random() < 0.3 else self.act(depth)

    def child(self, depth: int) -> Program:
        number = self.number()
        timeout = None if self.steady else self.random.choice([None, None, 3, 100])
        # A child that does not end with its parent may end later, which changes nothing for the parent.
        then = self.random.choice(ON_PARENT_END)
        # A drawn id, a shared one, or the default made of the parent's.
        given = self.random.choice([None, None, OWN, OWN if self.steady else SHARED])
        late = self.random.random() < 0.1
        return ["child", number, then, given, timeout, self.tree(depth + 1), late]

    # ------------------------------------------------------------------ what is made of them

    def tree(self, depth: int) -> Program:
        if depth >= DEEPEST or self.left <= 1 or self.random.random() < 0.25:
            return self.leaf(depth)
        kinds: list[Callable[[int], Program]] = [self.sequence, self.sequence, self.gather, self.gather, self.task]
        kinds += [self.catch, self.cleanup]
        if not self.steady:
            kinds += [self.race, self.wait, self.listen]
        return self.random.choice(kinds)(depth + 1)

    def several(self, depth: int, least: int = 0, most: int = 4) -> list[Program]:
        return [self.tree(depth) for _ in range(self.random.randint(least, most)) if self.left > 0] or [
            self.leaf(DEEPEST)
        ]

    def sequence(self, depth: int) -> Program:
        return ["sequence", *self.several(depth, 1)]

    def gather(self, depth: int) -> Program:
        return ["gather", self.several(depth), self.random.choice([None, None, 1, 2]), self.kept()]

    def kept(self) -> bool:
        """Draw whether a gather returns failures as values; otherwise the first in time decides."""
        return self.steady or self.random.random() < 0.5

    def listen(self, depth: int) -> Program:
        """Draw several waits for signals of one name, one after the other."""
        parts = [["signal", self.number(), BELL] for _ in range(self.random.choice([2, 3]))]
        parts.insert(self.random.randint(1, len(parts)), self.leaf(DEEPEST))
        return ["sequence", *parts]

    def race(self, depth: int) -> Program:
        return ["race", *self.several(depth, 1, 3)]

    def wait(self, depth: int) -> Program:
        return ["wait", self.tree(depth), self.random.choice([0, 0.5, 3])]

    def task(self, depth: int) -> Program:
        then = "yield" if self.steady else self.random.choice(THEN)
        meanwhile = self.tree(depth)
        if self.steady:
            meanwhile = ["catch", meanwhile]
        return ["task", self.tree(depth), meanwhile, then]

    def catch(self, depth: int) -> Program:
        return ["catch", self.tree(depth)]

    def cleanup(self, depth: int) -> Program:
        return ["finally", self.number(), self.tree(depth), self.leaf(DEEPEST)]


def draw(random: Random) -> tuple[Program, bool]:
    """Draw a program; return it and whether it is steady."""
    steady = random.random() < 0.5
    drawing = _Draw(random, steady)
    program = drawing.tree(0)
    for _ in range(random.choice([0, 0, 0, 1, 2])):
        drawing.left += 3
        program = ["again", drawing.number(), program, drawing.tree(2)]
    return program, steady


def parts_of(program: Program) -> Iterator[Program]:
    """Yield the direct parts of a program."""
    for part in program[1:]:
        if isinstance(part, list):
            yield from (part,) if part and isinstance(part[0], str) else part


def signals_of(program: Program) -> list[str]:
    """Return the signals that a workflow of this program waits for, one for each wait, without its children's."""
    if program[0] == "signal":
        return [program[2]]
    if program[0] == "child":
        return []
    return [name for part in parts_of(program) for name in signals_of(part)]


def children_of(program: Program) -> Iterator[Program]:
    """Yield the child steps of a program, without those of its children."""
    if program[0] == "child":
        yield program
        return
    for part in parts_of(program):
        yield from children_of(part)


def commands_of(program: Program) -> Iterator[str]:
    """Yield a name for each command and option of a program and its children."""
    kind = program[0]
    if kind == "act":
        yield f"activity {program[2]}"
        yield from (f"with_options {name}" for name in (program[4] if len(program) > 4 else ()))
    elif kind == "child" and program[6:] == [True]:
        yield "child whose code is registered later"
    else:
        yield kind
    for part in parts_of(program):
        yield from commands_of(part)
