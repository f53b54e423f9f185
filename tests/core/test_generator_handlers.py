"""Clauses after `except` that closing a generator passes unnoticed: each answer is compared with what closing does.

In the shapes ``ran.append("ran")`` stands wherever closing could lead.
"""

from __future__ import annotations

import gc
import textwrap
from typing import Any

import pytest

from tests.core.closing import Shape, answers, built, silent, truths

#: What the names in the clauses below mean.
NAMES = """
import builtins
import concurrent.futures
import json
import types

class Refused(Exception): pass
class Cancelled(BaseException): pass
class Loud(type):
    def __subclasscheck__(cls, other): return True
class Claimed(Exception, metaclass=Loud): pass
class Kinds:
    Refused = ValueError
    def __getitem__(self, name): return said(ValueError)
    made = property(lambda self: said(ValueError))
class Lazy(types.ModuleType):
    def __getattribute__(self, name): return said(ValueError)

kinds, lazy, module = Kinds(), Lazy("lazy"), types.ModuleType("module")
module.__doc__ = Refused
WORTH_A_RETRY = KeyError, Refused
EVERYTHING = KeyError, BaseException
NESTED = KeyError, (ValueError,)
INSTANCE = ValueError()
OSError = BaseException
noted = []

def said(kind):
    noted.append("ran")
    return kind
"""
#: Clauses after a `yield` in a `try`, a line each, without their bodies. A `GeneratorExit` is known to pass these.
PASSED = [
    "except ValueError:",
    "except Exception as error:",
    "except Refused:",
    "except Cancelled:",
    "except (KeyError, ValueError) as error:",
    "except (KeyError,):",
    "except WORTH_A_RETRY:",
    "except json.JSONDecodeError:",
    "except (concurrent.futures.CancelledError, json.JSONDecodeError, KeyError) as error:",
    "except KeyError:\nexcept (LookupError, Refused) as error:\nexcept Exception:",
    "except KeyError:\nelse:",
]
#: At these code runs, or what stands after `except` fails.
RUNNING = [
    "finally:",
    "except:",
    "except BaseException:",
    "except GeneratorExit:",
    "except ValueError:\nexcept:",
    "except ValueError:\nexcept BaseException as error:",
    "except (ValueError, GeneratorExit):",
    "except ValueError:\nfinally:",
    "except EVERYTHING:",
    "except OSError:",
    "except builtins.BaseException:",
    "except Unheard:",
    "except json.Unheard:",
    "except json.Unheard.of:",
    "except NESTED:",
    "except INSTANCE:",
    "except int:",
    "except (KeyError, WORTH_A_RETRY):",
    "except ((KeyError, Refused), ValueError):",
    "except ((KeyError,),):",
    "except said(ValueError):",
    "except (KeyError, said(ValueError)):",
    "except ValueError:\nexcept said(KeyError) as error:",
    "except kinds.made:",
    "except lazy.Refused:",
    "except kinds['refused']:",
]
#: At these nothing runs either, which is not found out.
UNKNOWN = [
    "except* ValueError:",
    "except Claimed:",
    "except (KeyError, Claimed):",
    "except Kinds.Refused:",
    "except module.__doc__:",
    "except ():",
    "except (KeyError if ran else ValueError):",
]

#: Whole functions, with the truth, and the answer, at each ``yield``.
PROGRAMS = {
    "a name of a function around it": (
        """
        def outer():
            class Refused(Exception): pass
            worth_a_retry = (KeyError, Refused)

            def shape(ran):
                try:
                    yield 1
                except Refused:
                    ran.append("ran")
                try:
                    yield 2
                except worth_a_retry:
                    ran.append("ran")
            return shape

        shape = outer()
        """,
        [True, True],
    ),
    "nested": (
        """
        def shape(ran):
            try:
                try:
                    try:
                        yield 1
                    except KeyError as error:
                        ran.append(error)
                    yield 2
                except ValueError:
                    ran.append("ran")
            except (OSError, TypeError):
                ran.append("ran")
        """,
        [True, True],
    ),
    "in the body of an except, in a try": (
        """
        def shape(ran):
            try:
                try:
                    raise KeyError
                except KeyError as error:
                    yield error
            except ValueError:
                ran.append("ran")
        """,
        [True],
    ),
    "in a loop": (
        """
        def shape(ran):
            for number in range(2):
                try:
                    yield number
                except ValueError:
                    continue
                except KeyError:
                    break
            while len(ran) < 2:
                try:
                    ran.append((yield 2))
                except ValueError:
                    return
        """,
        [True] * 4,
    ),
    "a loop in a try": (
        """
        def shape(ran):
            try:
                for number in plain():
                    yield number
                for number in guarded(ran):
                    yield number
            except ValueError:
                ran.append("ran")
        """,
        [True, True, False, False],
    ),
    "in a helper": (
        """
        def helper(ran):
            try:
                return (yield 1)
            except ValueError:
                ran.append("ran")

        def shape(ran):
            yield from helper(ran)
            try:
                yield from helper(ran)
            except (KeyError, OSError):
                ran.append("ran")
        """,
        [True, True],
    ),
    "a helper that catches everything": (
        """
        def helper(ran):
            try:
                yield 1
            except BaseException:
                ran.append("ran")
                raise

        def shape(ran):
            try:
                yield from helper(ran)
            except ValueError:
                ran.append("ran")
        """,
        [False],
    ),
    "a helper that is passed, where everything is caught": (
        """
        def helper(ran):
            try:
                yield 1
            except ValueError:
                ran.append("ran")

        def shape(ran):
            try:
                yield from helper(ran)
            except BaseException:
                ran.append("ran")
                raise
        """,
        [False],
    ),
    "a finally around it": (
        """
        def shape(ran):
            try:
                try:
                    yield 1
                except ValueError:
                    pass
            finally:
                ran.append("ran")
        """,
        [False],
    ),
    "a with around it, and in it": (
        """
        def shape(ran):
            with Guard(ran):
                try:
                    yield 1
                except ValueError:
                    pass
            try:
                with Guard(ran):
                    yield 2
                yield 3
            except ValueError:
                pass
        """,
        [False, False, True],
    ),
    "a name that comes to mean BaseException": (
        """
        Failure = ValueError

        def shape(ran):
            global Failure
            Failure = ValueError
            try:
                yield 1
                Failure = BaseException
                yield 2
                Failure = (KeyError, GeneratorExit)
                yield 3
            except Failure:
                ran.append("ran")
        """,
        [True, False, False],
    ),
    "a name of a function around it that comes to mean BaseException": (
        """
        def outer():
            failure = ValueError

            def shape(ran):
                nonlocal failure
                failure = ValueError
                try:
                    yield 1
                    failure = BaseException
                    yield 2
                    del failure
                    yield 3
                except failure:
                    ran.append("ran")
            return shape

        shape = outer()
        """,
        [True, False, False],
    ),
    "an attribute that a module makes": (
        """
        import types

        kinds = types.ModuleType("kinds")

        def shape(ran):
            def made(name):
                ran.append(name)
                return ValueError

            kinds.__getattr__ = made
            try:
                yield 1
            except kinds.Refused:
                pass
        """,
        [False],
    ),
}

#: Whole functions that could be dropped at each ``yield`` and are not.
CAUTIOUS = {
    "a local name": """
        def shape(ran, failure=ValueError):
            try:
                yield 1
            except failure:
                pass
            try:
                yield 2
            except (failure, failure):
                pass
        """,
    "a local name that a function inside of it reads": """
        def shape(ran):
            failure = ValueError
            def inside():
                return failure
            try:
                yield 1
            except failure:
                pass
        """,
    "a name of a function around it, with another of the same code at hand": """
        def outer(failure):
            def shape(ran):
                twin = outer(KeyError)
                try:
                    yield 1
                except failure:
                    pass
            return shape

        shape = outer(ValueError)
        """,
}


def trying(clauses: str) -> Shape:
    """A function that waits in a `try` with these clauses, each of which leaves a trace when it runs."""
    handlers = "".join(f"    {line}\n        ran.append('ran')\n" for line in clauses.splitlines())
    return built(f"{NAMES}\ndef shape(ran):\n    global noted\n    noted = ran\n    try:\n        yield 1\n{handlers}")


def shape_of(source: str) -> Shape:
    return built(textwrap.dedent(source))


@pytest.mark.parametrize("clauses", PASSED)
def test_what_passes_every_except_can_be_dropped(clauses: str) -> None:
    """A generator can be dropped inside a `try` if each `except` names exceptions that closing does not raise."""
    assert answers(trying(clauses), gc.get_referents) == truths(trying(clauses)) == [True]


@pytest.mark.parametrize("clauses", RUNNING)
def test_what_closing_would_run_stays(clauses: str) -> None:
    """A generator stays where closing would run a handler, or code that stands after `except`, or fail there."""
    assert answers(trying(clauses), gc.get_referents) == truths(trying(clauses)) == [False]


@pytest.mark.parametrize("clauses", UNKNOWN)
def test_an_except_that_is_not_understood_stays(clauses: str) -> None:
    """In doubt about what stands after `except` a generator stays in memory."""
    assert answers(trying(clauses), gc.get_referents) == [False]
    assert truths(trying(clauses)) == [True]


def test_a_long_except_is_passed() -> None:
    """However long the body of an `except` is, the next one is found behind it."""
    shape = trying("except ValueError:\n" + "    pass; ran.append(len(ran) + 1)\n" * 2000 + "except KeyError:")

    assert answers(shape, gc.get_referents) == truths(shape) == [True]


@pytest.mark.parametrize(("source", "expected"), PROGRAMS.values(), ids=PROGRAMS)
def test_the_answer_is_what_closing_does(source: str, expected: list[bool]) -> None:
    """All that is around a `yield` counts, in helpers too, and what the names mean at that moment."""
    assert answers(shape_of(source), gc.get_referents) == truths(shape_of(source)) == expected


@pytest.mark.parametrize("source", CAUTIOUS.values(), ids=CAUTIOUS)
def test_a_variable_that_is_not_looked_up_stays(source: str) -> None:
    """A generator stays if a local name stands after `except`, or the function whose closure counts cannot be told."""
    assert not any(answers(shape_of(source), gc.get_referents))
    assert all(truths(shape_of(source)))


@pytest.mark.parametrize("source", [source for source, _ in PROGRAMS.values()], ids=PROGRAMS)
def test_without_a_look_into_the_frame_none_is_dropped_that_should_stay(source: str) -> None:
    """Without knowing what a frame holds, no more can be dropped; a wrong yes would fail in `answers`."""
    shape = shape_of(source)

    pairs = zip(answers(shape), answers(shape, gc.get_referents), strict=True)
    assert (True, False) not in pairs


def test_globals_that_are_looked_up_by_code() -> None:
    """A function whose globals are a mapping of the user's stays: to look up the name would run its code."""

    class Names(dict[str, Any]):
        def __missing__(self, name: str) -> object:
            return ValueError

    names = Names(__builtins__={})
    exec("def shape(ran):\n    try:\n        yield 1\n    except Failure:\n        ran.append('ran')", names)

    assert answers(names["shape"], gc.get_referents) == [False]


def test_the_answer_follows_the_meaning_of_a_name() -> None:
    """One generator is asked again and again: what the name after `except` means at that moment decides."""
    names: dict[str, Any] = {"Failure": ValueError}
    exec("def shape(ran):\n    try:\n        yield 1\n    except Failure:\n        ran.append('ran')", names)
    generator = names["shape"]([])
    next(generator)
    found = []
    for meaning in ValueError, BaseException, (KeyError, OSError), (KeyError, GeneratorExit), KeyError:
        names["Failure"] = meaning
        found.append(silent(generator, gc.get_referents))

    assert found == [True, False, True, False, True]


def test_asking_changes_nothing() -> None:
    """The question keeps nothing alive that a generator held, and holds no more."""
    shape = shape_of(
        """
        def shape(ran, failure=ValueError):
            kept = started(guarded(ran))
            try:
                yield 1
            except failure:
                pass
            kept = None
            yield 2
        """
    )
    ran: list[str] = []
    generator: Any = shape(ran)
    next(generator)
    silent(generator, gc.get_referents)
    assert ran == []
    next(generator)

    assert ran == ["finally"]
