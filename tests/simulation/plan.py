"""Plans: all that is to happen in one simulation, drawn from a seed as plain data, and made small if it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from random import Random
from typing import Any, NamedTuple, TypeVar

from .programs import ON_PARENT_END, Program, children_of, draw, signals_of

T = TypeVar("T")


class Dice:
    """Random decisions that depend only on the seed and on their key, so that dropping one changes no other.

    Args:
        seed: The simulation's.
    """

    def __init__(self, seed: int) -> None:
        self._key = seed.to_bytes(8, "big")

    def chance(self, *what: object) -> float:
        """Return a number in [0, 1), the same for the same question."""
        digest = blake2b(repr(what).encode(), key=self._key, digest_size=7).digest()
        return int.from_bytes(digest, "big") / (1 << 56)

    def choose(self, options: Sequence[T], *what: object) -> T:
        """Return one of ``options``, the same for the same question."""
        return options[int(self.chance(*what) * len(options))]


#: Faults at a commit, and those between two turns.
AT_COMMIT = ["crash before", "crash during", "crash after", "disk full", "I/O error", "locked", "refused value"]
BETWEEN = ["crash between", "stop", "evict", "deploy", "code missing", "failing reads"]
BETWEEN += ["clock forward", "clock back", "machine sleeps"]
#: Faults at a client's write to the store.
AT_CLIENTS = ["client fails", "client dies"]
FAULTS = [*AT_COMMIT, *BETWEEN, *AT_CLIENTS]
#: Faults that follow from chance and from other faults.
BY_CHANCE = [
    "activity ends after its time",
    "activity never ends",
    "activity left running by a stop",
    "code registered later",
    "evict after each turn",
    "held up",
]
#: Calls that leave a workflow's end as it is.
HARMLESS = {"submit", "signal", "suspend", "resume"}
MEDDLING = ["cancel", "terminate", "retry", "fork", "delete"]

#: The process dies on the answer to a call with this value.
DIES = 101


class Flow(NamedTuple):
    """A workflow of the plan."""

    id: str
    program: Program
    steady: bool
    #: Its code is registered only later.
    late: bool = False


class Call(NamedTuple):
    """A call of a client and its time; a call that fails is repeated later."""

    at: float
    kind: str
    workflow: str
    #: The name of the signal, if the call sends one.
    name: str = ""
    #: A signal's payload, the choice of a step for a fork or retry, the choice of workflows for a deletion. `DIES`
    #: for any other call kills the process on its answer.
    value: int = 0
    #: By another process, which writes to the store.
    outside: bool = False
    delay: float | None = None
    timeout: float | None = None
    #: Other workflows that are submitted in the same transaction.
    others: tuple[str, ...] = ()


def purges(call: Call) -> bool:
    """Return whether a call deletes all workflows that ended some time ago, and not one."""
    return call.kind == "delete" and call.value % 3 > 0


class Fault(NamedTuple):
    """Something that goes wrong."""

    kind: str
    #: The number of the commit, the turn or the client's write, counted from the start of the simulation.
    at: int
    #: Repetitions, rows or operations before the failure, or seconds.
    size: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """One simulation."""

    seed: int
    flows: tuple[Flow, ...]
    calls: tuple[Call, ...]
    faults: tuple[Fault, ...]
    workers: int = 2
    #: How often in a row a workflow may be recovered without getting anywhere.
    recoveries: int = 10
    #: Everything that may leave memory does so after each turn.
    forgetful: bool = False
    #: When the code of late workflows is registered.
    registered_at: float = 0.0
    #: How often a client retries, forks or deletes any ended workflow, child or copy, at any moment.
    visits: int = 0
    #: So many messages are taken into one turn at most.
    batch: int = 512
    #: The scheduler is held up after so many turns of a hundred.
    sluggish: int = 0

    def without_faults(self) -> Plan:
        """Return the same workflows in a world without faults and without interfering clients."""
        calls = tuple(call for call in self.calls if call.kind in ("submit", "signal"))
        return replace(self, calls=calls, faults=(), forgetful=False, registered_at=0.0, visits=0, sluggish=0)

    def __str__(self) -> str:
        head = f"seed {self.seed}: {self.workers} workers, {self.recoveries} recoveries"
        head += ", forgetful" if self.forgetful else ""
        head += f", {self.visits} visits" if self.visits else ""
        head += f", {self.batch} messages a turn" if self.batch < 512 else ""
        head += f", held up after {self.sluggish} turns of 100" if self.sluggish else ""
        lines = [head + (f", registered at {self.registered_at}" if self.registered_at else "")]
        lines += [f"  {'late ' if flow.late else ''}workflow {flow.id}: {flow.program}" for flow in self.flows]
        lines += [f"  call {_shown(call)}" for call in self.calls]
        lines += [f"  fault {fault.kind} at {fault.at}, size {fault.size}" for fault in self.faults]
        return "\n".join(lines)


def _shown(call: Call) -> str:
    rest = [f"{name}={value!r}" for name, value in call._asdict().items() if value != Call._field_defaults.get(name)]
    return ", ".join(rest)


def plan_of(seed: int) -> Plan:
    """Draw the plan of a seed."""
    random = Random(f"yieldflow {seed}")
    names = [f"w{number}" for number in range(random.choice([1, 1, 2, 3, 4]))]
    flows = tuple(Flow(name, *draw(random), late=random.random() < 0.15) for name in names)
    # A third of the seeds leaves the workflows alone, and has only faults.
    meddles = random.random() < 0.66
    calls = [call for flow in flows for call in _calls(random, flow, meddles)]
    faults = [_fault(random) for _ in range(random.choice([0, 1, 2, 4, 8, 12]))]
    if random.random() < 0.3:
        calls = _together(calls, outside=random.random() < 0.5)
        # Half of them may be written before the fault.
        faults.append(Fault(random.choice(AT_CLIENTS), random.choice([1, 2]), random.choice([4, 3])))
    plan = Plan(
        seed,
        flows,
        tuple(calls),
        tuple(faults),
        workers=random.choice([1, 2, 3, 5]),
        recoveries=random.choice([1, 3, 10, 1000]),
        forgetful=random.random() < 0.2,
        registered_at=random.choice([0.0, _moment(random)]),
        visits=random.choice([0, 0, 1, 4]),
        batch=random.choice([512, 1, 1, 2]),
        sluggish=random.choice([0, 0, 60]),
    )
    return _with_family(random, plan) if random.random() < 0.1 else plan


def _with_family(random: Random, plan: Plan) -> Plan:
    """Draw a parent that is to end, or is visited, while its child rests or has ended: others rarely come there."""
    does: Program = random.choice([["sleep", 2, 30], ["signal", 2, "s2"], ["act", 2, "work", 0]])
    child: Program = ["child", 1, random.choice(["cancel", *ON_PARENT_END]), None, None, ["sequence", does], False]
    program = random.choice([child, ["gather", [child, ["sleep", 3, 5]], None, True]])
    family, at = Flow(f"w{len(plan.flows)}", program, False), _moment(random)
    end, dies = random.choice(["terminate", "cancel"]), random.choice([0, DIES])
    calls = Call(at, "submit", family.id), Call(at + random.choice([2.5, 4]), end, family.id, value=dies)
    visits = random.choice([plan.visits, 4])
    return replace(plan, flows=(*plan.flows, family), calls=(*plan.calls, *calls), visits=visits)


def _calls(random: Random, flow: Flow, meddles: bool) -> list[Call]:
    """Draw the calls about one workflow."""
    alone = flow.steady and random.random() < 0.7
    delay = random.choice([None, None, None, 0, 3])
    timeout = None if alone else random.choice([None, None, None, 5, 100])
    calls = [Call(_moment(random), "submit", flow.id, outside=random.random() < 0.3, delay=delay, timeout=timeout)]
    if random.random() < 0.1:
        # Another client wants the same id, at the same time or later.
        calls.append(calls[0]._replace(at=random.choice([calls[0].at, _moment(random)]), outside=not calls[0].outside))
    names = signals_of(flow.program)
    if names and random.random() < 0.2:
        # The signal is there from the beginning.
        calls[0] = calls[0]._replace(name=names.pop(0))
    names += [random.choice(["bell", "nobody"]) for _ in range(random.choice([0, 0, 1, 3]))] if not alone else []
    for value, name in enumerate(names, 1):
        calls.append(Call(_moment(random), "signal", flow.id, name, value, random.random() < 0.3))
    if meddles:
        for _ in range(random.choice([0, 0, 1, 2, 3])):
            kind = random.choice(["suspend", "resume"] if alone else ["suspend", "resume", *MEDDLING])
            value = random.randrange(100)
            calls.append(Call(_moment(random), kind, flow.id, value=value, outside=random.random() < 0.3))
        if not alone and random.random() < 0.6 and next(children_of(flow.program), None) is not None:
            # Its children are at work then, or have just ended.
            at = calls[0].at + random.choice([0.001, 0.5, 1, 2])
            calls.append(
                Call(at, random.choice(["terminate", "terminate", "cancel"]), flow.id, value=random.choice([0, DIES]))
            )
    return calls


def _together(calls: list[Call], outside: bool) -> list[Call]:
    """Return the calls with all first submissions merged into one."""
    submits = [call for call in calls if call.kind == "submit"]
    others = tuple(sorted({call.workflow for call in submits} - {submits[0].workflow}))
    first = submits[0]._replace(others=others, outside=outside)
    return [first, *(call for call in calls if call.kind != "submit")]


def _moment(random: Random) -> float:
    """Draw a moment, often the same as another."""
    return random.choice([0, 0, 0.001, 0.5, 1, 2, 3, 5, random.random() * 10, 30])


def _fault(random: Random) -> Fault:
    kind = random.choice([*AT_COMMIT, *AT_COMMIT, *BETWEEN, *AT_CLIENTS, *AT_CLIENTS])
    last = random.choice([1, 2, 5, 10] if kind in AT_CLIENTS else [5, 15, 40, 80])
    size = random.choice([1, 1, 1, 2, 3, 6])
    return Fault(kind, random.randint(1, last), size)


SMALLEST: Program = ["sequence"]


def shrunk(plan: Plan, fails: Callable[[Plan], bool], tries: int = 2_000) -> Plan:
    """Return the smallest failing plan that is found within so many tries.

    Args:
        plan: A failing plan.
        fails: Returns whether a plan fails in the same way.
        tries: The calls of `fails` allowed.
    """
    left = tries
    smaller = True
    while smaller and left > 0:
        smaller = False
        for candidate in _candidates(plan):
            left -= 1
            if fails(candidate):
                plan, smaller = candidate, True
                break
            if left <= 0:
                break
    return plan


def _candidates(plan: Plan) -> Iterator[Plan]:
    """Yield plans with less in them, the boldest first."""
    for flow in plan.flows if len(plan.flows) > 1 else ():
        calls = _without_flow(plan.calls, flow.id)
        yield replace(plan, flows=tuple(one for one in plan.flows if one is not flow), calls=calls)
    if plan.registered_at:
        yield replace(plan, registered_at=0.0)
    if plan.forgetful:
        yield replace(plan, forgetful=False)
    if plan.sluggish:
        yield replace(plan, sluggish=0)
    if plan.batch < 512:
        yield replace(plan, batch=512)
    if plan.visits:
        yield replace(plan, visits=plan.visits - 1)
    yield from (replace(plan, faults=fewer) for fewer in _without(plan.faults))
    # All workflows are submitted in the end; other calls may be left out.
    submits = tuple(call for call in plan.calls if call.kind == "submit")
    others = [call for call in plan.calls if call.kind != "submit"]
    yield from (replace(plan, calls=(*submits, *fewer)) for fewer in _without(others))
    for at, flow in enumerate(plan.flows):
        for program in smaller(flow.program):
            flows = (*plan.flows[:at], flow._replace(program=program), *plan.flows[at + 1 :])
            yield replace(plan, flows=flows)
    for at, call in enumerate(plan.calls):
        simpler = [call._replace(at=0.0), call._replace(outside=False)]
        simpler += [call._replace(delay=None), call._replace(timeout=None), call._replace(others=())]
        simpler += [call._replace(name="")] if call.kind == "submit" else []
        for one in simpler:
            if one != call:
                yield replace(plan, calls=(*plan.calls[:at], one, *plan.calls[at + 1 :]))
    for at, fault in enumerate(plan.faults):
        earlier = [fault._replace(at=when) for when in (1, fault.at // 2, fault.at - 1) if 0 < when < fault.at]
        for less in [*earlier, fault._replace(size=1)]:
            if less != fault:
                yield replace(plan, faults=(*plan.faults[:at], less, *plan.faults[at + 1 :]))


def _without_flow(calls: Sequence[Call], workflow_id: str) -> tuple[Call, ...]:
    """Return the calls without one workflow."""
    left = []
    for call in calls:
        ids = [id for id in (call.workflow, *call.others) if id != workflow_id]
        if ids:
            left.append(call._replace(workflow=ids[0], others=tuple(ids[1:])))
    return tuple(left)


def _without(parts: Sequence[T]) -> Iterator[tuple[T, ...]]:
    """Yield the parts with a half, a quarter, ... and at last a single one left out."""
    size = len(parts)
    while size:
        for at in range(0, len(parts), size):
            yield (*parts[:at], *parts[at + size :])
        size //= 2


def smaller(program: Program) -> Iterator[Program]:
    """Yield programs with less in them."""
    parts = list(_parts(program))
    if program != SMALLEST:
        yield SMALLEST
    yield from (part for _, part in parts)
    for at, value in enumerate(program):
        if isinstance(value, list) and not _is_program(value):
            yield from ([*program[:at], list(fewer), *program[at + 1 :]] for fewer in _without(value))
    if program[0] in ("sequence", "race"):
        fewer_parts = (list(fewer) for fewer in _without(program[1:]))
        yield from ([program[0], *fewer] for fewer in fewer_parts if fewer or program[0] == "sequence")
    for path, part in parts:
        for less in smaller(part):
            yield _with(program, path, less)
    if program[0] == "act" and program[3]:
        yield [*program[:3], 0, *program[4:]]
    if program[0] == "act" and len(program) > 4:
        yield program[:4]
    if program[0] == "child" and program[6:] == [True]:
        yield program[:6]


def _parts(program: Program) -> Iterator[tuple[tuple[int, ...], Program]]:
    for at, value in enumerate(program):
        if _is_program(value):
            yield (at,), value
        elif isinstance(value, list):
            yield from (((at, inner), part) for inner, part in enumerate(value))


def _is_program(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], str)


def _with(program: Program, path: tuple[int, ...], part: Program) -> Program:
    first, *rest = path
    changed = part if not rest else _with(program[first], tuple(rest), part)
    return [*program[:first], changed, *program[first + 1 :]]
