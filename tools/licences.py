"""uv.lock and what is installed -> the licences of all that runs with the product; exit status 1 for one that is refused.

Looks at what `serve` and `train` bring, with all that these need: tools of development are given to nobody. A package that is
locked and not installed here (another platform's) is left out. A package says its licence in one of three fields and in many
words; words that are not known here are refused, so that somebody reads them.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parent.parent / "uv.lock"
PRODUCT, EXTRAS = "llm-twin", ("serve", "train")
ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "CNRI-Python",
    "ISC", "MIT", "PSF-2.0", "Zlib",
    "MPL-1.1", "MPL-2.0",  # copyleft of their own files, which are used as they are
}  # fmt: skip
NAMES = {  # in other words
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The BSD 2-Clause License": "BSD-2-Clause",
    "The MIT License (MIT)": "MIT",
}
EXCEPTIONS = {  # a pattern of names, and why they may come along
    r"nvidia-.*|cuda-toolkit": "NVIDIA's own terms allow to use and pass them on; torch needs them on GPUs, `serve` has none",
}


def locked(lock: Mapping[str, Any], extras: tuple[str, ...] = EXTRAS) -> list[str]:
    """The names of all that the product needs with `extras`, sorted."""
    packages: dict[str, list[Mapping[str, Any]]] = {}
    for one in lock["package"]:
        packages.setdefault(one["name"], []).append(one)
    waiting, seen = [(PRODUCT, ("", *extras))], set()
    while waiting:
        name, wanted = waiting.pop()
        for extra in wanted:
            if (name, extra) not in seen:
                seen.add((name, extra))
                waiting += [
                    (need["name"], ("", *need.get("extra", ()))) for one in packages[name] for need in _needs(one, extra)
                ]
    return sorted({name for name, _ in seen} - {PRODUCT})


def _needs(package: Mapping[str, Any], extra: str) -> list[Mapping[str, Any]]:
    needs: list[Mapping[str, Any]] = (
        package.get("optional-dependencies", {}).get(extra, []) if extra else package.get("dependencies", [])
    )
    return needs


def said(about: Any) -> str:
    """What a distribution's metadata says of its licence: its expression, else its classifiers, else its free field."""
    classifiers = [one.rpartition(" :: ")[2] for one in about.get_all("Classifier") or () if one.startswith("License ::")]
    free = (about.get("License") or "").strip()
    return about.get("License-Expression") or " AND ".join(classifiers) or (free if "\n" not in free else "")


def allowed(words: str) -> bool:
    """Whether every part of `words` is allowed, or of alternatives one. Nested alternatives are read strictly."""
    parts = words.replace("(", "").replace(")", "") if words not in NAMES else NAMES[words]
    return bool(parts) and all(any(_known(one) for one in re.split(" OR ", part)) for part in re.split(" AND ", parts))


def _known(name: str) -> bool:
    name = name.strip()
    return NAMES.get(name, name) in ALLOWED


def refused(names: list[str]) -> Iterator[str]:
    """A line for each installed package whose licence is not allowed."""
    for name in names:
        try:
            words = said(metadata(name))
        except PackageNotFoundError:
            continue
        if not allowed(words) and not any(re.fullmatch(pattern, name) for pattern in EXCEPTIONS):
            yield f"{name}: its licence is {words[:200] or 'not said'}; read it, then allow it here or leave it out"


def main() -> int:
    """Check, and say what is refused."""
    found = list(refused(locked(tomllib.loads(LOCK.read_text(encoding="utf-8")))))
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
