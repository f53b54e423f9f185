"""Starting, stopping and starting again."""

from __future__ import annotations

import gc
import os
import re
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.support.shop import (
    WAIT,
    nap,
    shop,
    total,
)
from yieldflow import (
    DatabaseInUseError,
    EncodingError,
    Flow,
    Orchestrator,
    Registry,
    WorkflowStatus,
    YieldflowError,
    now,
    workflow,
)


def test_the_with_block_starts_and_stops(database: Path) -> None:
    """Inside the block workflows run; after it another orchestrator may be started on the file."""
    with Orchestrator(database, registry=shop) as first:
        assert first.submit(total(10)).result(WAIT) == 13

    with Orchestrator(database, registry=shop) as second:
        assert second.submit(total(20)).result(WAIT) == 23


def test_start_and_stop_may_be_called_twice(database: Path) -> None:
    """A second `start` or `stop` does nothing, and so does `stop` before any start."""
    orchestrator = Orchestrator(database, registry=shop)
    orchestrator.stop()
    orchestrator.start()
    orchestrator.start()
    assert orchestrator.submit(total(1)).result(WAIT) == 4
    orchestrator.stop()
    orchestrator.stop()


def test_a_stopped_orchestrator_can_be_started_again(database: Path) -> None:
    """The same object goes on after `stop` and `start`, and its old handles too."""
    orchestrator = Orchestrator(database, registry=shop)
    orchestrator.start()
    before = orchestrator.submit(total(1))
    assert before.result(WAIT) == 4
    orchestrator.stop()

    orchestrator.start()
    after = orchestrator.submit(total(2))

    assert (before.result(WAIT), after.result(WAIT)) == (4, 5)
    orchestrator.stop()


def test_an_exception_in_the_block_passes_and_stops(database: Path) -> None:
    """An exception of the body comes out as it is; the orchestrator is stopped, and no submitted workflow is lost."""

    def fail_inside() -> None:
        with Orchestrator(database, registry=shop) as orchestrator:
            orchestrator.submit(nap(), workflow_id="nap")
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail_inside()

    with Orchestrator(database, registry=shop) as again:
        assert again.handle("nap").describe().status is WorkflowStatus.PROCESSING


def test_one_orchestrator_for_a_file(database: Path, store: Orchestrator) -> None:
    """A second start on the same file is refused with the owner's process id, and the second remains a client."""
    second = Orchestrator(database, registry=shop)

    with pytest.raises(DatabaseInUseError, match=f"process {os.getpid()} "):
        second.start()

    assert second.submit(total(5)).result(WAIT) == 8
    second.stop()


def test_durability_is_a_matter_of_choice(database: Path) -> None:
    """With `durability="normal"` the same file is written, and goes on under the other setting."""
    with Orchestrator(database, registry=shop, durability="normal") as fast:
        fast.submit(total(1), workflow_id="sum").result(WAIT)
    with Orchestrator(database, registry=shop, durability="full") as safe:
        assert safe.submit(total(1), workflow_id="sum").result(WAIT) == 4


def test_the_json_codec_refuses_what_json_cannot_hold(database: Path, registry: Registry) -> None:
    """With `codec="json"` what has a tag passes, and what would be pickled is refused where it comes in."""

    @workflow(registry=registry)
    def echo(value: object) -> Flow[object]:
        yield from now()
        return re.compile(value) if isinstance(value, str) else value

    with Orchestrator(database, registry=registry, codec="json") as orchestrator:
        with pytest.raises(EncodingError, match=r"an argument of workflow 'echo'.*a re.Pattern.*pass"):
            orchestrator.submit(echo(re.compile("text")))
        with pytest.raises(EncodingError, match=r"what workflow 'echo' returned.*a re.Pattern.*pass"):
            orchestrator.submit(echo("text")).result(WAIT)
        assert orchestrator.submit(echo([1, {"a": (None, {2})}])).result(WAIT) == [1, {"a": (None, {2})}]


def test_stop_leaves_nothing_behind(database: Path) -> None:
    """After `stop` no thread and no open file is left, however often it was started."""

    def descriptors() -> int:
        return len(os.listdir("/dev/fd"))

    orchestrator = Orchestrator(database, registry=shop)
    orchestrator.stop()
    # Files left open by earlier tests are closed when their objects are collected: now, or when a thread ends.
    gc.collect()
    before = descriptors()
    for number in range(5):
        orchestrator.start()
        orchestrator.submit(total(number)).result(WAIT)
        orchestrator.stop()

    ours = [thread for thread in threading.enumerate() if thread.name.startswith("yieldflow")]
    for thread in ours:
        thread.join(WAIT)
    assert [thread for thread in ours if thread.is_alive()] == []
    assert descriptors() <= before


@pytest.mark.parametrize("given", range(5))
def test_more_workers_than_there_are_threads(database: Path, given: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """`start` says what could not be started, ends the threads that it got, leaves the file, and works another time."""
    started: list[threading.Thread] = []
    start = threading.Thread.start

    def few(thread: threading.Thread) -> None:
        if len(started) == given:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    orchestrator = Orchestrator(database, max_workers=3, registry=shop)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", few)
        with pytest.raises(YieldflowError, match=r"could (not )?be started \(can't start new thread\)"):
            orchestrator.start()

    for thread in started:
        thread.join(WAIT)
    assert [thread for thread in started if thread.is_alive()] == []
    assert not orchestrator.health().started
    with Orchestrator(database, registry=shop) as other:
        assert other.submit(total(1)).result(WAIT) == 4
    with orchestrator:
        assert orchestrator.submit(total(2)).result(WAIT) == 5


@pytest.mark.parametrize(
    ("arguments", "error", "names"),
    [
        ({"db_path": 5}, TypeError, "db_path"),
        ({"db_path": b"bytes.db"}, TypeError, "db_path"),
        ({"db_path": None}, TypeError, "db_path"),
        ({"max_workers": 0}, ValueError, "max_workers"),
        ({"max_workers": "5"}, TypeError, "max_workers"),
        ({"max_workers": True}, TypeError, "max_workers"),
        ({"max_workers": 2.5}, TypeError, "max_workers"),
        ({"max_recovery_attempts": 0}, ValueError, "max_recovery_attempts"),
        ({"max_recovery_attempts": None}, TypeError, "max_recovery_attempts"),
        ({"codec": "yaml"}, ValueError, "codec"),
        ({"codec": None}, ValueError, "codec"),
        ({"durability": "half"}, ValueError, "durability"),
        ({"registry": {}}, TypeError, "registry"),
        ({"workers": 5}, TypeError, "workers"),
    ],
)
def test_wrong_arguments_are_refused_at_once(
    tmp_path: Path, arguments: dict[str, Any], error: type[Exception], names: str
) -> None:
    """`Orchestrator(...)` itself says which argument is wrong, and makes no file."""
    with pytest.raises(error, match=names):
        Orchestrator(**{"db_path": tmp_path / "never.db", **arguments})

    assert list(tmp_path.iterdir()) == []
