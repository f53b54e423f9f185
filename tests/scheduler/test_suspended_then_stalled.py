"""A suspended workflow whose code does not replay stalls when it has to run; put right, it takes everything again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations, product
from pathlib import Path
from typing import cast

import pytest

from tests.support.engine import NOTICED, SECOND, Host, Lab, WatchedStore, open_store
from tests.support.lifecycle import rewind, tracked
from yieldflow import (
    Flow,
    Registry,
    Workflow,
    WorkflowEndedError,
    WorkflowNotEndedError,
    WorkflowStalledError,
    wait_signal,
    workflow,
)
from yieldflow.store import RequestKind

LAB = Lab()
work = LAB.work
by_whom = pytest.mark.parametrize("by", ["owner", "client"])


@workflow(registry=LAB.registry)
def desk() -> Flow[list[object]]:
    """Receive signals until one says stop."""
    got: list[object] = []
    while (item := (yield from wait_signal("in"))) != "stop":
        got.append(item)
    return got


def changed_code() -> Workflow[..., object]:
    """Other code under the same name, to which the history does not fit."""

    @workflow(name="desk")
    def changed() -> Flow[str]:
        return (yield from work("something else"))

    return cast("Workflow[..., object]", changed)


class Story:
    """One workflow, "w", to which things happen one after another."""

    def __init__(self, store: WatchedStore, by: str = "owner") -> None:
        registry = Registry()
        registry.add(cast("Workflow[..., object]", desk))
        self.host, self.by = Host(store, registry), by
        self.host.submit(desk(), "w")
        self.host.settle()

    @property
    def status(self) -> str:
        return self.host.status("w")

    def ask(self, kind: RequestKind) -> None:
        """Ask it of the workflow, and see that the answer fits where it stood before, and stands now."""
        before = self.status
        value, name = ("hello", "in") if kind is RequestKind.SIGNAL else (None, None)
        if self.by == "client" and before not in ("done", "cancelled"):
            self.host.store.ask([self.host.request("w", kind, value, name)])
            self.host.advance(NOTICED / SECOND)
            assert self.host.store.inner.arrivals().requests == []
            return
        answer = self.host.ask("w", kind, value, name)
        assert answer.given, f"{kind} of a {before} workflow is answered in the turns that follow at once"
        needs_code = kind in (RequestKind.CANCEL, RequestKind.SUSPEND)
        if before in ("done", "cancelled"):
            assert isinstance(answer.error, WorkflowEndedError)
        elif needs_code and self.status == "stalled":
            assert isinstance(answer.error, WorkflowStalledError)
        else:
            assert answer.error is None

    def suspend(self) -> None:
        self.ask(RequestKind.SUSPEND)

    def resume(self) -> None:
        self.ask(RequestKind.RESUME)

    def cancel(self) -> None:
        self.ask(RequestKind.CANCEL)

    def terminate(self) -> None:
        self.ask(RequestKind.TERMINATE)

    def signal(self) -> None:
        self.ask(RequestKind.SIGNAL)

    def retry(self) -> None:
        """Retry it, which is refused while it is processing or suspended."""
        try:
            rewind(self.host, "w")
        except WorkflowNotEndedError:
            assert self.status in ("processing", "suspended")
        self.host.advance(NOTICED / SECOND)

    def leave(self) -> None:
        """It leaves memory, since nothing happens for long."""
        self.host.advance(90)
        self.host.advance(90)

    def restart(self) -> None:
        self.host.restart()

    def break_code(self) -> None:
        self.host.registry.add(changed_code())

    def mend(self) -> None:
        """Put the code right, in a way that nobody tells the session of."""
        self.host.registry.add(cast("Workflow[..., object]", desk))

    def register(self) -> None:
        self.mend()
        self.host.register(self.host.registry, "desk")

    def check_takes_everything(self) -> None:
        """See that it is processing, and is paused, goes on and ends at once when asked to."""
        host = self.host
        assert self.status == "processing"
        for kind, status in ((RequestKind.SUSPEND, "suspended"), (RequestKind.RESUME, "processing")):
            answer = host.ask("w", kind)
            assert (answer.given, answer.error, self.status) == (True, None, status)
        answer = host.ask("w", RequestKind.CANCEL)
        assert (answer.given, answer.error, self.status) == (True, None, "cancelled")
        assert tracked(host) == {}

    def close(self) -> None:
        self.host.close()


@by_whom
@pytest.mark.parametrize("leaves", [Story.leave, Story.restart])
@pytest.mark.parametrize("goes_on", [Story.resume, Story.retry, Story.register])
@pytest.mark.parametrize("at_once", ["cancel", "suspend"])
def test_a_stall_leaves_nothing_behind(
    store: WatchedStore, by: str, leaves: Callable[[Story], None], goes_on: Callable[[Story], None], at_once: str
) -> None:
    """A suspended workflow that stalls when it is cancelled is cancelled and paused at once when its code is right."""
    story = Story(store, by)
    story.suspend()
    leaves(story)
    story.break_code()
    story.cancel()
    assert story.status == "stalled"
    assert tracked(story.host) == {}
    story.mend()
    goes_on(story)
    assert story.status == "processing"
    answer = story.host.ask("w", RequestKind(at_once))
    assert (answer.given, answer.error) == (True, None)
    assert story.status == {"cancel": "cancelled", "suspend": "suspended"}[at_once]
    story.close()


#: All that may happen to it while its code is wrong, or once it is right again.
ACTS = {
    act.__name__: act
    for act in (
        Story.suspend,
        Story.resume,
        Story.cancel,
        Story.terminate,
        Story.signal,
        Story.retry,
        Story.leave,
        Story.restart,
    )
}


@by_whom
@pytest.mark.parametrize("first", ACTS)
def test_wrong_code_of_a_suspended_workflow_in_each_order(by: str, first: str, tmp_path: Path) -> None:
    """Whatever is asked of a suspended workflow while its code is wrong, and after: it then takes everything again."""
    for second, third, mended_at in product(ACTS, ["suspend", "resume", "cancel", "retry"], (1, 2)):
        _try("memory", tmp_path, by, [first, second, third], mended_at)
    for second in ACTS:
        _try("sqlite", tmp_path, by, [first, second], 1)


@by_whom
def test_everything_once_in_each_order(by: str, tmp_path: Path) -> None:
    """Suspended, out of memory, its code broken, cancelled and mended, in each order: it then takes everything."""
    for order in permutations(["suspend", "restart", "break_code", "cancel", "mend"]):
        _try("memory", tmp_path, by, list(order), None)


def _try(kind: str, folder: Path, by: str, acts: list[str], mended_at: int | None) -> None:
    """Have this happen; where it is said when the code is mended, the workflow is suspended and the code is wrong."""
    with open_store(kind, folder, f"{'-'.join(acts)}-{mended_at}.db") as store:
        story = Story(store, by)
        try:
            if mended_at is not None:
                story.suspend()
                story.break_code()
            for place, act in enumerate(acts):
                if place == mended_at:
                    story.mend()
                getattr(story, act)()
            story.register()
            story.host.advance(NOTICED / SECOND)
            if story.status == "suspended":
                story.resume()
            if story.status == "cancelled":
                assert tracked(story.host) == {}
                story.retry()
            story.check_takes_everything()
        except BaseException as error:
            error.add_note(f"by the {by}: {acts}, mended at {mended_at}")
            raise
        finally:
            story.close()
