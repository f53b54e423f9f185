"""``python -m yieldflow check-replay``: its exit codes, the main script, the codec, and the locale."""

from __future__ import annotations

import json
import os
import pickle
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import yieldflow
from tests.support.files import rows_of
from tests.support.programs import desk
from tests.support.programs.launch import Program
from tests.support.shop import WAIT
from tests.support.warm import run_python
from yieldflow import Orchestrator

#: Modules as users have them: the workflows of `desk` under their names, and others.
MODULES = {
    "good.py": "from tests.support.programs.desk import registry\n",
    "changed.py": """
from yieldflow import Flow, sleep, workflow

@workflow
def approval(count: int = 1) -> Flow[list[object]]:
    yield sleep(1)
    return []
""",
    "defaults.py": """
from yieldflow import default_registry
from tests.support.programs.desk import approval
default_registry.add(approval)
""",
    "broken.py": "1 / 0\n",
    "unwritten.py": "def (\n",
    "leaving.py": "raise SystemExit(0)\n",
    "needs.py": "import no_such_module\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a file in which one workflow waits, and with some modules."""
    for name, text in MODULES.items():
        (tmp_path / name).write_text(text)
    with Orchestrator(tmp_path / "shop.db", registry=desk.registry) as orchestrator:
        orchestrator.submit(desk.approval(2), workflow_id="w", signal=("approve", 1))
    return tmp_path


def _run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    homes = [str(Path(yieldflow.__file__).parent.parent), str(Path(__file__).parent.parent.parent)]
    whole = {**os.environ, "PYTHONPATH": os.pathsep.join(homes), **environment}
    line = ["-m", "yieldflow", *arguments]
    if not environment:
        return run_python(line, folder, whole, WAIT)
    return subprocess.run(
        [sys.executable, *line], cwd=folder, env=whole, capture_output=True, text=True, timeout=WAIT, check=False
    )


@pytest.mark.parametrize("modules", [["good:registry"], ["defaults"], ["good:registry", "good"]])
def test_exit_code_0(folder: Path, modules: list[str]) -> None:
    """If all replay, the exit code is 0 and the output counts them, also for a module in the working directory."""
    before = rows_of(folder / "shop.db")
    done = _run(folder, "check-replay", "shop.db", *modules)

    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "1 of 1 unfinished workflows replay under this code\n",
        "",
    )
    assert rows_of(folder / "shop.db") == before


def test_exit_code_0_while_another_process_owns_the_file(folder: Path) -> None:
    """Before a deploy the old code still runs: that is no obstacle, and it is not disturbed."""
    client = Orchestrator(folder / "shop.db", registry=desk.registry)
    with Program("desk", folder / "shop.db") as running:
        assert running.line() == "started"
        assert _run(folder, "check-replay", "shop.db", "good:registry").returncode == 0
        assert _run(folder, "check-replay", "shop.db", "changed").returncode == 1
        client.handle("w").signal("approve", 2)
        assert client.handle("w").result(WAIT) == [1, 2]
    client.stop()


def test_exit_code_1(folder: Path) -> None:
    """If some do not replay, the exit code is 1, and the output says which and why."""
    before = rows_of(folder / "shop.db")
    changed = _run(folder, "check-replay", "shop.db", "changed")
    missing = _run(folder, "check-replay", "shop.db", "good")

    assert (changed.returncode, missing.returncode) == (1, 1)
    assert changed.stdout.startswith(
        "0 of 1 unfinished workflows replay under this code; one does not:\n\napproval (w, "
    )
    assert "wait_signal('approve')" in changed.stdout
    assert "sleep(seconds=1.0)" in changed.stdout
    assert f"{folder / 'changed.py'}:6" in changed.stdout
    assert "no workflow named 'approval' is registered" in missing.stdout
    assert rows_of(folder / "shop.db") == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.db", "changed"], "none.db: does not exist"),
        (["changed.py", "changed"], "not an SQLite database"),
        ([".", "changed"], "is a directory"),
        (["shop.db", "no_such_module"], "there is no module 'no_such_module', as seen from "),
        (["shop.db", "no.such.module"], "there is no module 'no.such.module', as seen from "),
        (["shop.db", "needs"], "No module named 'no_such_module'\nmodule 'needs' cannot be imported"),
        (["shop.db", "broken"], "ZeroDivisionError: division by zero\nmodule 'broken' cannot be imported"),
        (["shop.db", "unwritten"], "SyntaxError"),
        (["shop.db", "leaving"], "module 'leaving' cannot be imported"),
        (["shop.db", "good:nothing"], "module 'good' has no registry 'nothing'"),
        (["shop.db", "changed:Flow"], "module 'changed' has no registry 'Flow'"),
        (["shop.db"], "name the modules that define the workflows, or the main script that does: --main app.py"),
        ([], "required: file"),
        (["shop.db", "--main", "none.py"], "there is no script or module 'none.py', as seen from "),
        (
            ["shop.db", "--main", "broken.py"],
            "division by zero\nmodule 'broken.py' cannot be imported",
        ),
        (["shop.db", "--main", "broken"], "ZeroDivisionError: division by zero\nmodule 'broken' cannot be imported"),
        (["shop.db", "--main", "good.py:nothing"], "module 'good.py' has no registry 'nothing'"),
        (["shop.db", "good", "--codec", "yaml"], "invalid choice: 'yaml'"),
    ],
    ids=repr,
)
def test_exit_code_2(folder: Path, arguments: list[str], message: str) -> None:
    """If it could not be tried, the exit code is 2, and stderr says why; no file is made."""
    done = _run(folder, "check-replay", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert not (folder / "none.db").exists()


def test_help(folder: Path) -> None:
    """--help tells of the command and its exit codes; without a command, usage is told."""
    assert "check-replay" in _run(folder, "--help").stdout
    told = _run(folder, "check-replay", "--help")
    assert (told.returncode, "Exit code 0: all of them replay" in " ".join(told.stdout.split())) == (0, True)
    assert _run(folder).returncode == 2


# ---------------------------------------------------------------------- what the main script defines

#: A program as people write it: its workflow, and the class of its values, are in the main script.
APP = """
import dataclasses
import sys
from yieldflow import Flow, Orchestrator, Registry, activity, wait_signal, workflow
from beside import CENTS

@dataclasses.dataclass
class Order:
    cents: int

class DeclinedError(Exception):
    pass

@activity
def charge(order: Order) -> Order:
    if not order.cents:
        raise DeclinedError("no money")
    return Order(order.cents + 1)

@workflow
def buy(order: Order) -> Flow[int]:
    try:
        order = yield from charge(order)
    except DeclinedError:
        pass
    yield from wait_signal("shipped")
    return order.cents

if __name__ == "__main__":
    with Orchestrator("app.db") as orchestrator:
        for number in range(3):
            handle = orchestrator.submit(buy(Order(CENTS * number)), workflow_id=f"o-{number}")
            while not handle.describe().step:
                pass
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A folder with a program, and the file with the three workflows that it left unfinished."""
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "beside.py").write_text("CENTS = 5\n")
    subprocess.run([sys.executable, "app.py"], cwd=tmp_path, check=True, timeout=WAIT)
    return tmp_path


@pytest.mark.parametrize(
    "arguments", [["--main", "app.py"], ["--main", "app"], ["app", "--main", "app"], ["app", "--main", "./app.py"]]
)
def test_the_main_script_is_loaded_under_its_name(app: Path, arguments: list[str]) -> None:
    """Told of the main script, it reads the values whose classes are there, and runs none of what the script does."""
    before = rows_of(app / "app.db")
    done = _run(app, "check-replay", "app.db", *arguments)

    assert (done.stderr, done.stdout) == ("", "3 of 3 unfinished workflows replay under this code\n")
    assert done.returncode == 0
    assert rows_of(app / "app.db") == before


def test_the_main_script_in_another_folder(app: Path) -> None:
    """A script finds the modules beside it, wherever the command is called."""
    done = _run(app.parent, "check-replay", str(app / "app.db"), "--main", str(app / "app.py"))

    assert (done.returncode, done.stderr) == (0, "")


def test_the_main_module_of_a_package(app: Path) -> None:
    """A program that is run by ``python -m shop`` is given by that name."""
    (app / "shop").mkdir()
    (app / "shop" / "prices.py").write_text("CENTS = 5\n")
    (app / "shop" / "__main__.py").write_text(APP.replace("from beside", "from .prices"))
    (app / "beside.py").unlink()
    (app / "app.db").unlink()
    subprocess.run([sys.executable, "-m", "shop"], cwd=app, check=True, timeout=WAIT)

    done = _run(app, "check-replay", "app.db", "--main", "shop")
    assert (done.returncode, done.stderr) == (0, "")


def test_classes_of_the_main_script_are_found_by_its_modules_name(app: Path) -> None:
    """What the main script defines is stored under the name by which others import it: it need not be the main one."""
    done = _run(app, "check-replay", "app.db", "app")

    assert (done.returncode, done.stderr) == (0, "")


#: Arguments of `buy` as older versions stored them: a pickle that names a class of the main script.
OLD_ARGUMENTS = b"\x80\x02}X\x05\x00\x00\x00orderc__main__\nOrder\nK\x05\x85Rs."


def test_without_the_main_script_nothing_is_told_of_old_values(app: Path) -> None:
    """Where older versions stored the main script's classes, these are no problems: it says how to read them."""
    with closing(sqlite3.connect(app / "app.db")) as database, database:
        database.execute("update workflows set input = ?", [OLD_ARGUMENTS])
    done = _run(app, "check-replay", "app.db", "app")

    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout.startswith("0 of 3 unfinished workflows replay under this code\n\n3 could not be read: ")
    assert "Have it loaded, as in --main app.py:\n" in done.stdout
    assert "3 of buy alike (o-0, o-1, o-2). The first, processing: " in done.stdout
    told = json.loads(_run(app, "check-replay", "app.db", "app", "--json").stdout)
    assert (told["ok"], told["checked"], told["problems"]) == (False, 3, [])
    assert [problem["workflow_id"] for problem in told["unreadable"]] == ["o-0", "o-1", "o-2"]


def test_a_class_that_the_main_script_has_no_more(app: Path) -> None:
    """With the main script loaded, a value whose class is gone from there is a problem: it would stall."""
    (app / "app.py").write_text(APP.replace("Order", "Purchase"))
    done = _run(app, "check-replay", "app.db", "--main", "app.py", "--json")

    told = json.loads(done.stdout)
    assert (done.returncode, told["unreadable"], len(told["problems"])) == (1, [], 3)
    assert {(problem["name"], problem["status"]) for problem in told["problems"]} == {("buy", "processing")}
    assert "app:Order is stored, and not found now" in told["problems"][0]["reason"]
    assert (
        'put it back, or tell what took its place: default_registry.renamed("app:Order", ...)'
        in told["problems"][0]["reason"]
    )


# ---------------------------------------------------------------------- a locale without Unicode

#: Python as it is where a job or a service sets nothing but LC_ALL=C, and Python's own way around that is off.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_a_file_name_that_the_locale_lacks(folder: Path) -> None:
    """Under LC_ALL=C a file's name as text is refused with what to do; as the shell gives it, it is found."""
    asked = "from yieldflow import *; Orchestrator('gr\\u00f6\\u00dfe.db').list_workflows()"
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=folder, env=os.environ | ASCII, capture_output=True, text=True, check=False
    )
    assert "DatabaseOpenError: " in done.stderr
    assert "gr\\xf6\\xdfe.db' is no file name in this process" in done.stderr
    assert "PYTHONUTF8=1" in done.stderr
    os.rename(folder / "shop.db", folder / "gr\u00f6\u00dfe.db")
    found = _run(folder, "check-replay", "gr\u00f6\u00dfe.db", "good:registry", **ASCII)
    assert (found.returncode, found.stderr) == (0, "")


def test_a_terminal_that_lacks_characters(folder: Path) -> None:
    """Under LC_ALL=C a text is printed with the characters escaped that the terminal lacks."""
    assert "\\u2514" in _run(folder, "docs", "testing", **ASCII).stdout
    with closing(sqlite3.connect(folder / "shop.db", isolation_level=None)) as connection:
        connection.execute("update workflows set name = 'gr\u00f6\u00dfe'")
    done = _run(folder, "check-replay", "shop.db", "good:registry", **ASCII)
    assert (done.returncode, done.stderr) == (1, "")
    assert "no workflow named 'gr\\xf6\\xdfe' is registered" in done.stdout


# ---------------------------------------------------------------------- the codec


class Bomb:
    """Makes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("codec", ["json", "pickle"])
def test_the_codec_is_that_of_the_file(folder: Path, codec: Any) -> None:
    """A file that is owned with codec="json" is read with it: no pickle that was put there is ever loaded."""
    with Orchestrator(folder / "shop.db", registry=desk.registry, codec=codec):
        pass
    with closing(sqlite3.connect(folder / "shop.db", isolation_level=None)) as connection:
        connection.execute("update workflows set input = ?", (pickle.dumps(Bomb(folder / "loaded")),))
    done = _run(folder, "check-replay", "shop.db", "good:registry")
    assert done.returncode == 1
    assert (folder / "loaded").exists() == (codec == "pickle")
    assert ('codec="json" reads none' in done.stdout) == (codec == "json")


def test_the_codec_may_be_told(folder: Path) -> None:
    """``--codec json`` reads by that, whatever the file says."""
    with closing(sqlite3.connect(folder / "shop.db", isolation_level=None)) as connection:
        connection.execute("update workflows set input = ?", (pickle.dumps(Bomb(folder / "loaded")),))
    assert "reads none" in _run(folder, "check-replay", "shop.db", "good:registry", "--codec", "json").stdout
    assert not (folder / "loaded").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--codec", "pickle", "shop.db", "good:registry", "good"],
        ["shop.db", "--codec", "pickle", "good:registry", "good"],
        ["shop.db", "good:registry", "--codec", "pickle", "good"],
        ["shop.db", "good:registry", "good", "--codec", "pickle"],
    ],
)
def test_options_may_stand_anywhere(folder: Path, arguments: list[str]) -> None:
    """Options may stand before, between and behind the file and the modules; an unknown one is refused."""
    assert _run(folder, "check-replay", *arguments).returncode == 0

    refused = _run(folder, "check-replay", *arguments, "--colour")
    assert refused.returncode == 2
    assert "unrecognized arguments: --colour" in refused.stderr


def test_what_a_module_prints_is_no_part_of_the_report(folder: Path) -> None:
    """What the user's code prints while it is imported or replayed goes to stderr, so that the output is JSON."""
    (folder / "noisy.py").write_text("print('imported')\nfrom good import registry\n")
    done = _run(folder, "check-replay", "shop.db", "noisy:registry", "--json")

    assert json.loads(done.stdout)["ok"] is True
    assert done.stderr == "imported\n"
