"""Replays the unfinished workflows of a file under the code that is registered here: `Orchestrator.check_replay`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from .._core.errors import DamagedRowError, EncodingError
from .._core.history import Codec, Signal, WorkflowStatus
from .._core.registry import Registry
from ..codec import codec_named
from ..codec.pickles import names_main
from ..filter import Filter
from ..scheduler.live import Driver, stall_reason
from ..store import Loaded, RequestKind, Store, WorkflowRecord
from .stored_values import Unreadable, unreadable_values

#: The statuses of workflows that have still to go on.
UNFINISHED = frozenset({WorkflowStatus.PROCESSING, WorkflowStatus.SUSPENDED, WorkflowStatus.STALLED})

#: The number of workflows that are named of those with a problem alike.
SHOWN = 3
#: A step as a mismatch shows it.
_ARGUMENTS = re.compile(r"^(  (?:recorded|yielded): +[^\n(]+)\([^\n]*\)( at [^\n]+)$", re.MULTILINE)
#: The numbers in the places of values that cannot be read.
_STEP_NUMBER = re.compile(r"^(the [a-z ]+ of step )\d+")
_NUMBER_OF_MORE = re.compile(r"(?<=, and )\d+(?= more of its values: )")


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
    #: The reason for which it would stall, with the recorded and the yielded command, or the place of the stored value
    #: that cannot be read.
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
    #: The workflows that would stall, the oldest first; once for each different reason.
    problems: tuple[ReplayProblem, ...]
    #: On the command line without ``--main``: the workflows with values whose classes are in the program's main script.
    #: They are not among the problems, since nothing can be told of them.
    unreadable: tuple[ReplayProblem, ...] = ()

    @property
    def ok(self) -> bool:
        """True if every workflow replays."""
        return not self.problems and not self.unreadable

    def __str__(self) -> str:
        bad, unread = (len({one.workflow_id for one in found}) for found in (self.problems, self.unreadable))
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
    """The reason without what is another in each workflow: its id, and numbers and arguments of its steps."""
    reason = _STEP_NUMBER.sub(r"\1...", problem.reason.replace(problem.workflow_id, "..."))
    return _ARGUMENTS.sub(r"\1(...)\2", _NUMBER_OF_MORE.sub("...", reason))


def _text(alike: Sequence[ReplayProblem]) -> str:
    first = alike[0]
    if len(alike) == 1:
        return str(first)
    shown = ", ".join(one.workflow_id for one in alike[:SHOWN])
    more = f", and {len(alike) - SHOWN} more" if len(alike) > SHOWN else ""
    return f"{len(alike)} of {first.name} alike ({shown}{more}). The first, {first.status}: {first.reason}"


def check_replay(path: str, registry: Registry, codec: Codec | None, *, knows_main: bool = True) -> ReplayReport:
    """Replay every unfinished workflow of a file, and read all its values, one after the other; nothing is written.

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
            codec = codec_named("pickle" if codec_of(store.path) in (None, "pickle") else "json", registry)
        found = store.records(Filter(statuses=UNFINISHED, oldest_first=True))
        sent = _sent(store)
        for record in found:
            reasons, misses_main = _check(store, record, sent[record.id], registry, codec)
            (unreadable if misses_main and not knows_main else problems).extend(
                ReplayProblem(record.id, record.name, record.status, reason) for reason in reasons
            )
    return ReplayReport(len(found), tuple(problems), tuple(unreadable))


def _sent(store: Store) -> Mapping[str, list[Signal]]:
    """Collect the signals that clients left and no owner has taken in, by workflow."""
    found = defaultdict[str, list[Signal]](list)
    for request in store.arrivals().requests:
        if request.kind is RequestKind.SIGNAL and request.payload is not None:
            found[request.workflow_id].append(Signal(0, request.name or "", request.payload, request.at))
    return found


def _check(
    store: Store, record: WorkflowRecord, sent: Sequence[Signal], registry: Registry, codec: Codec
) -> tuple[list[str], bool]:
    """Replay a workflow and read its values; why it would stall, and whether that is for want of the main script."""
    if record.damaged:
        return [record.reason or ""], False
    try:
        loaded = store.load(record.id)
        if loaded is None:
            return [], False
        error = _replay(loaded, registry, codec)
        loaded = loaded._replace(signals=(*loaded.signals, *sent))
        unread = [] if isinstance(error, DamagedRowError) else unreadable_values(loaded, codec)
    except Exception as its_own:
        return [stall_reason(its_own)], False
    reasons = [f"{value.places}: {value.error}" for value in unread]
    if error is not None and not (unread and isinstance(error, EncodingError)):
        reasons.insert(0, stall_reason(error))
    return reasons, any(map(_misses_main, unread))


def _replay(loaded: Loaded, registry: Registry, codec: Codec) -> BaseException | None:
    """Replay one workflow; the error for which it would stall, if it would."""
    try:
        Driver(codec, registry).rebuild(loaded).execution.close()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # whatever it is, it is one workflow's
        return error
    return None


def _misses_main(value: Unreadable) -> bool:
    """Tell whether a value could not be read for want of the main script that its class is in."""
    cause: BaseException | None = value.error
    while cause is not None and isinstance(value.payload, bytes):
        if names_main(value.payload, cause):
            return True
        cause = cause.__cause__
    return False
