"""What may be asked of a workflow from outside, wherever it is: in memory, out of it, waiting, stalled or ended."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, cast

import pytest

from tests.support.engine import (
    CODEC,
    NOTICED,
    SECOND,
    START,
    Answer,
    Crash,
    Host,
    Lab,
    WatchedStore,
    open_store,
    submission,
)
from yieldflow import (
    Cancelled,
    Flow,
    Registry,
    StorageError,
    Workflow,
    WorkflowAlreadyExistsError,
    WorkflowEndedError,
    WorkflowNotFoundError,
    WorkflowStalledError,
    activity,
    gather,
    sleep,
    take_signals,
    wait_signal,
    workflow,
)
from yieldflow._core.history import Payload, Signal
from yieldflow.scheduler.messages import RequestReceived, Submit
from yieldflow.store import RequestKind

LAB = Lab()
work, fail = LAB.work, LAB.fail
SIGNAL, CANCEL, TERMINATE = RequestKind.SIGNAL, RequestKind.CANCEL, RequestKind.TERMINATE
SUSPEND, RESUME = RequestKind.SUSPEND, RequestKind.RESUME


@workflow(registry=LAB.registry)
def desk(busy: str = "") -> Flow[list[object]]:
    """Receives signals until there is one that says stop."""
    if busy:
        yield work(busy)
    got: list[object] = []
    while (item := (yield from wait_signal("in"))) != "stop":
        got.append(item)
    return got


@workflow(registry=LAB.registry)
def tidy(*labels: str) -> Flow[str]:
    try:
        yield gather(*map(work, labels), sleep(3600))
    finally:
        LAB.performed.append("plain cleanup")
        yield work("cleanup")
    return "not cancelled"


@workflow(registry=LAB.registry)
def naps() -> Flow[None]:
    yield sleep(3600)


@workflow(registry=LAB.registry)
def pair() -> Flow[list[object]]:
    return list((yield from gather(work("a"), wait_signal("in"))))


@activity(registry=LAB.registry, on_cancel="wait")
def pay(label: str) -> str:
    LAB.performed.append(label)
    return label


@workflow(registry=LAB.registry)
def pays() -> Flow[str]:
    return (yield from pay("money"))


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


# ---------------------------------------------------------------------- the places


class Place(NamedTuple):
    """Where a workflow may be, and what lets it go on from there."""

    put: Callable[[Host], None]
    free: Callable[[Host], None]


def nothing(host: Host) -> None:
    pass


def resident(host: Host) -> None:
    host.submit(desk(), "w")
    host.settle()


def dormant(host: Host) -> None:
    resident(host)
    host.restart()


def evicted(host: Host) -> None:
    resident(host)
    for _ in range(9):
        host.advance(10)


def delayed(host: Host) -> None:
    host.submit(desk(), "w", delay=60)
    host.settle()


def delayed_after_a_restart(host: Host) -> None:
    delayed(host)
    host.restart()


def suspended(host: Host) -> None:
    resident(host)
    host.ask("w", SUSPEND)
    assert host.status("w") == "suspended"


def suspended_and_evicted(host: Host) -> None:
    suspended(host)
    for _ in range(9):
        host.advance(10)


def suspended_after_a_restart(host: Host) -> None:
    suspended(host)
    host.restart()


def suspended_before_its_start(host: Host) -> None:
    delayed(host)
    host.ask("w", SUSPEND)
    host.restart()


def resumed(host: Host) -> None:
    host.ask("w", RESUME)
    host.advance(60)


def stalled(host: Host) -> None:
    host.submit(desk("busy"), "w")
    host.settle(host.do())
    host.restart(Registry())
    host.signal("w", "in", "wakes it")
    assert host.status("w") == "stalled"


def put_right(host: Host) -> None:
    host.registry.add(cast("Workflow[..., object]", desk))
    host.register(host.registry, "desk")


def to_be_built(host: Host) -> None:
    host.store.submit([submission(desk(), "w", host.now)])
    host.store.failing_loads = 1
    host.now += NOTICED
    host.turn()
    assert host.record("w").started_at is None


def a_second_later(host: Host) -> None:
    host.advance(1)


def on_probation(host: Host) -> None:
    host.turn(host.asking(desk("first"), desk("busy"), ids=["first", "w"])[0])
    for _ in range(6):
        host.restart()
    assert [task.workflow_id for task in host.tasks] == ["first"]


def everything_done(host: Host) -> None:
    while host.tasks:
        host.settle(host.do())


PLACES = {
    place.put.__name__: place
    for place in (
        Place(resident, nothing),
        Place(dormant, nothing),
        Place(evicted, nothing),
        Place(delayed, lambda host: host.advance(60)),
        Place(delayed_after_a_restart, lambda host: host.advance(60)),
        Place(suspended, resumed),
        Place(suspended_and_evicted, resumed),
        Place(suspended_after_a_restart, resumed),
        Place(suspended_before_its_start, resumed),
        Place(to_be_built, a_second_later),
        Place(on_probation, everything_done),
    )
}
STALLED = Place(stalled, put_right)
everywhere = pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
by_whom = pytest.mark.parametrize("by", ["owner", "client"])


def asked(host: Host, by: str, kind: RequestKind, value: object = None, name: str | None = None) -> Exception | None:
    """What asking it of "w" leads to: the error, if any."""
    if by == "owner":
        answer = host.ask("w", kind, value, name)
        if not answer.given:
            a_second_later(host)
        assert answer.given
        return answer.error
    host.store.ask([host.request("w", kind, value, name)])
    host.advance(NOTICED / SECOND)
    return None


def unhandled(store: WatchedStore) -> int:
    """How many requests wait in the store."""
    store.reopen()
    return len(store.arrivals().requests)


# ---------------------------------------------------------------------- wherever it is


@by_whom
@pytest.mark.parametrize("place", [*PLACES.values(), STALLED], ids=[*PLACES, "stalled"])
def test_signals_reach_it(host: Host, by: str, place: Place) -> None:
    """Signals reach a workflow wherever it is: in the order sent, each once."""
    place.put(host)
    before = [] if place is not STALLED else ["wakes it"]
    for item in (1, 2, 3, "stop"):
        assert asked(host, by, SIGNAL, item, "in") is None
    place.free(host)
    host.settle()
    assert (host.status("w"), host.output("w")) == ("done", [*before, 1, 2, 3])
    assert unhandled(host.store) == 0


@by_whom
@everywhere
def test_cancelling_ends_it(host: Host, by: str, place: Place) -> None:
    """A workflow that is cancelled ends with the reason, wherever it is; a suspended one need not be resumed."""
    place.put(host)
    if place.put is on_probation:
        message = RequestReceived(host.request("w", CANCEL, "enough"), lambda error: None)
        host.settle(message)
        everything_done(host)
    else:
        assert asked(host, by, CANCEL, "enough") is None
    a_second_later(host)
    assert (host.status("w"), host.reason("w"), host.output("w")) == ("cancelled", "enough", "Cancelled: enough")
    assert unhandled(host.store) == 0


@by_whom
@pytest.mark.parametrize("place", [*PLACES.values(), STALLED], ids=[*PLACES, "stalled"])
def test_terminating_ends_it_at_once(host: Host, by: str, place: Place) -> None:
    """A workflow that is terminated has ended when that is answered, wherever it is, with no step left open."""
    place.put(host)
    assert asked(host, by, TERMINATE, "at once") is None
    assert (host.status("w"), host.reason("w"), host.output("w")) == ("cancelled", "at once", "Cancelled: at once")
    place.free(host)
    a_second_later(host)
    assert host.status("w") == "cancelled"
    assert [step for step in host.store.steps("w") if step.status.value == "scheduled"] == []
    assert unhandled(host.store) == 0


def test_nothing_begins_of_what_could_not_be_resumed(host: Host) -> None:
    """An activity of a suspended workflow begins once it is on disk that the workflow goes on, and not before."""
    host.store.submit([submission(desk("busy"), "w")])
    host.store.ask([host.request("w", SUSPEND)])
    host.advance(1)
    assert (host.status("w"), len(host.store.steps("w")), host.tasks) == ("suspended", 1, [])
    host.store.failing_commits = 1
    refused = Answer()
    host.turn(RequestReceived(host.request("w", RESUME), refused.give))
    host.advance(10)

    assert isinstance(refused.error, StorageError)
    assert host.status("w") == "suspended"
    assert host.tasks == []
    assert host.ask("w", RESUME).error is None
    assert [task.definition.name for task in host.tasks] == ["work"]


def test_resumed_while_the_disk_is_to_say_that_it_is_suspended(host: Host) -> None:
    """A suspended workflow goes on that is resumed before it was read again, after a commit that failed."""
    suspended_after_a_restart(host)
    lost, resumption = Answer(), Answer()
    host.store.failing_commits = 1
    host.turn(RequestReceived(host.request("w", SIGNAL, 1, "in"), lost.give))
    host.turn(RequestReceived(host.request("w", RESUME), resumption.give))
    host.advance(1)

    assert isinstance(lost.error, StorageError)
    assert (resumption.given, resumption.error) == (True, None)
    assert host.status("w") == "processing"


@by_whom
@everywhere
def test_suspended_workflow_rests_until_it_is_resumed(host: Host, by: str, place: Place) -> None:
    """A suspended workflow receives nothing until it is resumed, over restarts too; then it goes on as if never."""
    place.put(host)
    assert asked(host, by, SUSPEND) is None
    assert host.status("w") == "suspended"
    for item in (1, "stop"):
        assert asked(host, by, SIGNAL, item, "in") is None
    host.advance(3600)
    host.restart()
    host.advance(1)
    assert host.status("w") == "suspended"
    assert asked(host, by, RESUME) is None
    everything_done(host)
    a_second_later(host)
    assert (host.status("w"), host.output("w")) == ("done", [1])
    assert unhandled(host.store) == 0


@pytest.mark.parametrize("kind", [CANCEL, SUSPEND])
def test_stalled_workflow_cannot_clean_up(host: Host, kind: RequestKind) -> None:
    """To cancel or suspend a stalled workflow is refused with what to do instead, and changes nothing."""
    stalled(host)
    error = asked(host, "owner", kind)
    assert isinstance(error, WorkflowStalledError)
    assert "terminate()" in str(error)
    assert host.status("w") == "stalled"


@pytest.mark.parametrize("kind", RequestKind)
def test_ended_workflow_is_asked_nothing(host: Host, kind: RequestKind) -> None:
    """Whatever is asked of a workflow that has ended, by its owner or a client, gets an error that says so."""
    resident(host)
    host.signal("w", "in", "stop")
    error = asked(host, "owner", kind, None, "in")
    assert isinstance(error, WorkflowEndedError)
    assert "has ended (done)" in str(error)
    with pytest.raises(WorkflowEndedError):
        asked(host, "client", kind, None, "in")


@pytest.mark.parametrize("kind", RequestKind)
def test_unknown_workflow_is_asked_nothing(host: Host, kind: RequestKind) -> None:
    """Whatever is asked of a workflow that is not there, by its owner or a client, gets an error that says so."""
    assert isinstance(asked(host, "owner", kind, None, "in"), WorkflowNotFoundError)
    with pytest.raises(WorkflowNotFoundError):
        asked(host, "client", kind, None, "in")


def test_request_that_comes_too_late_is_warned_of(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """What a client asked of a workflow that ends before it is noticed is logged, once, and does not stay around."""
    resident(host)
    host.store.ask([host.request("w", SIGNAL, "late", "in")])
    host.turn(RequestReceived(host.request("w", TERMINATE), lambda error: None))
    host.advance(1)
    host.restart()
    assert unhandled(host.store) == 0
    assert len([record for record in caplog.records if "what a client asked of workflow w" in record.message]) <= 1


@pytest.mark.parametrize("kind", [SIGNAL, CANCEL, SUSPEND])
def test_clients_are_noticed_within_50_ms(host: Host, kind: RequestKind) -> None:
    """What a client asks is carried out within 50 ms."""
    resident(host)
    host.advance(1)
    host.store.ask([host.request("w", kind, "stop", "in")])
    host.advance(NOTICED / SECOND)
    assert host.status("w") != "processing"


# ---------------------------------------------------------------------- commits that fail, and crashes


@pytest.mark.parametrize("kind", [SIGNAL, CANCEL, TERMINATE, SUSPEND])
@everywhere
def test_answered_once_on_disk(host: Host, place: Place, kind: RequestKind) -> None:
    """When the caller hears that it is done, it is on disk; if the disk fails, he hears that, and may ask again."""
    place.put(host)
    before = host.status("w")
    there: list[object] = []

    def look(error: Exception | None) -> None:
        loaded = host.store.load("w")
        assert loaded is not None
        there.append(error or (loaded.record.status.value, loaded.last_signal))

    host.store.failing_commits = 1
    host.settle(RequestReceived(host.request("w", kind, "stop", "in"), look))
    host.advance(5)
    if isinstance(there[:1] and there[0], StorageError):
        assert host.status("w") in (before, "processing")
        host.settle(RequestReceived(host.request("w", kind, "stop", "in"), look))
    if place.put is on_probation:
        everything_done(host)
    a_second_later(host)
    status, signals = cast("tuple[str, int]", there[-1])
    if kind is SIGNAL:
        assert signals == 1
        place.free(host)
        assert host.output("w") == []
    else:
        assert status == ("suspended" if kind is SUSPEND else "cancelled")


@pytest.mark.parametrize("kind", RequestKind)
def test_clients_request_outlives_a_disk_that_fails(host: Host, kind: RequestKind) -> None:
    """What a client asked is carried out when the disk works again, in the order asked."""
    resident(host)
    if kind is RESUME:
        host.ask("w", SUSPEND)
    host.store.ask([host.request("w", kind, item, "in") for item in ("first", "stop")])
    host.store.failing_commits = 2
    for _ in range(5):
        host.advance(1)
    assert unhandled(host.store) == 0
    expected = {SIGNAL: "done", CANCEL: "cancelled", TERMINATE: "cancelled", SUSPEND: "suspended", RESUME: "processing"}
    assert host.status("w") == expected[kind]
    if kind is SIGNAL:
        assert host.output("w") == ["first"]


def test_what_waits_for_the_next_turn_stays_behind_what_failed(host: Host) -> None:
    """A client's signal is received before one that was sent later, also if the disk fails between the two."""
    resident(host)
    host.store.ask([host.request("w", SIGNAL, "first", "in")])
    host.store.failing_commits = 1
    # To be terminated ends it with this turn, so that the signal behind it waits for the next one.
    answers: list[Exception | None] = []
    host.turn(
        *(RequestReceived(host.request("w", kind, "second", "in"), answers.append) for kind in (TERMINATE, SIGNAL))
    )
    host.advance(1)
    host.advance(1)
    assert [type(answer) for answer in answers] == [StorageError, type(None)]
    host.signal("w", "in", "stop")
    assert host.output("w") == ["first", "second"]


def test_what_waits_for_the_next_turn_stays_behind_what_is_refused(host: Host) -> None:
    """A client's signal is received before one that was sent later, also if the store refuses what it led to."""
    resident(host)
    host.store.ask([host.request("w", SIGNAL, item, "in") for item in ("first", "stop")])
    host.store.refused = {"w"}
    answers: list[Exception | None] = []
    host.turn(RequestReceived(host.request("w", SIGNAL, "behind the end", "in"), answers.append))
    host.advance(1)
    host.store.refused = set()
    loaded = host.store.load("w")
    assert loaded is not None
    kept = [CODEC.decode(signal.payload) for signal in loaded.signals]
    assert (kept, answers) == (["first", "stop", "behind the end"], [None])


def test_nothing_overtakes_what_the_disk_does_not_tell_of(host: Host) -> None:
    """If it cannot be read what clients asked before, whoever asks hears that, and may ask again."""
    resident(host)
    host.store.ask([host.request("w", SIGNAL, "first", "in")])
    host.store.failing_looks = 1
    assert isinstance(host.signal("w", "in", "second").error, StorageError)
    host.advance(1)
    assert host.signal("w", "in", "second").error is None
    host.signal("w", "in", "stop")
    assert host.output("w") == ["first", "second"]


@pytest.mark.parametrize("leave", ["by a restart", "for waiting long"])
def test_sleeper_that_is_asked_something_while_the_disk_fails(host: Host, leave: str) -> None:
    """A sleep ends in its time also if the disk failed when something was asked of its workflow out of memory."""
    host.submit(naps(), "w")
    if leave == "by a restart":
        host.restart()
    for _ in range(9):
        host.advance(10)
    host.store.failing_commits = 1
    assert isinstance(host.ask("w", RESUME).error, StorageError)
    host.advance(1)
    host.advance(3600)
    assert host.status("w") == "done"


def lives_through(host: Host, place: Place, kind: RequestKind) -> tuple[object, ...]:
    """Ask it as a client, restart where the process dies, and tell how the workflow ends."""
    host.store.ask([host.request("w", kind, item, "in") for item in ("one", "stop")])
    for _ in range(3):
        try:
            host.advance(NOTICED / SECOND)
        except Crash:
            host.store.reopen()
            host.start()
    if kind in (SUSPEND, RESUME):
        return (host.status("w"),)
    try:
        place.free(host)
        host.advance(60)
        everything_done(host)
    except Crash:
        host.restart()
        place.free(host)
        host.advance(60)
        everything_done(host)
    return host.status("w"), host.record("w").reason, host.output("w"), unhandled(host.store)


@pytest.mark.parametrize("kind", [SIGNAL, CANCEL, TERMINATE, SUSPEND])
@everywhere
def test_request_survives_a_crash(tmp_path: Path, place: Place, kind: RequestKind) -> None:
    """Wherever the workflow is and wherever the process dies, what was asked of it is done, once."""

    def life(name: str, moment: str = "", number: int = 0) -> tuple[tuple[object, ...], int, int]:
        with open_store("sqlite", tmp_path, name) as store:
            host = Host(store, LAB.registry)
            place.put(host)
            before = len(store.commits)
            if moment:
                setattr(store, f"crash_{moment}", before + number)
            result = lives_through(host, place, kind)
            host.close()
            return result, before, len(store.commits)

    whole, before, after = life("whole")
    for moment in ("before", "after"):
        for number in range(1, after - before + 1):
            assert life(f"{moment}{number}", moment, number)[0] == whole, f"a crash right {moment} commit {number}"


@pytest.mark.parametrize("moment", ["before", "after"])
def test_signals_are_received_once_in_order_whatever_crashes(tmp_path: Path, moment: str) -> None:
    """Signals of several clients are received in the order sent, each once, wherever the process dies."""
    for number in range(1, 12):
        with open_store("sqlite", tmp_path, f"{number}.db") as store:
            setattr(store, f"crash_{moment}", number)
            host = Host(store, LAB.registry)
            store.submit([submission(desk("busy"), "w", host.now)])
            sent: list[object] = [*range(6), "stop"]
            for item in sent:
                store.ask([host.request("w", SIGNAL, item, "in")])
                try:
                    host.advance(1)
                    if item == 3:
                        host.work_off()
                except Crash:
                    store.reopen()
                    host.start()
            host.finish("w")
            assert host.output("w") == sent[:-1], f"a crash right {moment} commit {number}"
            host.close()


# ---------------------------------------------------------------------- signals that are there at the start


@pytest.mark.parametrize("way", ["owner", "client", "delayed", "restart"])
def test_signals_that_are_there_at_the_start(host: Host, way: str) -> None:
    """A workflow that is submitted with signals receives them first, and those sent later after them."""
    there = [Signal(1, "in", CODEC.encode(1), host.now), Signal(2, "in", CODEC.encode(2), host.now)]
    new = submission(desk(), "w", host.now, 60 if way == "delayed" else None)._replace(signals=there)
    if way == "client" or way == "restart":
        host.store.submit([new])
    else:
        message, answer = host.asking(desk(), ids=["w"])
        host.turn(message._replace(submissions=[new]))
        assert answer.error is None
    if way == "restart":
        host.restart()
    for item in (3, "stop"):
        host.signal("w", "in", item)
    host.advance(60)
    assert host.output("w") == [1, 2, 3]


def test_start_and_signal_are_one_commit(host: Host) -> None:
    """Whoever starts a workflow with a signal needs one commit for both, and for all that the workflow does with it."""
    message, _ = host.asking(desk(), ids=["w"])
    new = message.submissions[0]._replace(signals=[Signal(1, "in", CODEC.encode("stop"), host.now)])
    before = len(host.store.commits)
    host.turn(message._replace(submissions=[new]))
    assert (host.status("w"), len(host.store.commits) - before) == ("done", 1)


@pytest.mark.parametrize("kind", RequestKind)
def test_request_that_overtakes_the_answer(host: Host, kind: RequestKind) -> None:
    """Whoever knows the id may ask before the submission was answered: he is answered after it."""
    order: list[str] = []
    message, _ = host.asking(desk(), ids=["w"])
    request = host.request("w", kind, "stop", "in")
    host.settle(
        message._replace(reply=lambda error: order.append(f"submission {error}")),
        RequestReceived(request, lambda error: order.append(f"request {error}")),
    )
    assert order == ["submission None", "request None"]
    expected = {SIGNAL: "done", CANCEL: "cancelled", TERMINATE: "cancelled", SUSPEND: "suspended", RESUME: "processing"}
    assert host.status("w") == expected[kind]


def test_signals_wait_by_their_name(host: Host) -> None:
    """A signal goes to whoever waits for its name; those of another name stay until they are asked for."""

    @workflow(registry=LAB.registry)
    def by_name() -> Flow[list[object]]:
        first = yield from wait_signal("b")
        rest = yield from gather(take_signals("a"), take_signals("b"), wait_signal("c"))
        return [first, *rest]

    host.submit(by_name(), "w")
    for name, item in (("a", 1), ("a", 2), ("c", 3), ("b", 4)):
        host.signal("w", name, item)
    assert host.output("w") == [4, [1, 2], [], 3]


@pytest.mark.parametrize(
    ("first", "expected"), [("wait", ["wait 1", "take [2, 3]"]), ("take", ["take [1, 2, 3]", "wait 4"])]
)
def test_who_asked_first_receives_first(host: Host, first: str, expected: list[str]) -> None:
    """Of two branches that ask for the same signals in one turn the first gets what it wants, the second the rest."""

    def waiting() -> Flow[str]:
        return f"wait {(yield from wait_signal('a'))}"

    def taking() -> Flow[str]:
        return f"take {(yield from take_signals('a'))}"

    @workflow(registry=LAB.registry)
    def both() -> Flow[list[str]]:
        yield wait_signal("now")
        return list((yield from gather(*((waiting(), taking()) if first == "wait" else (taking(), waiting())))))

    host.submit(both(), "w")
    for name, item in (("a", 1), ("a", 2), ("a", 3), ("now", 0), ("a", 4)):
        if host.status("w") == "processing":
            host.signal("w", name, item)
    assert host.output("w") == expected


# ---------------------------------------------------------------------- what is at work meanwhile


def test_outcomes_are_kept_while_suspended(host: Host) -> None:
    """What is at work when a workflow is suspended goes on; what comes of it is kept, over a restart too."""
    host.submit(pair(), "w")
    host.ask("w", SUSPEND)
    host.settle(host.do("a"))
    host.signal("w", "in", "b")
    assert [step.applied for step in host.store.steps("w")] == [None, None]
    host.restart()
    host.ask("w", RESUME)
    assert (host.output("w"), LAB.performed) == (["A", "b"], ["a"])


def test_cancelling_one_that_ends_as_it_is_resumed(host: Host) -> None:
    """If a suspended workflow is cancelled, and what came meanwhile lets it return at once, it has returned."""

    @workflow(registry=LAB.registry)
    def one() -> Flow[str]:
        return (yield from work("only"))

    host.submit(one(), "w")
    host.ask("w", SUSPEND)
    host.settle(host.do())
    assert isinstance(host.ask("w", CANCEL, "enough").error, WorkflowEndedError)
    assert (host.status("w"), host.output("w")) == ("done", "ONLY")


def test_cancelling_lets_it_clean_up(host: Host) -> None:
    """A workflow that is cancelled twice cleans up once, and ends with the first reason."""
    host.submit(tidy("a"), "w")
    slow = host.do("a")
    host.ask("w", CANCEL, "first")
    host.ask("w", CANCEL, "second")
    host.settle(slow)
    host.settle(host.do("cleanup"))
    assert (host.status("w"), host.output("w")) == ("cancelled", "Cancelled: first")
    assert LAB.performed == ["a", "plain cleanup", "cleanup"]


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_terminating_runs_no_cleanup(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """A workflow that is terminated gets no further command through, and late outcomes of it are dropped."""
    host.submit(tidy("a"), "w")
    slow = host.do("a")
    host.ask("w", TERMINATE)
    host.settle(slow)
    host.submit(desk(), "another")
    gc.collect()
    host.signal("another", "in", "stop")
    assert (host.status("w"), host.output("w"), host.tasks) == ("cancelled", "Cancelled: terminated", [])
    assert [record.message for record in caplog.records if "never yielded" in record.message] == []


def test_signal_is_kept_where_what_follows_is_refused(host: Host, store: WatchedStore) -> None:
    """If the store refuses what a workflow does on a client's signal, the workflow stalls, and the signal is kept."""
    resident(host)
    store.refused = {"w"}
    store.ask([host.request("w", SIGNAL, item, "in") for item in (1, "stop")])
    host.advance(1)
    assert (host.status("w"), unhandled(store)) == ("stalled", 0)
    store.refused = set()
    put_right(host)
    assert host.output("w") == [1]


@pytest.mark.parametrize("place", ["in memory", "restarted"])
def test_what_came_before_a_termination_is_kept(host: Host, place: str) -> None:
    """An outcome that came while a workflow was suspended is still to be seen after it was terminated."""
    host.submit(pair(), "w")
    host.ask("w", SUSPEND)
    host.settle(host.do("a"))
    if place == "restarted":
        host.restart()
    host.ask("w", TERMINATE)
    assert [step.status.value for step in host.store.steps("w")] == ["done", "cancelled"]
    assert host.store.steps("w")[0].outcome == CODEC.encode("A")


@pytest.mark.parametrize("restarted", [False, True])
def test_cancelled_activity_that_had_not_begun_never_runs(host: Host, restarted: bool) -> None:
    """An activity that is waited for when it is cancelled is not begun any more, by this session or the next."""
    host.submit(pays(), "w")
    host.settle()
    (attempt,) = host.tasks
    assert not restarted or host.scheduler.wants(attempt)
    host.ask("w", CANCEL)
    if restarted:
        assert host.status("w") == "processing"
        host.restart()
    assert [task for task in host.tasks if host.scheduler.wants(task)] == []
    assert (host.status("w"), LAB.performed) == ("cancelled", [])


def test_client_is_heard_when_the_disk_works_again(
    host: Host, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the disk cannot be read just as what a client asked is looked into, it is done a little later."""
    resident(host)

    def broken(workflow_id: str, run: int) -> list[str]:
        raise StorageError("disk gone")

    with monkeypatch.context() as patched:
        patched.setattr(store, "open_children", broken)
        asked(host, "client", TERMINATE, "at once")
        assert host.status("w") == "processing"
    host.advance(1)
    assert (host.status("w"), unhandled(store)) == ("cancelled", 0)


def test_damaged_workflow_does_not_keep_others_waiting(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What a client asks of a workflow with a damaged row is refused once, with the damage, and others are heard."""
    with open_store("sqlite", tmp_path) as store:
        host = Host(store, LAB.registry)
        host.turn(host.asking(desk(), desk("busy"), ids=["w", "damaged"])[0])
        with closing(sqlite3.connect(tmp_path / "workflows.db", isolation_level=None)) as vandal:
            vandal.execute("update activity_executions set kind = 'nonsense' where workflow_id = 'damaged'")
        host.restart()
        assert host.status("damaged") == "stalled"
        store.ask([host.request("damaged", TERMINATE), host.request("w", SIGNAL, "stop", "in")])
        host.advance(1)
        host.advance(1)
        assert (host.status("w"), unhandled(store)) == ("done", 0)
        assert len([record for record in caplog.records if "what a client asked" in record.message]) == 1
        host.close()


class Fragile:
    """A value that cannot be read back while ``broken``."""

    broken = False

    def __reduce__(self) -> tuple[object, ...]:
        return _revive, ()


def _revive() -> str:
    if Fragile.broken:
        raise LookupError("the module of this value is gone")
    return "revived"


@pytest.mark.parametrize("restarted", [False, True])
def test_signal_that_cannot_be_read_is_received_once(
    host: Host, monkeypatch: pytest.MonkeyPatch, restarted: bool
) -> None:
    """A signal that cannot be read back stalls the workflow; once that is mended it is received, and only once."""
    payload: Payload = CODEC.encode(Fragile())
    monkeypatch.setattr(Fragile, "broken", True)
    resident(host)
    host.settle(RequestReceived(host.request("w", SIGNAL, None, "in")._replace(payload=payload), lambda error: None))
    assert host.status("w") == "stalled"
    Fragile.broken = False
    if restarted:
        host.restart()
    else:
        host.register(LAB.registry, "desk")
    host.signal("w", "in", "stop")
    assert host.output("w") == ["revived"]


# ---------------------------------------------------------------------- time that a workflow is given


def test_time_of_a_failed_submission_is_not_held_against_the_next(host: Host) -> None:
    """If a submission with a timeout fails, a later one of the same id without a timeout has all the time it needs."""
    message, answer = host.asking(desk(), ids=["w"])
    new = message.submissions[0]._replace(deadline_at=host.now + 60 * SECOND)
    host.store.failing_commits = 1
    host.turn(message._replace(submissions=[new]))
    assert isinstance(answer.error, StorageError)
    host.advance(1)
    resident(host)
    host.advance(120)
    host.signal("w", "in", "stop")
    assert host.status("w") == "done"


def out_of_time(host: Host) -> tuple[Submit, Answer]:
    """A submission whose time is over before it comes to a turn; nobody looks meanwhile what clients wrote."""
    message, answer = host.asking(naps(), ids=["w"])
    new = message.submissions[0]._replace(deadline_at=host.now + 1)
    host.now += 2
    return message._replace(submissions=[new]), answer


def test_time_is_over_before_the_first_turn(host: Host) -> None:
    """A workflow begins although its time is over by then, and ends by a checkpoint of its own."""
    message, answer = out_of_time(host)
    host.settle(message)
    assert (answer.given, answer.error) == (True, None)
    assert (host.status("w"), host.output("w")) == (
        "failed",
        "WorkflowTimeoutError: workflow 'naps' did not end within 1e-06 s",
    )


def test_time_that_is_over_is_not_held_against_another(host: Host) -> None:
    """Where a client was faster to take the id, its workflow goes on."""
    host.turn()
    host.store.submit([submission(desk(), "w", host.now)])
    message, answer = out_of_time(host)
    host.turn(message)
    assert isinstance(answer.error, WorkflowAlreadyExistsError)
    host.settle()
    assert (host.status("w"), host.record("w").name) == ("processing", "desk")


@everywhere
def test_time_runs_out_wherever_it_is(host: Host, place: Place) -> None:
    """A workflow that has a timeout fails when its time is up, wherever it is; a suspended one when it is resumed."""
    given = host.asking

    def with_timeout(*args: object, **kwargs: object) -> object:
        message, answer = given(*args, **kwargs)  # type: ignore[arg-type]  # handed on
        until = host.now + 600 * SECOND
        return message._replace(submissions=[new._replace(deadline_at=until) for new in message.submissions]), answer

    host.asking = with_timeout  # type: ignore[assignment, method-assign]  # the same, with a deadline
    if place.put is to_be_built:
        host.store.submit([submission(desk(), "w", host.now)._replace(deadline_at=host.now + 600 * SECOND)])
    else:
        place.put(host)
    host.now = START
    host.advance(599)
    assert host.status("w") in ("processing", "suspended")
    if host.status("w") == "suspended":
        host.advance(10)
        host.ask("w", RESUME)
    everything_done(host)
    host.advance(1)
    a_second_later(host)
    # It is counted from the start, where that is delayed.
    given_time = 540.0 if host.record("w").starts_at else 600.0
    out_of_time = f"WorkflowTimeoutError: workflow 'desk' did not end within {given_time} s"
    assert (host.status("w"), host.output("w")) == ("failed", out_of_time)


def test_cancelled_error_is_seen_by_the_code(host: Host) -> None:
    """The code hears the reason for which it is cancelled, and may return instead."""

    @workflow(registry=LAB.registry)
    def hears() -> Flow[str]:
        try:
            yield wait_signal("never")
        except Cancelled as error:
            return str(error)
        return ""

    host.submit(hears(), "w")
    host.ask("w", CANCEL, "enough")
    assert (host.status("w"), host.output("w")) == ("done", "enough")
