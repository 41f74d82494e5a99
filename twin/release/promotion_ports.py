"""What a promotion asks of the outside: the branches of a repository, the store of artifacts, a forge. Knows none of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from twin.records import Artifact


@dataclass(frozen=True, slots=True)
class Past:
    """A commit that is there. `reverts` is the commit that its message says it takes back, `promotes` the one of staging
    that it says it brings to production; both are empty for any other.
    """

    commit: str
    parents: tuple[str, ...]
    title: str
    reverts: str = ""
    promotes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a promotion needs to know of a report. All but `reasons` and `summary` are digests, empty where there is none.

    `running` is none when no adapter ran; `prompt` and `index` are those of answers that were made from passages; `template` is
    the chat template that was served.
    """

    passed: bool
    reasons: tuple[str, ...]
    summary: str
    digest: str
    candidate: str
    running: str = ""
    dataset: str = ""
    prompt: str = ""
    index: str = ""
    template: str = ""


class Repository(Protocol):
    """Branches at a remote. Commits are made without touching a working tree, an index or a local branch."""

    async def tip(self, branch: str) -> str:
        """The commit of the remote's `branch`, fetched; empty where there is no such branch. Raises ReleaseError."""
        ...

    async def look(self, commit: str) -> Past:
        """Raises ReleaseError where there is no such commit."""
        ...

    async def read(self, commit: str) -> str | None:
        """release.yaml as `commit` has it, None where it has none."""
        ...

    async def texts(self, commits: Sequence[str]) -> Sequence[str | None]:
        """The same of many."""
        ...

    async def tree(self, commit: str) -> str:
        """The id of everything that `commit` holds. Raises ReleaseError where there is no such commit."""
        ...

    async def history(self, commit: str, without: str = "") -> Sequence[Past]:
        """The commits, newest first along first parents, that changed release.yaml; none that `without` has."""
        ...

    async def own(self, commit: str, other: str) -> Sequence[Past]:
        """Commits that `commit` has and `other` has not, neither as they are nor as a copy; no merges.

        Only since `commit` last held, along first parents, exactly what `other` held once: nothing before that is lost.
        """
        ...

    async def written(self, onto: str, text: str, message: str) -> str:
        """A commit on `onto` in which release.yaml is `text`."""
        ...

    async def merged(self, onto: str, other: str, message: str) -> str:
        """A merge of `other` into `onto` that holds exactly what `other` holds."""
        ...

    async def reverted(self, onto: str, commit: str, message: str) -> str:
        """A commit on `onto` that takes back what `commit` did to its first parent. Raises PromotionError on a conflict."""
        ...

    async def push(self, commit: str, branch: str, expected: str) -> bool:
        """Make `commit` the tip of `branch`, never by force. False when the tip is no longer `expected` (empty: no branch).

        Raises PromotionError when the remote refuses, ReleaseError when it cannot be asked.
        """
        ...

    async def drop(self, branch: str) -> None:
        """Remove a branch that `push` made. Raises ReleaseError."""
        ...


class Store(Protocol):
    """Where artifacts are."""

    async def check(self, artifact: Artifact) -> None:
        """Raises ArtifactError unless the artifact is there, whole, under its digest."""
        ...


class Forge(Protocol):
    """Where changes of a branch are proposed before they are made."""

    async def propose(self, branch: str, onto: str, title: str, body: str) -> str:
        """The address of a new request to merge `branch`. Raises PromotionError when refused, ReleaseError otherwise."""
        ...
