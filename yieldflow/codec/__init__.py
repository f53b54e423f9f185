"""Values and failures to payloads and back."""

from .codecs import JsonCodec, PickleCodec, codec_named, preview

__all__ = ["JsonCodec", "PickleCodec", "codec_named", "preview"]
