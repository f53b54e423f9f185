"""The power goes, and all that was not synced with it: what was acknowledged is there, and everything goes on."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.power.drive import SECTOR, Drive
from tests.power.losses import LOSS, Setup, run
from tests.simulation.promises import Promise
from tests.simulation.seeds import scratch


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch() as made:
        yield made


def check(first: int, count: int, folder: Path) -> int:
    """Run seeds, none of which breaks a promise; how often the power went."""
    reports = [run(seed, folder) for seed in range(first, first + count)]
    failed = [f"seed {report.plan.seed}: {report.violation}" for report in reports if report.violation is not None]
    assert failed == [], "python -m tests.power --losses 1 --seed ..."
    return sum(report.injected[LOSS] for report in reports)


def broken(setup: Setup, count: int, folder: Path) -> Counter[Promise]:
    """Run seeds that are meant to fail; which promises they break."""
    violations = [run(seed, folder, setup).violation for seed in range(count)]
    return Counter(violation.promise for violation in violations if violation is not None)


def test_fixed_seeds(folder: Path) -> None:
    """Whenever the power goes, all that was acknowledged is there, and every workflow comes to its right end."""
    assert check(0, 15, folder) > 50


#: Seeds that broke a promise once: what they found is mended.
FOUND = [266]


@pytest.mark.parametrize("seed", FOUND)
def test_seeds_that_once_failed(seed: int, folder: Path) -> None:
    """Seeds that broke a promise once break none any more."""
    check(seed, 1, folder)


@pytest.mark.slow
def test_fresh_seeds(folder: Path) -> None:
    """Seeds that are drawn anew each time break no promise either."""
    first = int.from_bytes(os.urandom(4), "big")
    print(f"seeds from {first}")
    check(first, 150, folder)


def test_normal_durability_may_lose_the_latest_commits_and_nothing_else(folder: Path) -> None:
    """With durability="normal" a loss of power takes the latest commits, and leaves a file that is whole."""
    promises = broken(Setup("normal"), 12, folder)

    assert Promise.POWER in promises
    assert promises.keys().isdisjoint({Promise.INTEGRITY, Promise.ROWS})


@pytest.mark.parametrize(
    "setup",
    [Setup(lies=True), Setup(breakage=lambda statement: statement.replace("synchronous = full", "synchronous = off"))],
    ids=["a drive that does not sync", "a store that does not sync"],
)
def test_what_is_not_synced_breaks_the_file(setup: Setup, folder: Path) -> None:
    """Without syncs the file itself is damaged: the losses are severe enough to show what depends on syncs."""
    assert broken(setup, 12, folder).keys() >= {Promise.POWER, Promise.INTEGRITY}


def test_a_drive_keeps_what_was_synced() -> None:
    """Synced writes survive, any sectors of the rest may, and a file vanishes if its folder was not synced."""
    remains: list[dict[str, bytes]] = []
    for seed in range(50):
        drive = Drive({}, Random(seed))
        drive.open("a")
        drive.write("a", 0, b"x" * 2 * SECTOR)
        drive.sync("a", folder=True)
        drive.write("a", 0, b"y" * 2 * SECTOR)
        drive.open("b")
        remains.append(drive.lose())

    pages = {(left["a"][:SECTOR], left["a"][SECTOR:]) for left in remains}
    assert pages == {(one * SECTOR, other * SECTOR) for one in (b"x", b"y") for other in (b"x", b"y")}
    assert {"b" in left for left in remains} == {True, False}
