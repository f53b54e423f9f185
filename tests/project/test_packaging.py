"""Packaging: promises to those who install yieldflow or clone it."""

from __future__ import annotations

import configparser
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import yieldflow

ROOT = Path(__file__).parents[2]
DISTRIBUTION = "yieldflow-durable"

MAIN_JOB = (
    "python3 -m venv .venv && .venv/bin/pip install --quiet . && .venv/bin/python examples/checksum_tree.py "
    """"$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')\""""
)
TESTS = "python3 -m venv .venv && .venv/bin/pip install --quiet -e '.[test]' && .venv/bin/python -m pytest"

TOP_LEVEL = {
    ".ci",
    ".github",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "examples",
    "pyproject.toml",
    "setup.cfg",
    "tests",
    "yieldflow",
}

#: Modules that cost time or memory, and that not every program with a workflow needs.
HEAVY = {
    "asyncio",
    "cloudpickle",
    "concurrent.futures",
    "email",
    "http",
    "importlib.metadata",
    "multiprocessing",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "unittest",
}


@pytest.fixture
def pyproject() -> dict[str, Any]:
    """The checkout's pyproject.toml. A suite that runs on an installed wheel has none."""
    path = ROOT / "pyproject.toml"
    if not path.exists():
        pytest.skip("runs in a checkout only")
    return tomllib.loads(path.read_text(encoding="utf-8"))


@pytest.mark.usefixtures("pyproject")
@pytest.mark.parametrize("command", [MAIN_JOB, TESTS], ids=["main job", "tests"])
def test_readme_has_the_two_commands(command: str) -> None:
    """The README's commands can be pasted as they are: each stands once, alone in its block."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:console|sh)\n(.*?)\n```$", readme, flags=re.DOTALL | re.MULTILINE)

    assert [block for block in blocks if command in block] == [command]
    assert readme.count(command) == 1


def test_changelog_has_the_current_version(pyproject: dict[str, Any]) -> None:
    """Whoever installs this version finds in the changelog what it brings."""
    version = pyproject["project"]["version"]
    headings = re.findall(r"^## \[?([^\]\s]+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)

    assert headings.count(version) == 1


def test_installed_version_is_the_one_declared(pyproject: dict[str, Any]) -> None:
    """`pip show yieldflow-durable` tells the version of the code that is imported."""
    try:
        installed = importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("yieldflow is not installed here")

    assert installed == pyproject["project"]["version"]
    assert getattr(yieldflow, "__version__", installed) == installed


def test_every_setting_has_one_place(pyproject: dict[str, Any]) -> None:
    """pyproject.toml describes the package, setup.cfg sets up mypy, pytest and coverage, and nothing stands twice."""
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")

    assert sorted(pyproject["tool"]) == ["ruff", "setuptools"]
    assert sorted({section.split(":")[0].split("-")[0] for section in setup.sections()}) == ["coverage", "mypy", "tool"]


def test_import_is_light() -> None:
    """`import yieldflow` loads no heavy module: each is loaded when it is first needed."""
    program = "import sys; before = set(sys.modules); import yieldflow; print(*set(sys.modules) - before, sep='\\n')"
    # A program given with -c finds what lies in its working directory first: the same package as this test imports.
    directory = Path(yieldflow.__file__).parents[1]
    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=directory, check=True, capture_output=True, text=True
    ).stdout

    assert "yieldflow" in printed.split()
    assert sorted(HEAVY & set(printed.split())) == []


def test_type_checkers_see_the_types() -> None:
    """The installed package is marked as typed, so that mypy reads its annotations."""
    assert Path(yieldflow.__file__).with_name("py.typed").is_file()


def test_top_level_is_tidy() -> None:
    """The repository's top level holds the package, its tests, its examples, and the housekeeping known by name."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("runs in a git checkout only")
    tracked = subprocess.run(
        [git, "-C", str(ROOT), "ls-files", "-z"], check=True, capture_output=True, text=True
    ).stdout.split("\0")

    assert {path.split("/")[0] for path in tracked if path} - TOP_LEVEL == set()
