"""Runs activities: on threads, an event loop, in worker processes, and in executors that were handed over."""

from .attempt import DEFAULT_LIMITS, Attempt, Completed, Key, SizeLimits, failed, perform
from .context import ActivityContext, ActivityHost, AttemptInfo, ContextHolder, activity_context, provide_context
from .pools import Pools
from .protocols import Engine, Hold, Occupant, Pool, Workers
from .slots import current_slot, must_stop_waiting, release_slot_while_waiting

__all__ = [
    "DEFAULT_LIMITS",
    "ActivityContext",
    "ActivityHost",
    "Attempt",
    "AttemptInfo",
    "Completed",
    "ContextHolder",
    "Engine",
    "Hold",
    "Key",
    "Occupant",
    "Pool",
    "Pools",
    "SizeLimits",
    "Workers",
    "activity_context",
    "current_slot",
    "failed",
    "must_stop_waiting",
    "perform",
    "provide_context",
    "release_slot_while_waiting",
]
