"""The README is true: every block of it runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def test_every_python_block_of_the_readme_runs(tmp_path: Path) -> None:
    """A reader who pastes the Python blocks one after another into a file gets a program that runs."""
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert len(blocks) > 10
    program = tmp_path / "readme.py"
    program.write_text("\n".join(blocks), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("7\n")


def test_every_program_of_the_readme_runs(tmp_path: Path) -> None:
    """A block that is a program of its own runs as a file of its own."""
    text = README.read_text(encoding="utf-8")
    programs = re.findall(r"^```python own program\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for number, source in enumerate(programs):
        program = tmp_path / f"program{number}.py"
        program.write_text(source, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-W", "error", program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        shown = re.findall(r"print\(.*# (.*)", source)
        assert done.stdout.splitlines() == shown
    assert programs


def test_the_readme_never_tells_to_install_somebody_elses_distribution() -> None:
    """The name `yieldflow` on the package index belongs to somebody else."""
    assert re.search(r"pip install[^\n]* yieldflow(?!-durable)\b", README.read_text(encoding="utf-8")) is None
