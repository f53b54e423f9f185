"""`Settings`: the arguments of an orchestrator, checked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .._core.commands import show
from .._core.errors import DatabaseOpenError
from .._core.history import Codec
from .._core.options import ASYNC, PROCESS, THREAD
from .._core.registry import Registry, default_registry
from .._core.retry import check_count
from ..clock import Clock
from ..codec import codec_named
from ..tracing import Tracer

if TYPE_CHECKING:
    from concurrent.futures import Executor


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
    max_live: int
    given_executors: Mapping[str, Executor] | None = None
    given_processes: int | None = None
    tracer: Tracer | None = None
    # For tests.
    #: Tells the time.
    clock: Clock = Clock()  # noqa: RUF009  # immutable
    #: Keeps the workflows in place of the file.
    given_store: Any = None

    def __post_init__(self) -> None:
        if not isinstance(self.db_path, (str, os.PathLike)):
            raise TypeError(f"db_path is a string or a path, not {show(self.db_path)}")
        object.__setattr__(self, "db_path", _absolute(os.fsdecode(self.db_path)))
        if not isinstance(self.given_registry, (Registry, type(None))):
            raise TypeError(f"registry is a Registry, not {show(self.given_registry)}")
        if self.durability not in ("full", "normal"):
            raise ValueError(f"durability is 'full' or 'normal', not {show(self.durability)}")
        codec_named(self.codec_name)
        check_count("max_workers", self.max_workers)
        check_count("max_recovery_attempts", self.max_recovery_attempts)
        check_count("max_live", self.max_live)
        if self.given_processes is not None:
            check_count("max_processes", self.given_processes)
        if self.tracer is not None and not isinstance(self.tracer, Tracer):
            raise TypeError(f"tracer is a Tracer: derive your class from it; {show(self.tracer)} is none")
        for name, executor in self.executors.items():
            if name in (THREAD, PROCESS, ASYNC):
                raise ValueError(f"executors= has {name!r}, which every orchestrator has already: choose another name")
            if not callable(getattr(executor, "submit", None)):
                raise TypeError(f"executors[{name!r}] is a concurrent.futures.Executor, not {show(executor)}")

    @property
    def path(self) -> str:
        """The absolute path of the file."""
        assert isinstance(self.db_path, str)
        return self.db_path

    @property
    def registry(self) -> Registry:
        """The registry that was given, or the default one."""
        return default_registry if self.given_registry is None else self.given_registry

    @property
    def executors(self) -> Mapping[str, Executor]:
        """The user's executors, by name."""
        return {} if self.given_executors is None else self.given_executors

    def check_executors(self) -> None:
        """Check that each activity of the registry has an executor to run in.

        Raises:
            ValueError: One names an executor that was not given.
        """
        known = (THREAD, ASYNC, PROCESS, *self.executors)
        for definition in self.registry.activities.values():
            name = definition.options.executor
            if name not in known:
                raise ValueError(
                    f"activity {definition.name!r} is to run in executor={name!r}, which there is not: hand it over, "
                    f"as in Orchestrator(executors={{{name!r}: ...}})"
                )

    @property
    def max_processes(self) -> int:
        """The greatest number of worker processes."""
        return self.given_processes or os.cpu_count() or 1

    @property
    def codec(self) -> Codec:
        """The codec that was named."""
        return codec_named(self.codec_name, self.registry)


def _absolute(path: str) -> str:
    """Return the path in the present folder, which the program may leave. Symlinks are followed where it is opened.

    Raises:
        DatabaseOpenError: It is relative, and the present folder is not there any more.
    """
    # The first two name no file, and are refused as they are where it is opened.
    if path in ("", ":memory:") or os.path.isabs(path):
        return path
    try:
        return os.path.join(os.getcwd(), path)
    except OSError as error:
        raise DatabaseOpenError(
            f"{path}: there is no current directory ({error.strerror}): give an absolute path"
        ) from error
