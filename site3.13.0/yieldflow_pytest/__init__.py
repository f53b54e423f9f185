"""The pytest plugin: fixtures, a marker, and how commands are compared. It imports yieldflow where a test needs it.

It is installed beside `yieldflow` and not in it: pytest imports the plugins of all that is installed, at every start,
and a module of a package brings the package.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import logging

    from yieldflow import Orchestrator
    from yieldflow.testing import Stepper
    from yieldflow.testing.plugin import Clock

MARKER = "yieldflow_stores"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", f"{MARKER}: run the test twice, with `orchestrator` on a store in memory and on SQLite"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a marked test on both stores."""
    if metafunc.definition.get_closest_marker(MARKER) is not None:
        if "yieldflow_store" not in metafunc.fixturenames:
            metafunc.fixturenames.append("yieldflow_store")
        metafunc.parametrize("yieldflow_store", ["memory", "sqlite"], indirect=True)


def pytest_assertrepr_compare(config: pytest.Config, op: str, left: object, right: object) -> list[str] | None:
    """Show in what two lists of commands differ."""
    if op != "==" or "yieldflow.testing" not in sys.modules:
        return None
    from yieldflow.testing.comparing import compared

    return compared(left, right)


@pytest.fixture
def stepper() -> type[Stepper[Any]]:
    """`yieldflow.testing.Stepper`, for tests that import nothing else: ``flow = stepper(order("o-1"))``."""
    from yieldflow.testing import Stepper

    return Stepper


@pytest.fixture
def yieldflow_store(request: pytest.FixtureRequest) -> str:
    """The store of the fixture ``orchestrator``: ``"sqlite"``.

    With the marker ``@pytest.mark.yieldflow_stores`` the test runs twice, and the first time this is ``"memory"``.
    """
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
def yieldflow_clock() -> Clock:
    """The clock of ``orchestrator``: it goes as the system's does, and `advance` moves it on."""
    from yieldflow.testing.plugin import Clock

    return Clock()


@pytest.fixture
def yieldflow_warnings() -> Iterator[list[logging.LogRecord]]:
    """The warnings of yieldflow in this test, as records of `logging`. What is left in the list fails the test.

    A test that expects one takes it out: ``yieldflow_warnings.clear()``. That a workflow failed is none.
    """
    from yieldflow.testing.plugin import warnings_of_ours

    with warnings_of_ours() as found:
        yield found
    if found:
        pytest.fail("yieldflow warned:\n" + "\n".join(f"  {one.getMessage()}" for one in found), pytrace=False)


@pytest.fixture
def orchestrator(
    tmp_path: Path, yieldflow_store: str, yieldflow_clock: Clock, yieldflow_warnings: list[logging.LogRecord]
) -> Iterator[Orchestrator]:
    """A started `Orchestrator` on a file of its own, stopped at the end. A workflow that stalled fails the test."""
    from yieldflow.testing.plugin import begin, stalled

    started = begin(tmp_path / "workflows.db", yieldflow_store, yieldflow_clock)
    try:
        yield started
        found = stalled(started)
    finally:
        started.stop()
    if found:
        yieldflow_warnings.clear()
        pytest.fail("workflows are stalled:\n" + "\n".join(f"  {one}" for one in found), pytrace=False)
