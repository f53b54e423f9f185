"""Tries code that an older version stored by value in a process of its own, before it is read in this one.

An older version stored a function or class by value where no module has it, such as a lambda: with its bytecode, which
another Python may crash on, when it is read or when it is called. What is stored now holds no code.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from contextlib import suppress

#: The exit code of a process that found bytecode which is not of its Python.
FOREIGN = 3
#: Seconds that the reading of a value may take.
PATIENCE = 60.0
#: Run as a script, since to import yieldflow takes longer than the rest.
_TRIAL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stored_code_trial.py")

#: What was found of each value that was tried, by its digest; None where nothing is wrong with it.
_found: dict[bytes, str | None] = {}


def trouble_with_code(data: bytes) -> str | None:
    """Say why a pickle must not be loaded here, for the code in it; None where it has none, or where that is sound."""
    if not _names_cloudpickle(data):
        return None
    digest = hashlib.sha256(data).digest()
    if digest not in _found:
        _found[digest] = _tried(data)
    return _found[digest]


def _names_cloudpickle(data: bytes) -> bool:
    """Tell whether a pickle names the functions that build code; nothing of it is loaded."""
    if b"cloudpickle" not in data:
        return False
    import pickletools

    with suppress(ValueError):  # damaged: to load it says so
        # In older pickles the name of the function follows, in the same text.
        named = (given for _, given, _ in pickletools.genops(data) if isinstance(given, str))
        return any(re.match(r"cloudpickle\.\w+( \w+)?$", name) for name in named)
    return False


def _tried(data: bytes) -> str | None:
    """Have another process read a pickle, and say what is wrong with it."""
    import subprocess

    path = json.dumps([entry for entry in sys.path if isinstance(entry, str)])
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        [sys.executable, "-P", _TRIAL, str(FOREIGN), path], stdin=subprocess.PIPE, stdout=quiet, stderr=quiet
    ) as process:
        try:
            process.communicate(data, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            return _reason(f"a process of its own that read it did not end within {PATIENCE:g} seconds")
    code = process.returncode
    if code == FOREIGN:
        return _reason(f"its bytecode is not that of Python {sys.version_info.major}.{sys.version_info.minor}")
    how = f"of signal {-code}" if code < 0 else f"with exit code {code}"
    return _reason(f"a process of its own that read it died {how}") if code else None


def _reason(why: str) -> str:
    return (
        f"an older version of yieldflow stored a function or class in it by value, and {why}; let the workflow come to "
        "its end under the Python that stored it"
    )
