"""Finds the part of a value that cannot be stored, and says what to pass instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any, TypeAlias

from .._core.errors import EncodingError
from .references import reference_of
from .safe_repr import guarded, short_repr, type_name
from .structures import structure_of

PLAIN_DATA = "plain data (numbers, strings, lists, dicts)"
#: What to pass instead, by the type or its nearest base.
_INSTEAD_OF = {
    "_io._IOBase": "its contents or its path",
    "_socket.socket": "its address, and connect where it is used,",
    **dict.fromkeys(("_thread.lock", "_thread.RLock"), "the data that it guards"),
    "yieldflow._core.commands.Command": "what `yield from` makes of it (in an activity: what its `.fn` returns)",
    "builtins.generator": "a list of what it yields, or yield it if it is a helper of the workflow,",
    "builtins.coroutine": "what it returns when awaited",
    "concurrent.futures._base.Future": "its result()",
    "enum.Enum": "its value",
    "builtins.tuple": "a plain tuple",
    "builtins.set": "a plain set",
    "builtins.frozenset": "a plain frozenset",
    "builtins.dict": "a plain dict",
    "builtins.list": "a plain list",
    "builtins.memoryview": "its tobytes()",
    "builtins.mappingproxy": "a dict of it",
    **dict.fromkeys(("builtins.dict_keys", "builtins.dict_values", "builtins.dict_items"), "a list of it"),
    "builtins.module": "its name",
    "builtins.bytes": "plain bytes",
    "builtins.bytearray": "bytes",
    "builtins.str": "a plain str",
    "builtins.int": "a plain int",
    "builtins.float": "a plain float",
}


class Refused(Exception):
    """A part of a value cannot be stored.

    Args:
        part: The part.
        why: What is wrong with it: words that follow its type.
        instead: What to pass instead; None where ``why`` is a sentence that says it.
    """

    def __init__(self, part: object, why: str, instead: str | None) -> None:
        super().__init__(why)
        self.part = part
        self.why = why
        self.instead = instead
        #: The steps that lead from the value to the part (``['rows']``, ``[3]``, ``.handle``), the last one first.
        self.steps: list[str] = []

    def error(self, remedy: str = "") -> EncodingError:
        """Make the error that users see."""
        path = "".join(reversed(self.steps))
        place = path if len(path) <= 200 else f"{path[:100]} ... {path[-90:]}"
        # A step such as " (a key)" stands by itself.
        begin = f"cannot store the value{' at ' if path[:1] in ('[', '.') else ''}{place}"
        if self.instead is None:
            return EncodingError(f"{begin}: {self.why}")
        name = type_name(type(self.part)).removeprefix("builtins.")
        article = "an" if name[0] in "aeiouAEIOU" else "a"
        return EncodingError(f"{begin}: {article} {name}{self.why}; pass {self.instead} instead{remedy}")


def advice(part: object) -> str | None:
    """Say what to pass instead of ``part``; None where nothing special is known."""
    return next((_INSTEAD_OF[name] for name in map(type_name, type(part).__mro__) if name in _INSTEAD_OF), None)


def unreferable(part: object) -> str | None:
    """Say why the class of ``part``, or the function or class that it is, cannot be found again; None where it can."""
    thing = part if isinstance(part, (type, FunctionType)) else type(part)
    if thing.__module__ == "builtins":
        # Python's own, of which there is nothing to be defined anywhere.
        return None
    try:
        reference_of(thing)
    except EncodingError as error:
        return str(error)
    return None


# ---------------------------------------------------------------------- what holds what


def _contained(value: Any) -> Iterator[tuple[str, object]]:
    """Yield what is written inside of ``value``, each behind its step."""
    kind: type = type(value)
    if kind is dict:
        yield from ((f"[{short_repr(key)}]", item) for key, item in value.items())
        yield from ((" (a key)", key) for key in value if type(key) is not str)
    elif kind is list or kind is tuple:
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    elif kind is set or kind is frozenset:
        yield from ((" (an element)", item) for item in value)
    else:
        structure = structure_of(kind)
        fields = None if structure is None else structure.take(value)
        yield from ((f".{name}", item) for name, item in (fields or {}).items())


class _Visit:
    """A container whose parts are being looked at."""

    def __init__(self, step: str, part: object) -> None:
        self.step = step
        self.part = part
        self.rest = _contained(part)
        #: The containers in it, itself with them, as often as they would be written.
        self.size = 1


def check_shape(value: object, many: int) -> None:
    """Check that the text of ``value`` has an end.

    Raises:
        Refused: The value contains itself, or holds parts over and over, to more than ``many`` in all.
    """
    path = [_Visit("", value)]
    ids = {id(value)}
    #: What was looked at, and its size. The object is kept, so that no other takes its id.
    seen: dict[int, tuple[object, int]] = {}
    while True:
        visit = path[-1]
        for step, inner in visit.rest:
            if id(inner) in ids:
                raise _cycle([*path, _Visit(step, inner)])
            if id(inner) in seen:
                visit.size += seen[id(inner)][1]
            elif not isinstance(inner, (str, int, float, bytes)):
                path.append(_Visit(step, inner))
                ids.add(id(inner))
                break
        else:
            path.pop()
            ids.remove(id(visit.part))
            seen[id(visit.part)] = visit.part, visit.size
            if not path:
                break
            path[-1].size += visit.size
    if visit.size > many and visit.size > 1000 * len(seen):
        raise Refused(value, f" that holds {len(seen):,} parts over and over, {visit.size:,} in all", "a flatter one")


def _cycle(path: list[_Visit]) -> Refused:
    steps = [visit.step for visit in path]
    first = next(index for index, visit in enumerate(path) if visit.part is path[-1].part)
    refused = Refused(path[-1].part, f" that contains itself, at {''.join(steps)}", "one that refers to it by a key")
    refused.steps = steps[first::-1]
    return refused


# ---------------------------------------------------------------------- inside of what is pickled


#: A part that fails: its path, the part, and the trouble with it.
_Culprit: TypeAlias = tuple[str, object, str]


def blame(value: object, trouble_of: Callable[[object], str | None]) -> Refused:
    """Find the part of ``value`` that ``trouble_of`` finds fault with, although its own parts are fine."""
    whole: _Culprit = ("", value, trouble_of(value) or " that changes while it is stored")
    #: The parts known to fail. Their number is bounded: where parts refer to one another, each takes as long as all.
    failing: dict[int, _Culprit] = {id(value): whole}

    def smallest(culprit: _Culprit) -> _Culprit | None:
        """Find a part that fails although its own parts are fine; None where all lead back to known parts."""
        path, part, _ = culprit
        is_smallest = True
        for step, inner in _parts(part):
            if id(inner) not in failing:
                trouble = trouble_of(inner)
                if trouble is None:
                    continue
                found = failing[id(inner)] = (path + step, inner, trouble)
                deeper = smallest(found) if len(failing) < 100 else found
                if deeper is not None:
                    return deeper
            is_smallest = False
        return culprit if is_smallest else None

    # If all failing parts lead back to one another, the first below the value tells most.
    path, part, trouble = guarded(lambda: smallest(whole), None) or [*failing.values(), whole][1]
    why = guarded(lambda: None if advice(part) else unreferable(part), None)
    refused = Refused(part, trouble, advice(part) or PLAIN_DATA) if why is None else Refused(part, why, None)
    refused.steps = [path] if path else []
    return refused


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """Yield the parts of ``value``, each behind its step."""
    if isinstance(value, dict):
        yield from ((f"[{short_repr(key)}]", item) for key, item in dict.items(value))
    elif isinstance(value, (list, tuple)):
        names = getattr(value, "_fields", None)
        yield from ((f".{names[i]}" if names else f"[{i}]", item) for i, item in enumerate(value))
    elif isinstance(value, (set, frozenset)):
        yield from ((" (an element)", item) for item in value)
    elif isinstance(value, BaseException):
        yield ".args", value.args
    elif isinstance(value, (type, FunctionType, ModuleType)) or advice(value):
        # A lock or a file is to blame itself, whatever it is made of.
        return
    state = object.__getstate__(value)
    for attributes in state if isinstance(state, tuple) else (state,):
        yield from ((f".{name}", item) for name, item in (attributes or {}).items())
