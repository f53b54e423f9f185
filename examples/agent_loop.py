"""An agent: a planner chooses a tool, sees what came of it, and chooses again, until it has the answer.

    python examples/agent_loop.py DIRECTORY

Which of its files has the most words? The planner here is a stand-in that needs no model: to use one, replace the body
of `plan` by a call of yours. Its choices and the tools' results are steps, so nothing is asked or done twice: kill the
program and run the same line again, and the agent goes on with all that it had found out.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Any, TypeAlias, TypedDict

from yieldflow import Activity, Flow, Orchestrator, YieldflowError, activity, set_progress, workflow

#: After so many choices the agent gives up.
MAX_CHOICES = 1000
#: Seconds that a choice takes.
pace = 0.3
#: Where the agent's own state is kept. Its tools leave that alone: a process that opens and closes it as a text drops
#: SQLite's locks on it.
database = "agent_loop.db"

#: What a tool gives: names, a number, or what went wrong.
Result: TypeAlias = list[str] | int | str


class Choice(TypedDict):
    """What the planner wants: a tool with its arguments. The tool "answer" ends the loop."""

    tool: str
    arguments: dict[str, str]


class Observation(TypedDict):
    """A choice, and what came of it."""

    choice: Choice
    result: Result


# ---------------------------------------------------------------------- the tools


@activity
def list_files(directory: str) -> list[str]:
    """The files of a directory."""
    paths = (os.path.join(directory, name) for name in sorted(os.listdir(directory)))
    return [path for path in paths if not os.path.isdir(path) and not is_own(path)]


@activity
def count_words(file: str) -> int:
    """How many words a text file has."""
    if is_own(file):
        raise PermissionError(f"{file} belongs to the agent's own database")
    with open(file, encoding="utf-8") as text:
        return sum(len(line.split()) for line in text)


def is_own(path: str) -> bool:
    """Whether a file is the agent's database, or one of SQLite's beside it."""
    return os.path.realpath(path).startswith(os.path.realpath(database))


TOOLS: dict[str, Activity[..., Any]] = {tool.name: tool for tool in (list_files, count_words)}

# ---------------------------------------------------------------------- the planner


@activity
def plan(directory: str, seen: list[Observation]) -> Choice:
    """Choose what to do next, from all that was seen so far.

    A model would be given the question, the tools with their docstrings, and ``seen``, and be asked for a `Choice`.
    """
    time.sleep(pace)
    choice = next_choice(directory, seen)
    print(f"{choice['tool']}({', '.join(choice['arguments'].values())})", flush=True)
    return choice


def next_choice(directory: str, seen: list[Observation]) -> Choice:
    """The stand-in for a model."""
    if not seen:
        return Choice(tool="list_files", arguments={"directory": directory})
    files, *counted = (each["result"] for each in seen)
    if not isinstance(files, list):
        return Choice(tool="answer", arguments={"text": f"cannot tell: {files}"})
    if len(counted) < len(files):
        return Choice(tool="count_words", arguments={"file": files[len(counted)]})
    words = [(count, file) for count, file in zip(counted, files, strict=True) if isinstance(count, int)]
    if not words:
        return Choice(tool="answer", arguments={"text": "no file could be read"})
    most, file = max(words)
    return Choice(tool="answer", arguments={"text": f"{file}, with {most:,} words"})


# ---------------------------------------------------------------------- the loop


@workflow
def agent(directory: str) -> Flow[str]:
    """Let the planner choose until it answers."""
    seen: list[Observation] = []
    while len(seen) < MAX_CHOICES:
        choice = yield from plan(directory, seen)
        if choice["tool"] == "answer":
            return choice["arguments"]["text"]
        result = yield from use_tool(choice)
        seen.append(Observation(choice=choice, result=result))
        yield set_progress(f"{len(seen)} tools used, the last: {choice['tool']}")
    return f"no answer after {MAX_CHOICES} choices"


def use_tool(choice: Choice) -> Flow[Result]:
    """Run the tool. What goes wrong is told to the planner: a tool that failed, does not exist, or was misused."""
    try:
        result: Result = yield from TOOLS[choice["tool"]](**choice["arguments"])
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return result


def main() -> None:
    """Ask the agent and print its answer."""
    global database, pace
    parser = argparse.ArgumentParser(description="An agent that finds the file with the most words.")
    parser.add_argument("directory", nargs="?", default=".", help="where to look (default: %(default)s)")
    parser.add_argument("--pace", type=float, default=pace, help="seconds that a choice takes (default: %(default)s)")
    parser.add_argument("--db", default=database, help="the database (default: %(default)s)")
    arguments = parser.parse_args()
    database, pace = arguments.db, arguments.pace

    orchestrator = Orchestrator(database)
    # What has ended makes room, so that after its end the same line begins anew.
    if os.path.exists(database):
        orchestrator.purge()
    with orchestrator:
        answer = orchestrator.submit(agent(arguments.directory), workflow_id=arguments.directory).result()
    print(answer)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("agent_loop: stopped; run the same line again to go on")
    except YieldflowError as error:
        sys.exit(f"agent_loop: {error}")
