"""Many threads and many workflows at once, with activities of all bad habits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import load


@pytest.mark.parametrize("workflows", [600, pytest.param(10_000, marks=pytest.mark.slow)])
def test_under_load_every_workflow_ends_and_the_stop_stops(database: Path, workflows: int) -> None:
    """24 threads, all workflows in flight, activities that raise, hang, return megabytes and call back: none is lost.

    Memory is bounded: so many objects for each that waits, and none but a word's worth for each that has ended.
    """
    figures = load.run(database, workflows, threads=24)

    assert (figures.in_flight, figures.wrong, figures.threads_left) == (workflows, 0, 0)
    assert figures.undone > 0
    assert figures.abandoned > 0
    assert figures.objects_in_flight < 40
    assert figures.objects_left < 3 + 2000 / workflows
