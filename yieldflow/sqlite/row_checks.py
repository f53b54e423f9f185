"""Rows that are not as yieldflow writes them: they were changed by hand, or the disk lost some of its bits.

Every row that is read passes a `Columns`, which says for each column what belongs there, and raises `DamagedRowError`
where something else stands there: so damage is one workflow's, and no surprise further up. Text that is no UTF-8 would
keep SQLite's driver from reading any row of a query; `tolerantly` has it come as an `Undecodable` instead.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

from .._core.errors import DamagedRowError
from .._core.history import EPOCH, to_micros
from ..history_checks import damaged
from ..store import FOREVER

T = TypeVar("T")

#: A row as sqlite3 gives it. Which types its columns have is known to the statement that selects them.
Row: TypeAlias = tuple[Any, ...]

#: The times that a `datetime` can tell.
EARLIEST = to_micros(datetime.min.replace(tzinfo=UTC) - EPOCH)
LATEST = to_micros(datetime.max.replace(tzinfo=UTC) - EPOCH)
#: More steps, runs, attempts or signals than any workflow has.
MOST = 1 << 53


class Undecodable:
    """Text on disk that is no UTF-8."""

    def __init__(self, text: bytes) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"text that is no UTF-8, {self.text!r}"


def _text(text: bytes) -> str | Undecodable:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return Undecodable(text)


def tolerantly(connection: sqlite3.Connection, question: Callable[[sqlite3.Connection], T]) -> T:
    """Ask ``question``; where a text cannot be decoded ask it again, so that it finds an `Undecodable` there."""
    try:
        return question(connection)
    except sqlite3.OperationalError as error:
        # An error of SQLite itself has a code; this one is Python's.
        if getattr(error, "sqlite_errorcode", None) is not None:
            raise
    connection.text_factory = _text
    try:
        return question(connection)
    finally:
        connection.text_factory = str


@dataclass(frozen=True, slots=True)
class Content:
    """The content that belongs in a column.

    Args:
        what: In words, for the message.
        types: The types that it may have, as Python sees them.
        least: The least value, for a number,
        most: and the greatest.
        is_sound: Whether a value of a right type, other than a number, is right; None where it is.
    """

    what: str
    types: tuple[type, ...]
    least: int = 0
    most: int = 0
    is_sound: Callable[[Any], bool] | None = None

    @property
    def or_null(self) -> Content:
        """The same, where there may be nothing."""
        return Content(f"{self.what} or null", (*self.types, type(None)), self.least, self.most, self.is_sound)

    def fits(self, value: object) -> bool:
        """Return whether ``value`` may stand in the column."""
        if value is None or type(value) not in self.types:
            return type(value) in self.types
        if type(value) is int and self.most:
            return self.least <= value <= self.most
        return self.is_sound is None or self.is_sound(value)


def _is_text(value: str | bytes) -> bool:
    if isinstance(value, bytes):
        try:
            value.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return False
    return True


TEXT = Content("text", (str,))
#: Text that may hold what UTF-8 cannot: that comes as bytes.
ANY_TEXT = Content("text", (str, bytes), is_sound=_is_text)
PAYLOAD = Content("a value (JSON text, or the bytes of a pickle)", (str, bytes))
BYTES = Content("bytes", (bytes,))
TIME = Content("a time in whole microseconds since 1970", (int,), EARLIEST, LATEST)
WAKE_AT = Content("a time in whole microseconds since 1970, or 2**63 - 1,", (int,), EARLIEST, FOREVER)
NUMBER = Content("a whole number from 0 on", (int,), 0, MOST)
FROM_ONE = Content("a whole number from 1 on", (int,), 1, MOST)
SECONDS = Content("seconds", (int, float))


class Columns:
    """The contents that belong in the columns of a row, in the order in which a statement selects them.

    Args:
        table: The table, for messages.
        whose: Says of a row what it is the row of, for messages.
        columns: The name of each column, and what belongs in it.
    """

    def __init__(self, table: str, whose: Callable[[Row], str], **columns: Content) -> None:
        self._table = table
        self._whose = whose
        self._columns = tuple(columns.items())
        #: By the types of a row's values that were looked at column by column: what is left to be looked at in each
        #: row, the numbers that have bounds. Few such rows come up, and to compare all types at once costs little.
        self._sound: dict[tuple[type, ...], list[tuple[int, int, int]]] = {}

    def check(self, row: Row) -> None:
        """See that a row holds what belongs there.

        Raises:
            DamagedRowError: It does not; the message names the row, the column and what stands there.
        """
        types = (*map(type, row),)
        bounds = self._sound.get(types)
        if bounds is None:
            bounds = self._look(row, types)
        for place, least, most in bounds:
            if not least <= row[place] <= most:
                raise self._misplaced(row, place)

    def damaged(self, row: Row, why: str) -> DamagedRowError:
        """The error that tells what is wrong with a row."""
        return damaged(f"the row of {self._whose(row)} in table {self._table}", why)

    def _look(self, row: Row, types: tuple[type, ...]) -> list[tuple[int, int, int]]:
        told_by_type = True
        bounds = []
        for place, (value, (_, content)) in enumerate(zip(row, self._columns, strict=True)):
            if not content.fits(value):
                raise self._misplaced(row, place)
            told_by_type = told_by_type and (content.is_sound is None or not isinstance(value, bytes))
            if content.most and isinstance(value, int):
                bounds.append((place, content.least, content.most))
        if told_by_type:
            self._sound[types] = bounds
        return bounds

    def _misplaced(self, row: Row, place: int) -> DamagedRowError:
        name, content = self._columns[place]
        return self.damaged(row, f"column {name} holds {shown(row[place])}, where {content.what} belongs")


def shown(value: object) -> str:
    """A value of a damaged row, for messages, cut to a hundred characters."""
    text = "null" if value is None else repr(value)
    return text if len(text) <= 100 else f"{text[:80]}...{text[-15:]}"
