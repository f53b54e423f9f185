"""A pipeline of two activities, started by its name and watched while it runs.

    python examples/data_processing.py

Kill it while it runs and start it again: the pipeline that was interrupted goes on beside the new one, and in the list
at the end both are there.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TypedDict

from yieldflow import Flow, Orchestrator, YieldflowError, activity, workflow

#: Seconds that each activity takes.
pace = 1.0


class Summary(TypedDict):
    """What the pipeline returns."""

    source: str
    records: int
    total: int


@activity
def fetch_data(source: str) -> list[int]:
    """Fetch the records; a real one would ask a server, and take its time as well."""
    time.sleep(pace)
    return [3, 1, 4, 1, 5, 9, 2, 6]


@activity
def process_data(source: str, data: list[int]) -> Summary:
    """Work on the records."""
    time.sleep(pace)
    return Summary(source=source, records=len(data), total=sum(data))


@workflow
def data_processing(source: str) -> Flow[Summary]:
    """Fetch, then process. Each `yield from` is a checkpoint: what is done there is not done again."""
    data = yield from fetch_data(source)
    summary = yield from process_data(source, data)
    return summary


def main() -> None:
    """Run the pipeline once and list all that ran so far."""
    global pace
    parser = argparse.ArgumentParser(description="A pipeline of two activities.")
    parser.add_argument("--pace", type=float, default=pace, help="seconds for each activity (default: %(default)s)")
    parser.add_argument("--db", default="data_processing.db", help="the database (default: %(default)s)")
    arguments = parser.parse_args()
    pace = arguments.pace

    with Orchestrator(arguments.db) as orchestrator:
        workflow_id = orchestrator.invoke_workflow("data_processing", source="database")
        watch(orchestrator, workflow_id)
        print("all workflows, the newest first:")
        for each in orchestrator.list_workflows():
            print(f"  {each['created_at']}  {each['id']}  {each['name']}  {each['status']}")


def watch(orchestrator: Orchestrator, workflow_id: str) -> None:
    """Print where the workflow stands, each time that it changes, and what it came to."""
    before = None
    while (status := orchestrator.get_workflow_status(workflow_id))["status"] == "processing":
        if status["current_activity"] != before:
            before = status["current_activity"]
            print(f"{status['status']}: {before}", flush=True)
        time.sleep(0.1)
    if status["status"] != "done":
        sys.exit(f"{status['status']}: {status['error_message'] or status['reason']}")
    print(f"done: {status['output']}")


if __name__ == "__main__":
    try:
        main()
    except YieldflowError as error:
        sys.exit(f"data_processing: {error}")
