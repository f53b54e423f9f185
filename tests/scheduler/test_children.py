"""Workflows that start workflows: their ids, what comes back, and what becomes of them when the parent ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.support.engine import SECOND, Crash, Host, Lab, WatchedStore, open_store, submission
from yieldflow import (
    Flow,
    Registry,
    StorageError,
    Workflow,
    WorkflowAlreadyExistsError,
    WorkflowCancelledError,
    WorkflowStalledError,
    WorkflowTimeoutError,
    continue_as_new,
    gather,
    info,
    race,
    sleep,
    start,
    wait_signal,
    workflow,
)
from yieldflow._core.history import OnParentEnd
from yieldflow.scheduler.messages import RequestReceived, no_reply
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


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WatchedStore]:
    with open_store(request.param, tmp_path) as opened:
        yield opened


@pytest.fixture
def host(store: WatchedStore) -> Iterator[Host]:
    LAB.performed.clear()
    made = Host(store, LAB.registry)
    yield made
    made.close()


def there(host: Host) -> dict[str, str]:
    """All workflows with their status."""
    return {record.id: record.status.value for record in host.store.records()}


# ---------------------------------------------------------------------- ids


def test_ids_are_derived_or_given(host: Host) -> None:
    """A child's id says whose it is, unless one was given; the child knows its parent."""

    @workflow(registry=LAB.registry)
    def knows() -> Flow[list[object]]:
        me = yield from info()
        return [me.workflow_id, me.parent]

    @workflow(registry=LAB.registry)
    def two() -> Flow[list[object]]:
        return list((yield from gather(knows(), knows().with_options(workflow_id="mine"))))

    host.submit(two(), "w")
    host.settle()
    assert host.output("w") == [["w:1:0", "w"], ["mine", "w"]]
    record = host.record("mine")
    assert record.parent is not None
    assert record.parent[:3] == ("w", 1, 1)


@workflow(registry=LAB.registry)
def insists() -> Flow[str]:
    try:
        return (yield from child().with_options(workflow_id="taken"))
    except WorkflowAlreadyExistsError as error:
        return f"refused: {error}"


@pytest.mark.parametrize("whose", ["ended", "running", "delayed", "a client's", "its own", "submitted in that turn"])
def test_id_in_use_raises_in_the_parent(host: Host, whose: str) -> None:
    """A child that is given the id of another workflow, whatever that is at, is refused where the parent yields it."""

    @workflow(registry=LAB.registry)
    def twice() -> Flow[str]:
        yield start(patient().with_options(workflow_id="taken"))
        return (yield from insists.fn())

    if whose == "a client's":
        host.store.submit([submission(child(), "taken", host.now)])
    elif whose in ("ended", "running", "delayed"):
        host.submit(child(), "taken", delay=60 if whose == "delayed" else None)
    if whose == "ended":
        host.work_off()
    if whose == "submitted in that turn":
        first, _ = host.asking(child(), ids=["taken"])
        second, _ = host.asking(insists(), ids=["w"])
        host.settle(first, second)
    else:
        host.submit(twice() if whose == "its own" else insists(), "w")
        host.settle()
    if whose == "its own":
        host.signal("taken", "go")
    assert host.output("w") == "refused: there is a workflow with the id 'taken' already"


def test_id_made_of_the_parent_s_is_in_use(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """Where a client took the very id that a child gets by itself, the parent stalls, and says what to do."""

    @workflow(registry=LAB.registry)
    def later() -> Flow[str]:
        yield work("first")
        return (yield from child())

    host.store.submit([submission(child(), "w:1:1", host.now)])
    host.submit(later(), "w")
    host.work_off()

    assert there(host) == {"w": "stalled", "w:1:1": "done"}
    assert host.reason("w") == (
        "a child cannot start: there is a workflow with the id 'w:1:1' already, and it is not this one's child: delete "
        "that workflow, and call retry()"
    )
    assert "defect" not in caplog.text


def test_two_parents_want_one_id(host: Host) -> None:
    """Of two parents that give the same id in the same turn one gets the child, and the other hears of it."""
    host.turn(host.asking(insists(), insists(), ids=["one", "two"])[0])
    host.work_off()
    assert host.output("one") == "CHILD"
    assert host.output("two") == "refused: there is a workflow with the id 'taken' already"


def test_id_that_a_client_takes_at_that_moment(
    host: Host, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a client takes the id just before the child is put on disk, the parent hears of it as at any other time."""
    commit = store.commit

    def overtaken(checkpoints: object) -> None:
        monkeypatch.setattr(store, "commit", commit)
        store.submit([submission(child("client's"), "taken", host.now)])
        store.commit(checkpoints)  # type: ignore[arg-type]  # handed on

    @workflow(registry=LAB.registry)
    def later() -> Flow[str]:
        yield work("first")
        return (yield from insists.fn())

    host.submit(later(), "w")
    monkeypatch.setattr(store, "commit", overtaken)
    host.work_off()
    host.advance(1)
    host.work_off()
    assert host.output("w") == "refused: there is a workflow with the id 'taken' already"
    assert (host.output("taken"), LAB.performed) == ("CLIENT'S", ["first", "client's"])


def test_refused_child_leaves_the_other_alone(host: Host) -> None:
    """A parent that goes on from the refusal, or is cancelled in it, does nothing to the workflow that has the id."""

    @workflow(registry=LAB.registry)
    def races() -> Flow[object]:
        try:
            return (yield from race(child().with_options(workflow_id="taken"), fail("at once"), sleep(0)))
        except WorkflowAlreadyExistsError:
            return (yield from wait_signal("never"))

    host.submit(patient(), "taken")
    host.submit(races(), "w")
    host.work_off()
    host.ask("w", CANCEL)
    host.settle()
    assert there(host) == {"taken": "processing", "w": "cancelled"}


# ---------------------------------------------------------------------- what comes back


def test_failure_arrives_as_its_own(host: Host) -> None:
    """A child's exception is raised where the parent yields it, with its attributes, and says which child it was."""

    @workflow(registry=LAB.registry)
    def catches() -> Flow[list[object]]:
        try:
            yield declined(500)
        except Declined as error:
            return [error.cents, *error.__notes__]
        return []

    host.submit(catches(), "w")
    host.work_off()
    output = cast("list[object]", host.output("w"))
    assert output[0] == 500
    assert any("in step 0, child declined(cents=500)" in str(note) for note in output[1:])
    assert host.status("w:1:0") == "failed"


@pytest.mark.parametrize("kind", [CANCEL, TERMINATE])
def test_childs_own_cancellation_arrives(host: Host, kind: RequestKind) -> None:
    """A child that somebody cancels or terminates is a `WorkflowCancelledError` in the parent, with the reason."""

    @workflow(registry=LAB.registry)
    def hears() -> Flow[str]:
        try:
            yield patient()
        except WorkflowCancelledError as error:
            return str(error)
        return ""

    host.submit(hears(), "w")
    host.settle()
    host.ask("w:1:0", kind, "enough")
    assert host.output("w") == "child w:1:0 was cancelled: enough"


def test_ten_thousand_children(tmp_path: Path) -> None:
    """A parent may have ten thousand children at once: three commits do, and the results come back in order."""

    @workflow(registry=LAB.registry)
    def square(number: int) -> Flow[int]:
        return number * number
        yield

    @workflow(registry=LAB.registry)
    def many(count: int) -> Flow[int]:
        squares = yield from gather(*map(square, range(count)))
        assert squares == [number * number for number in range(count)]
        return len(squares)

    with open_store("sqlite", tmp_path) as store:
        host = Host(store, LAB.registry)
        host.submit(many(10_000), "w")
        host.settle()
        assert host.output("w") == 10_000
        assert len(store.records()) == 10_001
        # As many as fit: one turn for the parent, one for all its children, one for all their ends.
        assert len(store.commits) == 3
        host.close()


def test_descendants(host: Host) -> None:
    """A child may have children of its own; a cancellation goes down to the last, and waits for all."""

    @workflow(registry=LAB.registry)
    def nested(depth: int) -> Flow[list[object]]:
        try:
            below = yield from (nested(depth - 1) if depth else patient())
            return [depth, below]
        finally:
            yield work(f"cleanup {depth}")

    host.submit(nested(3), "w")
    host.settle()
    assert len(there(host)) == 5
    host.ask("w", CANCEL, "enough")
    host.restart()
    host.work_off()
    assert set(there(host).values()) == {"cancelled"}
    assert LAB.performed == [f"cleanup {depth}" for depth in range(4)]


# ---------------------------------------------------------------------- where the parent is when the child ends


PLACES = ["resident", "restarted", "evicted", "suspended", "suspended and restarted", "stalled"]


@pytest.mark.parametrize("place", PLACES)
def test_child_ends_wherever_its_parent_is(host: Host, place: str) -> None:
    """A child's result reaches its parent wherever that is, once it can go on."""
    host.submit(parent_of(), "w")
    host.settle()
    if place == "restarted":
        host.restart()
    elif place == "evicted":
        for _ in range(9):
            host.advance(10)
    elif place.startswith("suspended"):
        host.ask("w", SUSPEND)
        if "restarted" in place:
            host.restart()
    elif place == "stalled":
        registry = Registry()
        registry.add(patient)
        host.restart(registry)
        assert host.status("w") == "stalled"
    host.signal("w:1:0", "go", "result")
    assert host.status("w:1:0") == "done"
    if place.startswith("suspended"):
        assert host.status("w") == "suspended"
        host.ask("w", RESUME)
    elif place == "stalled":
        host.registry.add(cast("Workflow[..., object]", parent_of))
        host.register(host.registry, "parent_of")
    host.settle()
    assert host.output("w") == "result"


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_crash_between_the_childs_end_and_its_parent(tmp_path: Path, kind: str) -> None:
    """If the process dies after a child ended and before its parent heard of it, the parent hears of it, once."""
    with open_store(kind, tmp_path) as store:
        host = Host(store, LAB.registry)
        host.submit(parent_of("child"), "w")
        host.settle()
        store.crash_after = len(store.commits) + 1
        with pytest.raises(Crash):
            host.settle(host.do())
        assert there(host) == {"w": "processing", "w:1:0": "done"}
        host.restart()
        assert (host.output("w"), host.tasks) == ("CHILD", [])
        assert [step.applied for step in store.steps("w")] == [1]
        host.close()


def test_child_whose_code_is_missing(host: Host) -> None:
    """A child that stalls holds up its parent, and nobody else; when it is put right, the parent goes on."""
    unknown: Workflow[[], object] = Workflow(patient.fn, name="unknown")

    @workflow(registry=(registry := Registry()))
    def trusting() -> Flow[object]:
        return (yield from unknown())

    host.restart(registry)
    host.submit(trusting(), "w")
    host.settle()
    assert there(host) == {"w": "processing", "w:1:0": "stalled"}
    assert "no workflow named 'unknown'" in host.reason("w:1:0")
    host.signal("w:1:0", "go", "result")
    registry.add(unknown)
    host.register(registry, "unknown")
    assert host.output("w") == "result"


# ---------------------------------------------------------------------- when the parent ends first


@workflow(registry=LAB.registry)
def loses(on_parent_end: OnParentEnd) -> Flow[str]:
    """Its child is no longer wanted as soon as the activity ends."""
    invocation = patient().with_options(on_parent_end=on_parent_end)
    which, _ = yield from race(invocation, work("wins"))
    return str(which)


ENDS = [("cancel", "cancelled"), ("wait", "done"), ("abandon", "done")]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(("on_parent_end", "ends"), ENDS)
@pytest.mark.parametrize("way", ["loses a race", "cancelled", "out of time", "failed"])
def test_on_parent_end(host: Host, way: str, on_parent_end: OnParentEnd, ends: str, restarted: bool) -> None:
    """A child that its parent gives up is cancelled, waited for, or left to itself, as was asked for."""

    @workflow(registry=LAB.registry)
    def fails() -> Flow[None]:
        yield start(patient().with_options(on_parent_end=on_parent_end))
        yield fail("falls over")

    if way == "out of time":
        message, _ = host.asking(loses(on_parent_end), ids=["w"])
        late = message.submissions[0]._replace(deadline_at=host.now + 10 * SECOND)
        host.settle(message._replace(submissions=[late]))
        host.advance(11)
    else:
        host.submit(fails() if way == "failed" else loses(on_parent_end), "w")
        host.settle()
        if way == "cancelled":
            host.ask("w", CANCEL)
        else:
            host.settle(host.do())
    host.settle()
    parent = {"loses a race": "done", "cancelled": "cancelled", "out of time": "failed", "failed": "failed"}[way]
    assert there(host) == {
        "w": "processing" if on_parent_end == "wait" else parent,
        "w:1:0": "cancelled" if on_parent_end == "cancel" else "processing",
    }
    if restarted:
        host.restart()
    if on_parent_end != "cancel":
        host.signal("w:1:0", "go", "result")
    host.settle()
    assert there(host) == {"w": parent, "w:1:0": ends}


@pytest.mark.parametrize("place", ["in memory", "restarted", "evicted"])
@pytest.mark.parametrize("on_parent_end", ["cancel", "wait", "abandon"])
def test_parent_is_terminated(host: Host, on_parent_end: OnParentEnd, place: str) -> None:
    """If the parent is terminated, its child is cancelled, or goes on where that was asked for."""
    host.submit(parent_of(on_parent_end=on_parent_end), "w")
    host.settle()
    if place == "restarted":
        host.restart()
    elif place == "evicted":
        for _ in range(9):
            host.advance(10)
    host.ask("w", TERMINATE)
    host.settle()
    assert there(host) == {"w": "cancelled", "w:1:0": "cancelled" if on_parent_end == "cancel" else "processing"}
    if on_parent_end == "cancel":
        assert host.reason("w:1:0") == "its parent w was terminated"
    else:
        host.signal("w:1:0", "go", "result")
        assert there(host) == {"w": "cancelled", "w:1:0": "done"}


def test_parent_is_terminated_as_it_starts_a_child(host: Host) -> None:
    """A child that its parent started in the very turn in which it is terminated is cancelled like any other."""

    @workflow(registry=LAB.registry)
    def on_signal() -> Flow[object]:
        yield wait_signal("now")
        return (yield from patient())

    host.submit(on_signal(), "w")
    signal = RequestReceived(host.request("w", RequestKind.SIGNAL, None, "now"), no_reply)
    host.settle(signal, RequestReceived(host.request("w", TERMINATE), no_reply))
    assert there(host) == {"w": "cancelled", "w:1:1": "cancelled"}


@pytest.mark.parametrize("what", ["an outcome", "a signal", "its child's end", "a timer"])
def test_nothing_reaches_a_parent_that_is_terminated_in_that_turn(host: Host, what: str) -> None:
    """What arrives together with a termination changes nothing any more."""

    @workflow(registry=LAB.registry)
    def all_of_it() -> Flow[None]:
        yield gather(work("a"), wait_signal("now"), parent_of("sleeper"), sleep(60))

    host.submit(all_of_it(), "w")
    host.settle()
    terminate = RequestReceived(host.request("w", TERMINATE), no_reply)
    if what == "an outcome":
        host.settle(terminate, host.do("a"))
    elif what == "a signal":
        host.settle(terminate, RequestReceived(host.request("w", RequestKind.SIGNAL, None, "now"), no_reply))
    elif what == "its child's end":
        host.settle(RequestReceived(host.request("w:1:2", TERMINATE), no_reply), terminate)
    else:
        host.now += 60 * SECOND
        host.settle(terminate)
    assert set(there(host).values()) == {"cancelled"}
    assert {step.status.value for step in host.store.steps("w")} == {"cancelled"}


def test_termination_that_the_disk_refuses_changes_nothing(
    host: Host, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the disk fails while a parent is being terminated, the caller hears of it, and parent and child go on."""
    host.submit(parent_of(), "w")
    host.settle()

    def broken(workflow_id: str, run: int) -> list[str]:
        raise StorageError("disk gone")

    with monkeypatch.context() as patched:
        patched.setattr(store, "open_children", broken)
        assert isinstance(host.ask("w", TERMINATE).error, StorageError)
    assert there(host) == {"w": "processing", "w:1:0": "processing"}
    store.failing_commits = 1
    assert isinstance(host.ask("w", TERMINATE).error, StorageError)
    host.advance(1)
    assert there(host) == {"w": "processing", "w:1:0": "processing"}
    host.signal("w:1:0", "go", "result")
    assert host.output("w") == "result"


def test_child_is_cancelled_when_the_disk_works_again(host: Host, store: WatchedStore) -> None:
    """If the disk fails just as a child is to be cancelled, it is cancelled a little later."""
    host.submit(loses("cancel"), "w")
    host.settle()
    host.turn(host.do("wins"))
    store.failing_commits = 1
    for _ in range(3):
        host.advance(1)
    assert there(host) == {"w": "done", "w:1:0": "cancelled"}


@pytest.mark.parametrize("restarted", [False, True])
def test_stalled_child_is_cancelled_once_it_can_go_on(host: Host, restarted: bool) -> None:
    """A child that is stalled when its parent gives it up is cancelled as soon as its code is put right."""
    host.submit(loses("cancel"), "w")
    host.settle()
    without = Registry()
    without.add(cast("Workflow[..., object]", loses))
    host.restart(without)
    host.signal("w:1:0", "another", "it is built to receive this")
    assert host.status("w:1:0") == "stalled"
    host.settle(host.do("wins"))
    assert there(host) == {"w": "processing", "w:1:0": "stalled"}
    if restarted:
        host.restart(LAB.registry)
    else:
        without.add(patient)
        host.register(without, "patient")
    host.settle()
    assert there(host) == {"w": "done", "w:1:0": "cancelled"}


def test_suspended_child_is_cancelled_with_its_parent(host: Host) -> None:
    """A child that somebody suspended ends when its parent is cancelled."""
    host.submit(parent_of(), "w")
    host.settle()
    host.ask("w:1:0", SUSPEND)
    host.restart()
    host.ask("w", CANCEL)
    host.settle()
    assert set(there(host).values()) == {"cancelled"}


def test_stalled_error_is_for_callers_only(host: Host) -> None:
    """Whoever asks a stalled child to end himself hears that it cannot, though its parent's wish is kept."""
    host.submit(loses("cancel"), "w")
    host.settle()
    without = Registry()
    without.add(cast("Workflow[..., object]", loses))
    host.restart(without)
    host.signal("w:1:0", "another")
    assert isinstance(host.ask("w:1:0", CANCEL).error, WorkflowStalledError)


# ---------------------------------------------------------------------- messages to one just born


def test_signal_to_one_just_born(host: Host, store: WatchedStore) -> None:
    """A signal that comes right after a child was put on disk is received, also where the disk fails at that moment."""
    host.turn(host.asking(parent_of(given="named"), ids=["w"])[0])
    assert there(host) == {"w": "processing", "named": "processing"}
    store.failing_looks = 1
    host.now += SECOND
    host.turn(RequestReceived(host.request("named", RequestKind.SIGNAL, "first", "go"), no_reply))
    host.advance(1)
    assert host.output("w") == "first"


@pytest.mark.parametrize("kind", [CANCEL, TERMINATE, SUSPEND])
def test_request_to_one_just_born(host: Host, kind: RequestKind) -> None:
    """What is asked of a child in the turn in which it begins is done like at any other time."""
    host.turn(host.asking(parent_of(given="named"), ids=["w"])[0])
    host.ask("named", kind, "enough")
    host.settle()
    assert host.status("named") == ("suspended" if kind is SUSPEND else "cancelled")


# ---------------------------------------------------------------------- runs and time


def test_child_that_continues_as_new(host: Host) -> None:
    """A parent waits for the last run of a child that continues as new, also over restarts."""

    @workflow(registry=LAB.registry)
    def counts(down: int) -> Flow[str]:
        yield wait_signal("go")
        return "over" if down == 0 else (yield from continue_as_new(counts(down - 1)))

    @workflow(registry=LAB.registry)
    def waits() -> Flow[str]:
        return (yield from counts(3))

    host.submit(waits(), "w")
    host.settle()
    for _ in range(4):
        assert host.status("w") == "processing"
        host.restart()
        host.signal("w:1:0", "go")
    assert (host.record("w:1:0").run, host.output("w")) == (4, "over")


def test_parent_that_continues_as_new(host: Host) -> None:
    """Each run of a parent has children of its own, and a task's child is waited for before the next run."""

    @workflow(registry=LAB.registry)
    def again(number: int, results: list[str]) -> Flow[list[str]]:
        yield start(sleeper(60))
        results = [*results, (yield from child(f"of run {number}"))]
        return results if number == 2 else (yield from continue_as_new(again(number + 1, results)))

    host.submit(again(1, []), "w")
    host.work_off()
    assert host.record("w").run == 1
    host.advance(60)
    host.work_off()
    host.advance(60)
    assert host.output("w") == ["OF RUN 1", "OF RUN 2"]
    assert there(host) == dict.fromkeys(["w", "w:1:0", "w:1:1", "w:2:0", "w:2:1"], "done")


def test_child_of_an_earlier_run(host: Host) -> None:
    """The end of a child that an earlier run left to itself is not taken for that of a child of this run."""

    @workflow(registry=LAB.registry)
    def next_run(number: int) -> Flow[object]:
        if number == 2:
            return (yield from patient())
        yield race(patient().with_options(on_parent_end="abandon"), sleep(0))
        return (yield from continue_as_new(next_run(2)))

    host.submit(next_run(1), "w")
    host.settle()
    host.signal("w:1:0", "go", "of the first run")
    assert (host.status("w"), host.status("w:1:0")) == ("processing", "done")
    host.signal("w:2:0", "go", "of the second run")
    assert host.output("w") == "of the second run"


def test_child_out_of_time(host: Host) -> None:
    """A child that is given some seconds fails in its parent with a `WorkflowTimeoutError` when they are over."""

    @workflow(registry=LAB.registry)
    def impatient() -> Flow[list[str]]:
        results = [(yield from sleeper(5).with_options(timeout=10))]
        try:
            yield sleeper(3600).with_options(timeout=10)
        except WorkflowTimeoutError as error:
            results.append(str(error))
        return results

    host.submit(impatient(), "w")
    host.settle()
    host.advance(6)
    host.restart()
    host.advance(9)
    assert host.status("w:1:1") == "processing"
    host.advance(1)
    assert host.output("w") == ["rested", "workflow 'sleeper' did not end within 10.0 s"]
    assert there(host) == {"w": "done", "w:1:0": "done", "w:1:1": "failed"}
