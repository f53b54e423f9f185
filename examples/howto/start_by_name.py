"""Start a workflow by its name, and look at its status.

This is the untyped way, for a web form or a command line: names and dictionaries. `handle.describe()` is the same
status as an object with types.

More: `python -m yieldflow docs status`
"""

from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, UnknownWorkflowError, activity, workflow


@activity
def count(words: str) -> int:
    return len(words.split())


@workflow
def report(words: str) -> Flow[str]:
    number = yield from count(words)
    return f"{number} words"


with TemporaryDirectory() as folder, Orchestrator(f"{folder}/reports.db") as orchestrator:
    workflow_id = orchestrator.invoke_workflow("report", words="to be or not to be")
    handle = orchestrator.handle(workflow_id)
    handle.result(timeout=30)

    status = orchestrator.get_workflow_status(workflow_id)
    assert (status["name"], status["status"], status["output"]) == ("report", "done", "6 words")
    assert status["created_at"] <= status["updated_at"]  # ISO 8601, in UTC
    assert handle.describe().output == "6 words"

    (row,) = orchestrator.list_workflows("report")  # newest first
    assert row["id"] == workflow_id
    (step,) = handle.history()
    assert (step.step, step.name, step.input, step.output) == (0, "count", {"words": "to be or not to be"}, 6)

    try:
        orchestrator.invoke_workflow("reprot")
    except UnknownWorkflowError as error:
        assert "report" in str(error)  # it names those that there are
    else:
        raise AssertionError("there is no such workflow")
