"""Commands made while a workflow goes through a set: their order is another one in another process.

A second run in the same process cannot show that, since there the hashes of strings are the same. So it is looked for:
where a generator is suspended in a loop over a set, and where a comprehension goes through one, and the command made
there has an item of it.
"""

from __future__ import annotations

__tracebackhide__ = True

import gc
import sys
from collections.abc import Iterator
from types import CodeType, FrameType, GeneratorType
from typing import Any, NamedTuple

from ..._core.commands import Command
from ..._core.definitions import Invocation
from ..._core.errors import ReplayMismatchError
from ..._core.execution import Execution
from ..._core.history import Codec
from ..._core.nodes import Branch, Leaf, from_below
from ..._core.replay import show_step
from .other_process import SAME_EVERYWHERE

#: The type of the iterator of a set.
_SET_ITERATOR: type = type(iter(set()))
#: The frames of comprehensions, and the name under which they hold what they go through.
_COMPREHENSIONS = ("<genexpr>", "<listcomp>", "<setcomp>", "<dictcomp>")
_ITERATOR = ".0"


class Watch(dict[int, Any]):
    """Stands in for what keeps the commands just made, and notes those that a comprehension over a set makes."""

    def __init__(self) -> None:
        #: Commands by identity, with the items of the set.
        self.made: dict[int, list[object]] = {}

    def __setitem__(self, key: int, entry: tuple[object, CodeType, int]) -> None:
        super().__setitem__(key, entry)
        # Whoever made the command called what noted it.
        frame: FrameType | None = sys._getframe(3)
        if frame is not None and frame.f_code.co_name in _COMPREHENSIONS:
            items = _items(frame.f_locals.get(_ITERATOR))
            if items and _mentions(entry[0], items):
                self.made[key] = items


class Found(NamedTuple):
    """A step whose command depends on where a set was gone through."""

    leaf: Leaf
    items: list[object]


def find(execution: Execution, watch: Watch, since: int) -> Found | None:
    """The first open step, of those from the number ``since`` on, that another process may have issued otherwise."""
    for number, leaf in execution.open.items():
        items = watch.made.get(id(leaf.command)) if number >= since else None
        if items is not None:
            return Found(leaf, items)
    root = execution.root
    for node in from_below(root, into_cancelled=True) if root is not None else ():
        if isinstance(node, Branch) and node.waiting_for is not None:
            waited = [one for one in from_below(node.waiting_for, into_cancelled=True) if isinstance(one, Leaf)]
            leaves = [leaf for leaf in waited if leaf.step.number >= since]
            for items in _loops(node) if leaves else ():
                for leaf in leaves:
                    if _mentions(leaf.command, items):
                        return Found(leaf, items)
    return None


def mismatch(found: Found, codec: Codec) -> ReplayMismatchError:
    """The error about such a step."""
    error = ReplayMismatchError()
    step = found.leaf.step
    error.step, error.recorded = step.number, show_step(step, codec)
    others = ", ".join(sorted(repr(item) for item in found.items if not _mentions(found.leaf.command, [item])))
    error.yielded = f"in another process it may be the turn of {others[:60]} first"
    error.hint = "It goes through a set, and its order is another one in each process. Write: for ... in sorted(...)"
    node: Any = found.leaf
    while not isinstance(node, Branch):
        node = node.parent
    error.generator = node.innermost
    return error


def _loops(branch: Branch) -> Iterator[list[object]]:
    """The sets that a branch is in a loop over, by their items."""
    for body in branch.stack:
        inner: object = body
        while isinstance(inner, GeneratorType):
            for held in gc.get_referents(inner):
                items = _items(held)
                if items:
                    yield items
            inner = inner.gi_yieldfrom


def _items(iterator: object) -> list[object]:
    """The items of the set that ``iterator`` goes through; none where there is no set, or one order everywhere."""
    if type(iterator) is not _SET_ITERATOR:
        return []
    for there in gc.get_referents(iterator):
        if isinstance(there, (set, frozenset)) and len(there) > 1:
            return [] if all(type(item) in SAME_EVERYWHERE for item in there) else list(there)
    return []


def _mentions(command: object, items: list[object]) -> bool:
    """Return True if one of ``items`` is in a command's arguments."""
    ahead: list[object] = list(command._arguments.values()) if isinstance(command, Invocation) else []
    if isinstance(command, Command) and not ahead:
        ahead = [getattr(command, "name", None)]
    while ahead:
        value = ahead.pop()
        if any(_is_part(item, value) for item in items):
            return True
        if isinstance(value, (list, tuple, set, frozenset)):
            ahead.extend(value)
        elif isinstance(value, dict):
            ahead.extend([*value, *value.values()])
    return False


def _is_part(item: object, value: object) -> bool:
    if item is value:
        return True
    if isinstance(item, str) and isinstance(value, str):
        return bool(item) and item in value
    try:
        return type(item) is type(value) and bool(item == value)
    except Exception:
        return False
