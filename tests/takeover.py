"""Races for a file, and takeovers from an owner that is killed: ``python -m tests.takeover --rounds 1000``.

Each round starts two processes on the same files at the same moment, and counts who won; then, every tenth round, kills
an owner while another process stands by, and times how long it takes until a workflow of the first one goes on there.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.support.programs import owner
from tests.support.programs.launch import WAIT, Program
from tests.support.progress import Bar
from yieldflow import Orchestrator

#: How many files two processes race for in one round.
FILES = 20
#: Seconds until both have heard of the moment at which they are to start.
NOTICE = 0.02


class Racers:
    """Two processes that start orchestrators on the same files at the same moment, as often as one likes.

    Args:
        paths: The files.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._racers = [Program("racer", *paths) for _ in range(2)]

    def __enter__(self) -> Racers:
        assert [racer.line() for racer in self._racers] == ["ready"] * 2
        return self

    def __exit__(self, *_: object) -> None:
        for racer in self._racers:
            racer.kill()

    def race(self) -> list[int]:
        """Race once for every file; which of the two won each.

        Raises:
            AssertionError: A file has not exactly one owner, or the other start was not refused.
        """
        for racer in self._racers:
            racer.tell(f"start {time.monotonic() + NOTICE}")
        said = list(zip(*(json.loads(racer.line()) for racer in self._racers), strict=True))
        for racer in self._racers:
            racer.tell("stop")
        assert [racer.line() for racer in self._racers] == ["stopped"] * 2
        winners = []
        for path, both in zip(self._paths, said, strict=True):
            assert both.count("owner") == 1, f"of two that raced for {path}: {both}"
            winner = both.index("owner")
            # An owner writes its name down a moment after it has the file: until then the one before it is named.
            refusal = both[1 - winner]
            assert re.match(rf"{re.escape(str(path))}: (another )?process .*has an orchestrator started", refusal), (
                refusal
            )
            winners.append(winner)
        return winners


def take_over(database: Path) -> float:
    """Kill an owner while another stands by; how many seconds it takes until its workflow goes on."""
    client = Orchestrator(database, registry=owner.registry)
    handle = client.submit(owner.held("box"))
    with Program("owner", database) as first:
        assert {first.line(), first.line()} == {"started", "holding"}
        with Program("owner", database, "wait") as second:
            assert second.line().startswith(f"standing by: {database}: process {first.pid} ")
            first.kill()
            killed = time.monotonic()
            said = {second.line(), second.line()}
            assert said == {"started", "holding"}, said
            took = time.monotonic() - killed
            second.tell("release")
            assert handle.result(WAIT) == (6, "box was held")
    client.stop()
    return took


def main() -> int:
    """Race as often as asked for, and print what came of it."""
    parser = argparse.ArgumentParser("python -m tests.takeover", description="Races for a file, and takeovers.")
    parser.add_argument("--rounds", type=int, default=100, help=f"how often there are {FILES} races at once (100)")
    rounds = parser.parse_args().rounds
    won, times, bar = [0, 0], [], Bar(rounds)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.db" for number in range(FILES)]
        with Racers(paths) as racers:
            for number in range(1, rounds + 1):
                for winner in racers.race():
                    won[winner] += 1
                if number % 10 == 1:
                    times.append(take_over(Path(folder) / f"killed-{number}.db"))
                bar.show(number, "rounds")
    print(f"{rounds * FILES:,} races of two processes for a file: one winner each ({won[0]:,} and {won[1]:,})")
    print(
        f"{len(times):,} owners killed while another stood by: their workflows went on after "
        f"{statistics.median(times):.2f} s (median), {max(times):.2f} s (at most)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
