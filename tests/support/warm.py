"""Runs Python programs in processes that are forked from one that has imported yieldflow.

To start Python and import yieldflow takes most of the time of a short program. A forked process has an ``__main__``,
arguments, a folder, an environment, output and an end of its own, as a new one has. A new one is needed where Python
itself looks at its environment as it starts, as for the locale or the seed of hashes, and where the test is of a start.
"""

from __future__ import annotations

import array
import atexit
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from types import ModuleType
from typing import Any, NoReturn

#: Imported before programs are forked. What a program imports beside it, it imports itself.
_MODULES = ("argparse", "asyncio", "cloudpickle", "sqlite3", "yieldflow")
_ROOT = Path(__file__).parents[2]


def run_python(
    arguments: Sequence[str], folder: Path, environment: dict[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run Python as `subprocess.run` does, and return its exit status and output.

    Args:
        arguments: A script, or ``-m`` and a module, with what follows; before it may stand ``-W error``.
        folder: Its working directory.
        environment: Its environment.
        timeout: Seconds after which it is killed.

    Raises:
        subprocess.TimeoutExpired: It was killed.
    """
    with TemporaryFile() as output, TemporaryFile() as errors, _STARTER.lock:
        _STARTER.send([list(arguments), str(folder), environment], [output.fileno(), errors.fileno()])
        status = _STARTER.wait(arguments, timeout)
        texts = []
        for file in (output, errors):
            file.seek(0)
            texts.append(file.read().decode().replace("\r\n", "\n"))
    return subprocess.CompletedProcess(list(arguments), status, *texts)


class _Starter:
    """The process from which programs are forked, started when it is first needed."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def send(self, request: list[Any], files: list[int]) -> None:
        """Ask for a program."""
        if self._process is None:
            self._start()
        text = json.dumps(request).encode()
        self._socket.sendmsg([len(text).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, _ints(files))])
        self._socket.sendall(text)

    def wait(self, arguments: Sequence[str], timeout: float) -> int:
        """Wait until the program has ended; its exit status."""
        pid = self._number()
        self._socket.settimeout(timeout)
        try:
            return self._number()
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            self._socket.settimeout(None)
            self._number()
            raise subprocess.TimeoutExpired(list(arguments), timeout) from None
        finally:
            self._socket.settimeout(None)

    def _number(self) -> int:
        return int.from_bytes(_received(self._socket, 8), "big", signed=True)

    def _start(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.warm", str(theirs.fileno())],
                cwd=_ROOT,
                env={**os.environ, "PYTHONPATH": str(_ROOT)},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        atexit.register(self._end)

    def _end(self) -> None:
        self._socket.close()
        if self._process is not None:
            self._process.wait()


_STARTER = _Starter()


def _ints(numbers: Sequence[int]) -> bytes:
    return array.array("i", numbers).tobytes()


def _received(end: socket.socket, size: int) -> bytes:
    """Receive exactly so many bytes."""
    found = b""
    while len(found) < size:
        more = end.recv(size - len(found))
        if not more:
            raise EOFError
        found += more
    return found


# ---------------------------------------------------------------------- in the process that forks


def _serve(end: socket.socket) -> list[Any]:
    """Fork a program for each request, and tell its id and its exit status; return only in a program."""
    while True:
        files = array.array("i")
        try:
            size, data, _, _ = end.recvmsg(8, socket.CMSG_SPACE(2 * files.itemsize))
            if not size:
                sys.exit()
            for _, _, content in data:
                files.frombytes(content)
            request: list[Any] = json.loads(_received(end, int.from_bytes(size, "big")))
        except (EOFError, ConnectionError):
            sys.exit()
        pid = os.fork()
        if not pid:
            for number, file in enumerate(files, 1):
                os.dup2(file, number)
                os.close(file)
            end.close()
            return request
        end.sendall(pid.to_bytes(8, "big", signed=True))
        for file in files:
            os.close(file)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        end.sendall(status.to_bytes(8, "big", signed=True))


def _become(arguments: list[str], folder: str, environment: dict[str, str]) -> None:
    """Be the program that was asked for."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    if arguments[:2] == ["-W", "error"]:
        del arguments[:2]
        sys.warnoptions.append("error")
        warnings.simplefilter("error")
    homes = [home for home in environment.get("PYTHONPATH", "").split(os.pathsep) if home]
    if arguments[0] == "-m":
        sys.path[:2] = [folder, *homes]
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return
    script = os.path.abspath(arguments[0])
    sys.path[:2] = [os.path.dirname(script), *homes]
    sys.argv = arguments
    main = ModuleType("__main__")
    main.__file__ = script
    sys.modules["__main__"] = main
    exec(compile(Path(script).read_bytes(), script, "exec"), main.__dict__)


def _main() -> NoReturn:
    end = socket.socket(fileno=int(sys.argv[1]))
    for name in _MODULES:
        importlib.import_module(name)
    request = _serve(end)
    importlib.invalidate_caches()
    _become(*request)
    sys.exit()


if __name__ == "__main__":
    _main()
