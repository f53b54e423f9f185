"""Starting an orchestrator on a file that another has or had: races, standing by, and what is left behind."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.support.programs import owner
from tests.support.programs.launch import WAIT, Program, heeding_ctrl_c
from tests.takeover import FILES, Racers, take_over
from yieldflow import DatabaseInUseError, DatabaseOpenError, Orchestrator, OrchestratorStoppedError, Registry

#: Races of two processes: so many in each of the tests.
RACES = 100


def test_of_two_that_start_in_a_race_one_owns(tmp_path: Path) -> None:
    """Two processes start on one file at the same moment, new or not, a hundred times: one wins, one is refused."""
    with Racers([tmp_path / f"{number}.db" for number in range(FILES)]) as racers:
        winners = [winner for _ in range(RACES // FILES) for winner in racers.race()]

    assert len(winners) == RACES


# ---------------------------------------------------------------------- standing by


def test_a_standby_takes_over_from_a_killed_owner(database: Path) -> None:
    """When the owner is killed, the orchestrator that stood by takes over, and unfinished workflows go on there."""
    assert take_over(database) > 0


def test_a_standby_takes_over_within_a_process(database: Path) -> None:
    """The second of two orchestrators of one process stands by until the first stops; meanwhile it is a client."""
    first, second = (Orchestrator(database, registry=owner.registry) for _ in range(2))
    first.start()
    waiting = threading.Thread(target=second.start, kwargs={"wait": True})
    waiting.start()
    assert second.submit(owner.doubled(1)).result(WAIT) == 2
    assert waiting.is_alive()
    first.stop()
    waiting.join(WAIT)

    assert (first.health().started, second.health().started) == (False, True)
    assert first.submit(owner.doubled(2)).result(WAIT) == 4
    second.stop()
    first.stop()


def test_who_stands_by_on_a_free_file_starts_at_once(database: Path) -> None:
    """`start(wait=True)` on a file that nobody owns is a plain start, and so it is where this one owns the file."""
    orchestrator = Orchestrator(database, registry=owner.registry)
    orchestrator.start(wait=True)
    orchestrator.start(wait=True, timeout=0)
    with orchestrator:
        assert orchestrator.run(owner.doubled(4)) == 8


def test_a_standby_whose_time_is_up_is_told_who_owns_the_file(database: Path) -> None:
    """After `timeout` seconds a standby is refused as if it had not waited, and holds no file open."""
    with Program("owner", database) as first:
        assert first.line() == "started"
        second = Orchestrator(database, registry=owner.registry)
        gc.collect()
        before = len(os.listdir("/dev/fd"))
        with pytest.raises(DatabaseInUseError, match=f"process {first.pid} on "):
            second.start(wait=True, timeout=0.01)
        # Files that earlier tests left open may be closed meanwhile.
        assert len(os.listdir("/dev/fd")) <= before


def test_a_timeout_without_waiting_is_refused(database: Path) -> None:
    """A timeout of a start that does not wait is a slip, and the message shows what was meant."""
    with pytest.raises(ValueError, match=r"write start\(wait=True, timeout=\.\.\.\)"):
        Orchestrator(database, registry=owner.registry).start(timeout=5)


def test_a_standby_can_be_stopped(database: Path) -> None:
    """`stop()` in another thread ends the standing by, with an error that says so."""
    caught: list[BaseException] = []

    def stand_by() -> None:
        try:
            second.start(wait=True)
        except OrchestratorStoppedError as error:
            caught.append(error)

    with Orchestrator(database, registry=owner.registry):
        second = Orchestrator(database, registry=owner.registry)
        waiting = threading.Thread(target=stand_by, daemon=True)
        waiting.start()
        until = time.monotonic() + WAIT
        # Told to stop before it stands by, it would not know of it.
        while waiting.is_alive():
            assert time.monotonic() < until, "it stands by for ever"
            second.stop()
            waiting.join(0.01)

    assert "stop() was called while start() was under way" in str(caught[0])


def test_a_standby_can_be_interrupted(database: Path) -> None:
    """Ctrl-C ends the standing by at once, and the program goes on as it likes."""
    with (
        heeding_ctrl_c(),
        Orchestrator(database, registry=owner.registry),
        Program("owner", database, "wait") as second,
    ):
        assert second.line().startswith("standing by")
        os.kill(second.pid, signal.SIGINT)
        assert second.line() == "gave up"
        assert second.end() == 0


# ---------------------------------------------------------------------- what outlives the owner


@pytest.mark.parametrize("how", ["subprocess", "fork", "worker"])
def test_children_of_a_killed_owner_do_not_keep_the_file(database: Path, how: str) -> None:
    """A process that an activity started may live on with inherited files: the next start succeeds at once."""
    with Program("parent", database, how) as first:
        assert first.line() == "started"
        child = int(first.line().removeprefix("child "))
        try:
            os.kill(first.pid, signal.SIGKILL)
            assert not first.runs_on(WAIT)
            with Orchestrator(database, registry=Registry()) as second:
                assert second.health().started
                os.kill(child, 0)  # It is there still.
        finally:
            os.kill(child, signal.SIGKILL)


# ---------------------------------------------------------------------- one file, several names


def test_every_name_of_a_file_leads_to_one_owner(tmp_path: Path) -> None:
    """Whatever means something to SQLite or a shell in the path, a symlink to it is the same file, owned once."""
    folder = tmp_path / "größe 100%"
    folder.mkdir()
    path = folder / "a b?c=#d&e%20f;'\"日本.db"
    (tmp_path / "link.db").symlink_to(path)
    with Orchestrator(path, registry=owner.registry) as first:
        with pytest.raises(DatabaseInUseError, match=f"process {os.getpid()} on "):
            Orchestrator(tmp_path / "link.db", registry=owner.registry).start()
        assert first.run(owner.doubled(1)) == 2
    with Orchestrator(tmp_path / "link.db", registry=owner.registry) as second:
        assert len(second.list_workflows()) == 1

    assert sorted(folder.iterdir()) == [path, path.with_name(f"{path.name}-lock")]


def test_a_file_with_two_hard_links_is_not_started(database: Path, tmp_path: Path) -> None:
    """A hard link made while the file is owned is no way to a second owner: it is refused, and the first goes on."""
    with Orchestrator(database, registry=owner.registry) as first:
        (tmp_path / "twin.db").hardlink_to(database)
        with pytest.raises(DatabaseOpenError, match=r"has 2 names \(hard links\)"):
            Orchestrator(tmp_path / "twin.db", registry=owner.registry).start()
        assert first.run(owner.doubled(1)) == 2


def test_a_file_with_two_hard_links_takes_no_calls(database: Path, tmp_path: Path) -> None:
    """By another hard link a client would write where nobody looks: it is refused, under whichever name."""
    with Orchestrator(database, registry=owner.registry):
        (tmp_path / "twin.db").hardlink_to(database)
        for name in (database, tmp_path / "twin.db"):
            client = Orchestrator(name, registry=owner.registry)
            with pytest.raises(DatabaseOpenError, match=r"has 2 names \(hard links\).*: keep one of them"):
                client.submit(owner.doubled(1))
    assert {file.name for file in tmp_path.iterdir()} == {database.name, f"{database.name}-lock", "twin.db"}
