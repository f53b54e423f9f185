"""Where work waits and nothing moves, the log says who holds the workers: once, and only then."""

from __future__ import annotations

import logging

import pytest

from tests.support.engine import Host
from tests.support.flaky import Flaky
from yieldflow import Flow, activity, workflow
from yieldflow.store import RequestKind

LAB = Flaky()


@activity(registry=LAB.registry, max_concurrent=1)
def one_at_a_time() -> None: ...


@workflow(registry=LAB.registry)
def limited() -> Flow[None]:
    yield one_at_a_time()


def pass_seconds(host: Host, seconds: int) -> None:
    for _ in range(seconds):
        host.advance(1)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    return [line for line in said if "waited for a worker" in line]


def test_all_that_hold_a_worker_are_listed_once(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """After a minute the warning lists running and cancelled attempts with what they are; it is not repeated."""
    host.submit(LAB.one("a"), "stuck")
    host.begin()
    host.submit(LAB.one("b"), "busy")
    host.begin("b")
    host.ask("stuck", RequestKind.CANCEL)
    host.submit(LAB.one("c"), "waits")
    pass_seconds(host, 59)
    assert warnings(caplog) == []
    pass_seconds(host, 300)
    (warning,) = warnings(caplog)
    assert "of workflow waits has waited for a worker for over a minute" in warning
    assert "of workflow stuck, step 0: cancelled, since 20" in warning
    assert "of workflow busy, step 0: running, since 20" in warning


def test_nothing_is_said_while_attempts_begin(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """A queue that moves is no standstill, however long it is."""
    for number in range(10):
        host.submit(LAB.one(str(number)), f"w{number}")
    for _ in range(9):
        pass_seconds(host, 50)
        host.end(host.begin())
    assert warnings(caplog) == []


def test_nothing_is_said_of_those_that_wait_for_others_of_their_activity(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    """Where only so many may be under way at once, the next wait long though workers are free, and others begin."""
    for number in range(3):
        host.submit(limited(), f"w{number}")
    host.begin()
    for number in range(3):
        host.submit(LAB.one(f"free {number}"), f"free{number}")
        pass_seconds(host, 40)
        host.end(host.begin(f"free {number}"))
    assert warnings(caplog) == []


def test_nothing_is_said_where_the_clock_is_set_forward(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """An hour that passes at once is none in which anything stood still."""
    host.submit(LAB.one("a"), "w")
    pass_seconds(host, 2)
    host.advance(3600)
    assert warnings(caplog) == []
