"""Lines that outlive whoever wrote them: what a killed process has done is known, whatever happens."""

from __future__ import annotations

import os
from pathlib import Path


def note(path: Path, line: str) -> None:
    """Append a line, and have it on disk before anything else happens.

    One write of a whole line is never torn by others, and `fsync` makes it outlive everything that follows.
    """
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{line}\n".encode())
        os.fsync(file)
    finally:
        os.close(file)


def noted(path: Path) -> list[str]:
    """All whole lines, of a file that may not be there yet. A kill may have cut off the last."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()
