"""The index of the reference: each topic with the docstrings that it is made of."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from inspect import cleandoc

from . import architecture
from .reference import describe, errors, fixtures, member_names, public_names


class UnknownTopicError(Exception):
    """There is no such topic: the message names the nearest one."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the reference."""

    name: str
    #: Its line in the list of topics.
    summary: str
    #: Each returns one part of its text. Called only where the topic is shown, so that the list imports nothing.
    parts: Sequence[Callable[[], str]]
    #: Programs of ``examples/howto`` that show it, without ``.py``.
    howtos: Sequence[str] = ()

    @property
    def text(self) -> str:
        """All that there is to read."""
        programs = [f"  examples/howto/{name}.py" for name in self.howtos]
        shown = ["\n".join(["Programs that show it:", *programs])] if programs else []
        return "\n\n".join([*(part().strip() for part in self.parts), *shown]) + "\n"


def _docstring(module: str) -> Callable[[], str]:
    """The docstring of a module."""
    return lambda: cleandoc(importlib.import_module(module).__doc__ or "")


def _page(module: str) -> Callable[[], str]:
    """A text that belongs to no single piece of code."""
    return _docstring(f"{__package__}.pages.{module}")


def _names(*names: str) -> Callable[[], str]:
    """The docstrings of public names, one after the other."""
    return lambda: "\n\n".join(describe(name) for name in names)


TOPICS = [
    Topic("glossary", "the words, one for each thing", [_page("glossary")]),
    Topic("guarantees", "what is guaranteed, and what is not", [_page("guarantees")]),
    Topic(
        "determinism",
        "what a workflow may do, and what replay asks of it",
        [_page("determinism")],
        ["wait_for_time_and_chance", "log_from_a_workflow", "split_into_helpers"],
    ),
    Topic(
        "commands",
        "everything that a workflow may yield",
        [
            _page("commands"),
            _names("gather", "race", "wait_for", "start", "Task", "cancel", "sleep", "sleep_until", "now", "random"),
            _names("uuid4", "info", "WorkflowInfo", "wait_signal", "take_signals", "set_progress", "patched"),
            _names("continue_as_new"),
        ],
        ["do_several_things_at_once", "take_the_first", "run_in_the_background", "send_signals", "run_for_ever"],
    ),
    Topic(
        "workflows",
        "the options of a workflow and of a child",
        [_names("workflow", "WorkflowInvocation")],
        ["start_children", "limit_time"],
    ),
    Topic(
        "activities",
        "the options of an activity, retries, and what it may ask",
        [_names("activity", "ActivityInvocation", "RetryPolicy", "activity_context", "ActivityContext", "AttemptInfo")],
        ["retry_activities", "limit_time", "heartbeat"],
    ),
    Topic(
        "executors",
        "where activities run",
        [_page("executors")],
        ["async_activities", "worker_processes", "own_executor"],
    ),
    Topic(
        "misbehaving-activities",
        "misdeeds of an activity, and the consequence of each",
        [_page("misbehaving_activities")],
        ["limit_time"],
    ),
    Topic("errors", "every error, by whose fault it is", [errors], ["handle_failures"]),
    Topic(
        "orchestrator",
        "the options and methods of an orchestrator",
        [_names("Orchestrator", "Health", "Owner", "RunningAttempt", "StorageTrouble")],
        ["start_a_workflow", "start_by_name", "list_and_purge"],
    ),
    Topic(
        "handle",
        "what may be asked of one workflow",
        [_names("WorkflowHandle")],
        ["start_a_workflow", "send_signals", "cancel_suspend_terminate", "retry_and_fork"],
    ),
    Topic(
        "status",
        "the statuses, and the fields of a status and of a history",
        [
            _names("WorkflowStatus", "WorkflowDescription", "WaitingDescription", "SignalsDescription"),
            _names("WorkflowHistory", "StepDescription"),
        ],
        ["start_by_name"],
    ),
    Topic(
        "cancellation",
        "what is cancelled when, and what cleaning up may do",
        [_page("cancellation")],
        ["cancel_suspend_terminate", "do_several_things_at_once"],
    ),
    Topic("recovery", "stop, crash, and go on", [_page("recovery")], ["stop_and_go_on", "serve_until_signalled"]),
    Topic(
        "ownership",
        "one owner for each file, clients, and standing by",
        [_page("ownership")],
        ["call_from_anywhere", "stand_by"],
    ),
    Topic(
        "changing-code",
        "changing a workflow that is under way",
        [_page("changing_code"), _names("patched", "ReplayReport", "ReplayProblem")],
        ["change_code"],
    ),
    Topic("command-line", "python -m yieldflow", [_docstring("yieldflow.__main__")]),
    Topic("registry", "how definitions are found by name", [_names("Registry")], ["name_and_register"]),
    Topic("values", "how values and exceptions are stored", [_page("values")], ["store_values"]),
    Topic("classes", "classes of stored values, and how they may change", [_page("classes")], ["change_a_class"]),
    Topic("file", "the tables, and the files beside the database", [_docstring("yieldflow.sqlite.schema")]),
    Topic("disk", "failures of the disk, and the consequence of each", [_page("disk")]),
    Topic("tracing", "hearing of every start and end", [_names("Tracer")], ["watch_with_a_tracer"]),
    Topic(
        "logging",
        "what yieldflow logs, and how a workflow logs",
        [_page("logging"), _names("get_logger")],
        ["log_from_a_workflow"],
    ),
    Topic(
        "testing",
        "stepping, running, exploring and replaying a workflow in a test",
        [
            _page("testing"),
            _names("testing.Stepper", "testing.run_workflow", "testing.in_turn", "testing.after", "testing.Ending"),
            _names("testing.Call", "testing.explore", "testing.Exploration", "testing.ScheduleError", "testing.replay"),
        ],
        ["step_by_hand", "step_children", "run_in_virtual_time", "explore_schedules", "replay_a_history"],
    ),
    Topic("pytest", "the fixtures of the pytest plugin", [fixtures], ["use_the_pytest_plugin"]),
    Topic("architecture", "how it works inside, and where to look", [architecture.page]),
    Topic("modules", "every module, with what it is for", [architecture.modules]),
    Topic("tested", "how the guarantees are tested, and what that printed", [_page("tested")]),
    Topic("speed", "figures, beside what any such engine costs", [_page("speed")]),
]


def list_topics() -> str:
    """The topics, one a line, with a word on what else there is."""
    width = max(len(topic.name) for topic in TOPICS)
    return "\n".join(
        [
            "The reference. To read a topic: python -m yieldflow docs TOPIC",
            "",
            *(f"  {topic.name:<{width}}  {topic.summary}" for topic in TOPICS),
            "",
            "A public name is a topic too: RetryPolicy, Orchestrator.submit, Stepper.resolve, ...",
            "How-tos, each a program to run: examples/howto in the repository.",
            "",
        ]
    )


def show(name: str) -> str:
    """The text of a topic, of a public name or of a public member.

    Raises:
        UnknownTopicError: There is none of that name.
    """
    for topic in TOPICS:
        if topic.name == name:
            return topic.text
    given = name.removeprefix("yieldflow.")
    names = [*public_names(), *member_names()]
    for known in (given, f"testing.{given}"):
        if known in names:
            return f"{describe(known)}\n"
    near = _nearest(given, [*(topic.name for topic in TOPICS), *(known.removeprefix("testing.") for known in names)])
    hint = f"did you mean {near!r}?" if near else "python -m yieldflow docs lists them"
    raise UnknownTopicError(f"there is no topic {name!r}: {hint}")


def _nearest(name: str, names: Iterable[str]) -> str | None:
    """The most similar name, upper and lower case aside; None where none is similar."""
    known = {one.lower(): one for one in names}
    found = difflib.get_close_matches(name.lower(), known, n=1)
    return known[found[0]] if found else None
