"""Kills processes so many times, with a progress bar on a terminal: see the package's docstring."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.support.progress import Bar

from .books import Broken
from .rounds import Figures, run

#: Kills of one round.
ROUND = 20


def told(figures: Figures, took: float) -> str:
    """Return the figures as text."""
    lines = [
        f"{figures.kills:,} kills in {took:.0f} s",
        f"{figures.restarts:>12,}  restarts with workflows to go on with",
        f"{figures.workflows:>12,}  workflows, each with its right end",
        f"{figures.acknowledged:>12,}  acknowledged submissions, signals and cancellations",
        f"{figures.effects:>12,}  effects of activities",
        f"{figures.checkpoints:>12,}  outcomes checkpointed",
        f"{figures.repeated:>12,}  effects repeated, all before their checkpoint",
        f"checked: {figures.checked.total():,}",
    ]
    return "\n".join([*lines, *(f"{number:>12,}  {name}" for name, number in sorted(figures.checked.items()))])


def main() -> int:
    """Run the rounds; 1 where a promise was broken."""
    parser = argparse.ArgumentParser("python -m tests.kills", description="Processes killed at random moments.")
    parser.add_argument("--kills", type=int, default=200, help="how often (200)")
    parser.add_argument("--seed", type=int, help="draws the moments; drawn at random if left out")
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else int.from_bytes(os.urandom(4), "big")
    figures, bar, began = Figures(), Bar(asked.kills), time.monotonic()
    for number in range(-(-asked.kills // ROUND)):
        folder = Path(tempfile.mkdtemp(prefix="yieldflow-kills-"))
        before = number * ROUND
        try:
            figures.add(run(folder, min(ROUND, asked.kills - before), seed + number))
        except Broken as error:
            print(f"\nBROKEN after more than {before} kills: {error}")
            print(f"its files: {folder}\nagain: python -m tests.kills --kills {ROUND} --seed {seed + number}")
            return 1
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        bar.show(figures.kills, f"{figures.workflows:,} workflows, {figures.effects:,} effects")
    print(f"seed {seed}: {told(figures, time.monotonic() - began)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
