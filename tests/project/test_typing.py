"""Type checkers infer and reject as promised: mypy reads `typing/inference.py` and `typing/rejected.py`.

The plain run of mypy over the project reads both files as well. These tests are for the built wheel and for older or
newer versions of mypy, and they prove that `rejected.py` is not empty words.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="mypy comes with the dev extra, not with the test extra")

HERE = Path(__file__).parent
INFERENCE = HERE / "typing" / "inference.py"
REJECTED = HERE / "typing" / "rejected.py"

#: The end of a line of `rejected.py` that holds a mistake: the expected error, and what is wrong.
EXPECTED = re.compile(r"  # type: ignore\[([a-z-]+)\]  # .+$")


def check(path: Path, cache: Path) -> list[str]:
    """The errors that mypy, at its strictest, finds in one file: ``line: code``."""
    settings = ["--strict", "--no-error-summary", "--hide-error-context", "--no-pretty", "--no-color-output"]
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file=", f"--cache-dir={cache}", *settings, str(path)],
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stderr == ""
    errors = re.findall(r":(\d+): error: .*\[([a-z-]+)\]$", run.stdout, re.MULTILINE)
    assert len(errors) == run.stdout.count(": error: ")
    return [f"{line}: {code}" for line, code in errors]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all, since most of the time goes into reading yieldflow and the standard library."""
    return tmp_path_factory.mktemp("mypy-cache")


@pytest.mark.slow
def test_types_are_inferred(cache: Path) -> None:
    """A type checker knows what each command resumes with and what each handle gives, without a hint."""
    assert check(INFERENCE, cache) == []


@pytest.mark.slow
def test_mistakes_are_rejected(cache: Path, tmp_path: Path) -> None:
    """Each mistake of `rejected.py` is rejected at its line, for the reason given there, and nothing else is."""
    bare, expected = [], []
    for number, line in enumerate(REJECTED.read_text(encoding="utf-8").splitlines(), start=1):
        found = EXPECTED.search(line)
        if found:
            expected.append(f"{number}: {found[1]}")
        bare.append(EXPECTED.sub("", line))
    mistakes = tmp_path / "mistakes.py"
    mistakes.write_text("\n".join(bare) + "\n", encoding="utf-8")

    assert len(expected) > 20
    assert check(mistakes, cache) == expected
