"""The messages between a worker process and the process that owns it, and how they pass through the pipe.

=====================================  ==============================================
to the worker                          from the worker
=====================================  ==============================================
                                       `Ready`: it has imported the program
`Job`: an attempt                      `Loaded`: it has the activity; may it begin?
`Go`: begin, or not                    `Heartbeat`, as often as the activity sends one
`Cancel`: no longer waited for         `Over`: how the attempt ended
None: end
=====================================  ==============================================

The owner must never wait for the rest of a message: a worker may stop in the midst of one, or be kept from sending the
rest of it. So messages from the worker go as frames, and are read as far as they are there.
"""

from __future__ import annotations

import os
import pickle
import struct
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from .._core.history import Payload
from .attempt import Ending, SizeLimits
from .context import AttemptInfo

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_LENGTH = struct.Struct("!Q")
#: Bytes read at once.
_CHUNK = 1 << 20


class Job(NamedTuple):
    """An attempt, as it is sent to another process."""

    #: The activity and its retry policy, serialized.
    definition: bytes
    input: Payload
    info: AttemptInfo
    #: The details of the last heartbeat of the attempt before.
    details: Payload | None
    limits: SizeLimits


class Go(NamedTuple):
    """The answer to `Loaded`."""

    #: False where the attempt must not begin.
    begin: bool


class Cancel(NamedTuple):
    """The attempt was cancelled with ``on_cancel="wait"``: it is to end by itself."""


class Ready(NamedTuple):
    """The worker can take a job."""


class Loaded(NamedTuple):
    """The worker has the activity, and waits for `Go`."""


class Heartbeat(NamedTuple):
    """The attempt lives."""

    info: AttemptInfo
    details: Payload


class Over(NamedTuple):
    """The attempt has ended."""

    ending: Ending


FromOwner: TypeAlias = Job | Go | Cancel | None
FromWorker: TypeAlias = Ready | Loaded | Heartbeat | Over


def send(pipe: Connection, message: FromWorker) -> None:
    """Send one message, however long that takes."""
    data = pickle.dumps(message, protocol=5)
    for part in (_LENGTH.pack(len(data)), data):
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(pipe.fileno(), rest) :]


class Reader:
    """Takes out of a pipe what has come, and never waits.

    Args:
        pipe: The pipe that the messages come through.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._bytes = bytearray()

    def read(self, most: int | None) -> list[FromWorker]:
        """Take out the messages that have come as a whole, in order; at most ``most``, if given.

        Raises:
            EOFError: The pipe has ended, and nothing whole is left.
            Exception: The bytes that have come are no message.
        """
        messages: list[Any] = []
        while most is None or len(messages) < most:
            message = self._next()
            if message is not None:
                messages.append(message[0])
            elif not self._pipe.poll():
                break
            elif data := os.read(self._pipe.fileno(), _CHUNK):
                self._bytes += data
            elif messages:
                break
            else:
                raise EOFError
        return messages

    def _next(self) -> tuple[Any] | None:
        """The first message, if all of it is there."""
        start = _LENGTH.size
        if len(self._bytes) < start:
            return None
        end = start + _LENGTH.unpack_from(self._bytes)[0]
        if len(self._bytes) < end:
            return None
        # A copy, since a bytearray that is looked into cannot be cut.
        message = pickle.loads(bytes(self._bytes[start:end]))
        del self._bytes[:end]
        return (message,)
