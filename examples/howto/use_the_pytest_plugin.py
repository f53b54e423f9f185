"""Use the pytest plugin: fixtures for an orchestrator, its clock and its warnings.

It is there once yieldflow is installed. A failed ``assert flow.pending == [...]`` shows which commands are missing or
unexpected, and which argument differs.

More: `python -m yieldflow docs pytest`
"""

from __future__ import annotations

import logging
import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest

from yieldflow import Flow, Orchestrator, sleep, workflow


@workflow
def reminder() -> Flow[str]:
    yield from sleep(timedelta(days=30))
    return "reminded"


@pytest.mark.yieldflow_stores  # twice: on a store in memory, and on SQLite
def test_reminds_after_a_month(orchestrator: Orchestrator, yieldflow_clock: Any) -> None:
    handle = orchestrator.submit(reminder())
    yieldflow_clock.advance(timedelta(days=30))  # one timer after the other
    assert handle.result(timeout=30) == "reminded"


def test_warns_of_a_command_that_is_not_yielded(
    orchestrator: Orchestrator, yieldflow_warnings: list[logging.LogRecord]
) -> None:
    @workflow(name="forgetful")
    def forgetful() -> Flow[None]:
        sleep(60)
        yield from sleep(0)

    orchestrator.run(forgetful())
    warning = yieldflow_warnings.pop()  # what a test leaves there fails it
    assert "never yielded" in warning.getMessage()


if __name__ == "__main__":
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
