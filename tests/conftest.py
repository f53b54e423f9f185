"""What every test shares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from yieldflow import Orchestrator, Registry

# How long an example takes depends on the machine, and no test may.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "workflows.db"


@pytest.fixture
def registry() -> Registry:
    """Where a test registers what it defines."""
    return Registry()


@pytest.fixture
def orchestrator(database: Path, registry: Registry) -> Iterator[Orchestrator]:
    """Started, with the test's own definitions."""
    with Orchestrator(database, registry=registry) as started:
        yield started
