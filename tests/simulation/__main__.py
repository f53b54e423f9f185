"""Runs seeds of the simulation, with a progress bar on a terminal: see the package's docstring."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.support.progress import Bar

from .plan import plan_of
from .seeds import Totals, describe_failure, leave_interrupts_alone, lines, run, run_piece, scratch

#: The seeds in one piece of work.
PIECE = 20
#: The exit status by which a shell knows that a program was interrupted.
INTERRUPTED = 130


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser("python -m tests.simulation", description="The engine in a simulation.")
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds are run (1000)")
    parser.add_argument("--seed", type=int, help="the first one; drawn at random if left out")
    parser.add_argument("--store", choices=["memory", "sqlite"], default="memory", help="where workflows are (memory)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one for each processor)")
    parser.add_argument(
        "--shrink", action=argparse.BooleanOptionalAction, default=True, help="make the first failing seed small (yes)"
    )
    parser.add_argument("--trace", action="store_true", help="print the trace of each seed, and nothing else")
    return parser.parse_args()


def trace(seeds: range, kind: str) -> int:
    """Print the trace of each seed; return 1 if a promise was broken."""
    broken = 0
    with scratch() as folder:
        for seed in seeds:
            report = run(plan_of(seed), kind, folder)
            print(report.plan, *lines(report.trace), sep="\n")
            broken = 1 if report.violation is not None else broken
    return broken


def main() -> int:
    """Run the seeds asked for; return 1 if a promise was broken, 130 if interrupted."""
    asked = parse_arguments()
    first = asked.seed if asked.seed is not None else int.from_bytes(os.urandom(4), "big")
    seeds = range(first, first + asked.seeds)
    if asked.trace:
        return trace(seeds, asked.store)
    so_far, bar, began, ended = Totals(), Bar(asked.seeds), time.monotonic(), 0
    bar.show(0)
    pool = ProcessPoolExecutor(asked.jobs, multiprocessing.get_context("spawn"), leave_interrupts_alone)
    try:
        for one in [pool.submit(run_piece, seeds[at : at + PIECE], asked.store) for at in range(0, len(seeds), PIECE)]:
            so_far.add(one.result())
            failed = f", {len(so_far.failed)} failed" if so_far.failed else ""
            bar.show(so_far.seeds, so_far.speed(time.monotonic() - began) + failed)
        took = time.monotonic() - began
        if so_far.failed:
            print(pool.submit(describe_failure, so_far.failed[0], asked.store, asked.shrink).result())
    except KeyboardInterrupt:
        took, ended = time.monotonic() - began, INTERRUPTED
        bar.end()
        print("interrupted: this is how far it came")
    finally:
        pool.shutdown(cancel_futures=True)
    print(f"\nseeds from {first}, {asked.store} store, {asked.jobs} processes")
    print(f"{so_far.seeds:,} seeds and {so_far.commits:,} commits in {took:.1f} s: {so_far.speed(took)}")
    print(*so_far.tables(), sep="\n")
    if so_far.failed:
        print(f"\n{len(so_far.failed)} failed: {', '.join(map(str, so_far.failed[:20]))}")
    return ended or (1 if so_far.failed else 0)


if __name__ == "__main__":
    sys.exit(main())
