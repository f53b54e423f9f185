"""A test that fails since its workflow failed is told the workflow's own exception first."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any

import pytest

import yieldflow.testing
from yieldflow import Cancelled, Flow, Registry, activity, gather, race, sleep, start, wait_signal, workflow
from yieldflow.testing import Stepper, explore, in_turn, run_workflow
from yieldflow.testing.comparing import compared

registry = Registry()
ROW = {"id": 1}


@activity(registry=registry)
def load() -> dict[str, int]:
    raise NotImplementedError


@activity(registry=registry)
def save(value: int) -> int:
    raise NotImplementedError


@activity(registry=registry)
def undo() -> None:
    raise NotImplementedError


def slip() -> Flow[int]:
    row = yield from load()
    return (yield from save(row["idd"]))


@workflow(registry=registry)
def fails() -> Flow[int]:
    return (yield from slip())


@workflow(registry=registry)
def compensates() -> Flow[int]:
    try:
        return (yield from slip())
    except Exception:
        yield from undo()
        raise


@workflow(registry=registry)
def tidies_up_in_a_helper() -> Flow[int]:
    def tidy() -> Flow[int]:
        try:
            return (yield from slip())
        finally:
            yield from undo()

    value, _ = yield from gather(tidy(), sleep(3600))
    return value


@workflow(registry=registry)
def tries_again() -> Flow[int]:
    try:
        return (yield from slip())
    except Exception:
        return (yield from slip())


@workflow(registry=registry)
def in_the_background() -> Flow[None]:
    yield from start(slip())
    yield from wait_signal("go")


def cleans_up_for_ever() -> Flow[None]:
    try:
        yield from wait_signal("go")
    except Cancelled:
        yield from wait_signal("clean")
        raise


@workflow(registry=registry)
def in_a_gather() -> Flow[None]:
    yield from gather(slip(), cleans_up_for_ever())


@workflow(registry=registry)
def in_a_race() -> Flow[None]:
    yield from race(slip(), cleans_up_for_ever())


@workflow(registry=registry)
def parent() -> Flow[int]:
    return (yield from fails())


@workflow(registry=registry)
def forgiving_parent() -> Flow[int]:
    try:
        return (yield from fails())
    except KeyError:
        return 0


@workflow(registry=registry)
def keeps_one() -> Flow[None]:
    try:
        yield from load()
    except ConnectionError as error:
        last = error
    yield from save(len(last.args))


def failed() -> Stepper[int]:
    flow = Stepper(fails())
    flow.resolve(load(), ROW)
    return flow


def compensating() -> Stepper[int]:
    flow = Stepper(compensates())
    flow.resolve(load(), ROW)
    return flow


def run(invocation: Any, **more: Any) -> Any:
    return run_workflow(invocation, activities={load: ROW, save: 2, **more.pop("activities", {})}, **more)


TESTS: dict[str, Callable[[], object]] = {
    "not all was used": lambda: run(fails()),
    "not all was used, of a child": lambda: run(parent()),
    "not all was used, and the parent caught it": lambda: run(forgiving_parent()),
    "no stand-in": lambda: run(compensates()),
    "no answer is left": lambda: run(tries_again(), activities={load: in_turn(ROW)}),
    "no stand-in, in a finally": lambda: run(tidies_up_in_a_helper()),
    "it waits for ever, beside a task": lambda: run(in_the_background()),
    "it waits for ever, in a gather": lambda: run(in_a_gather()),
    "it waits for ever, in a race": lambda: run(in_a_race()),
    "resolve": lambda: failed().resolve(save(1), 2),
    "fail": lambda: failed().fail(ValueError()),
    "time_out": lambda: failed().time_out(save(1)),
    "signal": lambda: failed().signal("go"),
    "cancel": lambda: failed().cancel(),
    "suspend": lambda: failed().suspend(),
    "child": lambda: failed().child(fails()),
    "advance_to_next_timer": lambda: failed().advance_to_next_timer(),
    "resolve, while it handles it": lambda: compensating().resolve(save(1), 2),
    "result, while it handles it": lambda: compensating().result,
    "advance_to_next_timer, while it handles it": lambda: compensating().advance_to_next_timer(),
    "explore, no stand-in": lambda: explore(compensates(), activities={load: ROW, save: 2}),
    "explore, check returns False": lambda: explore(
        fails(), activities={load: ROW}, check=lambda ending: ending.status == "done"
    ),
    "explore, check raises": lambda: explore(fails(), activities={load: ROW}, check=_was_saved),
}


def _was_saved(ending: Any) -> None:
    if save(1) not in ending.called:
        raise AssertionError("not saved")


def chain_of(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None:
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return chain


@pytest.mark.parametrize("test", TESTS.values(), ids=list(TESTS))
def test_the_workflows_own_exception_is_named_and_chained(test: Callable[[], object]) -> None:
    """Whatever a test stumbles over after its workflow failed, it is told the workflow's exception and its line."""
    with pytest.raises(Exception, match="KeyError: 'idd'") as caught:
        test()
    own = [error for error in chain_of(caught.value) if isinstance(error, KeyError)]
    assert own
    lines = [*getattr(own[-1], "__notes__", ()), *(str(entry.path) for entry in traceback_of(own[-1]))]
    assert any(__file__ in line for line in lines)


def traceback_of(error: BaseException) -> list[Any]:
    return list(pytest.ExceptionInfo.from_exception(error).traceback) if error.__traceback__ else []


def test_an_exception_that_is_over_is_not_named() -> None:
    """An exception that the workflow dealt with, and keeps in a variable, is not taken for the reason."""
    flow = Stepper(keeps_one())
    flow.fail(load(), ConnectionError("down"))
    with pytest.raises(Exception, match=r"^save\(value=2\) is not pending") as caught:
        flow.resolve(save(2), 2)
    assert chain_of(caught.value) == [caught.value]


def test_an_assertion_about_commands_names_it() -> None:
    """``assert flow.pending == [...]`` and ``assert ending.called == [...]`` say of what the workflow failed."""
    flow, handling = failed(), compensating()
    ending = run(fails(), allow_unused=True)
    for there, said in (
        (flow.pending, "fails has failed with KeyError: 'idd'"),
        (ending.called, "fails has failed with KeyError: 'idd'"),
        (handling.pending, "compensates goes on after KeyError: 'idd'"),
    ):
        lines = compared(there, [save(1)])
        assert (lines or [])[1:2] == [said]
    assert repr(flow) == "<Stepper fails has failed with KeyError: 'idd'>"
    assert repr(ending) == "<Ending failed with KeyError: 'idd'>"


def test_pytest_shows_the_tests_own_lines() -> None:
    """Every module of the test kit that has functions asks pytest to leave its frames out of tracebacks."""
    names = [one.name for one in pkgutil.walk_packages(yieldflow.testing.__path__, "yieldflow.testing.")]
    modules = [importlib.import_module(name) for name in names if ".entry" not in name]
    bare = [one.__name__ for one in modules if not hasattr(one, "__path__") and not hasattr(one, "__tracebackhide__")]
    assert len(modules) > 20
    assert bare == []
