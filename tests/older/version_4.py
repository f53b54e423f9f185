"""What came with version 4: a workflow that rests says until when, and a step where its attempt ran."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.older.left import REGISTRY, Left, work
from yieldflow import Flow, sleep_until, wait_signal, workflow

#: Long after a file was written, and long before it is read.
SINCE = datetime(2025, 6, 1, tzinfo=UTC)


@workflow(registry=REGISTRY)
def napping() -> Flow[str]:
    yield from work("napping/1")
    yield from sleep_until(SINCE)
    return (yield from work("napping/2"))


@workflow(registry=REGISTRY)
def resting() -> Flow[object]:
    """It waits for a message alone."""
    yield from work("resting/1")
    return (yield from wait_signal("note"))


LEFT = {
    "napping": Left(napping(), "NAPPING/2", to_do=("napping/2",)),
    "resting": Left(resting(), "late", last_calls=(("signal", "note", "late"),)),
    "napping, paused": Left(
        napping(),
        "NAPPING/2",
        status="suspended",
        to_do=("napping/2",),
        calls=(("suspend",),),
        last_calls=(("resume",),),
    ),
    "told to rest": Left(resting(), "kept", late_calls=(("signal", "note", "kept"),)),
}
