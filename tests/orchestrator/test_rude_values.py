"""Values whose own code raises what no value should: an error about the value, and all others go on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs.launch import WAIT
from tests.support.shop import until, until_waiting
from yieldflow import (
    EncodingError,
    Flow,
    Orchestrator,
    Registry,
    WorkflowStatus,
    activity,
    activity_context,
    continue_as_new,
    set_progress,
    sleep,
    wait_signal,
    workflow,
)

registry = Registry()

KINDS: list[type[BaseException]] = [KeyboardInterrupt, SystemExit, GeneratorExit, BaseException]
#: What raises when.
RUDE: dict[str, type[BaseException] | None] = {"pickle": None, "load": None, "equal": None, "repr": None}


def be_rude(how: str) -> None:
    kind = RUDE[how]
    if kind is not None:
        raise kind("rude")


class Rude:
    """Raises in the midst of whatever is done with it."""

    def __reduce__(self) -> tuple[Callable[[], Rude], tuple[()]]:
        be_rude("pickle")
        return rude, ()

    def __eq__(self, other: object) -> bool:
        be_rude("equal")
        return isinstance(other, Rude)

    def __hash__(self) -> int:
        be_rude("equal")
        return 0

    def __repr__(self) -> str:
        be_rude("repr")
        return "Rude()"


def rude() -> Rude:
    be_rude("load")
    return Rude()


@activity(registry=registry)
def takes(value: object) -> None:
    pass


@activity(registry=registry)
def returns() -> object:
    return Rude()


@activity(registry=registry)
def beats() -> None:
    activity_context().heartbeat(Rude())


@workflow(registry=registry)
def child(value: object) -> Flow[int]:
    yield from sleep(0)
    return 1


@workflow(registry=registry)
def passes_to_an_activity() -> Flow[None]:
    yield from takes(Rude())


@workflow(registry=registry)
def passes_to_a_child() -> Flow[int]:
    return (yield from child(Rude()))


@workflow(registry=registry)
def passes_to_its_next_run() -> Flow[Any]:
    return (yield from continue_as_new(child(Rude())))


@workflow(registry=registry)
def shows_as_progress() -> Flow[None]:
    yield from set_progress(Rude())


@workflow(registry=registry)
def gives_back() -> Flow[object]:
    yield from sleep(0)
    return Rude()


@workflow(registry=registry)
def receives() -> Flow[object]:
    return (yield from returns())


@workflow(registry=registry)
def reports() -> Flow[None]:
    yield from beats()


@workflow(registry=registry)
def waits_with_one() -> Flow[int]:
    yield from takes(Rude())
    yield from wait_signal("go")
    return 1


@pytest.fixture(autouse=True)
def polite() -> Iterator[None]:
    yield
    RUDE.update(dict.fromkeys(RUDE))


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orchestrator]:
    with Orchestrator(tmp_path_factory.mktemp("rude") / "rude.db", registry=registry) as started:
        yield started


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["pickle", "load"])
@pytest.mark.parametrize(
    "rude_workflow",
    [
        passes_to_an_activity,
        passes_to_a_child,
        passes_to_its_next_run,
        shows_as_progress,
        gives_back,
        receives,
        reports,
    ],
)
def test_a_value_that_raises_while_it_is_stored(
    started: Orchestrator,
    caplog: pytest.LogCaptureFixture,
    rude_workflow: Any,
    how: str,
    kind: type[BaseException],
) -> None:
    """The workflow gets an EncodingError that names the value and what it raised, whatever that is; nothing stalls."""
    RUDE[how] = kind
    with caplog.at_level(logging.WARNING, "yieldflow"), pytest.raises(EncodingError) as caught:
        started.run(rude_workflow())
    assert f"a {__name__}.Rude (" in str(caught.value)
    assert f"{kind.__name__}: rude" in str(caught.value)
    assert "defect" not in caplog.text
    RUDE[how] = None
    assert started.run(child(1)) == 1


@pytest.mark.parametrize("kind", [SystemExit, GeneratorExit, BaseException])
def test_an_argument_of_a_submission_that_raises(started: Orchestrator, kind: type[BaseException]) -> None:
    """submit() and signal() refuse such a value by an EncodingError."""
    handle = started.submit(child(1))
    RUDE["pickle"] = kind
    with pytest.raises(EncodingError, match=f"{kind.__name__}: rude"):
        started.submit(child(Rude()))
    with pytest.raises(EncodingError, match=f"{kind.__name__}: rude"):
        handle.signal("go", Rude())


def test_ctrl_c_is_none_of_the_values(started: Orchestrator) -> None:
    """A KeyboardInterrupt in the main thread passes: it may be a Ctrl-C. Nothing was submitted."""
    RUDE["pickle"] = KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt):
        started.submit(child(Rude()), workflow_id="interrupted")
    assert started.list_workflows(id_prefix="interrupted") == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_that_cannot_be_loaded_any_more(tmp_path: Path, kind: type[BaseException]) -> None:
    """A stored value that raises when it is read after a restart stalls its workflow alone, with the reason."""
    with Orchestrator(tmp_path / "rude.db", registry=registry) as before:
        until_waiting(before.submit(receives_and_waits(), workflow_id="rude"), "go")
    RUDE["load"] = kind
    with Orchestrator(tmp_path / "rude.db", registry=registry) as after:
        handle = after.handle("rude")
        handle.signal("go")
        until(lambda: handle.describe().status is WorkflowStatus.STALLED)
        reason = handle.describe().reason or ""
        assert f"cannot read the stored test_rude_values.Rude back: {kind.__name__}: rude" in reason
        assert after.run(child(1)) == 1
        RUDE["load"] = None
        handle.resume()
        assert handle.result(WAIT) == 1


@workflow(registry=registry)
def receives_and_waits() -> Flow[int]:
    yield from returns()
    yield from wait_signal("go")
    return 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["equal", "repr"])
def test_a_value_that_raises_when_it_is_compared_or_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, how: str, kind: type[BaseException]
) -> None:
    """A value that cannot be compared or shown is no obstacle: after a restart the workflow goes on."""
    RUDE[how] = kind
    with Orchestrator(tmp_path / "rude.db", registry=registry) as before:
        until_waiting(before.submit(waits_with_one(), workflow_id="rude"), "go")
    with caplog.at_level(logging.ERROR, "yieldflow"), Orchestrator(tmp_path / "rude.db", registry=registry) as after:
        after.handle("rude").signal("go")
        assert after.handle("rude").result(WAIT) == 1
    assert caplog.text == ""
