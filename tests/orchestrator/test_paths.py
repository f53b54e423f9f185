"""The path of the file is that of the moment at which it is given, and no file is made by looking for one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.shop import WAIT, greet, shop
from yieldflow import DatabaseOpenError, Orchestrator
from yieldflow.__main__ import main

# ---------------------------------------------------------------------- a path that is relative


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two folders, of which the first is the present one."""
    there, elsewhere = tmp_path / "there", tmp_path / "elsewhere"
    there.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(there)
    return there, elsewhere


USES: dict[str, Callable[[Orchestrator], object]] = {
    "start": lambda orchestrator: orchestrator.__enter__(),
    "submit": lambda orchestrator: orchestrator.submit(greet("ann")),
    "submit_many": lambda orchestrator: orchestrator.submit_many([greet("ann")]),
    "invoke_workflow": lambda orchestrator: orchestrator.invoke_workflow("greet", name="ann"),
}


@pytest.mark.parametrize("path", ["jobs.db", Path("jobs.db"), "./jobs.db"], ids=repr)
@pytest.mark.parametrize("use", USES.values(), ids=list(USES))
def test_a_relative_path_is_that_of_the_folder_where_it_was_given(
    folders: tuple[Path, Path], path: str | Path, use: Callable[[Orchestrator], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that goes to another folder after it made the orchestrator, as a daemon does, has one file."""
    there, elsewhere = folders
    orchestrator = Orchestrator(path, registry=shop)
    monkeypatch.chdir(elsewhere)

    use(orchestrator)
    orchestrator.stop()
    count = len(orchestrator.list_workflows())
    orchestrator.stop()

    assert os.listdir(elsewhere) == []
    assert "jobs.db" in os.listdir(there)
    assert count == len(Orchestrator(there / "jobs.db").list_workflows())


def test_a_path_through_a_symlink_is_what_the_system_takes_it_for(tmp_path: Path) -> None:
    """``link/../jobs.db`` is beside the folder that the link leads to, as everywhere else."""
    (tmp_path / "real" / "folder").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "folder")

    with Orchestrator(os.path.join(tmp_path, "link", "..", "jobs.db"), registry=shop):
        assert (tmp_path / "real" / "jobs.db").exists()


@pytest.mark.parametrize("path", ["", ":memory:"])
def test_a_name_of_no_file_is_still_none(path: str, folders: tuple[Path, Path]) -> None:
    """What names no file is refused by that name, and not as one in the present folder."""
    with pytest.raises(DatabaseOpenError, match=f"^{path!r} names no file"):
        Orchestrator(path).start()


def test_a_relative_path_in_no_folder_is_refused(folders: tuple[Path, Path]) -> None:
    """Where the present folder was removed, a relative path leads nowhere, which is said; an absolute one is used."""
    there, elsewhere = folders
    there.rmdir()

    with pytest.raises(DatabaseOpenError, match=r"jobs\.db: .* current directory .* absolute path"):
        Orchestrator("jobs.db")
    with Orchestrator(elsewhere / "jobs.db"):
        pass


# ---------------------------------------------------------------------- a file that is not there

LOOKS: dict[str, Callable[[Orchestrator], object]] = {
    "list_workflows": lambda client: client.list_workflows(),
    "list_workflows by name": lambda client: client.list_workflows("greet", limit=1),
    "handle": lambda client: client.handle("o-1"),
    "get_workflow_status": lambda client: client.get_workflow_status("o-1"),
    "delete": lambda client: client.delete("o-1"),
    "purge": lambda client: client.purge(),
    "check_replay": lambda client: client.check_replay(),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=list(LOOKS))
def test_a_client_that_looks_makes_no_file(
    database: Path, look: Callable[[Orchestrator], object], tmp_path: Path
) -> None:
    """A mistyped path is an error with that path, each time, and no empty database that shows no workflows."""
    client = Orchestrator(database, registry=shop)
    for _ in range(2):
        with pytest.raises(DatabaseOpenError, match=rf"{database.name}: does not exist: mend the path"):
            look(client)
    client.health()
    client.stop()

    assert os.listdir(tmp_path) == []


def test_a_client_of_a_file_that_is_made_later_sees_it(database: Path) -> None:
    """The same client goes on with the file once an owner or a submission has made it."""
    client = Orchestrator(database, registry=shop)
    with pytest.raises(DatabaseOpenError):
        client.list_workflows()

    with Orchestrator(database, registry=shop) as owner:
        owner.run(greet("ann"))

    assert [row["name"] for row in client.list_workflows()] == ["greet"]


@pytest.mark.parametrize(
    "submit",
    [
        lambda client: client.submit(greet("ann")),
        lambda client: client.submit(greet("ann"), workflow_id="o-1"),
        lambda client: client.submit(greet("ann"), workflow_id="o-1", signal=("go", None)),
        lambda client: client.submit_many([greet("ann")]),
        lambda client: client.invoke_workflow("greet", name="ann"),
    ],
    ids=["submit", "with an id", "with a signal", "submit_many", "invoke_workflow"],
)
def test_a_client_that_submits_makes_the_file(database: Path, submit: Callable[[Orchestrator], object]) -> None:
    """A client may be there before the owner: a submission, with an id of its own too, makes the file."""
    submit(Orchestrator(database, registry=shop))

    with Orchestrator(database, registry=shop) as owner:
        (row,) = owner.list_workflows()
        assert owner.handle(row["id"]).result(timeout=WAIT) == "hello ann from greet"


def test_the_command_line_makes_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped file on the command line is an error with exit code 2."""
    assert main(["check-replay", str(tmp_path / "none.db"), "tests.support.shop"]) == 2

    assert "none.db: does not exist" in capsys.readouterr().err
    assert os.listdir(tmp_path) == []
