"""`patched`, `continue_as_new`, `set_progress` and the seeds of forks. Each is also replayed from every prefix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.core.driver import Drive, careful, clean_up, fetch, registry, ship
from yieldflow import (
    CommandError,
    EncodingError,
    Flow,
    ReplayMismatchError,
    WorkflowInfo,
    continue_as_new,
    gather,
    patched,
    race,
    random,
    set_progress,
    sleep,
    start,
    uuid4,
    wait_for,
    workflow,
)
from yieldflow._core.execution import Execution
from yieldflow._core.history import Continuation, Started, reseeded
from yieldflow.codec import codec_named

# ---------------------------------------------------------------------- patched


def old_code() -> Flow[list[Any]]:
    return [(yield from fetch("a")), (yield from fetch("b"))]


def new_code() -> Flow[list[Any]]:
    """The old code, with a step between the two for runs that begin now."""
    first = yield from fetch("a")
    if (yield from patched("check")):
        yield from fetch("check")
    return [first, (yield from fetch("b"))]


def test_new_runs_take_the_new_way(drive: Drive) -> None:
    """Where the turn is new, patched() is True, at once and without a step, and is told to the host."""
    run = drive(new_code)
    assert not run.told[-1].patches

    run.resolve("fetch a", "A")
    assert (run.pending, run.told[-1].patches) == (["fetch check"], ("check",))

    run.resolve("fetch check")
    run.resolve("fetch b", "B")
    assert run.result == ["A", "B"]


def test_old_runs_take_the_old_way(drive: Drive) -> None:
    """Where the turn is on disk without the patch, patched() is False, and the run ends by the old code's steps."""
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
    """Where the first call fell into a turn that was on disk without the patch, the answer stays False in new turns."""

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
    """Where the record of a patch is lost, the steps that it led to do not fit: a mismatch, not another way."""
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


# ---------------------------------------------------------------------- progress


def test_progress_is_told_at_once(drive: Drive) -> None:
    """set_progress resumes with None, is no step, and the event's answer has the value as it is stored."""

    def body() -> Flow[Any]:
        nothing = yield set_progress({"done": 0})
        yield from fetch("a")
        yield set_progress({"done": 1})
        return nothing

    run = drive(body, codec="json")
    assert (run.told[-1].progress, run.pending) == ('{"done":0}', ["fetch a"])

    run.resolve("fetch a")
    assert (run.told[-1].progress, run.result) == ('{"done":1}', None)


def test_the_last_progress_of_a_turn_counts(drive: Drive) -> None:
    """Several calls in one turn leave the last value; a turn without one leaves none."""

    def body() -> Flow[None]:
        for number in range(3):
            yield from set_progress(number)
        yield from fetch("a")
        yield from fetch("b")

    run = drive(body, codec="json")
    assert run.told[-1].progress == "2"

    run.resolve("fetch a")
    assert run.told[-1].progress is None


def test_none_is_a_progress(drive: Drive) -> None:
    """A progress may be taken back by None, which is told like any value."""

    def body() -> Flow[None]:
        yield from set_progress(None)
        yield from fetch("a")

    assert drive(body, codec="json").told[-1].progress == "null"


def test_progress_that_cannot_be_stored(drive: Drive) -> None:
    """It is refused at the yield, where it can be caught; the progress stays as it was."""

    def body() -> Flow[str]:
        yield from set_progress("begun")
        try:
            yield from set_progress(object())
        except EncodingError as error:
            return str(error)
        return "taken"

    run = drive(body, codec="json")

    assert "object" in run.result
    assert run.told[-1].progress == '"begun"'


def test_progress_is_a_copy(drive: Drive) -> None:
    """What the workflow changes afterwards does not change what was told."""

    def body() -> Flow[None]:
        steps = [1]
        yield from set_progress(steps)
        steps.append(2)
        yield from fetch("a")

    assert drive(body, codec="json").told[-1].progress == "[1]"


def test_progress_holds_what_it_was_given(drive: Drive) -> None:
    """set_progress that is never yielded is reported, and it alone; in a gather it may stand as any command."""

    def body() -> Flow[Any]:
        set_progress("forgotten")
        return (yield from gather(set_progress("half"), fetch("a")))

    run = drive(body, codec="json", replayed=False)
    assert run.told[-1].progress == '"half"'
    assert len(run.advance.unyielded) == 1

    run.resolve("fetch a", "A")
    assert run.result == [None, "A"]


# ---------------------------------------------------------------------- continue_as_new


@workflow(registry=registry)
def looping(turn: int, items: list[int] | None = None) -> Flow[int]:
    yield from sleep(1)
    return (yield from continue_as_new(looping(turn + 1)))


def test_the_next_run_is_asked_for(drive: Drive) -> None:
    """The run is over without an end: the host hears the workflow and the arguments of the next run."""
    run = drive(lambda: looping.fn(1), codec="json")
    assert not run.execution.over

    run.resolve("sleep 1")
    assert run.told[-1].continuation == Continuation("looping", '{"turn":2}')
    assert (run.execution.over, run.execution.end, run.told[-1].ended, run.pending) == (True, None, None, [])


def test_another_workflow_may_follow(drive: Drive) -> None:
    """The next run may be another workflow's."""

    def body() -> Flow[None]:
        yield continue_as_new(ship("o-1"))

    run = drive(body, codec="json")

    assert run.told[-1].continuation == Continuation("ship", '{"key":"o-1"}')


def test_nothing_is_applied_after_it(drive: Drive) -> None:
    """A run that is over takes no event any more."""
    run = drive(lambda: looping.fn(1), replayed=False)
    run.resolve("sleep 1")

    with pytest.raises(ReplayMismatchError):
        run.cancel("too late")


def test_no_line_runs_after_it(drive: Drive) -> None:
    """The generators are closed: plain Python in a `finally` runs, commands in it are not heard."""
    journal: list[str] = []

    def helper() -> Flow[None]:
        try:
            yield from continue_as_new(ship("next"))
            journal.append("went on")
        except Exception:
            journal.append("caught")
        finally:
            journal.append("helper")

    def body() -> Flow[None]:
        try:
            yield helper()
            journal.append("went on")
        finally:
            journal.append("workflow")
            yield from clean_up("too late")

    run = drive(body, replayed=False)

    assert (run.status, run.steps, journal) == ("continued", [], ["helper", "workflow"])
    assert not run.advance.unyielded


def test_its_tasks_are_waited_for(drive: Drive) -> None:
    """As at a return, the next run begins when the tasks of this one have ended."""

    def body() -> Flow[None]:
        yield from start(fetch("t"))
        yield from continue_as_new(ship("next"))

    run = drive(body, codec="json")
    assert (run.status, run.pending, run.execution.over) == ("processing", ["fetch t"], False)

    run.resolve("fetch t")
    assert (run.told[-1].continuation, run.execution.over) == (Continuation("ship", '{"key":"next"}'), True)


def test_an_unseen_failure_goes_before_it(drive: Drive) -> None:
    """As at a return, the failure of a task that nobody saw fails the workflow: there is no next run."""

    def body() -> Flow[None]:
        yield from start(fetch("t"))
        yield from continue_as_new(ship("next"))

    run = drive(body)
    run.fail("fetch t")

    assert run.failure == "ValueError: fetch t lost"
    assert run.told[-1].continuation is None


def test_a_request_goes_before_it(drive: Drive) -> None:
    """A workflow that is cancelled while it waits for its tasks, before the next run, ends as cancelled."""

    def body() -> Flow[None]:
        yield from start(careful("t"))
        yield from continue_as_new(ship("next"))

    run = drive(body)
    run.cancel("enough")
    run.resolve("clean_up t")

    assert (run.status, run.told[-1].continuation) == ("cancelled", None)


def helping() -> Flow[None]:
    yield from continue_as_new(ship("next"))


ROOTS: dict[str, Callable[[], Any]] = {
    "directly": lambda: continue_as_new(ship("next")),
    "in a helper": helping,
}
ELSEWHERE: dict[str, Callable[[], Any]] = {
    "in a gather": lambda: gather(continue_as_new(ship("next"))),
    "in a race": lambda: race(continue_as_new(ship("next")), fetch("never")),
    "in wait_for": lambda: wait_for(continue_as_new(ship("next")), 5),
    "in a branch of a gather": lambda: gather(helping()),
    "in a branch of a race": lambda: race(helping()),
    "in a branch of wait_for": lambda: wait_for(helping(), 5),
}


@pytest.mark.parametrize("where", ROOTS)
def test_the_workflow_itself_may_continue(drive: Drive, where: str) -> None:
    """The workflow, and a helper that it waits in, may go over to the next run."""

    def body() -> Flow[Any]:
        yield from fetch("a")
        yield ROOTS[where]()

    run = drive(body)
    run.resolve("fetch a")

    assert run.status == "continued"


@pytest.mark.parametrize("where", ELSEWHERE)
def test_a_branch_may_not_continue(drive: Drive, where: str) -> None:
    """A branch cannot end the run of all: it is refused with an error that can be caught, and says so."""

    def body() -> Flow[str]:
        try:
            yield ELSEWHERE[where]()
        except CommandError as error:
            return str(error)
        return "taken"

    run = drive(body)

    assert "continue_as_new" in run.result
    assert (run.status, run.told[-1].continuation, run.pending) == ("done", None, [])


def test_a_task_may_not_continue(drive: Drive) -> None:
    """A started helper is a branch too; the command itself cannot be started either."""

    def body() -> Flow[list[str]]:
        refusals = []
        for make in (helping, lambda: continue_as_new(ship("next"))):
            try:
                task: Any = yield start(make())
                yield task
            except CommandError as error:
                refusals.append(str(error))
        return refusals

    run = drive(body)

    assert len(run.result) == 2
    assert all("continue_as_new" in one for one in run.result)


@pytest.mark.parametrize("what", [fetch("a"), ship, sleep(1), None, "ship"], ids=str)
def test_only_a_workflow_called_can_follow(what: Any) -> None:
    """Anything but a workflow's invocation is a TypeError at the call with the line to write."""
    with pytest.raises(TypeError, match=r"continue_as_new\("):
        continue_as_new(what)


def test_arguments_that_cannot_be_stored(drive: Drive) -> None:
    """They are refused at the yield, where that can be caught, and the run goes on."""

    def body() -> Flow[str]:
        try:
            return (yield from continue_as_new(ship(object())))
        except EncodingError as error:
            return str(error)

    run = drive(body, codec="json")

    assert "ship" in run.result


def test_continuing_holds_what_it_was_given(drive: Drive) -> None:
    """continue_as_new that is never yielded is reported, and the invocation in it is not."""

    def body() -> Flow[None]:
        continue_as_new(ship("next"))
        yield from fetch("a")

    run = drive(body, replayed=False)

    assert [command for command, _ in run.advance.unyielded] == ["continue_as_new(ship(key='next'))"]


# ---------------------------------------------------------------------- what a host asks


def test_a_host_sees_whether_a_run_has_begun_and_is_over() -> None:
    """`started` is true from the first event on, `over` from the last one."""

    @workflow(registry=registry)
    def short() -> Flow[None]:
        yield from sleep(1)

    run = Execution(short, {}, WorkflowInfo("w-1", "short", 1), bytes(16), codec_named("json"))
    seen = [(run.started, run.over)]
    run.apply(Started(0))
    seen.append((run.started, run.over))
    run.close()

    assert seen == [(False, False), (True, False)]


def test_a_plain_answer_is_empty(drive: Drive) -> None:
    """An event that leads to nothing of a kind says nothing of it."""

    def body() -> Flow[Any]:
        return (yield from gather(fetch("a"), fetch("b")))

    run = drive(body)
    run.resolve("fetch a")
    told = run.told[-1]

    assert told == ((), (), (), None, None, (), None)


# ---------------------------------------------------------------------- the seeds of forks

FIRST, SECOND, THIRD = bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))


def drawing() -> Flow[list[Any]]:
    """Draws in each turn."""
    drawn: list[Any] = []
    for key in "abcd":
        drawn.append([(yield from uuid4()), (yield from random())])
        yield from fetch(key)
    return drawn


def draws(drive: Drive, seed: bytes) -> list[Any]:
    """What `drawing` draws with that seed."""
    run = drive(drawing, seed=seed)
    for key in "abcd":
        run.resolve(f"fetch {key}")
    result: list[Any] = run.result
    return result


def test_a_fork_draws_the_same_up_to_its_turn(drive: Drive) -> None:
    """A fork keeps the seed for the turns that it copied, and has another from then on."""
    first, forked = draws(drive, FIRST), draws(drive, reseeded(FIRST, 2, SECOND))

    assert forked[:2] == first[:2]
    assert all(one != other for one, other in zip(forked[2:], first[2:], strict=True))
    assert forked[2:] == draws(drive, SECOND)[2:]


def test_a_fork_of_a_fork(drive: Drive) -> None:
    """Each fork adds a seed; one that forks earlier drops those that came later."""
    once = reseeded(FIRST, 1, SECOND)
    twice, back = draws(drive, reseeded(once, 3, THIRD)), draws(drive, reseeded(once, 1, THIRD))
    one, two, three = draws(drive, FIRST), draws(drive, SECOND), draws(drive, THIRD)

    assert twice == [*one[:1], *two[1:3], *three[3:]]
    assert back == [*one[:1], *three[1:]]


def test_a_fork_goes_on_from_the_history_that_it_copied(drive: Drive) -> None:
    """A run built from copied events, with a seed of its own, has the old draws behind it and new ones before it."""
    run = drive(drawing, seed=FIRST)
    run.resolve("fetch a")
    run.seed = reseeded(FIRST, 2, SECOND)
    run.crash()
    for key in "bcd":
        run.resolve(f"fetch {key}")

    assert run.result == [*draws(drive, FIRST)[:2], *draws(drive, SECOND)[2:]]


def test_a_fork_from_the_start_has_another_seed_at_once(drive: Drive) -> None:
    """Where nothing is copied, nothing of the old seed is left."""
    assert draws(drive, reseeded(FIRST, 0, SECOND)) == draws(drive, SECOND)
