"""Classes of stored values: promises about how they are found again."""

from __future__ import annotations

import collections
import functools
import importlib
import pickle
import subprocess
import sys
import threading
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import pydantic
import pytest

from tests.support.modules import Define, define
from tests.support.structured import Item, Order, Page
from yieldflow import Flow, Registry, activity, workflow
from yieldflow._core.errors import EncodingError
from yieldflow.codec import codec_named
from yieldflow.codec.references import ClassFinder

__all__ = ["define"]


class Outer:
    @dataclass
    class Inner:
        size: int


@dataclass
class Former:
    size: int


Current = collections.namedtuple("Other", "left right")  # type: ignore[name-match]  # that is the point


def replaced(kind: type) -> Any:
    """Replace a class by a function, as a decorator may."""
    return functools.partial(kind, 1)


@dataclass
class Replaced:
    size: int


made: Any = Replaced(1)
Replaced = replaced(Replaced)  # type: ignore[misc]  # as a decorator may
Made = pydantic.create_model("Made_", size=int)
CODEC = codec_named("pickle", Registry())


class MIDST:
    """The midst of the import of a module."""

    reached, goes_on = threading.Event(), threading.Event()


def local() -> Any:
    @dataclass
    class Local:
        size: int

    return Local(1)


# ---------------------------------------------------------------------- the main file

PROGRAM = """
import sys
from dataclasses import dataclass
from enum import Enum
from yieldflow.codec import codec_named

class Color(Enum):
    RED = 1

@dataclass
class Order:
    cents: int
    color: Color

class Odd:
    def __init__(self):
        self.order = Order(7, Color.RED)

def run(name):
    codec, value = codec_named("pickle"), [Order(5, Color.RED), Odd()]
    if name == "write":
        print(codec.encode(value))
    else:
        order, odd = codec.decode(sys.stdin.read().strip("\\n"))
        assert type(order) is Order and order == value[0] and order.color is Color.RED, order
        assert type(odd) is Odd and odd.order == value[1].order, odd
        print("the same")

if __name__ == "__main__":
    run(sys.argv[1])
"""
WAYS = {
    "python shop.py": ["shop.py"],
    "python -m shop": ["-m", "shop"],
    "imported as shop": ["-c", "import shop, sys; shop.run(sys.argv[1])"],
}
PACKAGE_WAYS = {
    "python stores/shop.py": ["stores/shop.py"],
    "python -m stores.shop": ["-m", "stores.shop"],
    "imported as stores.shop": ["-c", "import stores.shop, sys; stores.shop.run(sys.argv[1])"],
}


def python(folder: Path, *words: str, given: str = "") -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("ways", [WAYS, PACKAGE_WAYS], ids=["file", "in a package"])
def test_the_main_file_is_found_under_every_name(tmp_path: Path, ways: dict[str, list[str]]) -> None:
    """What the main file's classes made is read back as they are now, whichever way the file is run or imported."""
    (tmp_path / "shop.py").write_text(PROGRAM)
    (tmp_path / "stores").mkdir()
    (tmp_path / "stores" / "__init__.py").touch()
    (tmp_path / "stores" / "shop.py").write_text(PROGRAM)
    texts = {python(tmp_path, *way, "write") for way in ways.values()}

    assert all('"$object":"__main__' not in text for text in texts)
    for text in texts:
        for way in ways.values():
            assert python(tmp_path, *way, "read", given=text) == "the same\n"


def test_a_main_file_that_is_imported_too_has_two_classes(tmp_path: Path) -> None:
    """Where the main file is imported under its own name too, each of the two classes is read back as itself."""
    (tmp_path / "shop.py").write_text(
        "from dataclasses import dataclass\n"
        "@dataclass\n"
        "class Order:\n"
        "    cents: int\n"
        "if __name__ == '__main__':\n"
        "    import shop\n"
        "    from yieldflow.codec import codec_named\n"
        "    codec = codec_named('pickle')\n"
        "    one, other = codec.decode(codec.encode([Order(1), shop.Order(1)]))\n"
        "    print(type(one) is Order, type(other) is shop.Order)\n"
    )

    assert python(tmp_path, "shop.py") == "True True\n"


def test_a_program_without_a_file_is_called_main(tmp_path: Path) -> None:
    """The classes of a program that has no file, as of a notebook, are found by the next of its kind."""
    code = PROGRAM.replace("__name__ ==", "True or")
    text = python(tmp_path, "-c", code, "write")

    assert python(tmp_path, "-c", code, "read", given=text) == "the same\n"


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (local(), r"Local is made in a function.*\.types\(Local\)"),
        (Current(1, 2), r"Other is not found under its own name.*define Other at the top level"),
        (Made(size=1), r"Made_ is not found under its own name"),
        (made, r"Replaced is not what its name leads to now, which is functools\.partial"),
    ],
    ids=["local", "named tuple", "create_model", "decorated"],
)
def test_a_class_that_its_name_does_not_lead_to_is_refused(value: object, told: str) -> None:
    """A class that the next process would not find under its own name is refused when it is stored, with the remedy."""
    with pytest.raises(EncodingError, match=told):
        CODEC.encode({"order": value})


@pytest.mark.parametrize("value", [local(), Current(1, 2), Made(size=1)], ids=["local", "named tuple", "create_model"])
@pytest.mark.parametrize("name", ["pickle", "json"])
def test_a_class_without_a_name_can_be_named_to_the_registry(value: object, name: str) -> None:
    """`Registry.types` makes a class known that its own name does not lead to: it is read back as that very class."""
    registry = Registry()
    codec = codec_named(name, registry)
    registry.types(type(value))
    again = codec.decode(codec.encode(value))

    assert type(again) is type(value)
    assert again == value


def test_two_classes_of_one_name_are_not_mixed_up() -> None:
    """Of two classes that a function made, the one named last is stored, and the other refused."""
    registry, one, other = Registry(), local(), local()
    codec = codec_named("pickle", registry)
    registry.types(type(one), type(other))

    assert type(codec.decode(codec.encode(other))) is type(other)
    with pytest.raises(EncodingError, match="no other class of that name"):
        codec.encode(one)


def test_a_class_that_was_defined_again_is_the_new_one(define: Define) -> None:
    """After a reload, what was stored is read as the new class, and an instance of the old class is refused."""
    source = "from dataclasses import dataclass\n@dataclass\nclass Order:\n    cents: int\n"
    old = define(source).Order(5)
    text = CODEC.encode(old)
    shop = define(source)

    assert type(CODEC.decode(text)) is shop.Order
    with pytest.raises(EncodingError, match="shop:Order is not what its name leads to now"):
        CODEC.encode(old)


def test_a_class_in_a_class_is_found() -> None:
    """A class inside of a class is stored by its qualified name."""
    assert CODEC.decode(CODEC.encode(Outer.Inner(3))) == Outer.Inner(3)


def test_a_generic_model_with_its_arguments_is_found() -> None:
    """A generic model of pydantic is read back as the very class that its arguments make, wherever that is made."""
    value = Page[Page[Item]](rows=[Page[Item](rows=[Item("a")])])
    text = CODEC.encode(value)
    again: Any = CODEC.decode(text)

    assert again == value
    assert type(again) is type(value)
    assert f"{Page.__module__}:Page[{Page.__module__}:Page[{Item.__module__}:Item]]" in str(text)


# ---------------------------------------------------------------------- moved classes


def test_a_class_that_moved_is_found_by_its_former_name(define: Define) -> None:
    """`Registry.renamed` tells which class took the place of one that is gone; an error before that shows how."""
    registry = Registry()
    text = CODEC.encode(define("from dataclasses import dataclass\n@dataclass\nclass Order:\n    size: int\n").Order(1))
    define("")
    codec = codec_named("pickle", registry)
    with pytest.raises(EncodingError, match=r'default_registry\.renamed\("shop:Order", \.\.\.\)'):
        codec.decode(text)
    registry.renamed("shop:Order", Former)

    assert codec.decode(text) == Former(1)
    assert str(codec.encode(codec.decode(text))).count("Former") == 1


def test_a_module_that_is_gone_is_named() -> None:
    """A class of a module that is not there is named, with what to do."""
    with pytest.raises(EncodingError, match=r"gone\.shop:Order is stored, and not found now: .*No module named 'gone'"):
        CODEC.decode(' {"$object":"gone.shop:Order","size":1}')


def test_a_new_class_under_a_former_name_is_refused(define: Define) -> None:
    """Once a name stands for the class that moved, another class of that name cannot be stored under it."""
    registry = Registry()
    registry.renamed("shop:Order", Former)
    order = define("from dataclasses import dataclass\n@dataclass\nclass Order:\n    size: int\n").Order(1)

    with pytest.raises(EncodingError, match="no other class of that name"):
        codec_named("pickle", registry).encode(order)


@pytest.mark.parametrize("reference", ["Order", "shop:", ":Order", 3])
def test_a_reference_has_module_and_name(reference: Any) -> None:
    """A former name that no class can have had is refused."""
    with pytest.raises(ValueError, match="a reference is 'module:Class'"):
        Registry().renamed(reference, Former)


def test_a_name_is_renamed_to_one_class() -> None:
    """A former name stands for one class, and for the same when its module is loaded anew."""
    registry = Registry()
    registry.renamed("shop:Order", Former)
    registry.renamed("shop:Order", Former)

    with pytest.raises(ValueError, match="was renamed already"):
        registry.renamed("shop:Order", Item)
    with pytest.raises(TypeError, match="takes classes, not 3"):
        registry.types(3)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(TypeError, match="takes classes"):
        registry.renamed("shop:Order", "Order")  # type: ignore[arg-type]  # that is the point


# ---------------------------------------------------------------------- codec="json"


class Color(Enum):
    RED = 1


class Kind(Enum):
    NEW = 1


@dataclass
class Address:
    city: str


class Customer(pydantic.BaseModel):
    address: Address | None = None


class Place(NamedTuple):
    x: int


class Options(TypedDict):
    place: Place


@dataclass
class Unmentioned:
    size: int


REGISTRY = Registry()


@activity(registry=REGISTRY)
def send(customers: list[Customer], color: Annotated[Color, "a color"], kind: Literal[Kind.NEW]) -> dict[str, Item]:
    return {}


@workflow(registry=REGISTRY)
def shipping(options: Options, *orders: Order) -> Flow[Former]:
    return Former((yield from send([], Color.RED, Kind.NEW))["size"].count)


@pytest.mark.parametrize(
    "value",
    [Customer(address=Address("Bern")), Color.RED, Kind.NEW, Item("a"), Place(1), Order([Item("a")]), Former(1)],
    ids=repr,
)
def test_annotated_classes_pass_the_json_codec(value: object) -> None:
    """With codec="json", instances of the classes in annotations, and in their fields, go in and out."""
    codec = codec_named("json", REGISTRY)
    again = codec.decode(codec.encode([value]))

    assert again == [value]
    assert type(again[0]) is type(value)


def test_other_classes_are_refused_by_the_json_codec() -> None:
    """With codec="json", a class that no annotation names is refused both ways, with what to do; `types` names it."""
    registry = Registry()
    codec, text = codec_named("json", registry), CODEC.encode(Unmentioned(1))
    with pytest.raises(EncodingError, match=r"knows no class .*Unmentioned: name it in an annotation.*types\(Unmenti"):
        codec.encode(Unmentioned(1))
    with pytest.raises(EncodingError, match=r"Unmentioned is unknown here.* imports nothing"):
        codec.decode(text)
    registry.types(Unmentioned)

    assert codec.decode(text) == Unmentioned(1)
    assert codec.encode(Unmentioned(1)) == text


def test_a_later_definition_counts() -> None:
    """A definition that is registered after the codec was made brings its classes along."""
    registry = Registry()
    codec = codec_named("json", registry)
    with pytest.raises(EncodingError):
        codec.encode(Former(1))

    @activity(registry=registry)
    def late(former: Former) -> None: ...

    assert codec.decode(codec.encode(Former(1))) == Former(1)


def test_the_json_codec_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With codec="json", a module that a stored value names is not imported, nor is a package above it."""
    (tmp_path / "planted").mkdir()
    (tmp_path / "planted" / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    codec = codec_named("json", REGISTRY)

    for text in (' {"$object":"planted.shop:Order"}', ' {"$enum":"planted:Color","name":"RED"}'):
        with pytest.raises(EncodingError, match="imports nothing by a stored name"):
            codec.decode(text)
    assert "planted" not in sys.modules


@pytest.mark.parametrize("closed", [False, True])
def test_a_worker_process_knows_the_same_classes(define: Define, closed: bool) -> None:
    """What finds classes goes to a worker process with the names that it knows, and without the registry."""
    registry = Registry()
    registry.renamed("shop:Order", Former)
    registry.types(Item)
    there: ClassFinder = pickle.loads(pickle.dumps(ClassFinder(registry, closed=closed)))

    assert there.find("shop:Order") is Former
    assert there.find(there.reference(Item)) is Item
    assert there.find(f"{__name__}:Former") is Former
    if closed:
        with pytest.raises(EncodingError):
            there.find(f"{__name__}:Unmentioned")


def test_a_module_that_another_thread_is_importing_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class that a module will have at its end is found, though another thread is still in the midst of importing."""
    name = "imported_slowly"
    (tmp_path / f"{name}.py").write_text(
        "from tests.codec.test_references import MIDST\nMIDST.reached.set()\nMIDST.goes_on.wait()\nclass Late: pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "tests.codec.test_references", sys.modules[__name__])
    thread = threading.Thread(target=importlib.import_module, args=(name,))
    thread.start()
    MIDST.reached.wait()
    import_module = importlib.import_module

    def asked(module: str) -> Any:
        MIDST.goes_on.set()
        return import_module(module)

    monkeypatch.setattr(importlib, "import_module", asked)
    try:
        found = ClassFinder(Registry(), closed=False).find(f"{name}:Late")
    finally:
        MIDST.goes_on.set()
        thread.join()
    assert found is sys.modules.pop(name).Late
