"""Workflows kept in one SQLite file."""

from .ownership import Ownership, Signature, codec_of
from .store import SqliteStore

__all__ = ["Ownership", "Signature", "SqliteStore", "codec_of"]
