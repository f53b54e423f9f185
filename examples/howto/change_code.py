"""Change a workflow that is under way.

On replay each step is compared with the recorded one. Code that does something else sets the workflow aside as
`stalled`, until the code is put right. For a change that old workflows must not see, ask `patched`.

More: `python -m yieldflow docs changing-code`
"""

from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, Registry, activity, patched, wait_signal, workflow


@activity
def note(text: str) -> str:
    return text


old, wrong, right = Registry(), Registry(), Registry()  # the program of last week, and two of today


@workflow("order", registry=old, version="1")
def order_of_last_week() -> Flow[str]:
    yield from wait_signal("go")
    return "old"


@workflow("order", registry=wrong, version="2")
def changed_carelessly() -> Flow[str]:
    yield from note("new step")
    yield from wait_signal("go")
    return "new"


@workflow("order", registry=right, version="2")  # kept with each workflow, and shown on a mismatch
def changed_with_care() -> Flow[str]:
    added = yield from patched("note-first")  # False where this run is already past here without it
    if added:
        yield from note("new step")
    yield from wait_signal("go")
    return "new" if added else "old"


with TemporaryDirectory() as folder:
    with Orchestrator(f"{folder}/shop.db", registry=old) as orchestrator:
        orchestrator.submit(order_of_last_week(), workflow_id="o-1")
    assert "recorded: " in str(Orchestrator(f"{folder}/shop.db", registry=wrong).check_replay())
    with Orchestrator(f"{folder}/shop.db", registry=right) as orchestrator:
        assert orchestrator.check_replay().ok
        orchestrator.handle("o-1").signal("go")
        assert orchestrator.handle("o-1").result(timeout=30) == "old"
        assert orchestrator.submit(changed_with_care(), signal=("go", None)).result(timeout=30) == "new"
