"""Two workflows of one name by accident: the one that the name does not find is refused where it is used."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import yieldflow
from tests.support.shop import WAIT, until_waiting
from yieldflow import (
    Command,
    DuplicateDefinitionError,
    Flow,
    Orchestrator,
    Registry,
    Workflow,
    activity,
    continue_as_new,
    gather,
    race,
    start,
    wait_signal,
    workflow,
)
from yieldflow.testing import Stepper, run_workflow


def importer(registry: Registry, table: str) -> Workflow[[], str]:
    """Make a workflow that says what it is for: all of them have one name."""

    @workflow(registry=registry)
    def run_import() -> Flow[str]:
        yield from ()
        return table

    return run_import


#: The message about the first of two.
REFUSED = (
    r"workflow 'run_import' has two definitions: yours is .*importer.*\.py:\d+\), and its name finds .*importer.*"
    r"\.py:\d+\) \(table is 'orders' in the one, and 'customers' in the other\)"
)


@pytest.mark.parametrize(
    "use",
    [
        lambda orchestrator, orders: orchestrator.submit(orders()),
        lambda orchestrator, orders: orchestrator.submit(orders(), workflow_id="o-1", delay=5),
        lambda orchestrator, orders: orchestrator.submit_many([orders()]),
        lambda orchestrator, orders: orchestrator.run(orders()),
    ],
    ids=["submit", "submit with options", "submit_many", "run"],
)
def test_what_its_name_does_not_find_is_refused(
    orchestrator: Orchestrator, registry: Registry, use: Callable[[Orchestrator, Workflow[[], str]], object]
) -> None:
    """The first of two workflows that a factory made under one name is refused, with both places; the other runs."""
    orders, customers = importer(registry, "orders"), importer(registry, "customers")

    with pytest.raises(DuplicateDefinitionError, match=REFUSED):
        use(orchestrator, orders)

    assert orchestrator.run(customers()) == "customers"
    assert len(orchestrator.list_workflows()) == 1


def test_a_client_refuses_it_too(database: Path, registry: Registry) -> None:
    """An orchestrator that is not started refuses it where it is submitted."""
    orders, _ = importer(registry, "orders"), importer(registry, "customers")

    with pytest.raises(DuplicateDefinitionError, match=REFUSED):
        Orchestrator(database, registry=registry).submit(orders())


def test_each_is_used_before_the_next_is_made(orchestrator: Orchestrator, registry: Registry) -> None:
    """A program that makes a workflow, runs it to its end and makes the next of that name is not refused anything."""
    assert [orchestrator.run(importer(registry, table)()) for table in ("orders", "customers")] == [
        "orders",
        "customers",
    ]


def test_two_that_hold_equal_values_are_one(orchestrator: Orchestrator, registry: Registry) -> None:
    """A factory that is called twice with equal values makes one workflow: either of the two may be used."""
    first, second = importer(registry, "orders"), importer(registry, "orders")

    assert [orchestrator.run(first()), orchestrator.run(second())] == ["orders", "orders"]


YIELDS: dict[str, Callable[[Workflow[[], str]], Command[Any]]] = {
    "as a child": lambda orders: orders(),
    "in a gather": lambda orders: gather(orders()),
    "in a race": lambda orders: race(wait_signal("go"), orders()),
    "as a task": lambda orders: start(orders()),
    "as the next run": lambda orders: continue_as_new(orders()),
}


@pytest.mark.parametrize("wrap", YIELDS.values(), ids=list(YIELDS))
def test_it_is_refused_where_it_is_yielded(
    orchestrator: Orchestrator, registry: Registry, wrap: Callable[[Workflow[[], str]], Command[Any]]
) -> None:
    """A workflow that yields it gets the error at that yield, and may go on without it."""
    orders, customers = importer(registry, "orders"), importer(registry, "customers")

    @workflow(registry=registry)
    def parent() -> Flow[str]:
        try:
            yield wrap(orders)
        except DuplicateDefinitionError as error:
            return f"{error}, {(yield from customers())}"
        return "nothing was refused"

    assert orchestrator.run(parent()).endswith("in its place. Give each a name of its own: @workflow(name='...'), "
                                               "customers")  # fmt: skip


@pytest.mark.parametrize("late", [False, True], ids=["refused", "begun before"])
def test_a_restart_leads_to_the_same(database: Path, registry: Registry, late: bool) -> None:
    """A workflow that went on without the refused child does so again, and one whose child had begun keeps that."""
    orders = importer(registry, "orders")
    made = [] if late else [importer(registry, "customers")]

    @workflow(registry=registry)
    def parent() -> Flow[list[str]]:
        found = []
        try:
            found.append((yield from orders()))
        except DuplicateDefinitionError:
            found.append((yield from made[0]()))
        yield wait_signal("go")
        return found

    with Orchestrator(database, registry=registry) as orchestrator:
        handle = orchestrator.submit(parent(), workflow_id="p-1")
        until_waiting(handle, "go")
    made.append(importer(registry, "customers"))
    with Orchestrator(database, registry=registry) as orchestrator:
        handle = orchestrator.handle("p-1")
        handle.signal("go")

        assert handle.result(timeout=WAIT) == ["orders" if late else "customers"]


def test_a_parent_that_failed_of_it_goes_on_once_it_is_mended(orchestrator: Orchestrator, registry: Registry) -> None:
    """Nothing of the refused child is on disk: with a name of its own, `retry` goes on from there."""
    orders, _ = importer(registry, "orders"), importer(registry, "customers")
    children = [orders]

    @activity(registry=registry)
    def prepare() -> str:
        return "prepared"

    @workflow(registry=registry)
    def parent() -> Flow[str]:
        prepared = yield from prepare()
        return f"{prepared}, {(yield from children[-1]())}"

    handle = orchestrator.submit(parent())
    with pytest.raises(DuplicateDefinitionError, match=REFUSED):
        handle.result(timeout=WAIT)
    assert [row["name"] for row in orchestrator.list_workflows()] == ["parent"]

    children.append(workflow(orders.fn, name="import orders", registry=registry))
    handle.retry()

    assert handle.result(timeout=WAIT) == "prepared, orders"


def test_the_test_kit_refuses_it_too(registry: Registry) -> None:
    """What an orchestrator would refuse does not pass in a test: run, stepped, or yielded as a child."""
    orders, customers = importer(registry, "orders"), importer(registry, "customers")

    @workflow(registry=registry)
    def parent() -> Flow[str]:
        return (yield from orders())

    for use in (Stepper, run_workflow):
        with pytest.raises(DuplicateDefinitionError, match=REFUSED):
            use(orders())
    with pytest.raises(DuplicateDefinitionError, match=REFUSED):
        raise Stepper(parent()).exception or AssertionError("nothing was refused")
    with pytest.raises(DuplicateDefinitionError, match=REFUSED):
        _ = run_workflow(parent(), children={customers: "customers"}, allow_unused=True).result
    with pytest.raises(DuplicateDefinitionError, match=REFUSED):
        run_workflow(parent(), children={orders: "orders"})
    assert run_workflow(customers()).result == "customers"


def test_the_test_kit_takes_a_workflow_for_which_a_test_has_one_of_its_own(registry: Registry) -> None:
    """A local workflow of a test under the name of the program's does not keep another test from using that."""
    ours = importer(registry, "orders")

    @workflow(registry=registry)
    def run_import() -> Flow[str]:
        yield from ()
        return "a test's"

    assert run_workflow(ours()).result == "orders"


# ---------------------------------------------------------------------- whole programs


def run_program(folder: Path, *words: str) -> list[str]:
    """Run Python, and return the lines that it printed."""
    environment = {**os.environ, "PYTHONPATH": str(Path(yieldflow.__file__).parents[1])}
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, timeout=WAIT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


APP = """
import sys
from yieldflow import Orchestrator, activity, workflow

@activity(executor=EXECUTOR)
def load(table):
    return table.upper()

@workflow
def child(table):
    return (yield load(table))

@workflow
def job(table):
    return (yield child(table))

def served():
    return job, child

if __name__ == "__main__":
    import importlib
    other = importlib.import_module(sys.argv[1])
    assert other.job is not job
    with Orchestrator("app.db") as orchestrator:
        for flow in (job, other.job, *served()):
            print(orchestrator.run(flow("orders")))
"""


@pytest.mark.parametrize("executor", ["thread", "process"])
@pytest.mark.parametrize(
    "words", [["app.py", "app"], ["-m", "app", "app"], ["-m", "shop.app", "shop.app"]], ids=["a script", "-m", "-m a.b"]
)
def test_a_program_that_is_loaded_twice_uses_either(tmp_path: Path, words: list[str], executor: str) -> None:
    """A main file that is imported under its own name too, as uvicorn does, submits what it has under either."""
    (tmp_path / "shop").mkdir()
    for folder in (tmp_path, tmp_path / "shop"):
        (folder / "app.py").write_text(APP.replace("EXECUTOR", repr(executor)))

    assert run_program(tmp_path, *words) == ["ORDERS"] * 4


CIRCLE = {
    "app": """
import jobs
from yieldflow import Orchestrator, workflow

@workflow
def job():
    yield from ()
    return "job"

if __name__ == "__main__":
    with Orchestrator("app.db") as orchestrator:
        print(orchestrator.run(job()), orchestrator.run(jobs.parent()))
""",
    "jobs": """
import app
from yieldflow import workflow

@workflow
def parent():
    return "parent of " + (yield app.job())
""",
}


def test_a_circle_with_the_main_file_is_no_obstacle(tmp_path: Path) -> None:
    """A module that imports the main file, which imports it, yields what the main file has submitted itself."""
    for name, text in CIRCLE.items():
        (tmp_path / f"{name}.py").write_text(text)

    assert run_program(tmp_path, "app.py") == ["job", "parent", "of", "job"]


KILLED = """
import os, sys
from yieldflow import Orchestrator, activity, wait_signal, workflow

def loader(table):
    @activity
    def load():
        with open("calls", "a") as file:
            file.write(table + chr(10))
        return table
    return load

def named(fn):
    def wrapper():
        return fn()
    return wrapper

@activity
@named
def ship(): return "ship"

@activity
@named
def charge(): return "charge"

orders, customers = loader("orders"), loader("customers")

@workflow
def job():
    found = [(yield orders()), (yield ship())]
    yield wait_signal("go")
    return [*found, (yield customers()), (yield orders()), (yield charge()), (yield ship())]

with Orchestrator("app.db") as orchestrator:
    handle = orchestrator.submit(job(), workflow_id="j-1")
    if sys.argv[1] == "killed":
        while handle.describe().step < 2:
            pass
        print("waits", flush=True)
        os.kill(os.getpid(), 9)
    handle.signal("go")
    print(*handle.result(timeout=60))
"""


def test_activities_of_one_name_run_their_own_code_also_after_a_kill(tmp_path: Path) -> None:
    """Two activities under one name, of a factory or a decorator, each run their own, and none runs again."""
    (tmp_path / "app.py").write_text(KILLED)
    with pytest.raises(AssertionError):
        run_program(tmp_path, "app.py", "killed")

    assert run_program(tmp_path, "app.py", "again") == ["orders", "ship", "customers", "orders", "charge", "ship"]
    assert (tmp_path / "calls").read_text().split() == ["orders", "customers", "orders"]


def test_what_stands_in_for_one_stands_in_for_the_same_seen_again(registry: Registry) -> None:
    """A stand-in is found also where the test has the definition of before a reload, and the workflow that of after."""

    def make() -> tuple[Any, Any]:
        @activity(registry=registry)
        def load(table: str) -> str:
            return table

        @workflow(registry=registry)
        def child() -> Flow[str]:
            yield from ()
            return "a child"

        return load, child

    (load, child), (load_again, child_again) = make(), make()

    @workflow(registry=registry)
    def parent() -> Flow[list[str]]:
        return [(yield load_again("orders")), (yield child_again())]

    ending = run_workflow(parent(), activities={load: "loaded"}, children={child: "stands in"})

    assert ending.result == ["loaded", "stands in"]
