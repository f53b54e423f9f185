"""Docstrings of public names as a page: the name with its parameters, its text, and a line for each member."""

from __future__ import annotations

import ast
import dataclasses
import enum
import importlib
import importlib.util
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yieldflow

#: A field with a comment for readers: lines that begin with ``#:``, then the name.
_FIELD = re.compile(r"((?:^ +#: .*\n)+) +(?:self\.)?(\w+)", re.MULTILINE)


def public_names() -> list[str]:
    """The names that may be described: those of `yieldflow`, and behind ``testing.`` those of `yieldflow.testing`."""
    testing = importlib.import_module("yieldflow.testing")
    return [*yieldflow.__all__, *(f"testing.{name}" for name in testing.__all__)]


def member_names() -> list[str]:
    """The public members of public classes, as in ``Orchestrator.submit``."""
    return [
        f"{name}.{member}"
        for name in public_names()
        if isinstance(_find(name), type)
        for member in _methods(_find(name))
    ]


def describe(name: str) -> str:
    """The page of a public name, or of a public member of one."""
    shown = name.removeprefix("testing.")
    if name in public_names():
        return _describe(shown, _find(name))
    owner, _, member = name.rpartition(".")
    return _describe(shown, _methods(_find(owner))[member])


def errors() -> str:
    """The page of every error, in the order of their module, which groups them."""
    module = importlib.import_module("yieldflow._core.errors")
    ours = [name for name, value in vars(module).items() if _is_error(value) and name in yieldflow.__all__]
    return "\n\n".join([inspect.cleandoc(module.__doc__ or ""), *(describe(name) for name in ours)])


def fixtures() -> str:
    """The page of the pytest plugin, read from its source: to import it takes pytest, which not everybody has."""
    spec = importlib.util.find_spec("yieldflow_pytest")
    assert spec is not None
    assert spec.origin is not None
    plugin = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    entries = [ast.get_docstring(plugin) or ""]
    for node in plugin.body:
        if isinstance(node, ast.FunctionDef) and "pytest.fixture" in map(ast.unparse, node.decorator_list):
            entries.append(_entry(f"fixture {node.name}", ast.get_docstring(node) or ""))
    return "\n\n".join(entries)


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


def _find(name: str) -> Any:
    """The object behind a public name."""
    module, _, own = name.rpartition(".")
    return getattr(importlib.import_module(f"yieldflow.{module}" if module else "yieldflow"), own)


def _describe(name: str, value: Any) -> str:
    text = inspect.getdoc(value) or ""
    if isinstance(value, type):
        members = "\n".join(_members(value))
        return _entry(f"class {name}{_parameters(value)}", f"{text}\n\n{members}" if members else text)
    return _entry(f"{name}{_parameters(value)}", text)


def _entry(heading: str, text: str) -> str:
    heading = textwrap.fill(heading, 110, subsequent_indent=8 * " ", break_long_words=False, break_on_hyphens=False)
    return f"{heading}\n{textwrap.indent(text, '    ')}" if text else heading


def _parameters(value: Any) -> str:
    """The parameters as they are written in a call, without types, which the text tells of."""
    function = getattr(value, "__func__", value)  # of a class method
    if not (_is_called_by_users(value) if isinstance(value, type) else inspect.isroutine(function)):
        return ""
    parameters = [one.replace(annotation=one.empty) for one in inspect.signature(function).parameters.values()]
    if parameters and parameters[0].name in {"self", "cls"}:
        parameters = parameters[1:]
    return str(inspect.Signature(parameters))


def _is_called_by_users(cls: type) -> bool:
    """Tell whether users make objects of a class: then its docstring says what it takes."""
    return "Args:" in (cls.__doc__ or "")


def _members(cls: type) -> Iterator[str]:
    """The public fields, properties and methods of a class, with the first paragraph of each docstring."""
    yield from (_entry(f".{name}", textwrap.fill(text, 110)) for name, text in fields(cls).items())
    for name, value in _methods(cls).items():
        first = (inspect.getdoc(value) or "").partition("\n\n")[0]
        yield _entry(f".{name}{_parameters(value)}", first)


def _methods(cls: type) -> dict[str, Any]:
    """The public methods and properties of a class, by name."""
    ours = [base for base in cls.__mro__ if base.__module__.split(".")[0] == "yieldflow"]
    members = {name: value for base in reversed(ours) for name, value in vars(base).items()}
    return {
        name: value
        for name, value in members.items()
        if not name.startswith("_")
        and (isinstance(value, property | classmethod | staticmethod) or inspect.isfunction(value))
    }


def fields(cls: type) -> dict[str, str]:
    """The public fields of a class, each with its comment for readers, which may be empty."""
    said = {name: " ".join(re.findall("#: (.*)", lines)) for lines, name in _FIELD.findall(inspect.getsource(cls))}
    if issubclass(cls, enum.Enum):
        return {member.value: said.get(member.name, "") for member in cls}
    if dataclasses.is_dataclass(cls):
        # The docstring of a class that users make tells of its arguments already.
        names = [] if _is_called_by_users(cls) else [field.name for field in dataclasses.fields(cls)]
        said = {name: said.get(name, "") for name in names}
    return {name: text for name, text in said.items() if not name.startswith("_")}
