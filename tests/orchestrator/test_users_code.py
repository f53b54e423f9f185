"""Code of the user's that yieldflow calls: whatever it raises or waits for, the workflows go on."""

from __future__ import annotations

import ast
import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import yieldflow
from tests.support.shop import WAIT, Gate, until
from yieldflow import (
    AttemptInfo,
    Flow,
    MisplacedCallError,
    Orchestrator,
    Registry,
    Tracer,
    WorkflowFailedError,
    WorkflowInfo,
    activity,
    get_logger,
    now,
    sleep,
    workflow,
)
from yieldflow.log import logger

#: The modules that may use the standard library's logging.
LOGGING = {"log", "workflow_logger", "testing.plugin", "testing.entry.yieldflow_pytest"}


class Hostile(logging.Handler):
    """Does something for each record, on whatever thread it is called."""

    def __init__(self, do: Callable[[logging.LogRecord], object]) -> None:
        super().__init__()
        self.heard: list[str] = []
        self._do = do

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())
        self._do(record)


@contextmanager
def handled(handler: logging.Handler, *names: str) -> Iterator[None]:
    """Have loggers call a handler: yieldflow's, and others."""
    loggers = [logging.getLogger(name) for name in ("yieldflow", *names)]
    for one in loggers:
        one.addHandler(handler)
        one.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.flush()
        for one in loggers:
            one.removeHandler(handler)
            one.setLevel(logging.NOTSET)


class Nasty:
    """A value whose own code exits."""

    def __repr__(self) -> str:
        raise SystemExit("in __repr__")


class NastyError(Exception):
    def __str__(self) -> str:
        raise SystemExit("in __str__")


class Shop:
    """Workflows that have yieldflow log."""

    def __init__(self, registry: Registry) -> None:
        @activity(registry=registry)
        def work(value: object) -> str:
            return "done"

        @activity(registry=registry, timeout=0.01)
        def hang() -> None:
            threading.Event().wait(0.05)

        @workflow(registry=registry)
        def ends() -> Flow[str]:
            yield from now()
            return "ended"

        @workflow(registry=registry)
        def fails(error: str) -> Flow[None]:
            yield sleep(0)
            raise NastyError if error == "nasty" else ValueError(error)

        @workflow(registry=registry)
        def slips() -> Flow[str]:
            work(Nasty())
            yield from now()
            return "slipped"

        @workflow(registry=registry)
        def times_out() -> Flow[str]:
            with suppress(TimeoutError):
                yield hang()
            return "timed out"

        self.ends, self.fails, self.slips, self.times_out = ends, fails, slips, times_out

    def have_all_logged(self, orchestrator: Orchestrator) -> None:
        """Run workflows that have yieldflow log of them, and one that it says nothing of."""
        with pytest.raises(ValueError, match="no"):
            orchestrator.submit(self.fails("no")).result(WAIT)
        with pytest.raises(WorkflowFailedError, match="its __str__ failed"):
            orchestrator.submit(self.fails("nasty")).result(WAIT)
        assert orchestrator.submit(self.slips()).result(WAIT) == "slipped"
        assert orchestrator.submit(self.times_out()).result(WAIT) == "timed out"
        assert orchestrator.submit(self.ends()).result(WAIT) == "ended"


@pytest.fixture
def users(registry: Registry) -> Shop:
    return Shop(registry)


def exit_program(orchestrator: Orchestrator, shop: Shop) -> None:
    raise SystemExit("in a handler")


def press_ctrl_c(orchestrator: Orchestrator, shop: Shop) -> None:
    raise KeyboardInterrupt


def submit_and_wait(orchestrator: Orchestrator, shop: Shop) -> None:
    orchestrator.submit(shop.ends()).result(WAIT)


def cancel(orchestrator: Orchestrator, shop: Shop) -> None:
    orchestrator.submit(shop.ends(), delay=3600).cancel()


def look(orchestrator: Orchestrator, shop: Shop) -> None:
    orchestrator.health()
    orchestrator.list_workflows()


@pytest.mark.parametrize("do", [exit_program, press_ctrl_c, submit_and_wait, cancel, look])
def test_a_handler_may_do_anything(
    database: Path, registry: Registry, users: Shop, do: Callable[[Orchestrator, Shop], None]
) -> None:
    """A logging handler that exits, or calls the orchestrator, hears every message, and all goes on."""
    orchestrator = Orchestrator(database, registry=registry)
    handler = Hostile(lambda record: do(orchestrator, users))
    with handled(handler), orchestrator:
        users.have_all_logged(orchestrator)
        assert orchestrator.health().failure is None
    heard = "\n".join(handler.heard)
    for part in ("started", "failed: ValueError: no", "goes on although its time is over", "stopped"):
        assert part in heard


def test_a_handler_that_never_returns(database: Path, registry: Registry, users: Shop, gate: Gate) -> None:
    """A logging handler that hangs holds up nothing but the log, which is complete once it goes on."""
    handler = Hostile(lambda record: gate.pass_through())
    with handled(handler):
        with Orchestrator(database, registry=registry) as orchestrator:
            assert orchestrator.submit(users.ends()).result(WAIT) == "ended"
            with pytest.raises(ValueError, match="no"):
                orchestrator.submit(users.fails("no")).result(WAIT)
        assert len(handler.heard) == 1
        gate.open()
        until(lambda: "stopped" in handler.heard[-1])


def test_a_handler_that_stops_the_orchestrator(database: Path, registry: Registry, users: Shop) -> None:
    """A logging handler may stop the orchestrator, and waits for that as anybody does."""
    orchestrator = Orchestrator(database, registry=registry)
    stopped = threading.Event()

    def stop(record: logging.LogRecord) -> None:
        if record.levelno == logging.WARNING:
            orchestrator.stop()
            stopped.set()

    with handled(Hostile(stop)):
        orchestrator.start()
        orchestrator.submit(users.fails("no"))
        assert stopped.wait(WAIT)
        assert not orchestrator.health().started


def test_a_workflow_that_logs(database: Path, registry: Registry) -> None:
    """What a workflow logs by `get_logger` reaches a handler that may call the orchestrator, and exit."""
    log = get_logger("shop")

    @workflow(registry=registry)
    def notes(number: int) -> Flow[int]:
        yield from now()
        log.info("note %d", number)
        try:
            raise ValueError(number)
        except ValueError:
            log.exception("odd", extra={"number": number})
        return number

    def submit(record: logging.LogRecord) -> None:
        if record.getMessage() == "note 1":
            assert orchestrator.submit(notes(2)).result(WAIT) == 2
        if record.getMessage() == "odd":
            odd.append((vars(record)["number"], record.exc_info is not None, record.threadName, record.funcName))
        raise SystemExit("in a handler")

    odd: list[tuple[int, bool, str | None, str]] = []
    with handled(Hostile(submit), "shop"), Orchestrator(database, registry=registry) as orchestrator:
        assert orchestrator.submit(notes(1)).result(WAIT) == 1
    assert sorted(odd) == [(1, True, "yieldflow-scheduler", "notes"), (2, True, "yieldflow-scheduler", "notes")]


def test_a_handler_that_the_scheduler_waits_for(database: Path, registry: Registry, gate: Gate) -> None:
    """Where a workflow logs past `get_logger`, to a handler that waits for the scheduler, the handler is refused."""
    plain = logging.getLogger("plain")
    refused: list[BaseException] = []

    @workflow(registry=registry)
    def notes() -> Flow[str]:
        yield sleep(0)
        gate.pass_through()
        plain.info("from the workflow")
        return "noted"

    def submit(record: logging.LogRecord) -> None:
        if record.getMessage() == "from a thread":
            gate.await_entry()
            gate.open()
            try:
                orchestrator.submit(notes())
            except MisplacedCallError as error:
                refused.append(error)

    with handled(Hostile(submit), "plain"), Orchestrator(database, registry=registry) as orchestrator:
        handle = orchestrator.submit(notes())
        plain.info("from a thread")
        assert handle.result(WAIT) == "noted"
    assert "a workflow logs, and waits for the same handler on the scheduler's thread" in str(refused[0])


def test_a_handler_that_exits_in_a_workflow(database: Path, registry: Registry, users: Shop) -> None:
    """Where a workflow logs past `get_logger`, what the handler raises is raised there, and stays there."""
    plain = logging.getLogger("plain")

    @workflow(registry=registry)
    def notes() -> Flow[str]:
        yield from now()
        plain.info("from the workflow")
        return "noted"

    def exits(record: logging.LogRecord) -> None:
        if record.name == "plain":
            raise SystemExit("in a handler")

    with handled(Hostile(exits), "plain"), Orchestrator(database, registry=registry) as orchestrator:
        with pytest.raises(Exception, match="in a handler"):
            orchestrator.submit(notes()).result(WAIT)
        assert orchestrator.submit(users.ends()).result(WAIT) == "ended"


def test_no_module_calls_a_handler_itself() -> None:
    """All that yieldflow says goes through one place, which hands it to another thread."""
    package = Path(yieldflow.__file__).parent
    found = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if "logging" in names or (isinstance(node, ast.ImportFrom) and node.module == "logging" and not node.level):
                found.add(".".join(path.relative_to(package).with_suffix("").parts).removesuffix(".__init__"))
    # A wheel has the plugin's entry point beside the package.
    assert found | {"testing.entry.yieldflow_pytest"} == LOGGING


# ---------------------------------------------------------------------- others


class Exits(Tracer):
    """A tracer whose every method exits, or calls the orchestrator."""

    def __init__(self) -> None:
        self.orchestrator: Orchestrator | None = None

    def workflow_started(self, workflow: WorkflowInfo) -> None:
        raise SystemExit("in a tracer")

    def workflow_ended(self, workflow: WorkflowInfo, status: object, error: str | None) -> None:
        assert self.orchestrator is not None
        self.orchestrator.list_workflows()

    def attempt_started(self, attempt: AttemptInfo) -> None:
        raise KeyboardInterrupt

    def attempt_ended(self, attempt: AttemptInfo, error: str | None) -> None:
        raise SystemExit("in a tracer")


def test_a_tracer_may_do_anything(database: Path, registry: Registry, users: Shop) -> None:
    """Whatever the methods of a tracer raise, the workflows end, and the scheduler goes on."""
    tracer = Exits()
    tracer.orchestrator = orchestrator = Orchestrator(database, registry=registry, tracer=tracer)
    with orchestrator:
        users.have_all_logged(orchestrator)
        assert orchestrator.health().failure is None


class BrokenFuture(Future[Any]):
    def cancel(self) -> bool:
        raise SystemExit("in cancel")

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        raise KeyboardInterrupt


class BrokenExecutor(Executor):
    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        return BrokenFuture()


def test_an_executor_may_do_anything(database: Path, registry: Registry, users: Shop) -> None:
    """Whatever a user's executor raises is the failure of the attempt, and the scheduler goes on."""

    @activity(registry=registry, executor="broken", timeout=0.01)
    def work() -> None: ...

    @workflow(registry=registry)
    def job() -> Flow[str]:
        try:
            yield work()
        except Exception as error:
            return type(error).__name__
        return "done"

    executors = {"broken": BrokenExecutor()}
    with Orchestrator(database, registry=registry, executors=executors) as orchestrator:
        assert orchestrator.submit(job()).result(WAIT) == "WorkerDiedError"
        assert orchestrator.submit(users.ends()).result(WAIT) == "ended"


def test_an_event_loop_may_do_anything(database: Path, registry: Registry, users: Shop) -> None:
    """Where the loop of a coroutine that waits refuses to be woken, the scheduler goes on."""

    class Broken(asyncio.SelectorEventLoop):
        def call_soon_threadsafe(self, *_: Any, **__: Any) -> Any:  # type: ignore[override]  # it only raises
            raise ValueError("a loop of its own")

    async def wait() -> None:
        handle = orchestrator.submit(users.fails("no"))
        with suppress(TimeoutError):
            await asyncio.wait_for(_awaited(handle), 0.1)

    with Orchestrator(database, registry=registry) as orchestrator:
        loop = Broken()
        try:
            loop.run_until_complete(wait())
        finally:
            loop.close()
        assert orchestrator.submit(users.ends()).result(WAIT) == "ended"


async def _awaited(handle: Any) -> None:
    with suppress(ValueError):
        await handle
