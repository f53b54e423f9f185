"""Fixtures of the stores' tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.storage import STORES, make_store
from yieldflow.store import Store


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Each store in turn, empty."""
    with closing(make_store(request.param, tmp_path)) as made:
        yield made
