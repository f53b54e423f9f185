"""List workflows in pages, and delete those that have ended.

A workflow that has ended stays in the file until it is deleted.

More: `python -m yieldflow docs Orchestrator.list_workflows`
"""

from datetime import timedelta
from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, WorkflowNotEndedError, sleep, wait_signal, workflow


@workflow
def nap(number: int) -> Flow[int]:
    yield from sleep(0)
    return number


@workflow
def wait_for_ever() -> Flow[None]:
    yield from wait_signal("never sent")


with TemporaryDirectory() as folder, Orchestrator(f"{folder}/naps.db") as orchestrator:
    for handle in orchestrator.submit_many(nap(number) for number in range(5)):
        handle.result(timeout=30)
    waiting = orchestrator.submit(wait_for_ever())

    # Newest first. One may also ask by name, id_prefix, parent, and the times of creation.
    page = orchestrator.list_workflows(status=["done", "failed"], limit=2)
    following = orchestrator.list_workflows(status=["done", "failed"], limit=2, after=page[-1]["id"])
    assert [row["output"] for row in page + following] == [4, 3, 2, 1]

    assert orchestrator.purge(older_than=timedelta(days=30)) == 0  # none ended so long ago
    orchestrator.delete(page[0]["id"])
    assert len(orchestrator.list_workflows("nap")) == 4
    assert orchestrator.purge(older_than=timedelta(0)) == 4
    try:
        orchestrator.delete(waiting.id)
    except WorkflowNotEndedError:
        pass
    else:
        raise AssertionError("it has not ended")
