"""Context variables: code finds there what it has set itself, and nothing else.

A workflow looks when it begins, after each step and in each cleanup; the workers look when they are given something.
"""

from __future__ import annotations

from contextvars import ContextVar

#: The step that a branch waits for.
_step: ContextVar[object] = ContextVar("step", default=None)
#: The cleanup that is due in a branch.
_cleanup: ContextVar[object] = ContextVar("cleanup", default=None)


class Contexts:
    """The context variables of the code that runs in a simulation."""

    def __init__(self) -> None:
        #: What was found that should not be there.
        self.mixed: list[str] = []

    def check_clean(self, who: str) -> None:
        """Check that nothing is set."""
        if _step.get() is not None or _cleanup.get() is not None:
            self.mixed.append(f"{who} finds what others have set")

    def begin_step(self) -> object:
        """Set what `end_step` is to find."""
        mine = object()
        _step.set(mine)
        return mine

    def end_step(self, mine: object, number: object) -> None:
        """Check that a step finds what was set before it."""
        if _step.get() is not mine:
            self.mixed.append(f"step {number} finds what others have set since")

    def begin_cleanup(self) -> tuple[object, object]:
        """Set what `end_cleanup` is to find; return that and what was there before."""
        before, mine = _cleanup.get(), object()
        _cleanup.set(mine)
        return before, mine

    def end_cleanup(self, begun: tuple[object, object], number: object) -> None:
        """Check that a cleanup finds what was set before it, also if it runs since its generator is closed."""
        before, mine = begun
        if _cleanup.get() is not mine:
            self.mixed.append(f"cleanup {number} does not find what was set before it")
        _cleanup.set(before)


#: Those of the simulation that runs. (Both versions of the code look there, and the workers.)
CONTEXTS = Contexts()
