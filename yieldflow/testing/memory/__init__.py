"""Workflows kept in memory."""

from .store import MemoryStore

__all__ = ["MemoryStore"]
