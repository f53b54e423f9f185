"""Compares stored values: a step on replay with the recorded one, a submission with the one that has its id."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from .._core.comparing import same_value
from .._core.errors import EncodingError
from .._core.history import Codec, Payload
from ..log import logger
from .pickles import is_pickle
from .safe_repr import type_name


def same_payload(recorded: Payload, new: Payload, defaults: Mapping[str, object], codec: Codec) -> bool:
    """Tell whether two payloads are of the same value, whichever versions of the program and of yieldflow wrote them.

    They are where the texts are equal; else where what was recorded, decoded and encoded anew, is; else where the
    values are equal in Python, or made of the same parts. An object that is another one each time it is decoded cannot
    be told apart: it counts as the same, and its type is logged once.

    Args:
        recorded: A payload, which may be old.
        new: A payload of today.
        defaults: The arguments by name that either side may have left out.
        codec: The codec.

    Raises:
        EncodingError: A payload cannot be read.
    """
    if recorded == new:
        return True
    before, after = codec.decode(recorded), codec.decode(new)
    if isinstance(before, dict) and isinstance(after, dict):
        before, after = ({**defaults, **arguments} for arguments in (before, after))
    if _same_text(before, after, codec):
        return True
    return same_value(before, after, lambda one, other: _cannot_be_told_apart(one, codec))


def _same_text(before: object, after: object, codec: Codec) -> bool:
    try:
        return codec.encode(before) == codec.encode(after)
    except EncodingError:
        # A default that cannot be stored.
        return False


def _cannot_be_told_apart(value: object, codec: Codec) -> bool:
    """True where ``value`` is stored as a pickle, and two decodings of that differ."""
    try:
        payload = codec.encode(value)
        if not is_pickle(payload) or same_value(codec.decode(payload), codec.decode(payload)):
            return False
    except EncodingError:
        return False
    _log_once(type_name(type(value)))
    return True


@functools.cache
def _log_once(name: str) -> None:
    logger.warning(
        "a stored %s is another one each time it is read, so that a change of it cannot be seen: it is taken to be "
        "unchanged wherever a workflow is replayed or submitted again. Give the class an __eq__, or pass plain data. "
        "This is told once for the type",
        name,
    )
