"""Log records: those of workflows through `get_logger`, and those of yieldflow itself."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from yieldflow import (
    ActivityInvocation,
    Flow,
    Orchestrator,
    OrchestratorStoppedError,
    Registry,
    WorkflowHandle,
    WorkflowStalledError,
    WorkflowStatus,
    activity,
    gather,
    get_logger,
    now,
    sleep,
    workflow,
)
from yieldflow.log import logger

#: Seconds after which a wait has failed. What is waited for takes a moment, on a slow machine some seconds.
WAIT = 120.0

log = get_logger(__name__)


class Listener(logging.Handler):
    """Keeps what is logged, and calls back where it is wanted at once, on the thread that logs."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.hear: Callable[[logging.LogRecord], None] = lambda record: None

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.hear(record)

    def messages(self, level: int = logging.DEBUG) -> list[str]:
        return [record.getMessage() for record in self.records if record.levelno >= level]


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Hears the package's listened and this module's."""
    listener = Listener()
    loggers = [logging.getLogger("yieldflow"), logging.getLogger(__name__)]
    levels = [listened.level for listened in loggers]
    for listened in loggers:
        listened.addHandler(listener)
        listened.setLevel(logging.DEBUG)
    yield listener
    for listened, level in zip(loggers, levels, strict=True):
        listened.removeHandler(listener)
        listened.setLevel(level)


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def orchestrator(tmp_path: Path, registry: Registry) -> Orchestrator:
    """Not started."""
    return Orchestrator(tmp_path / "workflows.db", registry=registry)


class Hold:
    """An activity that reports when it begins, and ends when it is released."""

    def __init__(self, registry: Registry) -> None:
        self.begun = threading.Semaphore(0)
        self.released = threading.Event()
        self._activity = activity(self._hold, name="hold", registry=registry)

    def __call__(self) -> ActivityInvocation[None]:
        return self._activity()

    def _hold(self) -> None:
        self.begun.release()
        assert self.released.wait(WAIT), "the test never let it go"

    def await_begin(self) -> None:
        assert self.begun.acquire(timeout=WAIT), "it never began"


@pytest.fixture
def hold(registry: Registry) -> Iterator[Hold]:
    hold = Hold(registry)
    yield hold
    hold.released.set()


def test_a_workflow_s_lines_are_logged_once(
    orchestrator: Orchestrator, registry: Registry, hold: Hold, listener: Listener
) -> None:
    """A workflow's log lines, also those of helpers and branches, appear once, however often it is replayed."""

    def branch(label: str) -> Flow[None]:
        log.info("branch %s begins", label)
        yield sleep(0)
        log.info("branch %s ends", label)

    @workflow(registry=registry)
    def job() -> Flow[None]:
        log.info("begins")
        yield gather(branch("a"), branch("b"))
        yield hold()
        log.info("ends")

    orchestrator.start()
    handle = orchestrator.submit(job())
    for _ in range(3):
        hold.await_begin()
        orchestrator.stop(timeout=0)
        orchestrator.start()
    hold.released.set()
    handle.result(WAIT)
    orchestrator.stop()

    lines = [record.getMessage() for record in listener.records if record.name == __name__]
    assert sorted(lines[1:-1]) == ["branch a begins", "branch a ends", "branch b begins", "branch b ends"]
    assert (lines[0], lines[-1]) == ("begins", "ends")


def test_a_workflow_s_lines_name_the_workflow(
    orchestrator: Orchestrator, registry: Registry, listener: Listener
) -> None:
    """Each record that a workflow logs carries its id, its name and the run, beside what the call adds."""

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield from now()
        log.warning("from the workflow", extra={"order": "o-1"})

    with orchestrator:
        handle = orchestrator.submit(job())
        handle.result(WAIT)

    [record] = [record for record in listener.records if record.name == __name__]
    found = {key: vars(record).get(key) for key in ("workflow_id", "workflow", "run", "order", "funcName")}
    assert found == {"workflow_id": handle.id, "workflow": "job", "run": 1, "order": "o-1", "funcName": "job"}


def test_elsewhere_the_logger_is_a_plain_one(
    orchestrator: Orchestrator, registry: Registry, listener: Listener
) -> None:
    """In an activity and outside of workflows `get_logger` logs as `logging.getLogger` does, by its level."""

    @activity(registry=registry)
    def work() -> None:
        log.info("from the activity")
        log.debug("not wanted")

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield work()

    logging.getLogger(__name__).setLevel(logging.INFO)
    with orchestrator:
        orchestrator.submit(job()).result(WAIT)
    log.info("from outside")

    records = [record for record in listener.records if record.name == __name__]
    assert [record.getMessage() for record in records] == ["from the activity", "from outside"]
    assert [hasattr(record, "workflow_id") for record in records] == [False, False]


def test_all_is_quiet_when_all_is_well(
    orchestrator: Orchestrator, registry: Registry, hold: Hold, listener: Listener
) -> None:
    """Running workflows, unfinished workflows, starts and stops cause no warning; a workflow that fails does."""

    @activity(registry=registry)
    def fail() -> None:
        raise ValueError("as users do")

    @workflow(registry=registry)
    def failing() -> Flow[None]:
        yield fail()

    @workflow(registry=registry)
    def napping() -> Flow[None]:
        yield sleep(3600)

    with orchestrator:
        failed = orchestrator.submit(failing())
        orchestrator.submit(napping())
        with pytest.raises(ValueError, match="as users do"):
            failed.result(WAIT)
    with orchestrator:
        pass

    assert listener.messages(logging.WARNING) == [f"workflow 'failing' ({failed.id}) failed: ValueError: as users do"]


def test_what_is_left_running_at_a_stop_is_named(
    orchestrator: Orchestrator, registry: Registry, hold: Hold, listener: Listener
) -> None:
    """An activity that a `stop` with a timeout leaves behind is named in a warning, with its workflow."""

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield hold()

    orchestrator.start()
    handle = orchestrator.submit(job())
    hold.await_begin()
    orchestrator.stop(timeout=0)

    [message] = listener.messages(logging.WARNING)
    assert "'hold'" in message
    assert handle.id in message
    assert "runs again at the next start" in message


def test_a_workflow_that_blocks_the_scheduler_is_shown(
    orchestrator: Orchestrator, registry: Registry, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workflow code that keeps the scheduler's thread for over a second is warned about, with the line where it is."""
    monkeypatch.setattr("yieldflow.orchestrator.session_thread.LOOK", 0.1)
    warned = threading.Event()
    listener.hear = lambda record: warned.set() if "scheduler's thread" in record.getMessage() else None

    @workflow(registry=registry)
    def slow() -> Flow[bool]:
        yield from now()
        return warned.wait(WAIT)  # this line blocks

    with orchestrator:
        handle = orchestrator.submit(slow())
        assert handle.result(WAIT) is True

    [message] = listener.messages(logging.WARNING)
    assert handle.id in message
    assert "move the work into an activity" in message
    assert f'File "{__file__}", line ' in message
    assert "in slow\n    return warned.wait(WAIT)  # this line blocks" in message


def test_a_workflow_that_stalls_is_an_error(
    tmp_path: Path, orchestrator: Orchestrator, registry: Registry, listener: Listener
) -> None:
    """That a workflow cannot go on is logged as an error with the reason, once and not at each start."""
    others = Registry()

    @workflow(registry=registry)
    def job() -> Flow[None]:
        yield sleep(0)

    @workflow(registry=others)
    def other() -> Flow[None]:
        yield sleep(0)

    handle = orchestrator.submit(job())
    orchestrator.stop()
    stranger = Orchestrator(tmp_path / "workflows.db", registry=others)
    for _ in range(2):
        with stranger:
            # By its end the scheduler has taken up all that was there before it.
            stranger.submit(other()).result(WAIT)
            with pytest.raises(WorkflowStalledError, match="no workflow named 'job'"):
                stranger.handle(handle.id).result(WAIT)

    [record] = [record for record in listener.records if record.levelno >= logging.WARNING]
    assert record.levelname == "ERROR"
    assert handle.id in record.getMessage()
    assert "no workflow named 'job' is registered" in record.getMessage()


def test_a_scheduler_that_dies_is_no_trap(
    orchestrator: Orchestrator, registry: Registry, hold: Hold, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should the scheduler's thread ever end by itself, who waits hears of it."""

    @workflow(registry=registry)
    def job() -> Flow[str]:
        yield hold()
        return "done"

    def fail(*_: object, **__: object) -> None:
        monkeypatch.undo()
        raise SystemExit("a defect")

    orchestrator.start()
    handle = orchestrator.submit(job())
    hold.await_begin()
    monkeypatch.setattr("yieldflow.scheduler.scheduler.Scheduler.turn", fail)

    with pytest.raises(OrchestratorStoppedError, match=handle.id):
        handle.result(WAIT)
    with pytest.raises(OrchestratorStoppedError):
        orchestrator.submit(job())
    logger.flush()
    assert [record.levelname for record in listener.records][-1] == "CRITICAL"
    hold.released.set()
    orchestrator.stop()
    with orchestrator:
        assert handle.result(WAIT) == "done"


def test_a_workflow_s_line_shows_values_as_they_were(
    orchestrator: Orchestrator, registry: Registry, listener: Listener
) -> None:
    """A line that a workflow logs shows a list as it was then, whatever the workflow does with it afterwards."""
    changed, lines = threading.Event(), list[str]()

    @workflow(registry=registry)
    def job() -> Flow[None]:
        seen: list[int] = []
        for number in range(3):
            seen.append(number)
            log.info("seen %s", seen)
        log.info("%(seen)s in all", {"seen": seen})
        seen.clear()
        changed.set()
        yield from now()

    def hear(record: logging.LogRecord) -> None:
        if record.name == __name__:
            assert changed.wait(WAIT)
            lines.append(record.getMessage())

    listener.hear = hear
    with orchestrator:
        orchestrator.submit(job()).result(WAIT)

    assert lines == ["seen [0]", "seen [0, 1]", "seen [0, 1, 2]", "[0, 1, 2] in all"]


def test_a_workflow_s_line_has_its_stack(orchestrator: Orchestrator, registry: Registry, listener: Listener) -> None:
    """In a workflow, too, ``stack_info`` shows the stack, and ``stacklevel`` names the caller of a helper."""

    def helper() -> None:
        log.info("from a helper", stack_info=True, stacklevel=2)

    @workflow(registry=registry)
    def job() -> Flow[None]:
        helper()
        yield from now()

    with orchestrator:
        orchestrator.submit(job()).result(WAIT)

    [record] = [record for record in listener.records if record.name == __name__]
    assert record.funcName == "job"
    assert record.stack_info is not None
    assert record.stack_info.startswith("Stack (most recent call last):\n")
    assert "in job" in record.stack_info


def test_a_line_that_is_lost_is_told_of(
    orchestrator: Orchestrator, registry: Registry, listener: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a filter raises, or an ``extra`` cannot be, the message is lost; that and its place are printed."""

    def refuse(record: logging.LogRecord) -> bool:
        if record.msg == "odd":
            raise ValueError("the filter broke")
        return True

    @workflow(registry=registry)
    def job() -> Flow[None]:
        log.info("odd")
        log.info("clash", extra={"message": "m"})
        log.info("goes on")
        yield from now()

    listener.addFilter(refuse)
    with orchestrator:
        orchestrator.submit(job()).result(WAIT)

    assert [record.getMessage() for record in listener.records if record.name == __name__] == ["goes on"]
    told = capsys.readouterr().err
    assert "ValueError: the filter broke" in told
    assert "Attempt to overwrite 'message' in LogRecord" in told
    assert f"Logged from file {__file__}, line " in told


def test_an_awaited_workflow_has_logged(orchestrator: Orchestrator, registry: Registry, listener: Listener) -> None:
    """Where the result of a workflow is awaited, what it logged is with the handlers, and the event loop went on."""
    going_on = threading.Event()

    @workflow(registry=registry)
    def job() -> Flow[None]:
        log.info("from the workflow")
        yield from now()

    def hear(record: logging.LogRecord) -> None:
        if record.name == __name__:
            assert going_on.wait(WAIT)
            heard.append(record.getMessage())

    async def loop_goes_on(handle: WorkflowHandle[None]) -> None:
        while handle.describe().status is not WorkflowStatus.DONE:
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.05, going_on.set)

    async def wait(handle: WorkflowHandle[None]) -> list[str]:
        opening = asyncio.create_task(loop_goes_on(handle))
        await handle
        found = [*heard]
        await opening
        return found

    heard: list[str] = []
    with orchestrator:
        listener.hear = hear
        assert asyncio.run(wait(orchestrator.submit(job()))) == ["from the workflow"]


def test_a_line_below_the_level_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the program's levels leave out costs no thread."""
    started: list[threading.Thread] = []
    log = logging.getLogger("yieldflow")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        monkeypatch.setattr(threading.Thread, "start", started.append)
        logger.warning("left out")
    finally:
        log.setLevel(level)
    assert started == []
