"""Modules of source text, for tests in which a program changes while its values are stored."""

from __future__ import annotations

import sys
from collections.abc import Callable
from textwrap import dedent
from types import ModuleType
from typing import Any, TypeAlias

import pytest

#: Puts a module of that source in the place of the one before, and returns its names.
Define: TypeAlias = Callable[[str], Any]


@pytest.fixture
def define(monkeypatch: pytest.MonkeyPatch) -> Define:
    """Defines the module ``shop`` from its source, again and again."""

    def load(source: str) -> ModuleType:
        module = ModuleType("shop")
        monkeypatch.setitem(sys.modules, "shop", module)
        exec(compile(dedent(source), "shop.py", "exec"), vars(module))
        return module

    return load
