"""Limit how long an activity may take.

`timeout` bounds one attempt, and `schedule_to_close_timeout` all attempts with the waits between them; then the
activity fails with `ActivityTimeoutError`. A thread cannot be killed, so a long activity asks whether it is still
wanted.

More: `python -m yieldflow docs activities`
"""

import logging
import threading
from datetime import timedelta
from tempfile import TemporaryDirectory

from yieldflow import ActivityTimeoutError, Flow, Orchestrator, RetryPolicy, activity, activity_context, workflow

release, looked = threading.Event(), threading.Event()


@activity(timeout=0.05, schedule_to_close_timeout=timedelta(minutes=10), retry=RetryPolicy(maximum_attempts=1))
def hang() -> None:
    release.wait(30)  # work that takes too long
    if activity_context().cancelled:  # a long activity looks at this now and then, and returns
        looked.set()


@workflow
def impatient() -> Flow[str]:
    try:
        yield from hang()
    except ActivityTimeoutError as error:
        return str(error)
    return "done"


@workflow(timeout=3600)  # of the workflow as a whole: then it is cancelled, and fails with WorkflowTimeoutError
def bounded() -> Flow[str]:
    return (yield from impatient())


with TemporaryDirectory() as folder, Orchestrator(f"{folder}/limits.db") as orchestrator:
    logging.getLogger("yieldflow").setLevel(logging.CRITICAL)  # a thread that goes on is a warning there
    assert orchestrator.run(bounded()) == "attempt 1 at activity 'hang' took longer than its timeout of 0.05 s"
    (attempt,) = orchestrator.health().abandoned  # its time ran out, and it still keeps a thread
    assert attempt.activity == "hang"
    release.set()
    assert looked.wait(30)
