"""A branch -> a pull request at GitHub. Knows no git and no release."""

from __future__ import annotations

from typing import Any

from twin.drivers.forge.http import created, found
from twin.errors import ReleaseError

VERSION = "2022-11-28"


class GitHub:
    """The repository `path` (owner/repository) at the API below `url`."""

    def __init__(self, path: str, token: str, url: str) -> None:
        self._path, self._token, self._url = path, token, url.rstrip("/")

    def __repr__(self) -> str:
        return f"GitHub({self._path!r})"

    async def propose(self, branch: str, onto: str, title: str, body: str) -> str:
        asked = {"title": title, "head": branch, "base": onto, "body": body}
        where = f"{self._url}/repos/{self._path}/pulls"
        made = await created(where, self._headers(), asked, token=self._token, said=_said)
        if not isinstance(made.get("html_url"), str):
            raise ReleaseError("GitHub made a pull request and does not say where; look for it there")
        return str(made["html_url"])

    async def reach(self) -> None:
        """That the repository is there for this token. Raises as `propose` does."""
        await found(f"{self._url}/repos/{self._path}", self._headers(), token=self._token, said=_said)

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": VERSION,
        }


def _said(value: Any) -> str:
    """`message`, and those of `errors`, which may have none and name a field instead."""
    if not isinstance(value, dict):
        return ""
    errors = value.get("errors")
    found = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    more = [one.get("message") or " ".join(str(one[key]) for key in ("field", "code") if key in one) for one in found]
    return "; ".join(str(part) for part in (value.get("message"), *more) if part)
