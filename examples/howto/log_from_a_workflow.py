"""Log from a workflow: each line once, however often it is replayed.

What yieldflow itself logs is a topic of the reference.

More: `python -m yieldflow docs logging`
"""

import logging
import threading
from tempfile import TemporaryDirectory

import yieldflow
from yieldflow import Flow, Orchestrator, activity, wait_signal, workflow

log = yieldflow.get_logger("shop")
lines: list[str] = []
said = threading.Event()


class Collect(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        lines.append(record.getMessage())
        said.set()


logging.getLogger("shop").addHandler(Collect(logging.INFO))
logging.getLogger("shop").setLevel(logging.INFO)


@activity
def charge(order: str) -> str:
    return f"receipt-{order}"


@workflow
def logged(order_id: str) -> Flow[None]:
    receipt = yield from charge(order_id)
    log.info("charged: %s", receipt)  # silent while replaying
    yield from wait_signal("deliver")
    log.info("delivered")


with TemporaryDirectory() as folder:
    with Orchestrator(f"{folder}/shop.db") as orchestrator:
        handle = orchestrator.submit(logged("o-1"))
        assert said.wait(30)
    with Orchestrator(f"{folder}/shop.db") as orchestrator:  # replays it
        orchestrator.handle(handle.id).signal("deliver")
        orchestrator.handle(handle.id).result(timeout=30)

assert lines == ["charged: receipt-o-1", "delivered"]
