"""Watch what happens: a tracer hears of every start and end of workflows and attempts.

That is enough for spans of OpenTelemetry, for metrics, or for an audit log.

More: `python -m yieldflow docs tracing`
"""

from tempfile import TemporaryDirectory

from yieldflow import AttemptInfo, Flow, Orchestrator, RetryPolicy, Tracer, activity, activity_context, workflow

seen: list[str] = []


class Listener(Tracer):
    def attempt_started(self, attempt: AttemptInfo) -> None:
        seen.append(f"{attempt.activity} of {attempt.workflow_id}, attempt {attempt.attempt}: started")

    def attempt_ended(self, attempt: AttemptInfo, error: str | None) -> None:
        seen.append(f"{attempt.activity} of {attempt.workflow_id}, attempt {attempt.attempt}: {error or 'done'}")


@activity(retry=RetryPolicy(initial_interval=0.01))
def charge(order: str) -> str:
    if activity_context().attempt == 1:
        raise ConnectionError("bank not reached")
    return f"receipt-{order}"


@workflow
def order(order_id: str) -> Flow[str]:
    return (yield from charge(order_id))


with TemporaryDirectory() as folder, Orchestrator(f"{folder}/shop.db", tracer=Listener()) as orchestrator:
    assert orchestrator.submit(order("o-1"), workflow_id="o-1").result(timeout=30) == "receipt-o-1"

assert seen == [
    "charge of o-1, attempt 1: started",
    "charge of o-1, attempt 1: ConnectionError: bank not reached",
    "charge of o-1, attempt 2: started",
    "charge of o-1, attempt 2: done",
]
