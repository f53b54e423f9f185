"""Two definitions under one name: one that is seen again may be used for the other, and two are never taken for one."""

from __future__ import annotations

import importlib.util
import io
import runpy
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import cloudpickle  # type: ignore[import-untyped]  # it ships no types
import pytest

from yieldflow import DuplicateDefinitionError, Flow, Registry, Workflow, activity, workflow
from yieldflow._core.identity import difference
from yieldflow._core.registry import conflict


class Programs:
    """Loads programs that were written by a test, as Python loads them."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._patch = patch
        patch.setattr(sys, "dont_write_bytecode", True)

    def write(self, text: str, name: str = "shop") -> Path:
        path = self.folder / f"{name}.py"
        path.write_text("from yieldflow import Registry, activity, workflow\nregistry = Registry()\n" + text)
        return path

    def load(self, path: Path, name: str = "shop") -> ModuleType:
        """Load a file as a module; one that is there is loaded anew."""
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules.get(name) or importlib.util.module_from_spec(spec)
        self._patch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    return Programs(tmp_path, monkeypatch)


# ---------------------------------------------------------------------- two

FACTORY = """
def importer(table):
    @workflow(registry=registry)
    def run(): yield table
    return run
"""
LOOP = """
two = []
for table in ("orders", "customers"):
    @workflow(registry=registry)
    def run(table=table): yield table
    two.append(run)
"""
KEYWORD = """
def importer(table):
    @workflow(registry=registry)
    def run(*, table=table): yield table
    return run
two = [importer("orders"), importer("customers")]
"""
BESIDE = """
two = []
@two.append
@workflow(registry=registry)
def _(): yield "orders"
@two.append
@workflow(registry=registry)
def _(): yield "customers"
"""
HIDDEN_IN_A_FUNCTION = """
def audited(fn):
    def wrapper(): yield from fn()
    return wrapper
def make():
    @workflow(registry=registry)
    @audited
    def orders(): yield
    @workflow(registry=registry)
    @audited
    def customers(): yield
    return [orders, customers]
two = make()
"""
HIDDEN_LATER = """
def audited(fn):
    def wrapper(): yield from fn()
    return wrapper
def orders(): yield
def customers(): yield
two = [workflow(audited(fn), registry=registry) for fn in (orders, customers)]
"""
METHODS = """
class Importer:
    def __init__(self, table): self.table = table
    def run(self): yield self.table
two = [workflow(Importer(table).run, registry=registry) for table in ("orders", "customers")]
"""
PARTIALS = """
from functools import partial
def run(table): yield table
two = [workflow(partial(run, table), name="run", registry=registry) for table in ("orders", "customers")]
"""
ACTIVITIES = (
    FACTORY
    + """
@activity(registry=registry)
def orders(): ...
@activity(registry=registry)
def customers(): ...
two = [importer([orders]), importer([customers])]
"""
)
OWN_ACTIVITIES = """
def importer(table):
    @activity(registry=registry)
    def load(): return table
    @workflow(registry=registry)
    def run(): yield load()
    return run
two = [importer("orders"), importer("customers")]
"""
UNEQUAL = {
    "a factory": FACTORY + "two = [importer('orders'), importer('customers')]",
    "a loop": LOOP,
    "a keyword's default": KEYWORD,
    "two of one name, one below the other": BESIDE,
    "a decorator without wraps, in a function": HIDDEN_IN_A_FUNCTION,
    "a decorator without wraps, called": HIDDEN_LATER,
    "methods of two objects": METHODS,
    "two partials": PARTIALS,
    "a factory's activities": ACTIVITIES,
    "activities of the factory's own": OWN_ACTIVITIES,
    "a factory's functions": FACTORY + "two = [importer(lambda: 'orders'), importer(lambda: 'customers')]",
    "a factory's classes": FACTORY + "class A: ...\nclass B: ...\ntwo = [importer(A), importer(B)]",
    "a factory's dictionaries": FACTORY + "two = [importer({'table': 'orders'}), importer({'table': 'customers'})]",
    "a factory's objects without a state": FACTORY + "two = [importer(object()), importer(object())]",
}


@pytest.mark.parametrize("text", UNEQUAL.values(), ids=list(UNEQUAL))
def test_two_of_one_source_are_two(programs: Programs, text: str) -> None:
    """What one `def` makes twice with unequal values, or two of one name, are two, whichever of them is asked for."""
    module = programs.load(programs.write(text))
    first, second = module.two

    assert difference(first, second) is not None
    assert difference(second, first) is not None
    assert conflict(module.registry, second) is None
    with pytest.raises(DuplicateDefinitionError, match=r"shop\.py:\d+\).*shop\.py:\d+\).*@workflow\(name='\.\.\.'\)"):
        raise conflict(module.registry, first) or AssertionError("nothing is said")


def test_the_unequal_value_is_named(programs: Programs) -> None:
    """Where both places are one, the message has the name under which the two hold unequal values, and both values."""
    module = programs.load(programs.write(FACTORY + "two = [importer('orders'), importer('customers')]"))

    assert "table is 'orders' in the one, and 'customers' in the other" in str(conflict(module.registry, module.two[0]))


def test_two_copies_of_a_file_are_two(programs: Programs) -> None:
    """The same text in two modules is two workflows, which have other globals: the second is refused."""
    text = "@workflow(registry=registry)\ndef run(): yield\n"
    one = programs.load(programs.write(text, "orders"), "orders").run
    other = programs.load(programs.write(text, "customers"), "customers").run
    registry = Registry()
    registry.add(one)

    with pytest.raises(
        DuplicateDefinitionError, match=r"orders\.run .*orders\.py:3.* customers\.run .*customers\.py:3"
    ):
        registry.add(other)


HIDDEN = """
def audited(fn):
    def wrapper(): yield from fn()
    return wrapper
@{0}(registry=registry)
@audited
def orders(): yield
@{0}(registry=registry)
@audited
def customers(): yield
"""


def test_a_decorator_without_wraps_is_told_where_the_second_is_defined(programs: Programs) -> None:
    """Two workflows of a module that a decorator calls "wrapper" are refused at once, by the names that they have."""
    with pytest.raises(DuplicateDefinitionError) as caught:
        programs.load(programs.write(HIDDEN.format("workflow")))

    assert "two definitions of workflow 'wrapper': shop.orders " in str(caught.value)
    assert "and shop.customers " in str(caught.value)
    assert "functools.wraps" in str(caught.value)


def test_a_workflow_that_a_decorator_named_may_be_renamed(programs: Programs) -> None:
    """Where a reload brings another function under the name that a decorator gives it, the earlier is of the past."""
    text = HIDDEN.format("workflow").rpartition("@workflow")[0]
    orders = programs.load(programs.write(text)).orders

    module = programs.load(programs.write(text.replace("orders", "customers")))
    registry = Registry()
    registry.add(orders)
    registry.add(module.customers)

    assert registry.workflow("wrapper") is module.customers


def test_activities_may_share_a_name_by_accident(programs: Programs) -> None:
    """Two activities that a decorator calls "wrapper" are defined as ever: each invocation runs its own."""
    module = programs.load(programs.write(HIDDEN.format("activity").replace("yield from fn()", "return fn()")
                                          .replace(": yield", ": return 1")))  # fmt: skip

    assert module.orders.name == module.customers.name == "wrapper"


# ---------------------------------------------------------------------- one, seen again

LOADED_ANEW = {
    "a module's": "@workflow(registry=registry)\ndef run(): yield 1\n",
    "a factory's": FACTORY + "run = importer('orders')\n",
    "a decorator's without wraps": """
def audited(fn):
    def wrapper(): yield from fn()
    return wrapper
@workflow(registry=registry)
@audited
def run(): yield 1
""",
    "a method": "class Importer:\n    def run(self): yield 1\nrun = workflow(Importer().run, registry=registry)\n",
}


@pytest.mark.parametrize("text", LOADED_ANEW.values(), ids=list(LOADED_ANEW))
@pytest.mark.parametrize("edited", [False, True], ids=["as it was", "edited"])
def test_a_reload_sees_the_same_again(programs: Programs, text: str, edited: bool) -> None:
    """After a reload, the later one is found, whatever was edited, and the earlier one may be used for it."""
    first = programs.load(programs.write(text)).run
    if edited:
        text = "\n# A line.\n" + text.replace("yield", "yield 0; yield").replace("'orders'", "'customers'")
    second = programs.load(programs.write(text)).run
    registry = Registry()
    registry.add(first)
    registry.add(second)

    assert first is not second
    assert registry.workflow(first.name) is second
    assert conflict(registry, first) is None


def test_a_decorator_of_another_module_may_be_given_something_else_by_a_reload(programs: Programs) -> None:
    """An argument of a decorator without `functools.wraps`, which is not loaded anew itself, may be edited too."""
    programs.load(
        programs.write(
            "def most(limit):\n def put(fn):\n  def wrapper(): yield from fn()\n  return wrapper\n return put"
        ),
        "shop_tools",
    )
    text = "from shop_tools import most\n@workflow(registry=registry)\n@most(5)\ndef run(): yield\n"
    first = programs.load(programs.write(text)).run
    second = programs.load(programs.write(text.replace("5", "10"))).run

    assert difference(first, second) is None


def test_a_cell_that_is_run_again_sees_the_same(programs: Programs) -> None:
    """Each run of a notebook's cell has another file, and after an edit other lines."""
    notebook: dict[str, Any] = {"__name__": "__main__", "workflow": workflow, "registry": Registry()}
    found = []
    for number, text in enumerate(["", "", "\n\n", "\n# Another.\n"]):
        cell = f"{text}@workflow(registry=registry)\ndef run(): yield {number}\n"
        exec(compile(cell, f"/tmp/cells/{number}.py", "exec"), notebook)
        found.append(notebook["run"])

    assert [difference(earlier, found[-1]) for earlier in found] == [None] * 4


@pytest.mark.parametrize("text", LOADED_ANEW.values(), ids=list(LOADED_ANEW))
@pytest.mark.parametrize("anew", [True, False], ids=["in a new namespace", "in the same namespace"])
def test_code_that_is_run_twice_sees_the_same(text: str, anew: bool) -> None:
    """A program that compiles a file once and runs it again and again, as some dashboards do, sees the same again."""
    code = compile(text, "dashboard.py", "exec")
    namespace: dict[str, Any] = {"__name__": "__main__", "workflow": workflow, "registry": Registry()}
    exec(code, namespace)
    first = namespace["run"]
    namespace = {**namespace, "registry": Registry()} if anew else namespace
    exec(code, namespace)

    assert difference(first, namespace["run"]) is None


@pytest.mark.parametrize("text", LOADED_ANEW.values(), ids=list(LOADED_ANEW))
@pytest.mark.parametrize("linked", [False, True], ids=["a file", "a symlink"])
@pytest.mark.parametrize("main_first", [True, False], ids=["main first", "main last"])
def test_a_main_file_is_the_same_under_its_own_name(
    programs: Programs, text: str, linked: bool, main_first: bool
) -> None:
    """A file that is the program and is imported too, by uvicorn or in a circle, defines the same: no error."""
    path = script = programs.write(text)
    if linked:
        script = programs.folder / "start.py"
        script.symlink_to(path)
    loads: list[Callable[[], Workflow[..., Any]]] = [
        lambda: runpy.run_path(str(script), run_name="__main__")["run"],
        lambda: programs.load(path).run,
    ]
    registry = Registry()
    first, second = (load() for load in (loads if main_first else reversed(loads)))
    registry.add(first)
    registry.add(second)

    assert registry.workflow(first.name) is second
    assert conflict(registry, first) is None


def test_an_activity_of_the_main_file_is_the_same_under_its_own_name(programs: Programs) -> None:
    """What holds for workflows holds for the activities of a main file that is loaded twice."""
    path = programs.write("@activity(registry=registry)\ndef load(): ...\n")
    registry = Registry()
    registry.add(runpy.run_path(str(path), run_name="__main__")["load"])
    registry.add(programs.load(path).load)

    assert registry.activities["load"].fn.__module__ == "shop"


def test_a_workflow_that_was_taken_by_value_is_the_same(programs: Programs) -> None:
    """What cloudpickle took by value, as for another process, is what it was taken from."""
    module = programs.load(programs.write(FACTORY))
    run = module.importer("orders")
    file = io.BytesIO()
    cloudpickle.register_pickle_by_value(module)
    try:
        cloudpickle.Pickler(file).dump(run.fn)
    finally:
        cloudpickle.unregister_pickle_by_value(module)

    copied: Workflow[..., Any] = Workflow(cloudpickle.loads(file.getvalue()))

    assert copied.fn is not run.fn
    assert difference(copied, run) is None


# ---------------------------------------------------------------------- equal values


@dataclass
class Table:
    name: str


class Bank:
    def __init__(self, limit: int) -> None:
        self.limit, self.steps = limit, [partial(abs, limit), self.pay]

    def pay(self) -> None: ...


class Matrix:
    """As an array: the answer of a comparison is no truth."""

    def __eq__(self, other: object) -> Any:
        return self

    def __ne__(self, other: object) -> Any:
        return self

    def __bool__(self) -> bool:
        raise ValueError("the truth of a matrix is ambiguous")

    __hash__ = None  # type: ignore[assignment]  # as an array


class Wrecked:
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


def making(held: object) -> Workflow[[], object]:
    @workflow(registry=Registry())
    def run() -> Flow[object]:
        yield from ()
        return held

    return run


@pytest.mark.parametrize(
    "make",
    [
        lambda: "orders",
        lambda: ["orders", ("customers", {"limit": 5})],
        lambda: Table("orders"),
        lambda: Bank(5),
        lambda: making("orders"),
        lambda: lambda: "orders",
        lambda: {"bank": Bank(5)},
        lambda: type("Row", (), {}),
        Matrix,
        Wrecked,
    ],
    ids=["text", "lists", "a dataclass", "an object", "a workflow", "a lambda", "a dictionary", "a local class",
         "a matrix", "what cannot be asked"],
)  # fmt: skip
def test_a_factory_that_is_given_equal_values_makes_the_same(make: Callable[[], object]) -> None:
    """Each call of a factory with equal values makes the same workflow, as far as can be told."""
    assert difference(making(make()), making(make())) is None


@pytest.mark.parametrize(
    "other", ["orders", Table("orders"), Bank(6), making("orders"), Matrix()], ids=lambda each: type(each).__name__
)
def test_a_factory_that_is_given_unequal_values_makes_another(other: object) -> None:
    """Each call of a factory with another value makes another workflow."""
    assert difference(making(other), making(Bank(5))) is not None


def test_workflows_that_hold_themselves_are_compared() -> None:
    """A local workflow that starts itself as a child holds itself, which is no obstacle."""

    def countdown(step: int) -> Workflow[[int], None]:
        @workflow(registry=Registry())
        def count(left: int) -> Flow[None]:
            if left:
                yield count(left - step)

        return count

    assert difference(countdown(1), countdown(1)) is None
    assert difference(countdown(1), countdown(2)) is not None


class Names:
    """The least that a metaclass may hand out for the names of a class."""

    def __init__(self) -> None:
        self._names: dict[str, object] = {"classmethod": classmethod, "staticmethod": staticmethod}

    def __getitem__(self, name: str) -> object:
        return self._names[name]

    def __setitem__(self, name: str, value: object) -> None:
        self._names[name] = value

    def taken(self) -> dict[str, object]:
        return self._names


class Meta(type):
    @classmethod
    def __prepare__(metacls, name: str, bases: tuple[type, ...], /, **kwds: Any) -> Any:
        return Names()

    def __new__(metacls, name: str, bases: tuple[type, ...], names: Names) -> Any:
        return super().__new__(metacls, name, bases, names.taken())


def test_a_workflow_may_be_defined_in_any_class() -> None:
    """A static method is a workflow also where the metaclass of its class keeps the names in a mapping of its own."""

    class Jobs(metaclass=Meta):
        @staticmethod
        @workflow(registry=Registry())
        def run() -> Flow[None]:
            yield from ()

    assert Jobs.run.place.startswith(f"{__name__}.test_a_workflow_may_be_defined_in_any_class.<locals>.Jobs.run (")


def test_activities_in_the_same_registry_stay_apart() -> None:
    """An invocation of an activity runs its own function, however many have its name."""

    def loader(table: str) -> Any:
        @activity(registry=registry)
        def load() -> str:
            return table

        return load

    registry = Registry()

    assert [load().definition.fn() for load in (loader("orders"), loader("customers"))] == ["orders", "customers"]
