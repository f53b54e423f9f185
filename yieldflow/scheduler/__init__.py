"""The one thread that drives workflows: messages arrive, are applied, and committed; only then anything leaves."""

from .scheduler import POLL_INTERVAL, Scheduler

__all__ = ["POLL_INTERVAL", "Scheduler"]
