"""The examples, run for real as processes of their own.

A run of `checksum_tree.py` is held up at a known file by one so large that its hash never ends within a test, with one
worker, which takes the files in their order. So a test knows what is on disk when it kills the process.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.project.example_processes import WAIT, command, environment, kill, run, started
from tests.support.programs.launch import heeding_ctrl_c

#: Bytes of a file without content on disk, whose hash takes many minutes.
ENDLESS = 1 << 40


def first_line(process: subprocess.Popen[str]) -> str:
    """Wait until it has printed a line, and return that; `kill` returns what follows."""
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], WAIT)
    assert readable, f"nothing was printed in {WAIT} s"
    return process.stdout.readline()


# ---------------------------------------------------------------------- what is on disk


def checkpointed(db: Path) -> dict[int, tuple[object, ...]]:
    """The steps with an outcome on disk, by number: all that the database knows of each."""
    query = "select step, * from activity_executions where applied is not null"
    try:
        with closing(sqlite3.connect(f"file:{db}?mode=ro", uri=True)) as connection:
            return {row[0]: row for row in connection.execute(query)}
    except sqlite3.OperationalError:
        return {}  # It is not there yet, or without tables.


def wait_for_steps(process: subprocess.Popen[str], db: Path, number: int) -> dict[int, tuple[object, ...]]:
    """Wait until that many steps have an outcome on disk; returns them."""
    deadline = time.monotonic() + WAIT
    while len(steps := checkpointed(db)) != number:
        assert time.monotonic() < deadline, f"{len(steps)} steps are checkpointed after {WAIT} s, not {number}"
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.01)
            pytest.fail(f"ended with {process.returncode}: {process.communicate()}")
    return steps


# ---------------------------------------------------------------------- trees


def make_tree(directory: Path, count: int, *endless: int) -> list[Path]:
    """Files ``000``, ``001``, ...; those in ``endless`` hold up whoever hashes them."""
    directory.mkdir()
    files = [directory / f"{number:03}" for number in range(count)]
    for number, file in enumerate(files):
        file.write_text(f"content {number}")
        if number in endless:
            os.truncate(file, ENDLESS)
    return files


def line_of(file: Path, name: str) -> str:
    """The line of the manifest for a file with a plain name."""
    return f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {name}\n"


def sha256sum_check(directory: Path, manifest: str) -> str:
    """The objections of ``sha256sum -c``; none if all is well."""
    if shutil.which("sha256sum") is None:
        pytest.skip("this machine has no sha256sum")
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", manifest], cwd=directory, capture_output=True
    )
    return os.fsdecode(checked.stdout + checked.stderr)


@pytest.fixture
def odd_tree(tmp_path: Path) -> Path:
    """A tree of everything that a directory may hold."""
    tree = tmp_path / "tree"
    (tree / "nested" / "déjà vu").mkdir(parents=True)
    (tree / "nothing in it").mkdir()
    names = ["plain", "with space", "new\nline", "back\\slash", "return\r", "empty", "日本", "-", "nested/déjà vu/deep"]
    if sys.platform != "darwin":
        names.append(os.fsdecode(b"latin \xe9"))
    for name in names:
        (tree / name).write_bytes(b"" if name == "empty" else os.fsencode(name))
    (tree / "link").symlink_to("plain")
    (tree / "folder link").symlink_to("nested")
    (tree / "link to nothing").symlink_to("nowhere")
    os.mkfifo(tree / "pipe")
    return tree


# ---------------------------------------------------------------------- checksum_tree.py


def test_manifest_has_every_regular_file(odd_tree: Path, tmp_path: Path) -> None:
    """The manifest has the regular files and nothing else, each as sha256sum writes it, in the order of their names."""
    done = run(tmp_path, "checksum_tree", "tree")

    expected = b""
    for name in sorted(os.fsdecode(path.relative_to(tmp_path)) for path in odd_tree.rglob("*")):
        path = tmp_path / name
        if path.is_file() and not path.is_symlink():
            digest = hashlib.sha256(path.read_bytes()).hexdigest().encode()
            escaped = os.fsencode(name).replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
            expected += (b"\\" if escaped != os.fsencode(name) else b"") + digest + b"  " + escaped + b"\n"
    count = expected.count(b"\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"SHA256SUMS: {count} files; to check them: sha256sum -c SHA256SUMS\n"
    assert (tmp_path / "SHA256SUMS").read_bytes() == expected
    assert b"tree/new\\nline\n" in expected
    assert b"tree/back\\\\slash\n" in expected


@pytest.mark.usefixtures("odd_tree")
@pytest.mark.parametrize("directory", ["tree", "./tree/", "tree/../tree/nested"])
def test_sha256sum_agrees(tmp_path: Path, directory: str) -> None:
    """`sha256sum -c` finds nothing wrong, whatever the names are and however the directory is given."""
    done = run(tmp_path, "checksum_tree", directory, "--manifest", "sums of it")

    assert (done.returncode, done.stderr) == (0, "")
    assert sha256sum_check(tmp_path, "sums of it") == ""


def test_own_files_are_left_out(tmp_path: Path) -> None:
    """Manifest and database may lie in the tree itself: the next run does not hash them."""
    (file,) = make_tree(tmp_path / "tree", 1)
    line = ["tree", "--manifest", "tree/sums", "--db", "tree/progress.db"]

    for _ in range(2):
        done = run(tmp_path, "checksum_tree", *line)
        assert (done.returncode, done.stderr) == (0, "")
        assert (tmp_path / "tree" / "sums").read_text() == line_of(file, "tree/000")


def test_killed_again_and_again_it_goes_on(tmp_path: Path) -> None:
    """Killed at any moment, the same line goes on: nothing on disk is done again, and the manifest is the same."""
    stops = [0, 60, 149]
    files = make_tree(tmp_path / "tree", 150, *stops)
    line = ["tree", "--workers", "1"]
    db = tmp_path / "checksum_tree.db"
    said = []
    before: dict[int, tuple[object, ...]] = {}

    for stop in stops:
        with started(tmp_path, "checksum_tree", *line) as process:
            # Heard first, since the files may be hashed before the main thread says where it goes on.
            heard = first_line(process) if before else ""
            # The listing is a step too.
            after = wait_for_steps(process, db, 1 + stop)
            said.append(heard + kill(process))
        assert {step: after[step] for step in before} == before
        before = after
        os.truncate(files[stop], 10)
    done = run(tmp_path, "checksum_tree", *line)
    manifest = (tmp_path / "SHA256SUMS").read_bytes()
    run(tmp_path, "checksum_tree", "tree", "--db", "another.db", "--manifest", "uninterrupted")

    goes_on = "goes on: {} of 150 files were hashed before\n"
    assert said == ["", goes_on.format(0), goes_on.format(60)]
    assert goes_on.format(149) in done.stdout
    assert (done.returncode, done.stderr) == (0, "")
    after = checkpointed(db)
    assert {step: after[step] for step in before} == before
    # The listing, each file once, and the writing of the manifest.
    assert len(after) == 1 + 150 + 1
    assert manifest == (tmp_path / "uninterrupted").read_bytes()
    assert manifest == "".join(line_of(file, f"tree/{file.name}") for file in files).encode()


def test_killed_often_without_getting_anywhere_it_goes_on(tmp_path: Path) -> None:
    """However often it is killed before it gets anywhere, the same line goes on."""
    (file,) = make_tree(tmp_path / "tree", 1, 0)
    db = tmp_path / "checksum_tree.db"
    with started(tmp_path, "checksum_tree", "tree") as process:
        wait_for_steps(process, db, 1)
        kill(process)
    with closing(sqlite3.connect(db)) as connection, connection:
        # As many kills as a test has no time for.
        connection.execute("update workflows set recovery_attempts = 1000")
    os.truncate(file, 10)

    done = run(tmp_path, "checksum_tree", "tree")

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "SHA256SUMS").read_text() == line_of(file, "tree/000")


def test_killed_while_writing_it_leaves_the_old_manifest(tmp_path: Path) -> None:
    """The manifest is replaced at once: killed before that, the old one is there, and the next run writes the new."""
    (file,) = make_tree(tmp_path / "tree", 1)
    manifest, part = tmp_path / "SHA256SUMS", tmp_path / "SHA256SUMS.part"
    manifest.write_text("the old one\n")
    # To open a pipe that nobody reads takes for ever.
    os.mkfifo(part)

    with started(tmp_path, "checksum_tree", "tree") as process:
        wait_for_steps(process, tmp_path / "checksum_tree.db", 2)
        kill(process)
    assert manifest.read_text() == "the old one\n"
    part.unlink()
    done = run(tmp_path, "checksum_tree", "tree")

    assert "goes on: 1 of 1 files were hashed before\n" in done.stdout
    assert manifest.read_text() == line_of(file, "tree/000")
    assert not part.exists()


def test_after_its_end_the_same_line_begins_anew(tmp_path: Path) -> None:
    """A finished run is not gone on with: files may have changed since, so the same line hashes them again."""
    (file,) = make_tree(tmp_path / "tree", 1)
    run(tmp_path, "checksum_tree", "tree")
    file.write_text("changed")
    (tmp_path / "tree" / "new").write_text("new")

    done = run(tmp_path, "checksum_tree", "tree")

    assert done.stdout == "SHA256SUMS: 2 files; to check them: sha256sum -c SHA256SUMS\n"
    expected = line_of(file, "tree/000") + line_of(tmp_path / "tree" / "new", "tree/new")
    assert (tmp_path / "SHA256SUMS").read_text() == expected


def test_vanished_files_are_reported(tmp_path: Path) -> None:
    """Files that vanish meanwhile are named and counted, are not in the manifest, and the exit code tells of them."""
    files = make_tree(tmp_path / "tree", 4, 1)
    with started(tmp_path, "checksum_tree", "tree", "--workers", "1") as process:
        wait_for_steps(process, tmp_path / "checksum_tree.db", 2)
        kill(process)
    files[1].unlink()
    files[3].unlink()

    done = run(tmp_path, "checksum_tree", "tree", "--workers", "1")

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "checksum_tree: tree/001: No such file or directory",
        "checksum_tree: tree/003: No such file or directory",
        "checksum_tree: 2 could not be read and are not in the manifest",
    ]
    assert (tmp_path / "SHA256SUMS").read_text() == "".join(line_of(files[n], f"tree/00{n}") for n in (0, 2))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_files_and_directories_are_reported(tmp_path: Path) -> None:
    """Files and folders that may not be read are named and counted, and everything else is in the manifest."""
    files = make_tree(tmp_path / "tree", 2)
    closed, names_only = tmp_path / "tree" / "closed", tmp_path / "tree" / "names-only"
    closed.mkdir()
    make_tree(names_only, 1)
    files[0].chmod(0)
    closed.chmod(0)
    names_only.chmod(0o400)

    done = run(tmp_path, "checksum_tree", "tree")
    for directory in (closed, names_only):
        directory.chmod(0o700)

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "checksum_tree: tree/000: Permission denied",
        "checksum_tree: tree/closed: Permission denied",
        "checksum_tree: tree/names-only/000: Permission denied",
        "checksum_tree: 3 could not be read and are not in the manifest",
    ]
    assert (tmp_path / "SHA256SUMS").read_text() == line_of(files[1], "tree/001")


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """While the same line runs elsewhere, it fails in one line that names the process, and disturbs nothing."""
    make_tree(tmp_path / "tree", 1, 0)
    with started(tmp_path, "checksum_tree", "tree") as process:
        steps = wait_for_steps(process, tmp_path / "checksum_tree.db", 1)
        second = run(tmp_path, "checksum_tree", "tree")

        assert (second.returncode, second.stdout) == (1, "")
        assert len(second.stderr.splitlines()) == 1
        assert f"process {process.pid} " in second.stderr
        assert process.poll() is None
        assert checkpointed(tmp_path / "checksum_tree.db") == steps


def test_ctrl_c_stops_it(tmp_path: Path) -> None:
    """Ctrl-C ends it at once, also within a large file, and a line says how to go on."""
    files = make_tree(tmp_path / "tree", 3, 1)
    with heeding_ctrl_c(), started(tmp_path, "checksum_tree", "tree", "--workers", "1") as process:
        wait_for_steps(process, tmp_path / "checksum_tree.db", 2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=WAIT)
    os.truncate(files[1], 10)
    done = run(tmp_path, "checksum_tree", "tree", "--workers", "1")

    assert (process.returncode, errors) == (130, "checksum_tree: stopped; run the same line again to go on\n")
    assert "goes on: 1 of 3 files were hashed before\n" in done.stdout
    assert done.returncode == 0


def test_terminal_shows_how_far_it_is(tmp_path: Path) -> None:
    """On a terminal one line shows how many files are done, and is drawn over again and again."""
    make_tree(tmp_path / "tree", 5, 2)
    ours, theirs = os.openpty()
    seen = b""
    with subprocess.Popen(
        command("checksum_tree", "tree", "--workers", "1"),
        cwd=tmp_path,
        env={**environment(), "COLUMNS": "60"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        try:
            while b"2 of 5 files" not in seen:
                readable, _, _ = select.select([ours], [], [], WAIT)
                assert readable, f"nothing more in {WAIT} s after {seen!r}"
                seen += os.read(ours, 4096)
        finally:
            process.kill()
            os.close(theirs)
            os.close(ours)

    assert b"\n" not in seen
    assert "\r[############..................]  40%  2 of 5 files" in seen.decode()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["missing"], "missing: no such directory"),
        (["file"], "file: not a directory"),
        (["tree", "--manifest", "missing/sums"], "its directory is missing"),
        (["tree", "--manifest", "tree"], "not a regular file"),
        (["tree", "--workers", "0"], "at least 1, not 0"),
        (["tree", "--db", "missing/progress.db"], "there is no directory"),
        (["tree", "--db", "file"], "is not an SQLite database"),
    ],
)
def test_wrong_command_lines(tmp_path: Path, line: list[str], message: str) -> None:
    """A wrong path or number is told of in one line with exit code 2, and nothing is left behind."""
    make_tree(tmp_path / "tree", 1)
    (tmp_path / "file").write_text("no database")

    done = run(tmp_path, "checksum_tree", *line)

    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("checksum_tree: ")
    assert message in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "tree"]


# ---------------------------------------------------------------------- data_processing.py


def test_data_processing_shows_each_activity(tmp_path: Path) -> None:
    """The pipeline is seen at each of its activities; after a kill it goes on, and is listed below."""
    with started(tmp_path, "data_processing", "--pace", "3600") as process:
        assert first_line(process) + kill(process) == "processing: fetch_data\n"

    done = run(tmp_path, "data_processing", "--pace", "0.3")

    assert (done.returncode, done.stderr) == (0, "")
    *seen, result, heading, first, second = done.stdout.splitlines()
    # It looks now and then, which on a busy machine may be too seldom to see both.
    assert seen == [line for line in ("processing: fetch_data", "processing: process_data") if line in seen]
    assert result == "done: {'source': 'database', 'records': 8, 'total': 31}"
    assert heading == "all workflows, the newest first:"
    times, ids, names, _ = zip(first.split(), second.split(), strict=True)
    assert list(names) == ["data_processing"] * 2
    assert sorted(times, reverse=True) == list(times)
    assert len(set(ids)) == 2


# ---------------------------------------------------------------------- user_notification.py


def test_user_notification_prints_email_and_result(tmp_path: Path) -> None:
    """The user is fetched, the email printed, and the workflow's result follows."""
    done = run(tmp_path, "user_notification")

    assert (done.returncode, done.stderr) == (0, "")
    email, brace, result = done.stdout.partition("{")
    assert email == "To: user123@example.com\nSubject: Important Notification\n\nHello User123!\n\n"
    assert json.loads(brace + result) == {
        "user_notified": True,
        "user": {"id": 123, "name": "User123", "email": "user123@example.com"},
        "email_result": {"status": "sent", "to": "user123@example.com"},
    }
    assert (tmp_path / "user_notification.db").is_file()


# ---------------------------------------------------------------------- both


@pytest.mark.parametrize("name", ["data_processing", "user_notification"])
def test_a_database_that_cannot_be_used(tmp_path: Path, name: str) -> None:
    """A database that cannot be opened is told in one line, with the reason."""
    done = run(tmp_path, name, "--db", "missing/some.db")

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"{name}: .*: there is no directory .*\n", done.stderr)
