"""Another time and another place, for the second run of a workflow: what it may not depend on is not the same there.

Two runs within a millisecond see the same date and the same environment, so that a workflow which looks at them would
do the same by chance. In the second run the clock is ahead by more than a year, variables of the environment have other
values, and sets that came in from outside, or were made by ``set(...)``, are gone through in another order. Only code
that a workflow drives sees any of it: whatever else runs meanwhile, in other threads too, is left alone.
"""

from __future__ import annotations

__tracebackhide__ = True

import datetime
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

from ..._core.context import driving
from ..._core.history import Codec, Failure, Payload
from ...codec import MARK

#: The types whose hash is the same in every process, and so is the order of a set of them.
SAME_EVERYWHERE = (int, float, complex, bool, type(None))
#: The seconds by which the clock is ahead: far enough for another second, minute, hour, weekday, day, month and year.
AHEAD = ((400 * 24 + 7) * 60 + 13) * 60 + 17.31
_AHEAD_NS = int(AHEAD * 1e9)


class Elsewhere:
    """The environment of the second run of one workflow.

    Args:
        names: The globals of the workflow's module.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names
        self._there = [(name, _OTHERS[id(value)]) for name, value in names.items() if id(value) in _OTHERS]
        #: The things that the workflow asked for and that no other run need find the same, in words.
        self.looked_at: dict[str, None] = {}

    @contextmanager
    def entered(self) -> Iterator[None]:
        """While this lasts, workflows that are driven see another time and another environment."""
        clocks = {name: getattr(time, name) for name in _CLOCKS}
        data = os.environ._data  # type: ignore[attr-defined]  # nothing else sees every way to read it
        kept = {name: self._names[name] for name, _ in self._there}
        # A builtin: there is nothing to be put back.
        makes_sets = "set" not in self._names
        global _looked_at
        before, _looked_at = _looked_at, self.looked_at
        try:
            for name, other in _CLOCKS.items():
                setattr(time, name, other)
            self._names.update(self._there)
            if makes_sets:
                self._names["set"] = _OtherSet
            os.environ._data = _OtherVariables(data)  # type: ignore[attr-defined]  # as above
            yield
        finally:
            os.environ._data = data  # type: ignore[attr-defined]  # as above
            self._names.update(kept)
            if makes_sets:
                self._names.pop("set", None)
            for name, clock in clocks.items():
                setattr(time, name, clock)
            _looked_at = before

    @property
    def told(self) -> str:
        """The sentence about what the workflow looked at; empty where that is not known."""
        looked_at = ", ".join(self.looked_at)
        return f"In the second run the workflow found another value of {looked_at}." if looked_at else ""


#: The notes of what the workflow that is being driven looks at.
_looked_at: dict[str, None] = {}


# ---------------------------------------------------------------------- the clock


def _later(name: str, clock: Callable[..., Any], ahead: float) -> Callable[..., Any]:
    def later(*given: Any) -> Any:
        if given or driving() is None:
            return clock(*given)
        _looked_at[f"time.{name}()"] = None
        return clock() + ahead

    return later


def _later_text(name: str, clock: Callable[..., Any], place: int) -> Callable[..., Any]:
    """A function that takes the present where the argument at ``place`` is left out."""
    now = time.time
    begun = time.localtime

    def later(*given: Any) -> Any:
        if len(given) > place or driving() is None:
            return clock(*given)
        _looked_at[f"time.{name}()"] = None
        moment = now() + AHEAD
        return clock(*given, moment if name in ("localtime", "gmtime", "ctime") else begun(moment))

    return later


#: The functions of `time`, and what stands in their place.
_CLOCKS: dict[str, Callable[..., Any]] = {
    **{name: _later(name, getattr(time, name), AHEAD) for name in ("time", "monotonic", "perf_counter")},
    **{name: _later(name, getattr(time, name), _AHEAD_NS) for name in ("time_ns", "monotonic_ns", "perf_counter_ns")},
    **{name: _later_text(name, getattr(time, name), 0) for name in ("localtime", "gmtime", "ctime", "asctime")},
    "strftime": _later_text("strftime", time.strftime, 1),
}


class _LikeTheRest(type):
    """A class that stands for another: its instances are the other's, and all but a few methods are too."""

    _other: type

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls._other)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls._other)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return cls._other(*args, **kwargs)

    def __getattr__(cls, name: str) -> Any:
        return getattr(cls._other, name)


def _moment(name: str) -> datetime.timedelta:
    if driving() is None:
        return datetime.timedelta(0)
    _looked_at[name] = None
    return datetime.timedelta(seconds=AHEAD)


class _LaterDatetime(metaclass=_LikeTheRest):
    """`datetime.datetime`, a year ahead."""

    _other = datetime.datetime

    @staticmethod
    def now(tz: datetime.tzinfo | None = None) -> datetime.datetime:
        return datetime.datetime.now(tz) + _moment("datetime.now()")

    @staticmethod
    def utcnow() -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + _moment("datetime.utcnow()")

    @staticmethod
    def today() -> datetime.datetime:
        return datetime.datetime.now() + _moment("datetime.today()")  # noqa: DTZ005  # as the real one does


class _LaterDate(metaclass=_LikeTheRest):
    """`datetime.date`, a year ahead."""

    _other = datetime.date

    @staticmethod
    def today() -> datetime.date:
        return datetime.date.today() + _moment("date.today()")  # noqa: DTZ011  # as the real one does


class _LaterModule:
    """The module `datetime`."""

    datetime = _LaterDatetime
    date = _LaterDate

    def __getattr__(self, name: str) -> Any:
        return getattr(datetime, name)


#: The objects that a workflow's module may have under names of its own, by identity, and their stand-ins.
_OTHERS: dict[int, Any] = {
    id(datetime): _LaterModule(),
    id(datetime.datetime): _LaterDatetime,
    id(datetime.date): _LaterDate,
    **{id(getattr(time, name)): other for name, other in _CLOCKS.items()},
}

# ---------------------------------------------------------------------- the environment


class _OtherVariables(MutableMapping[Any, Any]):
    """The environment, with another value of each variable to whoever is a workflow, also of those not set."""

    def __init__(self, real: MutableMapping[Any, Any]) -> None:
        self._real = real

    def __getitem__(self, key: Any) -> Any:
        if driving() is None:
            return self._real[key]
        _looked_at[f"os.environ[{os.fsdecode(key)!r}]"] = None
        value = self._real.get(key)
        one = b"1" if isinstance(key, bytes) else "1"
        # A text that is read as a number stays a number.
        return one if value is None else value + one

    def __setitem__(self, key: Any, value: Any) -> None:
        self._real[key] = value

    def __delitem__(self, key: Any) -> None:
        del self._real[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._real)

    def __len__(self) -> int:
        return len(self._real)


# ---------------------------------------------------------------------- random numbers, and sets


def random_state() -> object:
    """The state of the generator of the module `random`."""
    return random.getstate()[1]


class Reordering:
    """A codec whose sets are gone through in another order than those of the codec that it stands for."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self.encode: Callable[[object], Payload] = codec.encode
        self.same: Callable[[Payload, Payload, Mapping[str, object]], bool] = codec.same
        self.encode_failure: Callable[[BaseException], Failure] = codec.encode_failure
        self.decode_failure: Callable[[Failure, type[BaseException]], BaseException] = codec.decode_failure

    def decode(self, payload: Payload) -> object:
        """A new value from ``payload``, with its sets in another order."""
        value = self._codec.decode(payload)
        # A text without tags holds no sets.
        return _reordered(value) if payload[:1] == MARK or isinstance(payload, bytes) else value


class _MakesOthers(_LikeTheRest):
    """Calls make sets whose order is another one, as it would be in another process."""

    def __call__(cls, *args: Any) -> Any:
        made: set[Any] = set(*args)
        if driving() is None or all(type(item) in SAME_EVERYWHERE for item in made):
            return made
        return _other_order(made)


class _OtherSet(metaclass=_MakesOthers):
    """`set`, by that name."""

    _other = set

    def __class_getitem__(cls, item: Any) -> Any:
        return set[item]


def _reordered(value: Any) -> Any:
    kind = type(value)
    if kind is set:
        return _other_order(value)
    if kind is list:
        return [_reordered(item) for item in value]
    if kind is tuple:
        return tuple(_reordered(item) for item in value)
    if kind is dict:
        return {key: _reordered(item) for key, item in value.items()}
    return value


def _other_order(there: set[Any]) -> set[Any]:
    """An equal set in a larger table, where its items have other places: those make the order. Another comes first."""
    order, found = list(there), there
    for room in (32, 128, 512, 2048, 8192):
        larger: set[Any] = set(range(room)) | there
        # One by one: whatever takes many out makes the table small again.
        for number in range(room):
            if number not in there:
                larger.discard(number)
        again = list(larger)
        if again[:1] != order[:1]:
            return larger
        found = larger if again != order else found
    return found
