"""Starts orchestrators on many files at the moment that it is told, against another such process: ``racer.py FILE...``.

Told ``start MOMENT``, of `time.monotonic`, it prints for each file ``owner`` or the refusal, as a JSON list; told
``stop``, it stops them all.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

from yieldflow import DatabaseInUseError, Orchestrator, Registry

orchestrators = [Orchestrator(path, registry=Registry()) for path in sys.argv[1:]]


def start(orchestrator: Orchestrator, moment: float) -> str:
    while time.monotonic() < moment:
        pass
    try:
        orchestrator.start()
    except DatabaseInUseError as refusal:
        return str(refusal)
    return "owner"


def main() -> None:
    print("ready", flush=True)
    with ThreadPoolExecutor(len(orchestrators)) as threads:
        for line in sys.stdin:
            order, _, moment = line.partition(" ")
            if order == "start":
                said = list(threads.map(start, orchestrators, repeat(float(moment))))
                print(json.dumps(said), flush=True)
            else:
                for orchestrator in orchestrators:
                    orchestrator.stop()
                print("stopped", flush=True)


if __name__ == "__main__":
    main()
