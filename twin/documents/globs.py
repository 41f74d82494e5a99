"""`include` and `exclude` -> a test for paths. The patterns are those of .gitignore files.

`*.md` is a name at any depth, `/README.md` and `docs/*.md` are relative to the top, `docs/` is everything below, `**/` any
number of folders, `!pattern` takes back an earlier one. A path is taken when some include fits and no exclude does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twin.errors import SourceError


def matcher(include: Sequence[str], exclude: Sequence[str], source: str) -> Callable[[str], bool]:
    """A test for paths relative to the top, with `/` between folders. Raises SourceError for a pattern that is none."""
    wanted, unwanted = _spec(include, source, "include"), _spec(exclude, source, "exclude")
    if wanted is None and unwanted is None:
        return lambda _path: True

    def matches(path: str) -> bool:
        return (wanted is None or wanted(path)) and (unwanted is None or not unwanted(path))

    return matches


def _spec(patterns: Sequence[str], source: str, key: str) -> Callable[[str], bool] | None:
    everything = key == "include" and not {"**", "**/*", "*"}.isdisjoint(patterns)
    if (everything and not any(pattern.startswith("!") for pattern in patterns)) or (key == "exclude" and not patterns):
        return None
    import pathspec

    try:
        spec = pathspec.GitIgnoreSpec.from_lines(patterns)
    except (ValueError, TypeError) as exc:
        raise SourceError(f"{source}: {key}: {exc}; patterns are those of .gitignore") from exc
    return spec.match_file
