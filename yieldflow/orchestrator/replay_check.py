"""Replays the unfinished workflows of a file under the code that is registered here: `Orchestrator.check_replay`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from .._core.errors import EncodingError
from .._core.history import Codec, Payload, WorkflowStatus
from .._core.registry import Registry
from ..codec import PickleCodec, codec_named
from ..codec.pickles import names_main
from ..filter import Filter
from ..scheduler.live import Driver, stall_reason
from ..store import Store, WorkflowRecord

#: The statuses of workflows that have still to go on.
UNFINISHED = frozenset({WorkflowStatus.PROCESSING, WorkflowStatus.SUSPENDED, WorkflowStatus.STALLED})

#: The number of workflows that are named of those with a problem alike.
SHOWN = 3
#: A step as a mismatch shows it.
_ARGUMENTS = re.compile(r"^(  (?:recorded|yielded): +[^\n(]+)\([^\n]*\)( at [^\n]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ReplayProblem:
    """A workflow that would stall under this code, as `ReplayReport.problems` lists it.

    ``str(problem)`` is a text for people, with everything in it.

    Example:
        >>> for problem in orchestrator.check_replay().problems:
        ...     print(problem.workflow_id, problem.reason)
    """

    #: The workflow's id.
    workflow_id: str
    #: The name that the workflow is registered under.
    name: str
    #: Its status now.
    status: WorkflowStatus
    #: The reason for which it would stall, with the recorded and the yielded command.
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.workflow_id}, {self.status}): {self.reason}"


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """The findings of `Orchestrator.check_replay`.

    ``str(report)`` is a text for people. Problems that are alike are shown once there, with their number and some ids.

    Example:
        >>> report = Orchestrator("shop.db").check_replay()
        >>> assert report.ok, report
    """

    #: The number of workflows that were replayed.
    checked: int
    #: The workflows that would stall, the oldest first.
    problems: tuple[ReplayProblem, ...]
    #: On the command line without ``--main``: the workflows with values whose classes are in the program's main script.
    #: They are not among the problems, since nothing can be told of them.
    unreadable: tuple[ReplayProblem, ...] = ()

    @property
    def ok(self) -> bool:
        """True if every workflow replays."""
        return not self.problems and not self.unreadable

    def __str__(self) -> str:
        bad, unread = len(self.problems), len(self.unreadable)
        head = f"{self.checked - bad - unread} of {self.checked} unfinished workflows replay under this code"
        head += f"; {bad} do not:" if bad > 1 else "; one does not:" if bad else ""
        parts = [head, *_grouped(self.problems)]
        if unread:
            parts.append(
                f"{unread} could not be read: they hold values whose classes are in the main script of the program. "
                "Have it loaded, as in --main app.py:"
            )
        return "\n\n".join([*parts, *_grouped(self.unreadable)])


def _grouped(problems: Sequence[ReplayProblem]) -> list[str]:
    """The problems as texts for people; those that are alike once."""
    groups: dict[tuple[str, str], list[ReplayProblem]] = {}
    for problem in problems:
        groups.setdefault((problem.name, _without_values(problem)), []).append(problem)
    return [_text(alike) for alike in groups.values()]


def _without_values(problem: ReplayProblem) -> str:
    """The reason without what is another in each workflow: its id, and the arguments of its steps."""
    return _ARGUMENTS.sub(r"\1(...)\2", problem.reason.replace(problem.workflow_id, "..."))


def _text(alike: Sequence[ReplayProblem]) -> str:
    first = alike[0]
    if len(alike) == 1:
        return str(first)
    shown = ", ".join(one.workflow_id for one in alike[:SHOWN])
    more = f", and {len(alike) - SHOWN} more" if len(alike) > SHOWN else ""
    return f"{len(alike)} of {first.name} alike ({shown}{more}). The first, {first.status}: {first.reason}"


def check_replay(path: str, registry: Registry, codec: Codec | None, *, knows_main: bool = True) -> ReplayReport:
    """Replay every unfinished workflow of a file, one after the other; nothing is written.

    A file of an older version is not migrated, since its owner may still be running: a copy of it is.

    Args:
        path: The file.
        registry: The workflows by name.
        codec: The codec; None for that with which the file was owned last.
        knows_main: False where ``__main__`` is not the main script of the program that the workflows are of.

    Raises:
        DatabaseOpenError: There is no such file, or it cannot be used.
    """
    from tempfile import TemporaryDirectory

    from ..sqlite import SqliteStore, codec_of
    from ..sqlite.connections import unmigrated

    problems: list[ReplayProblem] = []
    unreadable: list[ReplayProblem] = []
    with TemporaryDirectory(prefix="yieldflow-") as folder, closing(SqliteStore(unmigrated(path, folder))) as store:
        if codec is None:
            codec = _Reading() if codec_of(store.path) in (None, "pickle") else codec_named("json")
        found = store.records(Filter(statuses=UNFINISHED, oldest_first=True))
        for record in found:
            problem = _replay(store, record, registry, codec)
            if problem is not None:
                is_unread = not knows_main and isinstance(codec, _Reading) and codec.missed_main
                (unreadable if is_unread else problems).append(problem)
    return ReplayReport(len(found), tuple(problems), tuple(unreadable))


class _Reading(PickleCodec):
    """Notes that a value could not be read for want of the main script that its class is in."""

    def __init__(self) -> None:
        self.missed_main = False

    def decode(self, payload: Payload) -> object:
        """Make a new value from ``payload``."""
        try:
            return super().decode(payload)
        except EncodingError as error:
            self.missed_main |= isinstance(payload, bytes) and names_main(payload, error.__cause__)
            raise


def _replay(store: Store, record: WorkflowRecord, registry: Registry, codec: Codec) -> ReplayProblem | None:
    """Replay one workflow, and return the problem, if there is one."""
    if record.damaged:
        return ReplayProblem(record.id, record.name, record.status, record.reason or "")
    try:
        loaded = store.load(record.id)
        if loaded is not None:
            Driver(codec, registry).rebuild(loaded).execution.close()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever it is, it is one workflow's
        return ReplayProblem(record.id, record.name, record.status, stall_reason(error))
    return None
