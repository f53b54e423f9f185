"""Workflows kept in one SQLite file."""

from .ownership import Ownership, codec_of
from .store import SqliteStore

__all__ = ["Ownership", "SqliteStore", "codec_of"]
