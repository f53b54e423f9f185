"""The store and the session that tests of the scheduler share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engine import Host, Lab, WatchedStore, open_store


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WatchedStore]:
    """A new, empty store of each kind."""
    with open_store(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
def host(request: pytest.FixtureRequest, store: WatchedStore) -> Iterator[Host]:
    """A session on that store, with the definitions of the module's `LAB`."""
    lab: Lab = request.module.LAB
    lab.reset()
    made = Host(store, lab.registry)
    yield made
    made.close()
