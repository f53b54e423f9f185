"""Fixtures of SQLite's tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from yieldflow.sqlite import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a store; it is not there yet."""
    return tmp_path / "store.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """A store that waits for no lock."""
    with closing(SqliteStore(path, busy_timeout=0.01)) as made:
        yield made
