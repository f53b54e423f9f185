"""Functions that tests make activities of, importable by worker processes, and a door for them to knock at.

An activity that knocks says that it has begun, and waits until the test lets it go: in whatever thread or process.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from yieldflow import ActivityContext, activity_context

#: Seconds after which a wait has failed. What is waited for takes a moment, on a slow machine some seconds.
WAIT = 120.0


class Visitor:
    """An activity that has knocked, seen by the test.

    Args:
        line: Its connection.
    """

    def __init__(self, line: socket.socket) -> None:
        line.settimeout(WAIT)
        self._line = line
        self._file = line.makefile("r", encoding="utf-8")
        pid, _, self.said = self._file.readline().strip().partition(" ")
        #: The process that it runs in, and what it said.
        self.pid = int(pid)

    def let_go(self, answer: str = "") -> None:
        """Have it go on, if it is still there, and was not let go before."""
        if not self._file.closed:
            with self._line, self._file, suppress(OSError):
                self._line.sendall(f"{answer}\n".encode())

    def has_gone(self) -> bool:
        """Wait until it is no more; whether it had nothing more to say."""
        with self._line, self._file:
            try:
                return self._file.read() == ""
            except ConnectionError:
                return True


class Door:
    """A door at which activities knock; leaving it lets go all that wait."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        self._socket.settimeout(WAIT)
        self.port: int = self._socket.getsockname()[1]
        self._visitors: list[Visitor] = []

    def __enter__(self) -> Door:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for visitor in self._visitors:
            visitor.let_go()
        self._socket.close()

    def visitor(self) -> Visitor:
        """The next one who knocks."""
        visitor = Visitor(self._socket.accept()[0])
        self._visitors.append(visitor)
        return visitor


def knock(port: int, text: str = "") -> str:
    """Say that the activity has begun, and wait for an answer."""
    with socket.create_connection(("127.0.0.1", port), WAIT) as line:
        line.sendall(f"{os.getpid()} {text}\n".encode())
        with line.makefile("r", encoding="utf-8") as answers:
            return answers.readline().strip()


# ---------------------------------------------------------------------- what activities do


@dataclass(frozen=True)
class Point:
    x: int
    y: int


class Declined(Exception):
    def __init__(self, card: str, code: int = 51) -> None:
        super().__init__(card, code)
        self.card = card
        self.code = code


def same(value: Any) -> Any:
    return value


def join_all(first: int, *rest: int, sep: str = ",", **more: int) -> str:
    return sep.join(map(str, [first, *rest, *more.values()]))


def decline(card: str) -> None:
    raise Declined(card, code=14)


def fail_locally() -> None:
    class Local(Exception):
        pass

    raise Local("only here")


def fail_with(name: str) -> None:
    kinds = (SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, MemoryError)
    raise next(kind for kind in kinds if kind.__name__ == name)("no more")


def lock_up() -> dict[str, object]:
    return {"guard": threading.Lock()}


def say(text: str) -> None:
    print(text)


def who_am_i() -> tuple[str, int, int, str, str]:
    me: ActivityContext = activity_context()
    return me.workflow_id, me.step, me.attempt, me.info.activity, me.idempotency_key


def where() -> int:
    return os.getpid()


def beat(details: object) -> str:
    activity_context().heartbeat(details)
    return "beaten"


def die(how: str) -> None:
    if how == "exit":
        os._exit(3)
    os.kill(os.getpid(), signal.SIGKILL)


def is_final(error: BaseException) -> bool:
    """A policy's judgment, which needs the exception itself."""
    return isinstance(error, Declined) and error.code == 14


def report_and_die() -> tuple[int, object]:
    """Dies at its first attempt; the second one tells what it found."""
    me = activity_context()
    if me.attempt == 1:
        me.heartbeat({"row": 3})
        os._exit(3)
    return me.attempt, me.heartbeat_details


def await_cancellation(port: int) -> None:
    """Knocks, and again once it finds that nobody waits for it."""
    me = activity_context()
    knock(port, "begun")
    while not me.cancelled:
        pass
    knock(port, "cancelled")


def come_back_twice() -> int:
    """Forks, and returns in both processes."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    return os.getpid()


def leave_a_child_behind(port: int) -> None:
    """Forks a process that knocks, and dies before that ends."""
    if os.fork() == 0:
        knock(port, "left behind")
        os._exit(0)
    os._exit(3)
