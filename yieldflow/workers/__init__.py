"""Where activities run: threads, an event loop, worker processes, and executors that were handed over."""

from .attempt import Attempt, AttemptInfo, Completed, Engine, Key, Pool, Workers, failed, perform
from .context import ActivityContext, activity_context, here, interrupted, lend
from .pools import Pools

__all__ = [
    "ActivityContext",
    "Attempt",
    "AttemptInfo",
    "Completed",
    "Engine",
    "Key",
    "Pool",
    "Pools",
    "Workers",
    "activity_context",
    "failed",
    "here",
    "interrupted",
    "lend",
    "perform",
]
