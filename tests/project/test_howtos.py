"""The how-tos are true: each program of ``examples/howto`` runs, and the index of the examples names it."""

from __future__ import annotations

import ast
import os
import re
import sys
from pathlib import Path

import pytest

import yieldflow
from tests.support.warm import run_python
from yieldflow.docs.topics import show

EXAMPLES = Path(__file__).parents[2] / "examples"
HOWTOS = sorted((EXAMPLES / "howto").glob("*.py"))
#: Seconds that a program may take. It takes a moment, on a slow machine some seconds.
LONG = 120


def index() -> dict[str, str]:
    """The programs that the index of the examples links to, with what it says of each."""
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| \[[^]]*\]\(([^)]*)\)[^|]* \| (.*) \|$", text, flags=re.MULTILINE))


@pytest.mark.parametrize("program", HOWTOS, ids=[program.stem for program in HOWTOS])
def test_a_howto_runs_alone(program: Path, tmp_path: Path) -> None:
    """A how-to can be pasted into an empty folder: it runs there, says nothing, and leaves nothing behind."""
    pasted = tmp_path / program.name
    pasted.write_text(program.read_text(encoding="utf-8"), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(yieldflow.__file__).parents[1])}

    done = run_python(["-W", "error", program.name], tmp_path, environment, LONG)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == [pasted]


@pytest.mark.parametrize("program", HOWTOS, ids=[program.stem for program in HOWTOS])
def test_a_howto_is_short_and_asserts(program: Path) -> None:
    """A how-to is read in two minutes, opens with what it shows, and asserts it."""
    source = program.read_text(encoding="utf-8")

    assert 20 <= len(source.splitlines()) <= 60
    assert ast.get_docstring(ast.parse(source))
    assert "assert " in source
    assert program.stem not in sys.stdlib_module_names  # it would be imported in the place of that module


@pytest.mark.parametrize("program", HOWTOS, ids=[program.stem for program in HOWTOS])
def test_a_howto_sends_to_a_topic_that_exists(program: Path) -> None:
    """The topic of the reference that a how-to leads to can be shown."""
    for topic in re.findall(r"python -m yieldflow docs ([\w.-]*\w)", program.read_text(encoding="utf-8")):
        assert show(topic)


def test_the_index_names_every_program() -> None:
    """The index of the examples names each program once, and those alone."""
    programs = [path.relative_to(EXAMPLES).as_posix() for path in [*HOWTOS, *EXAMPLES.glob("*.py")]]

    assert sorted(index()) == sorted(programs)


def test_the_index_says_what_each_howto_says_of_itself() -> None:
    """A how-to's line in the index is the first line of its docstring."""
    first_lines = {}
    for program in HOWTOS:
        docstring = ast.get_docstring(ast.parse(program.read_text(encoding="utf-8"))) or ""
        first_lines[f"howto/{program.name}"] = docstring.partition("\n")[0].rstrip(".")

    shown = {link: text[:1].upper() + text[1:] for link, text in index().items() if link in first_lines}
    assert shown == first_lines
