"""Workflows kept in one SQLite file."""

from .ownership import Ownership
from .store import SqliteStore

__all__ = ["Ownership", "SqliteStore"]
