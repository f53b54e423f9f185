"""Go on where a long activity was: heartbeats with details.

An attempt that is silent for longer than its `heartbeat_timeout` has failed. The next one finds the details of its
last heartbeat.

More: `python -m yieldflow docs ActivityContext.heartbeat`
"""

from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, RetryPolicy, activity, activity_context, workflow

copied: list[int] = []


@activity(heartbeat_timeout=30, retry=RetryPolicy(initial_interval=0.01))
def copy_rows(count: int) -> int:
    context = activity_context()
    start = context.heartbeat_details or 0  # where the attempt before was
    for row in range(start, count):
        copied.append(row)
        context.heartbeat(row + 1)  # "I live, and this row is next"
        if row == 2 and context.attempt == 1:
            raise ConnectionError("lost")
    return count - start  # rows of this attempt


@workflow
def copying() -> Flow[int]:
    return (yield from copy_rows(5))


with TemporaryDirectory() as folder, Orchestrator(f"{folder}/rows.db") as orchestrator:
    assert orchestrator.run(copying()) == 2
    assert copied == [0, 1, 2, 3, 4]  # none was copied twice
