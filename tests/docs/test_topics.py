"""The reference: `python -m yieldflow docs [TOPIC]`."""

from __future__ import annotations

import enum
import importlib.util
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import yieldflow
from yieldflow.__main__ import main
from yieldflow.docs import architecture
from yieldflow.docs.topics import TOPICS, Topic

PACKAGE = Path(yieldflow.__file__).parent
#: A name of a module's file, as in ``scheduler/turn.py``.
FILE = re.compile(r"\b[\w/]+/\w+\.py\b")


def blocks_of_code(text: str) -> Iterator[str]:
    """The Python blocks of a text that are fenced."""
    yield from re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def names_of(topic: Topic) -> str:
    return topic.name


def test_without_a_topic_the_topics_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """`docs` alone lists every topic on a line of its own, with what it is about."""
    assert main(["docs"]) == 0

    lines = capsys.readouterr().out.splitlines()
    for topic in TOPICS:
        assert [line for line in lines if line.split() == [topic.name, *topic.summary.split()]]


@pytest.mark.parametrize("topic", TOPICS, ids=names_of)
def test_a_topic_is_shown(topic: Topic, capsys: pytest.CaptureFixture[str]) -> None:
    """Each topic has a text, which fits a wide terminal."""
    assert main(["docs", topic.name]) == 0

    text = capsys.readouterr().out
    assert len(text) > 300
    assert [line for line in text.splitlines() if len(line) > 124] == []


@pytest.mark.parametrize("topic", TOPICS, ids=names_of)
def test_what_a_topic_names_exists(topic: Topic) -> None:
    """A topic sends its reader to other topics and to modules that are there, and its Python blocks run."""
    text = topic.text
    known = {one.name for one in TOPICS}

    assert set(re.findall(r": see `([a-z-]+)`", text)) <= known | set(yieldflow.__all__)
    files = [name for name in FILE.findall(text) if not name.startswith("examples/")]
    assert [name for name in files if not (PACKAGE / name).is_file()] == []
    commands = re.findall(r"python -m (tests[\w.]*\w)", text)
    assert [name for name in commands if importlib.util.find_spec(name) is None] == []
    for source in blocks_of_code(text):
        exec(compile(source, topic.name, "exec"), {})


def test_the_topics_lead_to_every_howto() -> None:
    """Each how-to is named by a topic, so that whoever reads the reference finds the program that shows it."""
    howtos = {path.stem for path in (Path(__file__).parents[2] / "examples" / "howto").glob("*.py")}

    assert {name for topic in TOPICS for name in topic.howtos} == howtos


def test_a_public_name_is_a_topic(capsys: pytest.CaptureFixture[str]) -> None:
    """Every public name can be looked up, and so can a method of a public class."""
    testing = importlib.import_module("yieldflow.testing")
    for name in [*yieldflow.__all__, *testing.__all__, "Orchestrator.submit", "testing.Stepper.resolve"]:
        assert main(["docs", name]) == 0
        assert name.removeprefix("testing.") in capsys.readouterr().out.partition("\n")[0]


@pytest.mark.parametrize(
    ("given", "nearest"),
    [("glosary", "glossary"), ("retrypolicy", "RetryPolicy"), ("orchestrator.submt", "Orchestrator.submit")],
)
def test_an_unknown_topic_is_an_error_with_the_nearest_name(
    given: str, nearest: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped name is an error that names the nearest, with exit code 2."""
    assert main(["docs", given]) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"there is no topic {given!r}: did you mean {nearest!r}?\n"


def test_an_unknown_topic_that_is_like_no_other_leads_to_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """A name that is like no other is an error that says how to list the topics."""
    assert main(["docs", "%%%"]) == 2

    assert capsys.readouterr().err == "there is no topic '%%%': python -m yieldflow docs lists them\n"


def test_importing_yieldflow_imports_no_reference() -> None:
    """Whoever runs workflows does not load what is only read."""
    program = "import sys, yieldflow; print([name for name in sys.modules if name.startswith('yieldflow.docs')])"
    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=PACKAGE.parent, check=True, capture_output=True, text=True
    ).stdout

    assert printed == "[]\n"


def test_the_reference_needs_no_pytest() -> None:
    """Every topic can be shown where pytest is not installed, that of the plugin's fixtures too."""
    program = (
        "import sys; sys.modules['pytest'] = None\n"
        "from yieldflow.docs.topics import TOPICS\n"
        "print([topic.name for topic in TOPICS if 'fixture orchestrator' in topic.text])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=PACKAGE.parent, check=True, capture_output=True, text=True
    ).stdout

    assert printed == "['pytest']\n"


@pytest.mark.parametrize(("module", "states", "table"), [tables[1:] for tables in architecture.TABLES])
def test_the_architecture_shows_the_tables_of_the_code(module: str, states: str, table: str) -> None:
    """The diagrams say of each state what it means and what may follow it, as the tables do by which the code goes."""
    page = architecture.page()
    code = importlib.import_module(module)
    shown = {
        before: set(after.split(", ")) - {"(nothing)"}
        for before, after in re.findall(r"^ +(\S+) +->  (.*)$", page, flags=re.MULTILINE)
    }

    for state, following in getattr(code, table).items():
        names = {"(none)" if after is None else after.value for after in following}
        assert shown["(none)" if state is None else state.value] == names
    for state in getattr(code, states):
        assert re.search(rf"^    {state.value} +[A-Z].*", page, flags=re.MULTILINE)


def test_a_diagram_shows_every_state_of_a_table() -> None:
    """A table of transitions is drawn a state a line; None is a state too."""
    Phase = enum.Enum("Phase", ["LOADING", "LIVE"])

    drawn = architecture.diagram({None: {Phase.LOADING, Phase.LIVE}, Phase.LOADING: {Phase.LIVE, None}})

    assert drawn == "(none)   ->  loading, live\nloading  ->  (none), live"


def test_the_architecture_names_every_floor() -> None:
    """Each package, and each module beside the packages, has a line on the page."""
    floors = {name for floor in architecture.FLOORS for name in floor}

    assert floors <= set(re.findall(r"^    (\w+) {2,}\S", architecture.page(), flags=re.MULTILINE))


def test_the_modules_are_all_listed() -> None:
    """Each module of the package has a line on the page of modules."""
    listed = set(re.findall(r"^ *([\w.]+)", architecture.modules(), flags=re.MULTILINE))
    files = [path.relative_to(PACKAGE).with_suffix("").parts for path in PACKAGE.glob("**/*.py")]

    assert {".".join(parts[1:] or parts) for parts in files if parts[-1] not in {"__init__", "__main__"}} <= listed


def test_the_file_topic_names_columns_that_exist(tmp_path: Path) -> None:
    """The tables and columns that the topic `file` names are those of a new file."""
    with yieldflow.Orchestrator(tmp_path / "new.db"):
        pass
    with closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        tables = {name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")}
        columns = {table: {row[1] for row in connection.execute(f"pragma table_info({table})")} for table in tables}

    text = next(topic for topic in TOPICS if topic.name == "file").text
    described = re.findall(r"^(\w+): .*\n((?:    .*\n)+)", text, flags=re.MULTILINE)
    assert {table for table, _ in described} == tables - {"sqlite_sequence"}
    for table, listed in described:
        if table != "meta":
            names = re.sub(r"\([^)]*\)", "", " ".join(listed.split())).replace(" and ", ",").replace(" ", "").split(",")
            assert set(names) <= columns[table]
