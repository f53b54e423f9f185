"""Do several things at once: gather.

A generator in a `gather` is a *branch*: it runs concurrently, with steps and `try`/`except` of its own. On the first
failure the others are cancelled, and then it is raised.

More: `python -m yieldflow docs cancellation`
"""

from tempfile import TemporaryDirectory

from yieldflow import Flow, Orchestrator, activity, gather, workflow


@activity(on_cancel="wait")
def charge(order: str, cents: int) -> str:
    if cents > 1000:
        raise ConnectionError("bank not reached")
    return f"{order}: {cents}"


def charge_twice(order_id: str) -> Flow[int]:
    yield from charge(order_id, 100)
    yield from charge(order_id, 200)
    return 2


@workflow
def report(orders: list[str]) -> Flow[int]:
    one, two = yield from gather(charge("o-1", 100), charge("o-2", 200))  # results in the order of the arguments
    assert (one, two) == ("o-1: 100", "o-2: 200")

    counts = yield from gather(*(charge_twice(order) for order in orders), limit=10)  # branches, ten at a time

    good, bad = yield from gather(charge("o-3", 1), charge("o-4", 5000), return_exceptions=True)
    assert good == "o-3: 1"
    assert isinstance(bad, ConnectionError)

    left_alone = charge("o-5", 5000).with_options(on_cancel="abandon")  # for one call
    try:
        yield from gather(charge("o-6", 1), left_alone)
    except ConnectionError:
        return sum(counts)
    return 0


with TemporaryDirectory() as folder, Orchestrator(f"{folder}/shop.db") as orchestrator:
    assert orchestrator.run(report([f"order-{number}" for number in range(25)])) == 50
