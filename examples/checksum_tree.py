"""Hash every file of a directory tree, into a manifest that ``sha256sum -c`` checks.

    python examples/checksum_tree.py DIRECTORY

Each file's hash is a step of a workflow, and a step that is on disk is never done again. Kill the program at any
moment, in any way, and run the same line again: it goes on from there, and ends with the same manifest.

Symbolic links, sockets and the like are left out, and so are the program's own files. What cannot be read is reported
at the end, is not in the manifest, and makes the exit code 1. An unfinished run of another command line in the same
database goes on beside this one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import shlex
import shutil
import stat
import sys
from typing import NoReturn, TypedDict

from yieldflow import (
    DatabaseInUseError,
    DatabaseOpenError,
    Flow,
    Orchestrator,
    ResultTimeoutError,
    WorkflowHandle,
    WorkflowStatus,
    YieldflowError,
    activity,
    gather,
    workflow,
)

#: Files under way at once: enough to keep the workers busy, and the most that are hashed again after a kill.
UNDER_WAY = 64
#: How the names of a database and of the files beside it end.
DATABASE_FILES = ("", "-wal", "-shm", "-journal", "-lock", "-lock-journal")


class Report(TypedDict):
    """What a run came to."""

    #: How many files the manifest has.
    files: int
    #: What could not be read, and why.
    problems: dict[str, str]


@activity
def list_files(directory: str, leave_out: list[str]) -> list[str]:
    """The regular files below ``directory``, and what cannot be looked into: relative to it, in a fixed order."""
    unreadable: list[OSError] = []
    walk = os.walk(directory, onerror=unreadable.append)
    paths = (os.path.join(folder, name) for folder, _, names in walk for name in names)
    files = [path for path in paths if may_be_hashed(path) and path not in leave_out]
    files += [error.filename for error in unreadable]
    return sorted(path.removeprefix(directory).lstrip(os.sep) for path in files)


def may_be_hashed(path: str) -> bool:
    """Whether it is a regular file, or not known: then to hash it fails too, and so it is reported."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return True


@activity
def hash_file(path: str) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@activity
def write_manifest(manifest: str, lines: list[str]) -> None:
    """Put the whole manifest in its place at once. To do it twice changes nothing."""
    part = part_of(manifest)
    with open(part, "wb") as file:
        # A name that is not UTF-8 becomes the bytes again that it is on disk.
        file.write(os.fsencode("".join(lines)))
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, manifest)


@workflow
def checksum_tree(directory: str, prefix: str, manifest: str, leave_out: list[str]) -> Flow[Report]:
    """Hash what is below ``directory`` into ``manifest``, where each name begins with ``prefix``."""
    files = yield from list_files(directory, leave_out)
    hashes = yield from gather(
        *(hash_file(os.path.join(directory, file)) for file in files), limit=UNDER_WAY, return_exceptions=True
    )
    lines: list[str] = []
    problems: dict[str, str] = {}
    for file, digest in zip(files, hashes, strict=True):
        name = os.path.join(prefix, file)
        if isinstance(digest, str):
            lines.append(manifest_line(digest, name))
        elif isinstance(digest, OSError):
            problems[name] = digest.strerror or str(digest)
        else:
            raise digest
    yield from write_manifest(manifest, lines)
    return Report(files=len(lines), problems=problems)


def manifest_line(digest: str, name: str) -> str:
    """A line as sha256sum writes it, where a backslash in front says that the name is escaped."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "" if escaped == name else "\\"
    return f"{mark}{digest}  {escaped}\n"


def part_of(manifest: str) -> str:
    """Where a manifest is written before it takes its place."""
    return f"{manifest}.part"


# ---------------------------------------------------------------------- a run


def run(orchestrator: Orchestrator, is_new: bool, directory: str, manifest: str, leave_out: list[str]) -> Report:
    """Go on with the unfinished run of the same command line, or begin one, and wait for its end."""
    job = checksum_tree(os.path.realpath(directory), directory, manifest, leave_out)
    # The same line leads to the same ids, and so to its unfinished run.
    key = hashlib.sha256(json.dumps(dict(job.arguments)).encode()).hexdigest()[:16]
    runs = [] if is_new else orchestrator.list_workflows("checksum_tree", id_prefix=key)
    goes_on = bool(runs) and not WorkflowStatus(runs[0]["status"]).ended
    # Read before the start, since from then on the run is worked on.
    done, total = progress(orchestrator.handle(runs[0]["id"])) if goes_on else (0, None)

    orchestrator.start()
    try:
        if goes_on:
            known = "no file was" if total is None else f"{done:,} of {total:,} files were"
            print(f"goes on: {known} hashed before", flush=True)
        handle = orchestrator.submit(job, workflow_id=f"{key}-{len(runs) + (not goes_on)}")
        return follow(handle) if sys.stderr.isatty() else handle.result()
    finally:
        # A file that takes longer is hashed again by the next run.
        orchestrator.stop(timeout=1)


def follow(handle: WorkflowHandle[Report]) -> Report:
    """Wait for the end of a run, and show on the terminal how far it is."""
    done, total = 0, None
    try:
        while True:
            if total is None:
                done, total = progress(handle)
            else:
                # The first step is the listing.
                done = min(handle.describe().step - 1, total)
            show(done, total)
            try:
                return handle.result(timeout=0.25)
            except ResultTimeoutError:
                pass
    finally:
        overwrite("")


def progress(handle: WorkflowHandle[Report]) -> tuple[int, int | None]:
    """How many files are done, and how many there are, which is None while they are being listed."""
    steps = handle.history()
    files = steps[0].output if steps else None
    if not isinstance(files, list):
        return 0, None
    return sum(step.name == hash_file.name and step.applied is not None for step in steps), len(files)


# ---------------------------------------------------------------------- the terminal


def show(done: int, total: int | None) -> None:
    """Show how far a run is."""
    if total is None:
        overwrite("listing the files ...")
    else:
        share = done / total if total else 1.0
        overwrite(f"[{'#' * int(share * 30):.<30}] {share:4.0%}  {done:,} of {total:,} files")


def overwrite(line: str) -> None:
    """Write ``line`` over the terminal's last one, as far as there is room."""
    room = shutil.get_terminal_size().columns - 1
    print(f"\r{line[:room]:<{room}}\r{line[:room]}", end="", file=sys.stderr, flush=True)


def shown(path: str) -> str:
    """A path as it would be typed, or escaped where a terminal could not show it."""
    return shlex.quote(path) if path.isprintable() else ascii(path)


def complain(message: object) -> None:
    """Say in a line what is wrong."""
    print(f"checksum_tree: {message}", file=sys.stderr)


def fail(code: int, message: object) -> NoReturn:
    """Say in a line what is wrong, and exit."""
    complain(message)
    sys.exit(code)


# ---------------------------------------------------------------------- the program


def main() -> None:
    """Run the program and exit: 0 for a whole manifest, 1 for problems on the way, 2 for a wrong command line."""
    parser = argparse.ArgumentParser(description="Hash every file of a directory tree, for sha256sum -c to check.")
    parser.add_argument("directory", metavar="DIRECTORY")
    parser.add_argument("--manifest", default="SHA256SUMS", help="the file to write (default: %(default)s)")
    parser.add_argument("--db", default="checksum_tree.db", help="where progress is kept (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="files read at once (default: CPUs)")
    arguments = parser.parse_args()
    manifest, db = os.path.realpath(arguments.manifest), os.path.realpath(arguments.db)
    check_paths(arguments.directory, manifest)
    try:
        # It is meant to be killed: a run is never set aside for the number of kills that it went through.
        orchestrator = Orchestrator(db, arguments.workers, max_recovery_attempts=sys.maxsize)
    except ValueError as error:
        fail(2, error)
    # A run of more than 10,000 steps, which yieldflow warns of, is meant here.
    logging.getLogger("yieldflow").setLevel(logging.ERROR)
    own = [manifest, part_of(manifest), *(db + end for end in DATABASE_FILES)]
    try:
        report = run(orchestrator, not os.path.exists(db), arguments.directory, manifest, own)
    except KeyboardInterrupt:
        fail(130, "stopped; run the same line again to go on")
    except DatabaseInUseError as error:
        fail(1, error)
    except DatabaseOpenError as error:
        fail(2, error)
    except (YieldflowError, OSError) as error:
        fail(1, error)
    name = shown(arguments.manifest)
    print(f"{name}: {report['files']:,} files; to check them: sha256sum -c {name}", flush=True)
    for path, reason in report["problems"].items():
        complain(f"{shown(path)}: {reason}")
    if report["problems"]:
        fail(1, f"{len(report['problems']):,} could not be read and are not in the manifest")


def check_paths(directory: str, manifest: str) -> None:
    """Fail where a path of the command line cannot be meant."""
    if not os.path.isdir(directory):
        fail(2, f"{shown(directory)}: {'not a directory' if os.path.exists(directory) else 'no such directory'}")
    if os.path.exists(manifest) and not os.path.isfile(manifest):
        fail(2, f"{shown(manifest)}: not a regular file, so the manifest cannot take its place")
    if not os.access(os.path.dirname(manifest), os.W_OK | os.X_OK):
        fail(2, f"{shown(manifest)}: its directory is missing or may not be written to")


if __name__ == "__main__":
    main()
