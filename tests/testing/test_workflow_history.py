"""Histories as values: saved as JSON, and replayed against today's code."""

from __future__ import annotations

import base64
import json
import pickle
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.stepper_shop import charge, order, ship
from tests.support.tasks import WAIT
from yieldflow import (
    CommandError,
    EncodingError,
    Flow,
    Orchestrator,
    Registry,
    ReplayMismatchError,
    StepStatus,
    WorkflowHistory,
    activity,
    gather,
    patched,
    race,
    sleep,
    wait_signal,
    workflow,
)
from yieldflow.testing import Stepper, replay

Body = Callable[[], Flow[Any]]


@dataclass(frozen=True)
class Parcel:
    number: int


registry = Registry()


@activity(registry=registry)
def pack(number: int) -> Parcel:
    if number < 0:
        raise ValueError("no such parcel")
    return Parcel(number)


@activity(registry=registry)
def send(parcel: Parcel) -> str:
    return f"sent {parcel.number}"


@workflow(registry=registry)
def posting(number: int) -> Flow[str]:
    if (yield from patched("careful")):
        with suppress(ValueError):
            yield from pack(-number)
    parcels = yield from gather(pack(number), wait_signal("stamp"))
    yield from sleep(0)
    return (yield from send(parcels[0]))


def stepped() -> Stepper[str]:
    flow = Stepper(order("o-1", cents=500), workflow_id="o-1")
    flow.resolve("receipt")
    flow.signal("approve", {"by": "ann"})
    flow.fail(ConnectionError("down"))
    flow.advance(1)
    flow.signal("late")
    return flow


# ---------------------------------------------------------------------- as JSON


def test_a_history_is_read_from_top_to_bottom() -> None:
    """As JSON each step and each event is an object in a line of its own, with names, arguments, outcomes and lines."""
    flow = stepped()
    flow.resolve("parcel")
    tree = json.loads(flow.history.to_json())
    entries = tree["history"]

    assert [next(iter(entry)) for entry in entries] == [
        "started", "step", "ended", "step", "step", "ended", "step", "ended",
    ]  # fmt: skip
    assert entries[1].items() >= {"step": 0, "activity": "charge"}.items()
    assert entries[1]["arguments"] == {"order": "o-1", "cents": 500}
    assert "shop.py:" in entries[1]["line"]
    assert entries[2].items() >= {"ended": 0, "name": "charge", "value": "receipt"}.items()
    assert entries[3]["wait_signal"] == "approve"
    assert entries[-1].items() >= {"ended": 3, "name": "ship", "value": "parcel", "attempt": 2}.items()
    assert [signal["name"] for signal in tree["signals"]] == ["late"]


def test_a_history_comes_back_from_its_text(tmp_path: Path) -> None:
    """Saved and loaded it is equal, and replays to where it was."""
    flow = stepped()
    flow.history.save(tmp_path / "o-1.json")
    history = WorkflowHistory.load(tmp_path / "o-1.json")

    assert history.to_json() == flow.history.to_json()
    assert str(replay(order, history).pending) == "[ship(order='o-1') <attempt 2 in 1 s>]"


def test_failures_come_back_as_they_were() -> None:
    """A recorded failure is raised again as its own type, a cancellation is applied again."""
    flow = Stepper(order("o-1", 5))
    flow.fail(KeyError("no order"))
    other = Stepper(order("o-1", 5))
    other.cancel("enough")

    again = replay(order, WorkflowHistory.from_json(flow.history.to_json()))
    assert repr(again.exception) == "KeyError('no order')"
    assert replay(order, WorkflowHistory.from_json(other.history.to_json())).reason == "enough"


def test_what_has_tags_is_kept_as_it_is() -> None:
    """A value that JSON has no type for stands there as the JSON that is stored of it, and comes back from that."""
    flow = Stepper(posting(7))
    flow.fail(ValueError("no such parcel"))
    flow.resolve(pack(7), Parcel(7))
    flow.signal("stamp", Parcel(1))
    flow.advance(0)
    text = flow.history.to_json()
    kept = json.loads(text)["history"][-1]["arguments, tagged"]["parcel"]

    assert kept == {"$object": f"{__name__}:Parcel", "number": 7}
    assert replay(posting, WorkflowHistory.from_json(text)).pending == [send(Parcel(7))]


DEEP: Any = ()
for _ in range(90):
    DEEP = (DEEP,)


@activity(registry=registry)
def tell(value: Any) -> Any:
    raise AssertionError("a stepper runs no activity")


@workflow(registry=registry)
def telling(value: Any) -> Flow[Any]:
    return (yield from tell((yield from tell(value))))


@pytest.mark.parametrize(
    "value",
    [{"$decimal": "1"}, [Decimal("12.50"), float("nan")], {1: "é"}, "\ud800 alone", DEEP, 10**5000, Counter("aab")],
    ids=["a key like a tag", "tags", "a dict of pairs", "half a character", "depth", "digits", "a pickle"],
)
def test_any_value_comes_back_from_a_saved_history(value: Any) -> None:
    """Arguments and outcomes of any kind are in the text, which is JSON, and are as they were when it is read."""
    flow = Stepper(telling(value))
    flow.resolve(value)
    text = flow.history.to_json()
    again = WorkflowHistory.from_json(text)

    assert again.to_json() == text
    for there, was in zip(again.loaded.history[:2], flow.history.loaded.history[:2], strict=True):
        assert list(there) == list(was)
    assert repr(replay(telling, again).pending) == repr([tell(value)])


def test_a_history_that_an_older_version_saved_is_read() -> None:
    """Older versions kept values that are no JSON as base64 of a pickle, and half a character as it is in JSON."""
    flow = Stepper(posting(7))
    flow.fail(ValueError("no such parcel"))
    flow.resolve(pack(7), Parcel(7))
    flow.signal("stamp", "\ud800")
    flow.advance(0)
    tree = json.loads(flow.history.to_json())
    older = {"arguments": {"parcel": Parcel(7)}, "value": Parcel(7)}
    for entry in tree["history"]:
        if entry.get("name") == "stamp":
            del entry["value, tagged"]
            entry["value"] = "\ud800"
        for name in [name for name in older if f"{name}, tagged" in entry]:
            del entry[f"{name}, tagged"]
            kept = base64.b64encode(pickle.dumps(older[name])).decode()
            entry[f"{name}, pickled"] = {"note": "<pickled, 99 bytes>", "base64": kept}
    history = WorkflowHistory.from_json(json.dumps(tree))

    assert "arguments, pickled" in history.to_json()
    assert replay(posting, history).pending == [send(Parcel(7))]


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "[" * 100_000, '{"yieldflow history": 99}', '{"yieldflow history": 1}']
)
def test_what_is_no_history_is_refused(text: str) -> None:
    """Text that to_json() did not write is told as such."""
    with pytest.raises(ValueError, match=r"this is no history that to_json\(\) wrote"):
        WorkflowHistory.from_json(text)


def places_in(tree: Any) -> list[tuple[Any, Any]]:
    """Every part of a tree: what it is in, and under which key or number."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [place for key, inner in items for place in [(tree, key), *places_in(inner)]]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["a" * 32, "sleep"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
TEXTS = [
    stepped().history.to_json(),
    *(flow.history.to_json() for flow in [Stepper(posting(7)), Stepper(order("o", 1))]),
]


@settings(max_examples=300)
@given(st.sampled_from(TEXTS), st.data())
def test_a_history_that_was_changed_is_refused_or_replayed(text: str, data: st.DataObject) -> None:
    """Whatever stands in the place of whatever part of a history, it is no history, does not replay, or does."""
    tree = json.loads(text)
    inside, key = data.draw(st.sampled_from(range(len(places_in(tree)))).map(lambda number: places_in(tree)[number]))
    if data.draw(st.booleans()):
        inside[key] = data.draw(JSON)
    else:
        del inside[key]
    try:
        history = WorkflowHistory.from_json(json.dumps(tree))
    except ValueError:
        return
    assert WorkflowHistory.from_json(history.to_json()).to_json() == history.to_json()
    for definition in (order, posting):
        with suppress(ReplayMismatchError, EncodingError):
            str(replay(definition, history))


def test_a_history_is_a_list_of_steps() -> None:
    """flow.history has what handle.history() has: a description of each step."""
    history = stepped().history

    assert [(step.name, step.status, step.attempt) for step in history] == [
        ("charge", StepStatus.DONE, 1),
        ("approve", StepStatus.DONE, 1),
        ("sleep", StepStatus.CANCELLED, 1),
        ("ship", StepStatus.SCHEDULED, 2),
    ]
    assert (history[0].output, history[3].last_error) == ("receipt", "ConnectionError: down")


# ---------------------------------------------------------------------- of a real engine


def test_a_run_of_the_real_engine_replays(tmp_path: Path) -> None:
    """What handle.history() returns goes through JSON, and replays in a test."""
    with Orchestrator(tmp_path / "post.db", registry=registry) as orchestrator:
        handle = orchestrator.submit(posting(7), workflow_id="p-7")
        handle.signal("stamp", Parcel(1))
        assert handle.result(timeout=WAIT) == "sent 7"
        history = handle.history()

    assert isinstance(history, list)
    assert [step.name for step in history] == ["pack", "pack", "stamp", "sleep", "send"]
    flow = replay(posting, WorkflowHistory.from_json(history.to_json()))
    assert (flow.result, flow.history.to_json()) == ("sent 7", history.to_json())


def test_a_workflow_of_the_real_engine_goes_on_in_a_test(tmp_path: Path) -> None:
    """One that is under way is replayed to where it is, and goes on there as the test says."""
    with Orchestrator(tmp_path / "post.db", registry=registry) as orchestrator:
        handle = orchestrator.submit(posting(7))
        while len(handle.history()) < 3 or handle.history()[1].applied is None:
            pass
        flow = replay(posting, handle.history())
        handle.terminate()

    assert flow.pending == [wait_signal("stamp")]
    flow.signal("stamp")
    flow.advance(0)
    flow.resolve("sent by hand")
    assert flow.result == "sent by hand"


def test_what_was_terminated_replays_to_where_it_was(tmp_path: Path) -> None:
    """The history of a terminated workflow is what its code makes of it; its open steps were cancelled from outside."""
    others = Registry()

    @workflow(registry=others)
    def racing() -> Flow[object]:
        yield from race(sleep(0), sleep(3600))
        return (yield wait_signal("stamp"))

    with Orchestrator(tmp_path / "post.db", registry=others) as orchestrator:
        handle = orchestrator.submit(racing())
        while len(handle.history()) < 3:
            pass
        handle.terminate()
        history = handle.history()

    for each in (history, WorkflowHistory.from_json(history.to_json())):
        assert [step.status for step in each] == [StepStatus.DONE, StepStatus.CANCELLED, StepStatus.CANCELLED]
        assert replay(racing, each).pending == [wait_signal("stamp")]


# ---------------------------------------------------------------------- against today's code


def today(body: Body) -> Any:
    @workflow(name="order", registry=Registry())
    def order(order_id: str, cents: int) -> Flow[Any]:
        return (yield from body())

    return order


def test_a_change_of_the_code_is_told_with_line_and_variables() -> None:
    """replay() raises with the step, what was recorded, what was yielded, the line, and the variables there."""

    def dearer() -> Flow[str]:
        price = 600
        yield from charge("o-1", price)
        return "done"

    with pytest.raises(ReplayMismatchError) as caught:
        replay(today(dearer), stepped().history)
    message = str(caught.value)

    assert message.startswith("workflow 'order' (o-1) no longer does what its history records at step 0:\n")
    assert "\n  recorded: activity charge(order='o-1', cents=500) at " in message
    assert "\n  yielded:  activity charge(order='o-1', cents=600) at " in message
    assert '\n    yield from charge("o-1", price)\n    price = 600' in message
    assert caught.value.step == 0


def test_the_variables_are_those_of_the_innermost_generator() -> None:
    """In a helper, by `yield` or by `yield from`, its own variables are shown, cut to a sane length."""

    def helping(secret: str) -> Flow[None]:
        yield from charge("o-1", 7)

    def through_a_helper() -> Flow[None]:
        yield helping("x" * 1000)

    with pytest.raises(ReplayMismatchError) as caught:
        replay(today(through_a_helper), stepped().history)

    assert "    secret = 'xxx" in str(caught.value)
    assert len(str(caught.value)) < 1500


def test_history_that_is_left_over_is_a_mismatch() -> None:
    """Code that ends before a recorded outcome does not fit."""

    def shorter() -> Flow[str]:
        return (yield from charge("o-1", 500))

    with pytest.raises(ReplayMismatchError, match=r"recorded: wait_signal\('approve'\).*\n  yielded:  nothing"):
        replay(today(shorter), stepped().history)


def test_a_replay_can_have_other_arguments() -> None:
    """Called with its arguments, the workflow has those in place of the recorded ones."""
    with pytest.raises(ReplayMismatchError, match="cents=700"):
        replay(order("o-1", cents=700), stepped().history)
    assert replay(order("o-1", cents=500), stepped().history).pending == [ship("o-1")]


def test_only_a_history_can_be_replayed() -> None:
    """A plain list of steps is refused, with what to give."""
    with pytest.raises(TypeError, match=r"replay\(\) takes what handle\.history\(\) or flow\.history gave"):
        replay(order, list(stepped().history))  # type: ignore[arg-type]  # what is refused
    with pytest.raises(TypeError, match=r"replay\(\) takes a workflow, not"):
        replay(charge, stepped().history)  # type: ignore[arg-type]  # what is refused


def test_a_replayed_workflow_can_be_retried() -> None:
    """A failed run of yesterday is retried in a test under today's code."""
    flow = Stepper(order("o-1", 5))
    flow.fail(ConnectionError("down"))
    again = replay(order, WorkflowHistory.from_json(flow.history.to_json()))
    again.retry()

    assert again.pending == [charge("o-1", 5)]
    with pytest.raises(CommandError, match="has not ended"):
        _ = again.result


def test_what_was_dropped_stays_dropped_after_a_replay() -> None:
    """A step that lost a race before the failure is not waited for again by a retry of the replayed workflow."""

    @workflow(registry=registry)
    def racing() -> Flow[str]:
        yield from race(pack(1), pack(2))
        return (yield from send(Parcel(1)))

    flow = Stepper(racing())
    flow.resolve(pack(1), Parcel(1))
    flow.fail(ConnectionError("down"))
    again = replay(racing, WorkflowHistory.from_json(flow.history.to_json()))
    again.retry()
    again.crash()

    assert again.pending == [send(Parcel(1))]
