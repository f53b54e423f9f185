"""Parents and children that the tests share."""

from __future__ import annotations

from tests.support.engine import Host, Lab
from yieldflow import Flow, sleep, wait_signal, workflow
from yieldflow._core.history import OnParentEnd
from yieldflow.store import RequestKind

LAB = Lab()
work, fail = LAB.work, LAB.fail
CANCEL, TERMINATE = RequestKind.CANCEL, RequestKind.TERMINATE
SUSPEND, RESUME = RequestKind.SUSPEND, RequestKind.RESUME


class Declined(Exception):
    """A failure with attributes of its own."""

    def __init__(self, cents: int) -> None:
        super().__init__(cents)
        self.cents = cents


@workflow(registry=LAB.registry)
def child(label: str = "child") -> Flow[str]:
    return (yield from work(label))


@workflow(registry=LAB.registry)
def sleeper(seconds: float) -> Flow[str]:
    yield sleep(seconds)
    return "rested"


@workflow(registry=LAB.registry)
def patient() -> Flow[object]:
    return (yield from wait_signal("go"))


@workflow(registry=LAB.registry)
def declined(cents: int) -> Flow[None]:
    yield work("charge")
    raise Declined(cents)


@workflow(registry=LAB.registry)
def parent_of(of: str = "patient", given: str | None = None, on_parent_end: OnParentEnd = "cancel") -> Flow[object]:
    invocation = {"patient": patient(), "child": child(), "sleeper": sleeper(3600)}[of]
    return (yield from invocation.with_options(workflow_id=given, on_parent_end=on_parent_end))


def there(host: Host) -> dict[str, str]:
    """All workflows with their status."""
    return {record.id: record.status.value for record in host.store.records()}
