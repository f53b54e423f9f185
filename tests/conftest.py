"""Settings that every test shares."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes depends on the machine, and no test may.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
