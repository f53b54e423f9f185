"""Runs the programs beside this file: a test talks to them by lines, and no wait is endless."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import yieldflow

#: Seconds after which a wait has failed. What is waited for takes a moment, on a slow machine some seconds.
WAIT = 120.0

_FOLDER = Path(__file__).parent
#: Where this process found the package, so that the child finds the same, and where it finds these programs.
_HOMES = (Path(yieldflow.__file__).parent.parent, _FOLDER.parents[2])


@contextmanager
def heeding_ctrl_c() -> Iterator[None]:
    """Have processes that are started meanwhile hear of Ctrl-C, also where this one was told to ignore it.

    A shell that runs the tests in the background has them, and all that they start, ignore it.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Program:
    """A running program; left, it is killed if it still runs.

    Args:
        name: Its file in this folder, without the suffix.
        arguments: Its command line.
    """

    def __init__(self, name: str, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(_FOLDER / f"{name}.py"), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, _HOMES))},
            text=True,
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._complaints: list[str] = []
        self._readers = [threading.Thread(target=self._read), threading.Thread(target=self._read_complaints)]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Program:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def complaints(self) -> str:
        """The text that it wrote to stderr, complete once it has ended."""
        return "".join(self._complaints)

    def line(self) -> str:
        """The next line that it prints."""
        try:
            line = self._lines.get(timeout=WAIT)
        except queue.Empty:
            raise AssertionError(f"nothing was printed for {WAIT} s; stderr: {self.complaints}") from None
        assert line is not None, f"it ended with nothing more to say; stderr: {self.complaints}"
        return line

    def tell(self, line: str) -> None:
        """Write a line to its stdin."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def runs_on(self, seconds: float) -> bool:
        """Tell whether it is still there when so much time has passed."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def end(self, patience: float = WAIT) -> int:
        """Wait until it ends by itself, for so many seconds; its exit status."""
        try:
            self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it did not end within {patience} s; stderr: {self.complaints}") from None
        return self._close()

    def kill(self) -> int:
        """End it by SIGKILL, if it has not ended; its exit status."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(WAIT)
        return self._close()

    def _close(self) -> int:
        for reader in self._readers:
            reader.join(WAIT)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        return self._process.returncode

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _read_complaints(self) -> None:
        assert self._process.stderr is not None
        self._complaints.extend(self._process.stderr)
