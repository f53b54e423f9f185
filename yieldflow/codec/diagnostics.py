"""Finds the part of a value that cannot be stored, and says what to pass instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import TypeAlias

from .._core.errors import EncodingError
from .json_text import MAX_DEPTH, MAX_DIGITS, to_json
from .pickles import to_pickle
from .safe_repr import error_line, guarded, is_interrupt, short_repr, type_name

#: A part of a value that cannot be stored: its path from the value (``['rows'][3].handle``), the part, and the trouble
#: with it and what to pass, as words that follow its type in a sentence and are followed by "instead".
_Culprit: TypeAlias = tuple[str, object, str]

_PLAIN_DATA = "plain data (numbers, strings, lists, dicts)"
#: The advice what to pass instead, by the type or its nearest base.
_INSTEAD_OF = {
    "_io._IOBase": "its contents or its path",
    "_socket.socket": "its address, and connect where it is used,",
    **dict.fromkeys(("_thread.lock", "_thread.RLock"), "the data that it guards"),
    "yieldflow._core.commands.Command": "what `yield from` makes of it (in an activity: what its `.fn` returns)",
    "builtins.generator": "a list of what it yields, or yield it if it is a helper of the workflow,",
    "builtins.coroutine": "what it returns when awaited",
    "concurrent.futures._base.Future": "its result()",
    "enum.Enum": "its value",
    "builtins.tuple": "a list",
    **dict.fromkeys(("builtins.set", "builtins.frozenset"), "a sorted list"),
    "builtins.dict": "a plain dict",
    **dict.fromkeys(("builtins.bytes", "builtins.memoryview"), "its hex()"),
    "builtins.str": "a plain str, without surrogates that stand in pairs,",
    "builtins.int": f"a plain int, of up to {MAX_DIGITS} digits, or its hex()",
    "builtins.float": "a plain, finite float, or None,",
    "datetime.date": "its isoformat()",
    "datetime.timedelta": "its total_seconds()",
    **dict.fromkeys(("decimal.Decimal", "uuid.UUID"), "its str()"),
}


def _advice(part: object) -> str | None:
    return next((_INSTEAD_OF[name] for name in map(type_name, type(part).__mro__) if name in _INSTEAD_OF), None)


def refusal(value: object, trouble_of: Callable[[object], str | None], remedy: str = "") -> EncodingError:
    """Make the error that names the part of ``value`` that cannot be stored."""
    whole = ("", value, trouble_of(value) or " that changes while it is stored; pass a copy")
    #: The parts known to fail. Their number is bounded: where parts refer to one another, each takes as long as all.
    failing: dict[int, _Culprit] = {id(value): whole}

    def smallest(culprit: _Culprit) -> _Culprit | None:
        """Find a part that fails although its own parts are fine; None where all lead back to known parts."""
        path, part, _ = culprit
        if trouble_of is json_trouble and type(part) is not dict and type(part) is not list:
            return culprit
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
    place = f" at {path}" if len(path) <= 200 else f" at {path[:100]} ... {path[-90:]}"
    name = type_name(type(part)).removeprefix("builtins.")
    article = "an" if name[0] in "aeiouAEIOU" else "a"
    return EncodingError(f"cannot store the value{place if path else ''}: {article} {name}{trouble} instead{remedy}")


def pickle_trouble(part: object) -> str | None:
    """Say why ``part`` cannot be pickled; None where it can."""
    try:
        to_pickle(part)
    except RecursionError:
        return " that is nested too deeply; pass a flatter one"
    except BaseException as error:
        if is_interrupt(error):
            raise
        return f" ({error_line(error)}); pass {_advice(part) or _PLAIN_DATA}"
    return None


def json_trouble(part: object) -> str | None:
    """Say why ``part`` has no JSON text; None where it has one."""
    if to_json(part) is not None:
        return None
    if type(part) is not dict and type(part) is not list:
        shown = f" ({part})" if type(part) is float else ""
        return f"{shown}; pass {_advice(part) or _PLAIN_DATA}"
    for key in part if isinstance(part, dict) else ():
        if type(key) is not str or to_json(key) is None:
            return f" with the key {short_repr(key)}; pass one with plain strings for keys"
    return f" that contains itself, or is nested more than {MAX_DEPTH} levels deep; pass a flatter one"


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """Yield the parts of ``value``, each behind its path."""
    if isinstance(value, dict):
        yield from ((f"[{short_repr(key)}]", item) for key, item in dict.items(value))
    elif isinstance(value, (list, tuple)):
        names = getattr(value, "_fields", None)
        yield from ((f".{names[i]}" if names else f"[{i}]", item) for i, item in enumerate(value))
    elif isinstance(value, (set, frozenset)):
        yield from ((" (an element)", item) for item in value)
    elif isinstance(value, BaseException):
        yield ".args", value.args
    elif isinstance(value, (type, FunctionType, ModuleType)) or _advice(value):
        # A lock or a file is to blame itself, whatever it is made of.
        return
    state = object.__getstate__(value)
    for attributes in state if isinstance(state, tuple) else (state,):
        yield from ((f".{name}", item) for name, item in (attributes or {}).items())
