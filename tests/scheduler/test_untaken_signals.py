"""Signals that nobody takes for long, since no code waits for their name, are told of: once, and not before."""

from __future__ import annotations

import logging

import pytest

from tests.support.engine import Host, Lab
from yieldflow import Flow, wait_signal, workflow
from yieldflow.scheduler import untaken_signals
from yieldflow.store import RequestKind

LAB = Lab()


@workflow(registry=LAB.registry)
def waits() -> Flow[list[object]]:
    return [(yield wait_signal("approved")), (yield wait_signal("paid"))]


def pass_minutes(host: Host, minutes: int) -> None:
    """So many minutes, with the turns that a session would take in them at least."""
    for _ in range(minutes * 3):
        host.advance(20)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    return [line for line in said if "nobody has taken" in line]


def test_a_slip_of_the_pen_is_told_of_once(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """After an hour the warning names the signal, its workflow and the time; also where the workflow left memory."""
    host.submit(waits(), "w")
    host.settle()
    host.signal("w", "aproved")
    host.signal("w", "aproved")
    pass_minutes(host, 59)
    assert warnings(caplog) == []
    pass_minutes(host, 5)
    (warning,) = warnings(caplog)
    assert "\n  'aproved' for workflow w, since 2026-01-01 00:00:00 UTC" in warning
    pass_minutes(host, 60)
    assert len(warnings(caplog)) == 1


def test_what_was_taken_is_not_told_of(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """A signal that was received within the hour is none."""
    host.submit(waits(), "w")
    host.settle()
    host.signal("w", "paid")
    pass_minutes(host, 30)
    host.signal("w", "approved")
    pass_minutes(host, 60)
    assert host.status("w") == "done"
    assert warnings(caplog) == []


def test_a_suspended_workflow_takes_nothing(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """What a workflow cannot take is no slip."""
    host.submit(waits(), "w")
    host.settle()
    host.ask("w", RequestKind.SUSPEND)
    host.signal("w", "approved")
    pass_minutes(host, 90)
    assert warnings(caplog) == []


def test_many_are_looked_through_page_by_page(
    host: Host, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where more signals wait than are looked at in one go, each is told of, and once."""
    monkeypatch.setattr(untaken_signals, "PAGE", 3)
    for number in range(10):
        host.submit(waits(), f"w{number}")
        host.settle()
        host.signal(f"w{number}", "aproved")
    pass_minutes(host, 100)
    told = [line for warning in warnings(caplog) for line in warning.splitlines() if "'aproved'" in line]
    assert sorted(line.split()[3].rstrip(",") for line in told) == [f"w{number}" for number in range(10)]
