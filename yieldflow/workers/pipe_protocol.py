"""How a worker process speaks to the process that owns it, which must never wait for the rest of what is half said.

A child may stop in the midst of a message, or be kept from sending the rest of it. So messages go as frames, and are
read as far as they are there.
"""

from __future__ import annotations

import os
import pickle
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_LENGTH = struct.Struct("!Q")
#: So many bytes are read at once.
_MUCH = 1 << 20


def send(pipe: Connection, message: object) -> None:
    """Send one message, however long that takes."""
    data = pickle.dumps(message, protocol=5)
    for part in (_LENGTH.pack(len(data)), data):
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(pipe.fileno(), rest) :]


class Reader:
    """Takes what has come through a pipe, and never waits.

    Args:
        pipe: Where the messages come from.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._bytes = bytearray()

    def read(self, most: int | None) -> list[Any]:
        """The messages that are there as a whole, in order; at most so many, if a number is given.

        Raises:
            EOFError: Nothing more will come, and nothing whole is left.
            Exception: What has come is no message.
        """
        messages: list[Any] = []
        while most is None or len(messages) < most:
            message = self._next()
            if message is not None:
                messages.append(message[0])
            elif not self._pipe.poll():
                break
            elif data := os.read(self._pipe.fileno(), _MUCH):
                self._bytes += data
            elif messages:
                break
            else:
                raise EOFError
        return messages

    def _next(self) -> tuple[Any] | None:
        """The first message, where all of it is there."""
        start = _LENGTH.size
        if len(self._bytes) < start:
            return None
        end = start + _LENGTH.unpack_from(self._bytes)[0]
        if len(self._bytes) < end:
            return None
        # By a copy: what is looked at cannot be cut off.
        message = pickle.loads(bytes(self._bytes[start:end]))
        del self._bytes[:end]
        return (message,)
