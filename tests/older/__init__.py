"""Files that code of the past wrote, one for each version of the schema and each codec, and the workflows in them.

`writer` wrote ``version_N_CODEC.sql``, by code of schema version N: the last one that had version 1 or 2, and the first
that had version 3 as it is. Two processes drove the file one after the other, each was killed in the midst of it, and
then a client left something there.

What could be said from a version on is in the module of that version, which its code imports too; in a file are the
workflows of its version and of all before. None of this is changed, since the files name it: a new version gets a
module and files of its own.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from tests.older.left import Left

Codec: TypeAlias = Literal["pickle", "json"]
CODECS: tuple[Codec, ...] = ("pickle", "json")


def workflows(version: int, codec: Codec) -> dict[str, Left]:
    """What is in a file, by id."""
    found: dict[str, Left] = {}
    for number in range(1, version + 1):
        found |= import_module(f"tests.older.version_{number}").LEFT
    return {id: left for id, left in found.items() if codec == "pickle" or not left.pickled}
