"""Try again what failed: a retry policy for an activity, or for one call of it.

Nothing is tried again unless you ask for it, and the workflow hears of the last failure only. The status shows
`attempt`, `last_error` and `next_attempt_at`.

More: `python -m yieldflow docs RetryPolicy`
"""

from tempfile import TemporaryDirectory

from yieldflow import ActivityError, Flow, Orchestrator, RetryPolicy, activity, activity_context, workflow

keys: list[str] = []


@activity(retry=RetryPolicy(initial_interval=0.01, maximum_attempts=5, non_retryable=PermissionError))
def transfer(order: str, cents: int) -> str:
    context = activity_context()
    keys.append(context.idempotency_key)  # the same for every attempt at this step: hand it to the bank
    if context.attempt == 1:
        raise ConnectionError("bank not reached")  # tried again after about 0.01 s, then 0.02, 0.04 ...
    if context.attempt == 2:
        raise ActivityError("bank is busy", retry_after=0.05)  # tried again after 0.05 s
    if cents > 1000:
        raise ActivityError("the card is blocked", retryable=False)  # final, as a PermissionError would be
    return f"paid in attempt {context.attempt}"


@workflow
def pay(order_id: str, cents: int) -> Flow[str]:
    return (yield from transfer(order_id, cents))


@workflow
def pay_impatiently(order_id: str) -> Flow[str]:
    once = transfer(order_id, 5).with_options(retry=RetryPolicy(maximum_attempts=1), timeout=30)  # for this call
    try:
        return (yield from once)
    except ConnectionError as error:
        return f"given up: {error}"


with TemporaryDirectory() as folder, Orchestrator(f"{folder}/shop.db") as orchestrator:
    assert orchestrator.run(pay("o-1", 5)) == "paid in attempt 3"
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert orchestrator.run(pay_impatiently("o-2")) == "given up: bank not reached"
