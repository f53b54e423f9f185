"""Requests while the disk fails or the process dies: each is carried out once, and its sender hears the truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from tests.support.engine import CODEC, NOTICED, SECOND, Crash, Host, WatchedStore, open_store, submission
from tests.support.places import (
    CANCEL,
    LAB,
    RESUME,
    SIGNAL,
    SUSPEND,
    TERMINATE,
    Place,
    a_second_later,
    desk,
    everything_done,
    everywhere,
    naps,
    on_probation,
    resident,
    unhandled,
)
from yieldflow import Flow, StorageError, workflow
from yieldflow._core.errors import RefusedValueError
from yieldflow.scheduler.messages import RequestReceived
from yieldflow.store import Checkpoint, RequestKind
from yieldflow.workers import perform


@workflow(registry=LAB.registry)
def works() -> Flow[str]:
    return (yield from LAB.work("a"))


# ---------------------------------------------------------------------- commits that fail, and crashes


@pytest.mark.parametrize("kind", [SIGNAL, CANCEL, TERMINATE, SUSPEND])
@everywhere
def test_answered_once_on_disk(host: Host, place: Place, kind: RequestKind) -> None:
    """A request is on disk when its caller is told so; if the disk fails, the caller is told, and may ask again."""
    place.put(host)
    before = host.status("w")
    there: list[object] = []

    def look(error: Exception | None) -> None:
        loaded = host.store.load("w")
        assert loaded is not None
        there.append(error or (loaded.record.status.value, loaded.last_signal))

    host.store.failing_commits = 1
    host.settle(RequestReceived(host.request("w", kind, "stop", "in"), look))
    host.advance(5)
    if isinstance(there[:1] and there[0], StorageError):
        assert host.status("w") in (before, "processing")
        host.settle(RequestReceived(host.request("w", kind, "stop", "in"), look))
    if place.put is on_probation:
        everything_done(host)
    a_second_later(host)
    status, signals = cast("tuple[str, int]", there[-1])
    if kind is SIGNAL:
        assert signals == 1
        place.free(host)
        assert host.output("w") == []
    else:
        assert status == ("suspended" if kind is SUSPEND else "cancelled")


@pytest.mark.parametrize("kind", RequestKind)
def test_clients_request_outlives_a_disk_that_fails(host: Host, kind: RequestKind) -> None:
    """Clients' requests are carried out in their order when the disk works again."""
    resident(host)
    if kind is RESUME:
        host.ask("w", SUSPEND)
    host.store.ask([host.request("w", kind, item, "in") for item in ("first", "stop")])
    host.store.failing_commits = 2
    for _ in range(5):
        host.advance(1)
    assert unhandled(host.store) == 0
    expected = {SIGNAL: "done", CANCEL: "cancelled", TERMINATE: "cancelled", SUSPEND: "suspended", RESUME: "processing"}
    assert host.status("w") == expected[kind]
    if kind is SIGNAL:
        assert host.output("w") == ["first"]


def test_what_waits_for_the_next_turn_stays_behind_what_failed(host: Host) -> None:
    """A client's signal is received before a later one, even if the disk fails between the two."""
    resident(host)
    host.store.ask([host.request("w", SIGNAL, "first", "in")])
    host.store.failing_commits = 1
    # To be terminated ends it with this turn, so that the signal behind it waits for the next one.
    answers: list[Exception | None] = []
    host.turn(
        *(RequestReceived(host.request("w", kind, "second", "in"), answers.append) for kind in (TERMINATE, SIGNAL))
    )
    host.advance(1)
    host.advance(1)
    assert [type(answer) for answer in answers] == [StorageError, type(None)]
    host.signal("w", "in", "stop")
    assert host.output("w") == ["first", "second"]


def test_what_waits_for_the_next_turn_stays_behind_what_is_refused(host: Host) -> None:
    """A client's signal is received before a later one, even if the store refuses what it led to."""
    resident(host)
    host.store.ask([host.request("w", SIGNAL, item, "in") for item in ("first", "stop")])
    host.store.refused = {"w"}
    answers: list[Exception | None] = []
    host.turn(RequestReceived(host.request("w", SIGNAL, "behind the end", "in"), answers.append))
    host.advance(1)
    host.store.refused = set()
    loaded = host.store.load("w")
    assert loaded is not None
    kept = [CODEC.decode(signal.payload) for signal in loaded.signals]
    assert (kept, answers) == (["first", "stop", "behind the end"], [None])


def test_nothing_overtakes_what_the_disk_does_not_tell_of(host: Host) -> None:
    """If earlier requests of clients cannot be read, a caller gets the error and may ask again."""
    resident(host)
    host.store.ask([host.request("w", SIGNAL, "first", "in")])
    host.store.failing_looks = 1
    assert isinstance(host.signal("w", "in", "second").error, StorageError)
    host.advance(1)
    assert host.signal("w", "in", "second").error is None
    host.signal("w", "in", "stop")
    assert host.output("w") == ["first", "second"]


@pytest.mark.parametrize("leave", ["by a restart", "for waiting long"])
def test_sleeper_that_is_asked_something_while_the_disk_fails(host: Host, leave: str) -> None:
    """A sleep ends in its time also if the disk failed when something was asked of its workflow out of memory."""
    host.submit(naps(), "w")
    if leave == "by a restart":
        host.restart()
    for _ in range(9):
        host.advance(10)
    host.store.failing_commits = 1
    assert isinstance(host.ask("w", RESUME).error, StorageError)
    host.advance(1)
    host.advance(3600)
    assert host.status("w") == "done"


def lives_through(host: Host, place: Place, kind: RequestKind) -> tuple[object, ...]:
    """Ask it as a client, restart where the process dies, and tell how the workflow ends."""
    host.store.ask([host.request("w", kind, item, "in") for item in ("one", "stop")])
    for _ in range(3):
        try:
            host.advance(NOTICED / SECOND)
        except Crash:
            host.store.reopen()
            host.start()
    if kind in (SUSPEND, RESUME):
        return (host.status("w"),)
    try:
        place.free(host)
        host.advance(60)
        everything_done(host)
    except Crash:
        host.restart()
        place.free(host)
        host.advance(60)
        everything_done(host)
    return host.status("w"), host.record("w").reason, host.output("w"), unhandled(host.store)


@pytest.mark.parametrize("kind", [SIGNAL, CANCEL, TERMINATE, SUSPEND])
@everywhere
def test_request_survives_a_crash(tmp_path: Path, place: Place, kind: RequestKind) -> None:
    """Wherever the workflow is and wherever the process dies, what was asked of it is done, once."""

    def life(name: str, moment: str = "", number: int = 0) -> tuple[tuple[object, ...], int, int]:
        with open_store("sqlite", tmp_path, name) as store:
            host = Host(store, LAB.registry)
            place.put(host)
            before = len(store.commits)
            if moment:
                setattr(store, f"crash_{moment}", before + number)
            result = lives_through(host, place, kind)
            host.close()
            return result, before, len(store.commits)

    whole, before, after = life("whole")
    for moment in ("before", "after"):
        for number in range(1, after - before + 1):
            assert life(f"{moment}{number}", moment, number)[0] == whole, f"a crash right {moment} commit {number}"


@pytest.mark.parametrize("moment", ["before", "after"])
def test_signals_are_received_once_in_order_whatever_crashes(tmp_path: Path, moment: str) -> None:
    """Signals of several clients are received in the order sent, each once, wherever the process dies."""
    for number in range(1, 12):
        with open_store("sqlite", tmp_path, f"{number}.db") as store:
            setattr(store, f"crash_{moment}", number)
            host = Host(store, LAB.registry)
            store.submit([submission(desk("busy"), "w", host.now)])
            sent: list[object] = [*range(6), "stop"]
            for item in sent:
                store.ask([host.request("w", SIGNAL, item, "in")])
                try:
                    host.advance(1)
                    if item == 3:
                        host.work_off()
                except Crash:
                    store.reopen()
                    host.start()
            host.finish("w")
            assert host.output("w") == sent[:-1], f"a crash right {moment} commit {number}"
            host.close()


def test_a_clients_request_is_not_lost_beside_an_outcome_that_is_refused(
    host: Host, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resume that a client left is carried out, though an outcome of the same turn cannot be written."""
    host.submit(works(), "w")
    attempt = host.begin()
    host.ask("w", RequestKind.SUSPEND)
    write = store.inner.commit

    def refusing(checkpoints: Sequence[Checkpoint]) -> None:
        if any(checkpoint.recorded for checkpoint in checkpoints):
            raise RefusedValueError("too big")
        write(checkpoints)

    monkeypatch.setattr(store.inner, "commit", refusing)
    host.advance(1)
    store.ask([host.request("w", RequestKind.RESUME)])
    # Both are found in one turn.
    host.now += SECOND
    host.desk.begun.remove(attempt)
    host.settle(perform(attempt, CODEC))
    host.advance(1)
    assert host.status("w") != "suspended"
