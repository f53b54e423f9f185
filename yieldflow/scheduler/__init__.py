"""The one thread that drives workflows: what arrives, what it leads to, the commit, and what follows from it."""

from .scheduler import GLANCE, Scheduler

__all__ = ["GLANCE", "Scheduler"]
