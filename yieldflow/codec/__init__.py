"""Encodes values and failures as payloads, and decodes them."""

from .codecs import JsonCodec, PickleCodec, codec_named, preview, short_preview
from .json_text import MARK, from_json

__all__ = ["MARK", "JsonCodec", "PickleCodec", "codec_named", "from_json", "preview", "short_preview"]
