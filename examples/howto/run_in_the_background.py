"""Do something in the background of a workflow: start, and wait for it later or cancel it.

`start` takes a command, a generator, a child, a sleep, and gives a `Task` at once.

More: `python -m yieldflow docs start`
"""

from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, TaskCancelledError, activity, cancel, sleep, start, workflow


@activity
def charge(order: str, cents: int) -> str:
    return f"{order}: {cents}"


@workflow
def background(order_id: str) -> Flow[list[str]]:
    task = yield from start(charge(order_id, 100))
    reminder = yield from start(sleep(3600))
    receipt = yield from charge(order_id, 200)  # both go on meanwhile

    yield from cancel(reminder)
    try:
        yield from reminder
    except TaskCancelledError:
        pass
    else:
        raise AssertionError("it was cancelled")

    first = yield from task  # wait for it, as often as you like
    again = yield from task
    assert again == first
    return [first, receipt]


with TemporaryDirectory() as folder, Orchestrator(f"{folder}/shop.db") as orchestrator:
    assert orchestrator.run(background("o-1")) == ["o-1: 100", "o-1: 200"]
