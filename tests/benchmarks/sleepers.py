"""Memory and time that workflows cost which are asleep.

    python -m tests.benchmarks.sleepers [--workflows 200000]

They are submitted and fall asleep for a day; then the process that made them ends, and another one starts on the file.
A line shows the time and the memory of each: of the process that makes them at its peak, and of the next one once it
has started and is idle, beyond what an orchestrator on an empty file takes.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from yieldflow import Flow, Orchestrator, sleep, workflow

#: So many are submitted at once.
BLOCK = 5_000


@workflow(name="benchmark.sleeper")
def sleeper() -> Flow[None]:
    """Sleep for a day."""
    yield sleep(86_400)


def resident() -> float:
    """Return the memory that the process takes now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if os.path.exists("/proc/self/statm") else 0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak() -> float:
    """Return the greatest memory that the process has taken, in MB."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1e6 if sys.platform == "darwin" else 1e3)


def make(path: Path, workflows: int) -> dict[str, float]:
    """Submit workflows until all are asleep."""
    before, began = peak(), time.perf_counter()
    with Orchestrator(path) as orchestrator:
        for first in range(0, workflows, BLOCK):
            orchestrator.submit_many(sleeper() for _ in range(min(BLOCK, workflows - first)))
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "peak_mb": peak() - before}


def begin(path: Path) -> dict[str, float]:
    """Start on the file, and stay idle for a moment."""
    with Orchestrator(path.with_name("empty.db")):
        pass
    before, began = resident(), time.perf_counter()
    orchestrator = Orchestrator(path)
    orchestrator.start()
    seconds = time.perf_counter() - began
    time.sleep(2)
    processor = time.process_time()
    time.sleep(5)
    idle = (time.process_time() - processor) / 5
    measured = {"seconds": seconds, "mb": resident() - before, "idle_percent": 100 * idle}
    orchestrator.stop()
    return measured


def in_another_process(what: str, path: Path, workflows: int) -> dict[str, float]:
    """Measure in a process of its own."""
    line = [sys.executable, "-m", "tests.benchmarks.sleepers", "--workflows", str(workflows), "--do", what, str(path)]
    answer: dict[str, float] = json.loads(subprocess.run(line, capture_output=True, text=True, check=True).stdout)
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workflows", type=int, default=200_000)
    parser.add_argument("--do", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.do is not None:
        what, path = options.do[0], Path(options.do[1])
        print(json.dumps(make(path, options.workflows) if what == "make" else begin(path)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sleepers.db"
        made = in_another_process("make", path, options.workflows)
        begun = in_another_process("begin", path, options.workflows)
    print(f"{options.workflows:,} workflows that sleep for a day")
    print(f"  being made: {made['seconds']:.1f} s, {made['peak_mb']:.0f} MB at the peak")
    print(f"  start(): {begun['seconds']:.2f} s; then {begun['mb']:.1f} MB, {begun['idle_percent']:.2f} % of a core")


if __name__ == "__main__":
    main()
