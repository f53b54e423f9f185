"""Files that others may have written to: no pickle is opened unasked, permissions hold, and SQL stays constant."""

from __future__ import annotations

import ast
import os
import pickle
import re
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

import yieldflow
from tests.damage import IDS, REGISTRY, chain, make
from yieldflow import Orchestrator, YieldflowError
from yieldflow.testing import WorkflowHistory, replay

#: Every column that holds a value of the user's.
PAYLOADS = {
    "workflows": "input progress output first_input",
    "activity_executions": "input output heartbeat",
    "workflow_inputs": "payload",
    "signals": "payload",
}


class Bomb:
    """Its pickle, when loaded, makes a directory.

    Args:
        path: Where.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self._path),)


@pytest.fixture
def mined(tmp_path: Path) -> Path:
    """A file in which every value is a pickle that would make the directory ``tmp_path / "boom"``."""
    path = tmp_path / "mined.db"
    make(path)
    bomb = pickle.dumps(Bomb(tmp_path / "boom"))
    with closing(sqlite3.connect(path, isolation_level=None)) as enemy:
        for table, columns in PAYLOADS.items():
            for column in columns.split():
                enemy.execute(f"update {table} set {column} = ?", (bomb,))
    return path


def attempt(*calls: Callable[[], Any]) -> None:
    """Call all; what goes wrong is one of our errors, or that there is no such step."""
    for call in calls:
        with suppress(YieldflowError, ValueError):
            call()


def test_the_bomb_is_live(tmp_path: Path) -> None:
    """The trap of the tests below works: loaded, the pickle makes its directory."""
    pickle.loads(pickle.dumps(Bomb(tmp_path / "boom")))
    assert (tmp_path / "boom").is_dir()


def test_a_json_codec_loads_no_pickle(mined: Path, tmp_path: Path) -> None:
    """With `codec="json"` nothing that stands in a file is loaded as a pickle, whatever is done with it."""
    with Orchestrator(mined, registry=REGISTRY, codec="json") as orchestrator:
        for workflow_id in IDS:
            handle = orchestrator.handle(workflow_id)
            attempt(
                handle.describe,
                lambda: handle.history().to_json(),  # noqa: B023  # called at once
                lambda: replay(chain, handle.history(), codec="json"),  # noqa: B023
                lambda: handle.signal("a", 1),  # noqa: B023
                lambda: handle.result(timeout=0),  # noqa: B023
                handle.suspend,
                handle.resume,
                handle.retry,
                lambda: handle.fork(0),  # noqa: B023
                handle.cancel,
                lambda: orchestrator.submit(chain("x"), workflow_id=workflow_id),  # noqa: B023
                handle.terminate,
            )
        attempt(orchestrator.check_replay, orchestrator.list_workflows, orchestrator.purge)

    assert not (tmp_path / "boom").exists()


def test_looking_loads_no_pickle(mined: Path, tmp_path: Path) -> None:
    """Under any codec nothing that only looks loads a pickle: lists, statuses, descriptions, histories as JSON."""
    client = Orchestrator(mined, registry=REGISTRY)
    client.list_workflows()
    for workflow_id in IDS:
        client.get_workflow_status(workflow_id)
        client.handle(workflow_id).describe()
        # The reason of a cancellation is no value: a pickle there is damage.
        attempt(lambda: WorkflowHistory.from_json(client.handle(workflow_id).history().to_json()))  # noqa: B023
    client.stop()

    assert not (tmp_path / "boom").exists()


# ---------------------------------------------------------------------- who may read it


def test_only_its_owner_may_read_a_new_file(tmp_path: Path) -> None:
    """The database and all files beside it are their owner's alone, whatever the umask lets others do."""
    before = os.umask(0)
    try:
        with Orchestrator(tmp_path / "private.db", registry=REGISTRY) as orchestrator:
            orchestrator.run(chain("x"))
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    finally:
        os.umask(before)

    assert modes == {f"private.db{suffix}": 0o600 for suffix in ("", "-wal", "-shm", "-lock")}


def test_an_older_file_keeps_its_permissions(tmp_path: Path) -> None:
    """A file to which others were given access keeps its permissions, and the files beside it have the same."""
    path = tmp_path / "shared.db"
    Orchestrator(path, registry=REGISTRY).submit(chain("x"))
    os.chmod(path, 0o640)
    with Orchestrator(path, registry=REGISTRY) as orchestrator:
        orchestrator.run(chain("x"))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}

    assert modes == {f"shared.db{suffix}": 0o640 for suffix in ("", "-wal", "-shm", "-lock")}


# ---------------------------------------------------------------------- SQL

#: What takes SQL as its first argument: the calls of sqlite3, and `Query.add`, which puts a statement together.
TAKES_SQL = {"execute", "executemany", "executescript", "add"}
#: Where a statement stands that was put together by `Query.add`.
PUT_TOGETHER = {"self.statement"}


def constants_of(loop: ast.For | ast.comprehension) -> set[str]:
    """The names that go through what a constant holds: ``for statement in DELETE_ALL``."""
    return {loop.target.id} if isinstance(loop.target, ast.Name) and is_constant(loop.iter, set()) else set()


def is_constant(node: ast.expr, known: set[str]) -> bool:
    """Tell whether SQL is a literal, a constant of a module or a part of one, or put together of such."""
    match node:
        case ast.Constant():
            return isinstance(node.value, str)
        case ast.Name():
            return node.id.isupper() or node.id in known
        case ast.Attribute():
            return node.attr.isupper() or is_constant(node.value, known)
        case ast.Subscript():
            return is_constant(node.value, known)
        case ast.IfExp():
            return is_constant(node.body, known) and is_constant(node.orelse, known)
        case ast.JoinedStr():
            parts = [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
            return all(is_constant(part, known) for part in parts)
    return False


def test_sql_is_made_of_constants() -> None:
    """Every statement is a constant of a module, or put together of constants: what users give is a parameter."""
    strange, seen = [], 0
    for path in (Path(yieldflow.__file__).parent / "sqlite").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        loops = [node for node in ast.walk(tree) if isinstance(node, ast.For | ast.comprehension)]
        known = set().union(*map(constants_of, loops))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TAKES_SQL:
                if node.func.attr == "add" and ast.unparse(node.func.value) != "asked":
                    continue
                seen += 1
                sql = node.args[0]
                if not is_constant(sql, known) and ast.unparse(sql) not in PUT_TOGETHER:
                    strange.append(f"{path.name}:{node.lineno}: {ast.unparse(sql)}")

    assert strange == []
    assert seen > 50


def test_only_the_sqlite_modules_know_sql() -> None:
    """No other module has anything carried out by SQLite."""
    package = Path(yieldflow.__file__).parent
    others = [path for path in package.rglob("*.py") if path.parent.name != "sqlite"]
    calls = re.compile(r"\.(execute|executemany|executescript)\(")
    assert [str(path) for path in others if calls.search(path.read_text(encoding="utf-8"))] == []


def test_constants_are_made_of_constants() -> None:
    """A constant in capitals is made when its module is imported: at the top level, and never again."""
    again = []
    for path in (Path(yieldflow.__file__).parent / "sqlite").glob("*.py"):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.ClassDef):
                names = [node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id.isupper()]
                again += [f"{path.name}: {name.id}" for name in names if isinstance(name.ctx, ast.Store)]

    assert again == []


def test_parameters_are_bound_by_order() -> None:
    """No statement numbers its parameters: a sequence bound to numbered ones is a warning of 3.12, an error of 3.14."""
    numbered = [
        f"{path.name}:{node.lineno}"
        for path in (Path(yieldflow.__file__).parent / "sqlite").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"\?\d", node.value)
    ]
    assert numbered == []
