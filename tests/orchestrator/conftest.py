"""Fixtures of the tests of the orchestrator: real threads, real files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.orchestrator.shop import (
    Gate,
    shop,
)
from yieldflow import (
    Orchestrator,
    Registry,
)


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


@pytest.fixture
def store(database: Path) -> Iterator[Orchestrator]:
    """Started, with the definitions of this module."""
    with Orchestrator(database, registry=shop) as started:
        yield started


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()
