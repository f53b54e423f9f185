"""Children that user code forks: where one comes back into yieldflow's own code, it exits as a program would.

A child has a copy of the thread that forked it. Were that to go on, it would do its parent's work a second time.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NoReturn, Protocol
from weakref import WeakSet

#: The number of forks that lie between this process and the one that imported this. To compare it before and after a
#: call tells whether the call came back in a child, and costs less than to ask the system for the process's id.
generation = 0


class Inheritable(Protocol):
    """An object that a child must not go on with."""

    def after_fork(self) -> None:
        """Be of no use in the child, which calls this before anything else."""


_inheritable: WeakSet[Inheritable] = WeakSet()


def after_fork(thing: Inheritable) -> None:
    """Have ``thing.after_fork`` be called in each child, as long as it is there."""
    _inheritable.add(thing)


def _in_child() -> None:
    global generation
    generation += 1
    for thing in list(_inheritable):
        thing.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)


def exit_child(error: BaseException | None = None) -> NoReturn:
    """End the process, a child, as Python ends a program that is over, or that raised ``error``.

    Nothing of the parent's is called that waits for the exit of the interpreter.
    """
    code: object = 1
    try:
        if error is None or isinstance(error, SystemExit):
            code = error.code if error is not None else None
            if not (code is None or isinstance(code, int)):
                sys.stderr.write(f"{code}\n")
        else:
            sys.excepthook(type(error), error, error.__traceback__)
        flush_output()
    finally:
        os._exit(code & 0xFF if isinstance(code, int) else int(code is not None))


def flush_output() -> None:
    """Have printed text seen, however this process ends."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
