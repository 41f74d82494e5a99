"""A git source -> its files and commits as items of a listing. Local repositories are read where they are, remote ones from a
shallow bare copy in a cache folder. Only what was committed is read.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from twin.documents import giturl, repository, stamps
from twin.documents.globs import matcher
from twin.documents.ports import Failed, Found, Item, Listed, Memory, Nothing, Same, Skipped
from twin.documents.repository import Blob, Checkout
from twin.documents.sources import GitSource, Source
from twin.drivers.gitcommand import Git
from twin.drivers.gitguard import Resolve, guarded, resolved
from twin.errors import SourceError
from twin.records import Known

BATCH = 500  # uris asked of the store at once, and blobs between two questions
_DAMAGED = re.compile(
    r"lock|corrupt|bad object|missing|not a git repository|unable to read|invalid|shallow|index-pack", re.IGNORECASE
)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class GitFetcher:
    """Implements Fetcher for GitSource. `cache` is a folder for copies of remote repositories; it may be deleted any time.

    `resolve` finds the addresses of a remote's host; it is for tests.
    """

    def __init__(self, cache: Path, *, timeout: float = 900, resolve: Resolve = resolved) -> None:
        self._cache = cache
        self._timeout = timeout
        self._resolve = resolve

    async def fetch(self, source: Source, memory: Memory) -> AsyncIterator[Item]:
        """Every file at `ref` that `include` and `exclude` leave, then `history` commits. Raises SourceError."""
        if not isinstance(source, GitSource):
            raise SourceError(f"{source.name}: is a source of kind {source.kind}, not git")
        giturl.check_url(source.url, source.name)
        giturl.check_ref(source.ref, source.name)
        matches = matcher(source.include, source.exclude, source.name)
        git, at, cursor = await self._open(source, memory.cursor)
        if cursor == memory.cursor:
            yield Nothing()
            return
        tree = await git.run("ls-tree", "-r", "-z", "-l", "--full-tree", at.commit)
        chosen = [blob for blob in repository.parse_tree(tree) if matches(blob.path)]
        for start in range(0, len(chosen), BATCH):
            async for item in _files(git, source, at, chosen[start : start + BATCH], memory):
                yield item
        if source.history > 0:
            async for item in _commits(git, source, at, memory):
                yield item
        yield Listed(cursor)

    async def _open(self, source: GitSource, before: str) -> tuple[Git, Checkout, str]:
        if giturl.is_local(source.url):
            git, at = await self._local(source)
            return git, at, stamps.cursor(source, at.commit, at.branch, at.address)
        remote = _Remote(source, await guarded(source, self._resolve), self._timeout)
        git = remote.git(Path.cwd())
        at = await _resolve_remote(git, remote)
        cursor = stamps.cursor(source, at.commit, at.branch, at.address)
        if cursor != before:
            git = await self._copy(remote, at)
        return git, at, cursor

    async def _local(self, source: GitSource) -> tuple[Git, Checkout]:
        folder, there = await asyncio.to_thread(_folder, source.url)
        if not there:
            raise SourceError(f"{source.name}: {folder} is no folder; check `url`")
        git = Git(folder, source.name, timeout=self._timeout)
        await git.run("rev-parse", "--git-dir")
        commit = await _resolve(git, source, source.ref)
        branch = await _branch(git, source.ref)
        return git, Checkout(await _origin(git, folder), branch, commit)

    async def _copy(self, remote: _Remote, at: Checkout) -> Git:
        """A bare copy that holds `at.commit`, no deeper than needed; made anew when what is there is damaged."""
        source = remote.source
        key = hashlib.sha256(f"{remote.url}\n{source.ref}\n{source.history}".encode()).hexdigest()[:24]
        folder = self._cache / f"{key}.git"
        kept = (folder / "HEAD").exists()
        try:
            return await remote.copied(folder, at)
        except SourceError as exc:
            if not kept or not _DAMAGED.search(str(exc)):
                raise
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        return await remote.copied(folder, at)


@dataclass(frozen=True, slots=True)
class _Remote:
    """A repository elsewhere and what git needs to ask for it and for nothing else."""

    source: GitSource
    settings: tuple[str, ...]
    timeout: float

    @property
    def url(self) -> str:
        """What git is told: without credentials, which are sent as a header, but with the user of an ssh address."""
        url = self.source.url
        return url if "://" not in url or url.startswith("ssh://") else giturl.without_credentials(url)

    def git(self, folder: Path) -> Git:
        secret = giturl.credentials(self.source.url)
        return Git(folder, self.source.name, authorization=secret, settings=self.settings, network=True, timeout=self.timeout)

    async def copied(self, folder: Path, at: Checkout) -> Git:
        """A bare copy in `folder`, as deep as is needed."""
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        git = self.git(folder)
        if not (folder / "HEAD").exists():
            await git.run("init", "--bare", "--quiet", ".")
        depth = str(self.source.history + 1)
        await git.run(
            "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--force", f"--depth={depth}", "--", self.url,
            f"{at.commit}:refs/twin/head",
        )  # fmt: skip
        return git


def _folder(path: str) -> tuple[Path, bool]:
    folder = Path(path).expanduser().absolute()
    return folder, folder.is_dir()


async def _resolve(git: Git, source: GitSource, ref: str) -> str:
    """The commit that `ref` means in a repository at hand; a branch of origin counts when there is no local one."""
    for name in (ref, f"refs/remotes/origin/{ref}"):
        try:
            return (
                (await git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")).decode().strip()
            )
        except SourceError:
            continue
    if ref == "HEAD":
        raise SourceError(f"{source.name}: {git.folder} has no commit yet; commit something, or leave the source out")
    raise SourceError(f"{source.name}: {git.folder} has no branch, tag or commit {ref!r}; check `ref` or leave it out")


async def _branch(git: Git, ref: str) -> str:
    if ref != "HEAD":
        return ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    try:
        return (await git.run("symbolic-ref", "--quiet", "--short", "HEAD")).decode().strip()
    except SourceError:
        return "HEAD"


async def _origin(git: Git, folder: Path) -> str:
    """Where the repository was cloned from, else where it is."""
    try:
        url = (await git.run("config", "--get", "remote.origin.url")).decode("utf-8", "replace").strip()
    except SourceError:
        url = ""
    if url and not (giturl.is_local(url) and not Path(url).is_absolute()):
        return giturl.without_credentials(url)
    return (await git.run("rev-parse", "--path-format=absolute", "--git-common-dir")).decode().strip().removesuffix(
        "/.git"
    ) or str(folder)


async def _resolve_remote(git: Git, remote: _Remote) -> Checkout:
    """The commit and branch of `ref` as the server tells them, in one question."""
    source = remote.source
    address = giturl.without_credentials(source.url)
    if _COMMIT.fullmatch(source.ref):
        return Checkout(address, source.ref, source.ref)
    lines = (
        (await git.run("ls-remote", "--symref", "--", remote.url, source.ref, f"{source.ref}^{{}}"))
        .decode("utf-8", "replace")
        .splitlines()
    )
    branch = next((line.split()[1].removeprefix("refs/heads/") for line in lines if line.startswith("ref: ")), source.ref)
    found = {name: commit for commit, _, name in (line.partition("\t") for line in lines if not line.startswith("ref: "))}
    for name in _names(source.ref):
        if name in found:
            return Checkout(address, branch.removeprefix("refs/tags/"), found[name])
    if source.ref == "HEAD":
        raise SourceError(f"{source.name}: {address} has no commit yet; push something, or leave the source out")
    raise SourceError(f"{source.name}: {address} has no branch or tag {source.ref!r}; check `ref` or leave it out")


def _names(ref: str) -> tuple[str, ...]:
    return (f"{ref}^{{}}", ref, f"refs/heads/{ref}", f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}")


async def _files(git: Git, source: GitSource, at: Checkout, blobs: Sequence[Blob], memory: Memory) -> AsyncIterator[Item]:
    known = await memory.known([at.uri(blob.path) for blob in blobs])
    wanted: list[Blob] = []
    for blob in blobs:
        uri = at.uri(blob.path)
        stored = known.get(uri)
        reason = repository.refused(blob)
        if reason:
            yield Skipped(uri, reason)
        elif stored is not None and stored.version == stamps.version(blob.id, source):
            yield Same(uri)
        else:
            wanted.append(blob)
    contents = git.blobs([blob.id for blob in wanted])
    try:
        for blob in wanted:
            yield _file(source, at, blob, await anext(contents))
    finally:
        await contents.aclose()


def _file(source: GitSource, at: Checkout, blob: Blob, data: bytes | None) -> Item:
    uri = at.uri(blob.path)
    if data is None:
        return Failed(uri, "its content is not in this clone; clone it again without --filter")
    text, reason = repository.read(blob, data)
    if reason:
        return Skipped(uri, reason)
    return Found(repository.file_document(source, at, blob, text), stamps.version(blob.id, source))


async def _commits(git: Git, source: GitSource, at: Checkout, memory: Memory) -> AsyncIterator[Item]:
    """The last commits; in a shallow copy the oldest one has no parent to compare with, so it is asked for one deeper."""
    asked = (
        "log",
        "-z",
        f"-{source.history}",
        "--no-show-signature",
        "--no-ext-diff",
        "--no-textconv",
        "--no-color",
        "--no-decorate",
    )
    commits = repository.parse_log(await git.run(*asked, "--format=%H%x00%an%x00%aI%x00%B", at.commit, "--"))
    known = await memory.known([at.commit_uri(commit.id) for commit in commits])
    fresh = [commit for commit in commits if not _same(known, at.commit_uri(commit.id), stamps.version(commit.id, source))]
    new = {commit.id for commit in fresh}
    files = {}
    if fresh:
        files = repository.parse_numstat(await git.run(*asked, "--numstat", "--no-renames", "--format=%H", at.commit, "--"))
    for commit in commits:
        if commit.id not in new:
            yield Same(at.commit_uri(commit.id))
            continue
        whole = replace(commit, files=files.get(commit.id, ()))
        yield Found(repository.commit_document(source, at, whole), stamps.version(commit.id, source))


def _same(known: Mapping[str, Known], uri: str, version: str) -> bool:
    stored = known.get(uri)
    return stored is not None and stored.version == version
