"""Where a release is proposed rather than pushed: pull requests at GitHub, merge requests at GitLab."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from twin.errors import ReleaseError

if TYPE_CHECKING:
    from twin.drivers.forge.github import GitHub
    from twin.drivers.forge.gitlab import GitLab

_NAME = re.compile(r"(github:[\w.-]+/[\w.-]+|gitlab:[\w.-]+(/[\w.-]+)+)")


def forge_at(name: str, token: str, url: str = "") -> GitHub | GitLab:
    """The forge of `github:owner/repository` or `gitlab:group/project`, its API at `url` unless that is the public one.

    Raises ReleaseError for any other name, for an address that is not https, and without a token.
    """
    if not _NAME.fullmatch(name):
        raise ReleaseError(f"forge {name!r} is neither github:owner/repository nor gitlab:group/project")
    if not token or not token.isascii() or not token.isprintable():
        raise ReleaseError("forge_token is missing or holds what no header may: a token that may open pull requests is needed")
    if url and not re.match(r"https://|http://(127\.0\.0\.1|localhost|\[::1\])[:/]", url + "/"):
        raise ReleaseError("forge_url is not https://..., and the token would be readable on its way")
    kind, _, path = name.partition(":")
    if kind == "github":
        from twin.drivers.forge.github import GitHub

        return GitHub(path, token, url or "https://api.github.com")
    from twin.drivers.forge.gitlab import GitLab

    return GitLab(path, token, url or "https://gitlab.com/api/v4")
