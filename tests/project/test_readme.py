"""The README is true: every block of it runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
#: Seconds that a program of it may take. It takes some, on a slow machine many.
LONG = 300


def run(program: Path, source: str) -> subprocess.CompletedProcess[str]:
    """A program, from its start to its end, in the folder that it is in."""
    program.write_text(source, encoding="utf-8")
    line = [sys.executable, "-W", "error", str(program)]
    return subprocess.run(line, cwd=program.parent, capture_output=True, text=True, timeout=LONG)


def test_every_python_block_of_the_readme_runs(tmp_path: Path) -> None:
    """A reader who pastes the Python blocks one after another into a file gets a program that runs."""
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 10
    done = run(tmp_path / "readme.py", "\n".join(blocks))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("7\n")


def test_every_program_of_the_readme_runs(tmp_path: Path) -> None:
    """A block that is a program of its own runs as a file of its own."""
    text = README.read_text(encoding="utf-8")
    programs = re.findall(r"^```python own program\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for number, source in enumerate(programs):
        done = run(tmp_path / f"program{number}.py", source)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        shown = re.findall(r"print\(.*# (.*)", source)
        assert done.stdout.splitlines() == shown
    assert programs


def test_the_readme_never_tells_to_install_somebody_elses_distribution() -> None:
    """The name `yieldflow` on the package index belongs to another project."""
    assert re.search(r"pip install[^\n]* yieldflow(?!-durable)\b", README.read_text(encoding="utf-8")) is None
