"""Start a workflow, wait for its result, and find it again later.

When `submit` returns, the workflow is on disk: a crash after that loses nothing. In asyncio, `await handle` waits
without blocking, and `await asyncio.to_thread(orchestrator.submit, ...)` submits.

More: `python -m yieldflow docs orchestrator`
"""

from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, WorkflowAlreadyExistsError, activity, workflow


@activity
def fetch(source: str) -> dict[str, int]:
    return {"apples": 3, "pears": 4}


@workflow
def pipeline(source: str) -> Flow[int]:
    stock = yield from fetch(source)
    return sum(stock.values())


with TemporaryDirectory() as folder:
    with Orchestrator(f"{folder}/pipeline.db") as orchestrator:
        assert orchestrator.run(pipeline("database")) == 7  # submit, and wait

        handle = orchestrator.submit(pipeline("database"), workflow_id="nightly-2026-11-23")
        assert handle.result(timeout=30) == 7

        # The same invocation under the same id attaches to the workflow that is there: it runs once.
        again = orchestrator.submit(pipeline("database"), workflow_id="nightly-2026-11-23")
        assert again.result(timeout=30) == 7
        try:
            orchestrator.submit(pipeline("archive"), workflow_id="nightly-2026-11-23")
        except WorkflowAlreadyExistsError as error:
            assert "nightly-2026-11-23" in str(error)
        else:
            raise AssertionError("another invocation has taken the id")

        later = orchestrator.submit(pipeline("database"), delay=0.05)  # seconds, or a timedelta
        many = orchestrator.submit_many(pipeline(name) for name in ("a", "b", "c"))  # one transaction, all or none
        assert [one.result(timeout=30) for one in [later, *many]] == [7, 7, 7, 7]

    # After a restart, the id is enough.
    with Orchestrator(f"{folder}/pipeline.db") as orchestrator:
        assert orchestrator.handle("nightly-2026-11-23").result(timeout=30) == 7
