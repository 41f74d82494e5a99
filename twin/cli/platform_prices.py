"""argocd/prices.yaml -> prices, every one of them there and a number."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from twin.errors import PlatformError


class Hour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money an hour."""

    cpu: float
    memory: float
    gpu: float
    gpuSpot: float  # noqa: N815  as the file spells it
    controlPlane: float  # noqa: N815
    nat: float
    loadBalancer: float  # noqa: N815


class Month(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money a month."""

    volume: float
    bucket: float
    secret: float


class Shared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a cluster has for all its environments."""

    nats: int
    cores: float
    memory: float
    secrets: int


class Own(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What each environment has."""

    bucket: float
    loadBalancers: int  # noqa: N815


class Assumed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What no value file says."""

    cluster: Shared
    environment: Own
    runs: dict[str, float]


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    currency: str
    region: str
    date: str
    hour: Hour
    month: Month
    assumed: Assumed


def prices(file: Path) -> Prices:
    """The file's prices. Raises PlatformError, by the key that is wrong."""
    try:
        return msgspec.convert(read(file), Prices)
    except msgspec.ValidationError as exc:
        raise PlatformError(f"{file}: {exc}") from exc


def read(file: Path) -> dict[str, Any]:
    """A YAML file's mapping; an empty file's is empty. Raises PlatformError."""
    import yaml

    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except OSError as exc:
        raise PlatformError(
            f"{file}: cannot be read ({exc.strerror}); run this in a clone of the platform, or give -C"
        ) from exc
    except yaml.YAMLError as exc:
        raise PlatformError(f"{file}: is no YAML: {' '.join(str(exc).split())}") from exc
    if not isinstance(found, Mapping):
        raise PlatformError(f"{file}: holds a {type(found).__name__}, not keys and values")
    return dict(found)
