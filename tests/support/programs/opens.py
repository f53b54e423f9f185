"""Leads a life as an owner and as a client, and tells which files of the database Python opens: ``opens.py DATABASE``.

It prints a line for each file whose name begins with the database's, and ``end``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.support.programs import owner
from yieldflow import DatabaseInUseError, DatabaseLostError, Orchestrator

database = Path(sys.argv[1])


def show(event: str, details: tuple[object, ...]) -> None:
    """Print what is opened; SQLite's own calls are not heard of here."""
    if event == "open" and isinstance(details[0], (str, bytes, os.PathLike)):
        name = os.path.basename(os.fsdecode(details[0]))
        if name.startswith(database.name):
            flags = details[2]
            assert isinstance(flags, int)
            verb = "makes" if flags & os.O_EXCL else "writes" if flags & (os.O_WRONLY | os.O_RDWR) else "reads"
            os.write(1, f"{verb} {name}\n".encode())


def main() -> None:
    sys.addaudithook(show)
    client, second = (Orchestrator(database, registry=owner.registry) for _ in range(2))
    first = client.submit(owner.doubled(1))
    for _ in range(2):
        with Orchestrator(database, registry=owner.registry) as started:
            assert first.result() == 2
            try:
                second.start()
            except DatabaseInUseError:
                second.stop()
            started.run(owner.doubled(3))
            assert started.check_replay().ok
            assert not started.health().failure
            os.utime(database)
            assert len(client.list_workflows()) >= 2
    assert client.purge() == 3
    # The file is damaged: it is looked into, and given up.
    os.truncate(database, 0)
    try:
        while True:
            client.list_workflows()
    except DatabaseLostError:
        client.stop()
    os.write(1, b"end\n")


if __name__ == "__main__":
    main()
