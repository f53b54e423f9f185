"""Fixtures and settings of all tests."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from yieldflow import Orchestrator, Registry
from yieldflow.log import logger

# How long an example takes depends on the machine, and no test may; nor on what is left of an earlier run, or whether
# that can be written; nor, but for the slow ones that say so, on what is drawn this time.
settings.register_profile(
    "anywhere", deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("anywhere")

# To sync a file to a disk takes longer than most tests, and a process that is killed leaves the same in memory.
MEMORY = "/dev/shm"
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 4_000_000_000:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Run the whole suite on all cores, and what is named on the command line in this process, to see and debug it."""
    return None if config.args == config.getini("testpaths") else 0


def pytest_configure(config: pytest.Config) -> None:
    """Have byte code written to a folder of its own where it is not to be written: else each process compiles all."""
    if "PYTHONDONTWRITEBYTECODE" in os.environ:
        folder, patch = TemporaryDirectory(), pytest.MonkeyPatch()
        patch.delenv("PYTHONDONTWRITEBYTECODE")
        patch.setenv("PYTHONPYCACHEPREFIX", folder.name)
        config.add_cleanup(patch.undo)
        config.add_cleanup(folder.cleanup)


@pytest.fixture(scope="module", autouse=True)
def old_objects_aside() -> None:
    """Spare collections of garbage what stays to the end: modules, the tests, and reports of those that are over."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "workflows.db"


@pytest.fixture
def registry() -> Registry:
    """The registry of a test's own definitions."""
    return Registry()


@pytest.fixture
def orchestrator(database: Path, registry: Registry) -> Iterator[Orchestrator]:
    """Started, with the test's own definitions."""
    with Orchestrator(database, registry=registry) as started:
        yield started


@pytest.fixture(autouse=True)
def earlier_messages() -> None:
    """Have no handler of a test be called with what was logged before it."""
    logger.flush()


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> Any:
    """The fixture of pytest, which first waits for the messages that are on their way."""
    return _AfterFlush(caplog)


class _AfterFlush:
    def __init__(self, inner: object) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        logger.flush()
        return getattr(self._inner, name)
