"""What an orchestrator is told when it is made, checked once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from .._core.definitions import Registry, default_registry
from .._core.history import Codec
from ..codec import codec_named


@dataclass(frozen=True, slots=True)
class Settings:
    """The arguments of `Orchestrator`, which describes them.

    Raises:
        TypeError, ValueError: One of them is wrong; the message says which.
    """

    db_path: str | os.PathLike[str]
    max_workers: int
    given_registry: Registry | None
    codec_name: str
    durability: Literal["full", "normal"]
    max_recovery_attempts: int

    def __post_init__(self) -> None:
        if not isinstance(self.db_path, (str, os.PathLike)):
            raise TypeError(f"db_path is a string or a path, not {self.db_path!r}")
        if not isinstance(self.given_registry, (Registry, type(None))):
            raise TypeError(f"registry is a Registry, not {self.given_registry!r}")
        if self.durability not in ("full", "normal"):
            raise ValueError(f"durability is 'full' or 'normal', not {self.durability!r}")
        codec_named(self.codec_name)
        _check_count("max_workers", self.max_workers)
        _check_count("max_recovery_attempts", self.max_recovery_attempts)

    @property
    def path(self) -> str:
        """The file, as it was given."""
        return os.fspath(self.db_path)

    @property
    def registry(self) -> Registry:
        """Where workflows are found by name."""
        return default_registry if self.given_registry is None else self.given_registry

    @property
    def codec(self) -> Codec:
        """How values are stored."""
        return codec_named(self.codec_name)


def _check_count(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is a whole number, not {value!r}")
    if value < 1:
        raise ValueError(f"{name} is at least 1, not {value!r}")
