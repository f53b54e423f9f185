"""Fixtures of the tests of workers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.tasks import Door


@pytest.fixture
def door() -> Iterator[Door]:
    """A door for activities to knock at, in whatever thread or process they run."""
    with Door() as door:
        yield door
