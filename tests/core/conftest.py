"""Fixtures of the core's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.core.driver import Drive, driving


@pytest.fixture
def drive() -> Iterator[Drive]:
    """Begins workflows whose histories are replayed, from every prefix, when the test is over."""
    with driving() as begin:
        yield begin
