"""Writes the files of a version, by the code of a checkout:

    PYTHONPATH=CHECKOUT:ROOT python -P -m tests.older.writer

ROOT is the folder that this file's ``tests`` is in.
"""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import yieldflow
from tests.older import CODECS, workflows
from tests.older.left import REGISTRY, Left, Writing, make
from yieldflow import Orchestrator
from yieldflow.sqlite.schema import SCHEMA_VERSION

#: When a file is written, by its own clock, in nanoseconds: on the first of January 2025, a quarter of an hour a part.
BEGINNING, PART = 1_735_689_600 * 10**9, 900 * 10**9
#: Seconds after which all hangs or waits that ever will.
REST = 3.0
FOLDER = Path(__file__).parent
#: What stands in a file for the folders of the machine that wrote it.
SOMEWHERE = "/home/ann/yieldflow"


def begin(orchestrator: Orchestrator, left: dict[str, Left]) -> None:
    """The first process: all is submitted, and called when it has come to where it waits."""
    orchestrator.start()
    for id, one in left.items():
        if one.submitter == "owner":
            orchestrator.submit(one.invocation, workflow_id=id, delay=one.delay)
    time.sleep(REST)
    for id, one in left.items():
        make(one.calls, orchestrator, id)
    Writing.called.set()
    time.sleep(REST)


def resume_open_steps(orchestrator: Orchestrator, left: dict[str, Left]) -> None:
    """The second: what was under way is begun once more, and the code of a workflow is another."""
    Writing.again = True
    Writing.called.set()
    orchestrator.start()
    time.sleep(REST)
    strange = Writing.hanging ^ {label for one in left.values() for label in one.under_way}
    assert not strange, f"under way, and should not be, or the other way round: {strange}"


def leave(orchestrator: Orchestrator, left: dict[str, Left]) -> None:
    """The third: a client, while nobody owns the file."""
    for id, one in left.items():
        if one.submitter == "client":
            orchestrator.submit(one.invocation, workflow_id=id)
        make(one.late_calls, orchestrator, id)


PARTS = (begin, resume_open_steps, leave)


def play(part: int, database: str, codec: Any) -> None:
    """One of the processes, to its death."""
    began = time.monotonic_ns()
    time.time_ns = lambda: BEGINNING + part * PART + time.monotonic_ns() - began
    Writing.on = True
    orchestrator = Orchestrator(database, 100, registry=REGISTRY, codec=codec)
    PARTS[part](orchestrator, workflows(SCHEMA_VERSION, codec))
    os.kill(os.getpid(), signal.SIGKILL)


def dumped(database: Path) -> str:
    """The file as SQL, with what its log holds."""
    with closing(sqlite3.connect(database)) as connection:
        marks = ("application_id", "user_version")
        lines = [f"pragma {mark} = {connection.execute(f'pragma {mark}').fetchone()[0]};" for mark in marks]
        return "\n".join([*lines, *connection.iterdump(), ""])


def write() -> None:
    """Write the files of the version that the checkout has."""
    for codec in CODECS:
        with tempfile.TemporaryDirectory() as scratch:
            database = Path(scratch) / "old.db"
            for part in range(len(PARTS)):
                command = [sys.executable, "-P", "-m", __spec__.name, str(part), str(database), codec]
                assert subprocess.run(command).returncode == -signal.SIGKILL
            text = dumped(database)
        for folder in (Path(yieldflow.__file__).parents[1], FOLDER.parents[1]):
            text = text.replace(str(folder), SOMEWHERE)
        text = text.replace(f'"host": "{socket.gethostname()}"', '"host": "desk"')
        (FOLDER / f"version_{SCHEMA_VERSION}_{codec}.sql").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) == 1:
        write()
    else:
        play(int(sys.argv[1]), *sys.argv[2:])
