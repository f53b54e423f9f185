"""`patched` tells new code from old. Each workflow is also replayed from every prefix of its history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.core.driver import Drive, fetch
from yieldflow import (
    Flow,
    ReplayMismatchError,
    WorkflowInfo,
    gather,
    patched,
)
from yieldflow._core.execution import Execution


def old_code() -> Flow[list[Any]]:
    return [(yield from fetch("a")), (yield from fetch("b"))]


def new_code() -> Flow[list[Any]]:
    """The old code, with a step between the two for runs that begin now."""
    first = yield from fetch("a")
    if (yield from patched("check")):
        yield from fetch("check")
    return [first, (yield from fetch("b"))]


def test_new_runs_take_the_new_way(drive: Drive) -> None:
    """In a new turn patched() is True, at once and without a step, and is told to the host."""
    run = drive(new_code)
    assert not run.told[-1].patches

    run.resolve("fetch a", "A")
    assert (run.pending, run.told[-1].patches) == (["fetch check"], ("check",))

    run.resolve("fetch check")
    run.resolve("fetch b", "B")
    assert run.result == ["A", "B"]


def test_old_runs_take_the_old_way(drive: Drive) -> None:
    """In a turn on disk without the patch, patched() is False, and the run ends by the old code's steps."""
    run = drive(old_code, replayed=False)
    run.resolve("fetch a", "A")
    run.body = new_code
    run.crash()
    assert run.pending == ["fetch b"]

    run.resolve("fetch b", "B")
    assert (run.result, run.told[-1].patches) == (["A", "B"], ())
    run.crash()
    assert run.result == ["A", "B"]


def test_old_runs_that_have_not_come_there_take_the_new_way(drive: Drive) -> None:
    """The turn of the first call decides, not the age of the run."""
    run = drive(old_code, replayed=False)
    run.body = new_code
    run.crash()
    run.resolve("fetch a", "A")

    assert (run.pending, run.told[-1].patches) == (["fetch check"], ("check",))


def asking(*names: str) -> Callable[[], Flow[list[Any]]]:
    """A workflow that asks for patches, each in a turn of its own, and then for all of them again."""

    def body() -> Flow[list[Any]]:
        answers = []
        for name in names:
            yield from fetch(name)
            answers.append((yield from patched(name)))
        for name in names:
            answers.append((yield patched(name)))
        return answers

    return body


def test_a_patch_is_told_once(drive: Drive) -> None:
    """Later calls in the run give the same, and are not told again."""
    run = drive(asking("x", "x", "y"))
    for step in ("x", "x", "y"):
        run.resolve(f"fetch {step}")

    assert run.result == [True] * 6
    assert [told.patches for told in run.told] == [(), ("x",), (), ("y",)]


def test_the_first_call_of_a_run_decides(drive: Drive) -> None:
    """A first call in a turn that is on disk without the patch decides: the answer stays False in new turns."""

    def before() -> Flow[Any]:
        for _ in range(3):
            yield from fetch("a")

    def after() -> Flow[Any]:
        answers = []
        for _ in range(3):
            answers.append((yield from patched("x")))
            yield from fetch("a")
        return answers

    run = drive(before, replayed=False)
    run.resolve("fetch a")
    run.body = after
    run.crash()
    run.resolve("fetch a")
    run.crash()
    run.resolve("fetch a")
    run.crash()

    assert run.result == [False] * 3
    assert not any(told.patches for told in run.told)


def test_patches_are_independent(drive: Drive) -> None:
    """A run may have some patches and not others."""

    def before() -> Flow[Any]:
        answers = [(yield from patched("x"))]
        yield from fetch("a")
        yield from fetch("b")
        return answers

    def after() -> Flow[Any]:
        answers = [(yield from patched("x")), (yield from patched("y"))]
        yield from fetch("a")
        answers.append((yield from patched("z")))
        yield from fetch("b")
        return answers

    run = drive(before, replayed=False)
    run.body = after
    run.crash()
    run.resolve("fetch a")
    run.crash()
    run.resolve("fetch b")
    run.crash()

    assert run.result == [True, False, True]


def test_patched_in_branches(drive: Drive) -> None:
    """All branches of a run get the same answer, and the patch is told once."""

    def branch(key: str) -> Flow[bool]:
        yield from fetch(key)
        return (yield from patched("x"))

    def body() -> Flow[Any]:
        return (yield from gather(branch("a"), branch("b"), patched("x")))

    run = drive(body)
    run.resolve("fetch b")
    run.resolve("fetch a")

    assert run.result == [True, True, True]
    assert [told.patches for told in run.told] == [("x",), (), ()]


def test_a_patch_that_is_gone_from_disk_is_noticed(drive: Drive) -> None:
    """A patch whose record is lost is a mismatch, since its steps do not fit, and not another way."""
    run = drive(new_code)
    run.resolve("fetch a", "A")
    history = run.history(2)._replace(patches=frozenset())
    info = WorkflowInfo("w-1", "driven", 1)
    again = Execution(run.definition, {}, info, bytes(16), run.codec, history)

    with pytest.raises(ReplayMismatchError):
        again.replay()
    again.close()


@pytest.mark.parametrize("name", [5, None, "", True], ids=repr)
def test_a_patchs_name_is_a_string(name: Any) -> None:
    """Anything but a non-empty string is refused at the call."""
    with pytest.raises((TypeError, ValueError), match=r"patched\("):
        patched(name)
