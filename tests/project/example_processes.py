"""Examples as processes of their own: started, watched through their database, killed, and run to their end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import yieldflow
from tests.support.warm import run_python
from yieldflow import DatabaseOpenError, Orchestrator, StepDescription, WorkflowDescription, WorkflowNotFoundError

EXAMPLES = Path(__file__).parents[2] / "examples"
#: Seconds after which a wait has failed. What is waited for takes a moment, on a slow machine some seconds.
WAIT = 120.0
#: Seconds that no test has.
NEVER = "3600"


def command(name: str, *arguments: str) -> list[str]:
    """The command line of an example."""
    return [sys.executable, str(EXAMPLES / f"{name}.py"), *arguments]


def environment() -> dict[str, str]:
    """Lets the process find the package that this one imports."""
    return {**os.environ, "PYTHONPATH": str(Path(yieldflow.__file__).parents[1])}


def run(directory: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """An example from its start to its end, in ``directory``."""
    return run_python(command(name, *arguments)[1:], directory, environment(), WAIT)


@contextmanager
def started(directory: Path, name: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """An example that runs meanwhile; it is killed at the end if it still does."""
    process = subprocess.Popen(
        command(name, *arguments),
        cwd=directory,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def kill(process: subprocess.Popen[str]) -> str:
    """Kill it as the operating system does; returns what it had printed."""
    process.kill()
    output, errors = process.communicate(timeout=WAIT)
    assert (process.returncode, errors) == (-signal.SIGKILL, "")
    return output


@contextmanager
def client(db: Path) -> Iterator[Orchestrator]:
    """Looks into the database of an example that may be running."""
    orchestrator = Orchestrator(db)
    try:
        yield orchestrator
    finally:
        orchestrator.stop()


def wait_until(process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    """Wait until something is so while the process runs."""
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, f"nothing of it in {WAIT} s"
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.01)
            pytest.fail(f"ended with {process.returncode}: {process.communicate()}")


def described(look: Orchestrator, workflow_id: str) -> WorkflowDescription | None:
    """The description of a workflow; None where it is not there yet."""
    try:
        return look.handle(workflow_id).describe()
    except (DatabaseOpenError, WorkflowNotFoundError):
        return None


def steps(look: Orchestrator, workflow_id: str) -> list[StepDescription]:
    """The steps of a workflow; none where it is not there yet."""
    return [] if described(look, workflow_id) is None else look.handle(workflow_id).history()


def waits_for(look: Orchestrator, workflow_id: str, *names: str) -> bool:
    """Tell whether the workflow waits for exactly these steps, in the order issued."""
    there = described(look, workflow_id)
    return there is not None and tuple(each.name for each in there.waiting_for) == names


def ended(process: subprocess.Popen[str]) -> tuple[int, list[str], str]:
    """Wait for its end: the exit code, the lines that it printed, and its complaints."""
    output, errors = process.communicate(timeout=WAIT)
    return process.returncode, output.splitlines(), errors


def until_killed(directory: Path, condition: Callable[[Orchestrator], bool], name: str, *line: str) -> list[str]:
    """Run an example, kill it as soon as something is so, and return the lines that it had printed."""
    with started(directory, name, *line) as process, client(directory / f"{name}.db") as look:
        wait_until(process, lambda: condition(look))
        return kill(process).splitlines()


def goes_on(directory: Path, name: str, *line: str) -> list[str]:
    """Run an example to its good end, and return the lines that it printed."""
    done = run(directory, name, *line)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def contents(directory: Path) -> dict[str, str]:
    """The files of a directory, each with its only line."""
    return {path.name: path.read_text().rstrip("\n") for path in directory.iterdir()}
