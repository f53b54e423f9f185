"""``python -m yieldflow``: the command line.

``check-replay FILE MODULE...`` imports the modules that define the workflows, and tells whether every unfinished
workflow of the file replays under them. Exit code 0: all of them do; 1: some do not; 2: it could not be tried.

``docs [TOPIC]`` shows a topic of the reference, or lists the topics. Exit code 2: there is no such topic.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence

from . import Orchestrator, Registry, YieldflowError, default_registry


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m yieldflow", description="Durable workflows, from a shell.")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser(
        "check-replay",
        help="whether every unfinished workflow of a file replays under this code",
        description="Replay every unfinished workflow of a file under this code; nothing is run or written. "
        "Exit code 0: all of them replay; 1: some do not; 2: it could not be tried.",
    )
    check.add_argument("file", help="the database")
    check.add_argument(
        "modules",
        nargs="+",
        metavar="module",
        help="a module that defines workflows, as it is imported: shop.flows; where they are in a registry of their "
        "own, with its name: shop.flows:registry",
    )
    docs = commands.add_parser("docs", help="show a topic of the reference, or list the topics")
    docs.add_argument("topic", nargs="?", help="a topic, or a public name: RetryPolicy, Orchestrator.submit")
    options = parser.parse_args(arguments)
    if options.command == "docs":
        return _docs(options.topic)
    return _check_replay(options.file, options.modules)


def _docs(topic: str | None) -> int:
    from .docs.topics import UnknownTopicError, list_topics, show

    try:
        text = list_topics() if topic is None else show(topic)
    except UnknownTopicError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(text)
    return 0


def _check_replay(file: str, modules: Sequence[str]) -> int:
    # As `python -m` of a user's own module would find them.
    sys.path.insert(0, os.getcwd())
    registry = Registry()
    try:
        for module in modules:
            _import(module, registry)
        report = Orchestrator(file, registry=registry).check_replay()
    except (_CannotImportError, YieldflowError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{report}\n")
    return 0 if report.ok else 1


class _CannotImportError(Exception):
    """A module or registry of the command line is not there, or cannot be imported."""


def _import(given: str, into: Registry) -> None:
    """Import what defines workflows, and take these."""
    name, _, attribute = given.partition(":")
    try:
        module = importlib.import_module(name)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{name}.".startswith(f"{missing}."):
            raise _CannotImportError(f"there is no module {name!r}, as seen from {os.getcwd()}") from error
        text = "".join(traceback.format_exception(error))
        raise _CannotImportError(f"{text}module {name!r} cannot be imported") from error
    found = getattr(module, attribute, None) if attribute else default_registry
    if not isinstance(found, Registry):
        raise _CannotImportError(f"module {name!r} has no registry {attribute!r}")
    for definition in found.workflows.values():
        if into.workflows.get(definition.name) is not definition:
            into.add(definition)


if __name__ == "__main__":
    sys.exit(main())
