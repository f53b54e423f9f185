"""The decorators `activity` and `workflow`, which make definitions of functions."""

from __future__ import annotations

from collections.abc import Callable, Generator
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar, Unpack, overload

from .commands import show
from .definitions import Activity, Workflow
from .options import ActivityKeywords, ActivityOptions, WorkflowOptions
from .registry import Registry, default_registry
from .retry import duration

P = ParamSpec("P")
R = TypeVar("R")


@overload
def activity(
    fn: Callable[P, R],
    /,
    *,
    name: str | None = None,
    registry: Registry | None = None,
    **options: Unpack[ActivityKeywords],
) -> Activity[P, R]: ...
@overload
def activity(
    fn: str | None = None,
    /,
    *,
    name: str | None = None,
    registry: Registry | None = None,
    **options: Unpack[ActivityKeywords],
) -> Callable[[Callable[P, R]], Activity[P, R]]: ...
def activity(
    fn: Callable[..., Any] | str | None = None,
    /,
    *,
    name: str | None = None,
    registry: Registry | None = None,
    **options: Unpack[ActivityKeywords],
) -> Any:
    """Make an activity of a function: a step of a workflow that may do anything and runs at least once.

    Bare, with ``()``, with a name, or with keywords; on a bound method as ``activity(bank.charge, name="charge")``.
    A plain function runs on a thread, or where ``executor`` says; an ``async def`` on an event loop that all of them
    share.

    Args:
        fn: The function; or the name, as in ``@activity("charge")``.
        name: The name on disk; the function's own if left out.
        registry: Where it is registered; the default registry if left out.
        retry: A `RetryPolicy`: whether a failed attempt is followed by another. None, the default: it is not.
        timeout: Seconds, or a `timedelta`, that one attempt may take from when it begins. Then the attempt has failed,
            with `ActivityTimeoutError`; a worker process is killed, and an async function cancelled. A thread cannot be
            killed: it goes on, what comes of it is dropped, and another thread takes its place. None: any time.
        schedule_to_close_timeout: Seconds, or a `timedelta`, that all attempts may take together, the waits before and
            between them included. Time in which no orchestrator is started does not count, nor does that of an attempt
            which the death of the process cut short. Then the activity fails with `ActivityTimeoutError`; where the
            next attempt would begin later than that, it fails at once, as the last attempt did. None: any time.
        schedule_to_start_timeout: Seconds, or a `timedelta`, that an attempt may wait for a worker. Then the activity
            fails with `ActivityTimeoutError`, and is not tried again: it would wait behind the same others. None: any
            time.
        heartbeat_timeout: Seconds, or a `timedelta`, that may pass between two heartbeats of an attempt (see
            `ActivityContext.heartbeat`), or from its begin to the first. Then the attempt has failed, as with
            ``timeout``. None: any time.
        on_cancel: What becomes of it if its branch is cancelled while it is under way: ``"abandon"``, the default,
            leaves it to itself (a worker process is killed, an async function cancelled), ``"wait"`` waits for its end
            before the cancellation goes on. Money wants ``"wait"``.
        executor: Where it runs: ``"thread"``, the default; ``"process"``, a worker process of its own, for work that
            keeps a processor busy; or a name out of ``Orchestrator(executors=...)``.
        max_concurrent: How many attempts at it run at once in one orchestrator, so that one slow kind does not keep all
            workers. None: as many as there are workers.

    Raises:
        DuplicateDefinitionError: Another activity has that name.
        TypeError: Not a function, or a function that cannot be an activity; or an unknown option.
        ValueError: An option is not what it should be, or the name is no text that can be stored.

    Example:
        >>> @activity(retry=RetryPolicy(maximum_attempts=5), timeout=30)
        ... def charge(order: str, cents: int) -> str: ...
        >>> charge("o-1", cents=500)
        charge(order='o-1', cents=500)
    """
    made = ActivityOptions().but("activity()", ActivityKeywords.__annotations__, options)

    return _define(lambda function, known_as: Activity(function, known_as, made), fn, name, registry)


@overload
def workflow(
    fn: Callable[P, Generator[Any, Any, R]],
    /,
    *,
    name: str | None = None,
    registry: Registry | None = None,
    version: str | None = None,
    timeout: float | timedelta | None = None,
) -> Workflow[P, R]: ...
@overload
def workflow(
    fn: str | None = None,
    /,
    *,
    name: str | None = None,
    registry: Registry | None = None,
    version: str | None = None,
    timeout: float | timedelta | None = None,
) -> Callable[[Callable[P, Generator[Any, Any, R]]], Workflow[P, R]]: ...
def workflow(
    fn: Callable[..., Any] | str | None = None,
    /,
    *,
    name: str | None = None,
    registry: Registry | None = None,
    version: str | None = None,
    timeout: float | timedelta | None = None,
) -> Any:
    """Make a workflow of a generator function: each ``yield`` of it is a checkpoint.

    Bare, with ``()``, with a name, or with keywords.

    Args:
        fn: The generator function; or the name, as in ``@workflow("pipeline")``.
        name: The name on disk; the function's own if left out.
        registry: Where it is registered; the default registry if left out.
        version: What to call this state of the code: kept with each workflow, and shown where the code no longer fits.
        timeout: Seconds that it may take from its start, or a `timedelta`; then it is cancelled, and fails with
            `WorkflowTimeoutError`.

    Raises:
        DuplicateDefinitionError: Another workflow has that name.
        TypeError: Not a generator function, or ``version`` or ``timeout`` is not what it should be.
        ValueError: ``timeout`` is not positive, or too long, or the name is no text that can be stored.

    Example:
        >>> @workflow
        ... def order(order_id: str, cents: int) -> Flow[str]:
        ...     receipt = yield from charge(order_id, cents)
        ...     return receipt
    """
    if version is not None and not isinstance(version, str):
        raise TypeError(f"version= is a string, not {show(version)}")
    options = WorkflowOptions(timeout=None if timeout is None else duration("timeout", timeout))
    return _define(lambda function, known_as: Workflow(function, known_as, version, options), fn, name, registry)


def _define(
    make: Callable[[Callable[..., Any], str | None], Any],
    fn: Callable[..., Any] | str | None,
    name: str | None,
    registry: Registry | None,
) -> Any:
    if fn is None or isinstance(fn, str):
        if isinstance(fn, str) and name is not None:
            raise TypeError(f"two names were given, {fn!r} and {name!r}: leave one out")
        return lambda function: _define(make, function, fn if name is None else name, registry)
    definition = make(fn, name)
    (default_registry if registry is None else registry).add(definition)
    return definition
