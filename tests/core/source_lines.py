"""Places of lines in functions, for tests of messages that show them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def line_of(function: Callable[..., Any], text: str) -> str:
    """``file:line`` of the one line of ``function`` that holds ``text``."""
    lines, first = inspect.getsourcelines(function)
    (number,) = [first + offset for offset, line in enumerate(lines) if text in line]
    return f"{inspect.getsourcefile(function)}:{number}"
