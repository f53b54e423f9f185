"""Programs that are forked from a process that has imported yieldflow are as programs that are started anew."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.warm import run_python

PROGRAM = """
import atexit, os, sys, warnings
import beside
left = atexit.register(print, "at the exit")
print(__name__, os.path.basename(__file__), sys.argv, os.getcwd(), os.environ["WORD"], sys.path[0], sys.path[1])
print(sys.modules["__main__"].left is left, len(os.environ), beside.WORD)
print("wrong", file=sys.stderr)
warnings.warn("told", UserWarning) if "warn" in sys.argv else None
sys.exit(int(sys.argv[1]))
"""


@pytest.mark.parametrize("line", [["app.py", "3"], ["-m", "app", "0"], ["app.py", "-1", "a word"]], ids=" ".join)
def test_it_is_as_one_that_is_started(line: list[str], tmp_path: Path) -> None:
    """Its arguments, folder, environment, imports, output and exit status are those of a program of its own."""
    (tmp_path / "app.py").write_text(PROGRAM)
    (tmp_path / "beside.py").write_text("WORD = 'beside'\n")
    environment = {**os.environ, "WORD": "said", "PYTHONPATH": str(tmp_path.parent)}
    asked = [sys.executable, *line]
    started = subprocess.run(asked, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    forked = run_python(line, tmp_path, environment, 60)

    assert (forked.returncode, forked.stdout, forked.stderr) == (started.returncode, started.stdout, started.stderr)
    assert forked.stderr == "wrong\n"


def test_a_warning_may_be_an_error(tmp_path: Path) -> None:
    """With ``-W error`` a warning ends it, with the traceback."""
    (tmp_path / "app.py").write_text(PROGRAM)
    (tmp_path / "beside.py").write_text("WORD = 'beside'\n")
    done = run_python(["-W", "error", "app.py", "0", "warn"], tmp_path, {**os.environ, "WORD": "said"}, 60)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "UserWarning: told")


def test_a_program_that_never_ends_is_killed(tmp_path: Path) -> None:
    """When its time is over it is killed, and another can be run."""
    (tmp_path / "app.py").write_text("import sys, time\ntime.sleep(float(sys.argv[1]))\n")
    with pytest.raises(subprocess.TimeoutExpired):
        run_python(["app.py", "3600"], tmp_path, dict(os.environ), 0.1)
    assert run_python(["app.py", "0"], tmp_path, dict(os.environ), 60).returncode == 0
