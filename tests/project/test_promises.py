"""The table of promises, in `tests/system/__init__.py`, leads to tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import tests.system

TESTS = Path(__file__).parent.parent


def test_every_place_of_the_table_exists() -> None:
    """Each file and folder that the table of promises names is there, under `tests`."""
    rows = [line for line in (tests.system.__doc__ or "").splitlines() if line.startswith("|")]
    places = [place for row in rows for place in re.findall(r"`([\w/*.]+)`", row) if "/" in place or "." in place]

    assert len(places) > len(rows) / 2
    assert [place for place in places if not any(TESTS.glob(place))] == []
