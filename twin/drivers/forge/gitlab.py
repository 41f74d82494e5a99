"""A branch -> a merge request at GitLab. Knows no git and no release."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from twin.drivers.forge.http import created, found
from twin.errors import ReleaseError


class GitLab:
    """The project `path` (group/project) at the API below `url`."""

    def __init__(self, path: str, token: str, url: str) -> None:
        self._path, self._token, self._url = path, token, url.rstrip("/")

    def __repr__(self) -> str:
        return f"GitLab({self._path!r})"

    async def propose(self, branch: str, onto: str, title: str, body: str) -> str:
        asked = {
            "source_branch": branch,
            "target_branch": onto,
            "title": title,
            "description": body,
            "remove_source_branch": True,
            "squash": False,  # it would leave the title alone
        }
        where = f"{self._project()}/merge_requests"
        made = await created(where, {"PRIVATE-TOKEN": self._token}, asked, token=self._token, said=_said)
        if not isinstance(made.get("web_url"), str):
            raise ReleaseError("GitLab made a merge request and does not say where; look for it there")
        return str(made["web_url"])

    async def reach(self) -> None:
        """That the project is there for this token. Raises as `propose` does."""
        await found(self._project(), {"PRIVATE-TOKEN": self._token}, token=self._token, said=_said)

    def _project(self) -> str:
        return f"{self._url}/projects/{quote(self._path, safe='')}"


def _said(value: Any) -> str:
    """`message` is a text, a list of them, or texts by field."""
    found = value.get("message") or value.get("error") if isinstance(value, dict) else ""
    if isinstance(found, dict):
        return "; ".join(f"{key} {text}" for key, text in found.items())
    return "; ".join(map(str, found)) if isinstance(found, list) else str(found or "")
