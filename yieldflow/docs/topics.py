"""The index of the reference: each topic with the docstrings that it is made of."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from inspect import cleandoc

from .reference import describe, member_names, public_names


class UnknownTopicError(Exception):
    """There is no such topic: the message names the nearest one."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the reference."""

    name: str
    #: What it is about, in the list of topics.
    summary: str
    #: Each returns one part of its text. Called only where the topic is shown, so that the list imports nothing.
    parts: Sequence[Callable[[], str]]

    @property
    def text(self) -> str:
        """All that there is to read."""
        return "\n\n".join(part().strip() for part in self.parts) + "\n"


def _page(module: str) -> Callable[[], str]:
    """The docstring of a module."""
    return lambda: cleandoc(importlib.import_module(f"..{module}", __package__).__doc__ or "")


def _composed(module: str, function: str) -> Callable[[], str]:
    """A text that a function puts together."""
    return lambda: str(getattr(importlib.import_module(f"..{module}", __package__), function)())


def _names(*names: str) -> Callable[[], str]:
    """The docstrings of public names, one after the other."""
    return lambda: "\n\n".join(describe(name) for name in names)


TOPICS = [
    Topic("glossary", "the words, one for each thing", [_page("docs.glossary")]),
    Topic("guarantees", "what is guaranteed, and what is not", [_page("docs.guarantees")]),
    Topic("determinism", "what a workflow may do, and what replay asks of it", [_page("docs.determinism")]),
    Topic(
        "commands",
        "everything that a workflow may yield",
        [
            _page("docs.commands"),
            _names("gather", "race", "wait_for", "start", "Task", "cancel", "sleep", "sleep_until", "now", "random"),
            _names("uuid4", "info", "WorkflowInfo", "wait_signal", "take_signals", "set_progress", "patched"),
            _names("continue_as_new"),
        ],
    ),
    Topic("workflows", "the options of a workflow and of a child", [_names("workflow", "WorkflowInvocation")]),
    Topic(
        "activities",
        "the options of an activity, retries, and what it may ask",
        [_names("activity", "ActivityInvocation", "RetryPolicy", "activity_context", "ActivityContext", "AttemptInfo")],
    ),
    Topic("executors", "where activities run", [_page("docs.executors")]),
    Topic(
        "misbehaving-activities",
        "what an activity may do badly, and the consequence",
        [_page("docs.misbehaving_activities")],
    ),
    Topic("errors", "every error, by whose fault it is", [_composed("docs.reference", "errors")]),
    Topic(
        "orchestrator",
        "the options and methods of an orchestrator",
        [_names("Orchestrator", "Health", "StorageTrouble")],
    ),
    Topic("handle", "what may be asked of one workflow", [_names("WorkflowHandle")]),
    Topic(
        "status",
        "the statuses, and the fields of a status and of a history",
        [_names("WorkflowStatus", "WorkflowDescription", "WaitingDescription", "WorkflowHistory", "StepDescription")],
    ),
    Topic("recovery", "stop, crash, and go on", [_page("docs.recovery")]),
    Topic("ownership", "one owner for each file, clients, and standing by", [_page("docs.ownership")]),
    Topic(
        "changing-code",
        "changing a workflow that is under way",
        [_page("docs.changing_code"), _names("patched", "ReplayReport", "ReplayProblem")],
    ),
    Topic("registry", "how definitions are found by name", [_names("Registry")]),
    Topic("values", "how values and exceptions are stored", [_page("docs.values")]),
    Topic("file", "the tables, and the files beside the database", [_page("sqlite.schema")]),
    Topic("disk", "what the disk does badly, and the consequence", [_page("docs.disk")]),
    Topic("tracing", "hearing of every start and end, and logging", [_names("Tracer", "get_logger")]),
    Topic(
        "testing",
        "stepping, running, exploring and replaying a workflow in a test",
        [
            _page("docs.testing"),
            _names("testing.Stepper", "testing.run_workflow", "testing.in_turn", "testing.after", "testing.Ending"),
            _names("testing.Call", "testing.explore", "testing.Exploration", "testing.ScheduleError", "testing.replay"),
        ],
    ),
    Topic("pytest", "the fixtures of the pytest plugin", [_composed("docs.reference", "fixtures")]),
    Topic("architecture", "how it works inside, and where to look", [_composed("docs.architecture", "page")]),
    Topic("modules", "every module, with what it is for", [_composed("docs.architecture", "modules")]),
    Topic("tested", "how the guarantees are tested, and what that printed", [_page("docs.tested")]),
    Topic("speed", "figures, beside what any such engine costs", [_page("docs.speed")]),
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
