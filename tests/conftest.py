"""For every test: a law is held by what it says, not by how fast a busy machine says it."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("twin", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("twin")
