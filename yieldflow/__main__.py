"""``python -m yieldflow``: the command line.

``check-replay FILE MODULE...`` imports the modules that define the workflows, and tells whether every unfinished
workflow of the file replays under them, and has values that can all be read: by the codec with which the file was owned
last. Where the program's main script defines workflows, or the classes of stored values, add it: ``--main app.py``, or
``--main app`` where it is run by ``python -m app``. It is loaded as another process would load it, without what stands
under ``if __name__ == "__main__":``. ``--json`` prints every problem as JSON. Exit code 0: all replay; 1: some do not;
2: it could not be tried, or not for all.

``vacuum FILE`` gives the room of deleted workflows back to the disk, as `Orchestrator.vacuum` does. Exit code 2: it
could not.

``docs [TOPIC]`` shows a topic of the reference, or lists the topics. Exit code 2: there is no such topic.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import asdict
from types import ModuleType
from typing import TypeVar

from . import DuplicateDefinitionError, Orchestrator, Registry, YieldflowError, default_registry

T = TypeVar("T")


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m yieldflow", description="Durable workflows, from a shell.")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser(
        "check-replay",
        help="whether every unfinished workflow of a file replays under this code",
        description="Replay every unfinished workflow of a file under this code; nothing is run or written. "
        "Exit code 0: all of them replay; 1: some do not; 2: it could not be tried, or not for all.",
    )
    check.add_argument("file", help="the database")
    check.add_argument(
        "modules",
        nargs="*",
        metavar="module",
        help="a module that defines workflows, as it is imported: shop.flows; where they are in a registry of their "
        "own, with its name: shop.flows:registry",
    )
    check.add_argument(
        "--main",
        metavar="SCRIPT",
        help="the program's main script, where it defines workflows or the classes of stored values: app.py, or app "
        "where it is run by python -m app; its registry may be named as that of a module",
    )
    check.add_argument(
        "--codec",
        choices=["pickle", "json"],
        help="the codec of the orchestrator; that with which the file was owned last if left out",
    )
    check.add_argument("--json", action="store_true", help="print every problem, as JSON")
    vacuum = commands.add_parser("vacuum", help="give the room of deleted workflows in a file back to the disk")
    vacuum.add_argument("file", help="the database; its owner may go on meanwhile")
    docs = commands.add_parser("docs", help="show a topic of the reference, or list the topics")
    docs.add_argument("topic", nargs="?", help="a topic, or a public name: RetryPolicy, Orchestrator.submit")
    options, others = parser.parse_known_args(arguments)
    if options.command == "check-replay":
        # Behind an option, argparse itself takes no more modules.
        options.modules += [other for other in others if not other.startswith("-")]
        others = [other for other in others if other.startswith("-")]
    if others:
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    if options.command == "docs":
        return _docs(options.topic)
    if options.command == "vacuum":
        return _vacuum(options.file)
    if not options.modules and options.main is None:
        check.error("name the modules that define the workflows, or the main script that does: --main app.py")
    return _check_replay(options)


def _docs(topic: str | None) -> int:
    from .docs.topics import UnknownTopicError, list_topics, show

    try:
        text = list_topics() if topic is None else show(topic)
    except UnknownTopicError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    _write(text)
    return 0


def _write(text: str) -> None:
    """Print a text; characters that the terminal lacks are escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))


def _vacuum(file: str) -> int:
    orchestrator = Orchestrator(file)
    try:
        given_back = orchestrator.vacuum()
        orchestrator.stop()
    except YieldflowError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{file}: {given_back} bytes smaller\n")
    return 0


def _check_replay(options: argparse.Namespace) -> int:
    from .codec import codec_named
    from .orchestrator.replay_check import check_replay

    # As `python -m` of a user's own module would find them.
    sys.path.insert(0, os.getcwd())
    registry = Registry()
    codec = None if options.codec is None else codec_named(options.codec, registry)
    try:
        # What the user's code prints is no part of the report.
        with redirect_stdout(sys.stderr):
            script = None
            if options.main is not None:
                name, attribute = _split(options.main)
                script = _load_main(name)
                _take(script, name, attribute, registry)
            for given in options.modules:
                name, attribute = _split(given)
                _take(_import(name, script), name, attribute, registry)
            report = check_replay(options.file, registry, codec, knows_main=script is not None)
    except (_CannotImportError, YieldflowError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    told = json.dumps({"ok": report.ok, **asdict(report)}, indent=2) if options.json else str(report)
    _write(f"{told}\n")
    return 0 if report.ok else 1 if report.problems else 2


# ---------------------------------------------------------------------- the user's code


class _CannotImportError(Exception):
    """A module, script or registry of the command line is not there, or cannot be imported."""


def _import(name: str, script: ModuleType | None) -> ModuleType:
    """Import a module that defines workflows. The main script is not loaded a second time under its other name."""
    if script is not None and os.path.realpath(_origin(name) or "") == script.__file__:
        return script
    return _run(name, lambda: importlib.import_module(name))


def _load_main(given: str) -> ModuleType:
    """Load the program's main script under the name that stored values know it by."""
    from .workers.serialization import ANOTHER_MAIN, rename_main

    is_file = os.path.isfile(given)
    origin = given if is_file else _origin(given) or _origin(f"{given}.__main__")
    spec = importlib.util.spec_from_file_location(ANOTHER_MAIN, os.path.realpath(origin)) if origin else None
    if spec is None or spec.loader is None:
        raise _CannotImportError(f"there is no script or module {given!r}, as seen from {os.getcwd()}")
    if is_file:
        # As `python app.py` would find the modules beside it.
        sys.path.insert(0, os.path.dirname(os.path.realpath(given)))
    module, loader = importlib.util.module_from_spec(spec), spec.loader
    if not is_file:
        module.__package__ = given if _origin(given) is None else given.rpartition(".")[0]
    sys.modules["__main__"] = sys.modules[ANOTHER_MAIN] = module
    _run(given, lambda: loader.exec_module(module))
    rename_main()
    return module


def _origin(name: str) -> str | None:
    """Return the file of a module; None where there is none, or where it is a package."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return None if spec is None or spec.submodule_search_locations is not None else spec.origin


def _run(name: str, load: Callable[[], T]) -> T:
    """Run the code of a module."""
    try:
        return load()
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{name}.".startswith(f"{missing}."):
            raise _CannotImportError(f"there is no module {name!r}, as seen from {os.getcwd()}") from error
        text = "".join(traceback.format_exception(error))
        raise _CannotImportError(f"{text}module {name!r} cannot be imported") from error


def _split(given: str) -> tuple[str, str]:
    """Split ``module:registry``. A path may have a colon."""
    name, _, attribute = (given, "", "") if os.path.isfile(given) else given.rpartition(":")
    return name or given, attribute if name else ""


def _take(module: ModuleType, name: str, attribute: str, into: Registry) -> None:
    """Take what a module's registry, or the default one, knows."""
    found = getattr(module, attribute, None) if attribute else default_registry
    if not isinstance(found, Registry):
        raise _CannotImportError(f"module {name!r} has no registry {attribute!r}")
    for definition in found.workflows.values():
        if into.workflows.get(definition.name) is not definition:
            into.add(definition)
    for activity in found.activities.values():
        # For the classes in their annotations: two of one name do not matter here.
        with suppress(DuplicateDefinitionError):
            into.add(activity)
    into.types(*found.known_types)
    for former, kind in found.renamed_types.items():
        into.renamed(former, kind)


if __name__ == "__main__":
    sys.exit(main())
