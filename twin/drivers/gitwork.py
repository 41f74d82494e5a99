"""The git command line -> a `Repository` of releases: commits made of objects alone, pushed to a remote.

No working tree, index, local branch or HEAD is touched, so that work in progress stays as it is and a refusal leaves nothing.
This is the user's own repository: its configuration, credentials and hooks apply. Knows no release.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import os
import posixpath
import re
import subprocess
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from twin.documents.giturl import masked
from twin.errors import PromotionError, ReleaseError
from twin.release.promotion_ports import Past

_QUIET = ("gc.auto=0", "maintenance.auto=false", "core.quotePath=false", "log.showSignature=false", "push.followTags=false")
_STEERING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE")
ATTEMPT = "Attempt"  # a trailer by which no two commits are equal: whose push a branch got can then be told
_RECORD = "%H%n%P%n%s%n%B"
_MARK = re.compile(r"^Rolls-back: ([0-9a-f]{40})$", re.MULTILINE)
_PROMOTES = re.compile(r"^Promotes: ([0-9a-f]{40})$", re.MULTILINE)
_REVERT = re.compile(r"^This reverts commit ([0-9a-f]{40})\b", re.MULTILINE)
_ADDED = re.compile(r"-+|((co-authored|signed-off|reviewed|approved)-by: .*\n?)+|see merge request \S+", re.IGNORECASE)
_NO_GIT = "git is not installed; releases are commits, so install it"
_REMEDIES = (
    (r"Author identity unknown|empty ident|tell me who you are", "set user.name and user.email with git config"),
    (r"Authentication failed|could not read (Username|Password)|Permission denied|error: 40[13]", "check git's credentials"),
    (r"not a git repository", "releases are commits: run this in a clone of the twin's repository"),
    (r"Could not resolve host|Could not connect|Connection|unable to access|does not appear", "check the remote's address"),
)


_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://.|/|[\w.-]+@[\w.-]+:", re.IGNORECASE)


def is_address(remote: str) -> bool:
    """Whether `remote` is where a repository is, rather than the name of a clone's remote."""
    return bool(_ADDRESS.match(remote))


def objects_alone(folder: Path) -> Path:
    """A repository at `folder` without files, in which releases can be written. Raises ReleaseError."""
    try:
        ran = subprocess.run(
            ["git", "init", "--quiet", "--bare", str(folder)], capture_output=True, env=_environment(""), check=False
        )
    except FileNotFoundError as exc:
        raise ReleaseError(_NO_GIT) from exc
    if ran.returncode:
        raise ReleaseError(f"git init: {_words(ran.stderr)}")
    return folder


class GitWork:
    """Releases in the repository around `folder`, whose file `path` is release.yaml; branches are those of `remote`."""

    def __init__(self, folder: Path, path: str = "release.yaml", remote: str = "origin", *, timeout: float = 300) -> None:
        self._folder, self._path, self._remote, self._timeout = folder, path, remote, timeout
        self._whole = ""  # the path from the repository's root
        self._deep = False  # known not to be shallow

    async def tip(self, branch: str) -> str:
        if not self._deep and await self._git("rev-parse", "--is-shallow-repository") == "true":
            raise ReleaseError(
                "this clone is shallow, and releases need its history: `git fetch --unshallow` (fetch-depth: 0 in CI)"
            )
        self._deep = True
        ref = f"refs/heads/{branch}"
        said = await self._git("ls-remote", "--", self._remote, ref)  # which also names what only ends like it
        commit = next((line.partition("\t")[0] for line in said.splitlines() if line.endswith(f"\t{ref}")), "")
        if commit and (await self._done("cat-file", "-e", f"{commit}^{{commit}}"))[0]:
            await self._fetch(branch)
        return commit

    async def _fetch(self, branch: str) -> None:
        """Under a name of its own, so that two processes never wait for one another's lock."""
        ref = f"refs/twin/{uuid.uuid4().hex}"
        options = ("--quiet", "--no-tags", "--no-write-fetch-head", "--recurse-submodules=no")
        try:
            await self._git("fetch", *options, "--", self._remote, f"+refs/heads/{branch}:{ref}")
        finally:
            await self._done("update-ref", "-d", ref)

    async def look(self, commit: str) -> Past:
        return (await self._logged("--max-count=1", "--end-of-options", f"{commit}^{{commit}}", "--"))[0]

    async def read(self, commit: str) -> str | None:
        return (await self.texts([commit]))[0]

    async def texts(self, commits: Sequence[str]) -> Sequence[str | None]:
        path = await self._file()
        names = "".join(f"{commit}:{path}\n" for commit in commits)
        status, out, err = await self._done("cat-file", "--batch", data=names.encode())
        if status:
            raise ReleaseError(f"git cat-file: {_words(err)}")
        said = io.BytesIO(out)
        return [_blob(said) for _ in commits]

    async def tree(self, commit: str) -> str:
        return await self._git("rev-parse", "--verify", f"{commit}^{{tree}}")

    async def history(self, commit: str, without: str = "") -> Sequence[Past]:
        found = await self._logged("--first-parent", commit, "--", f":(top,literal){await self._file()}")
        if not without:
            return found
        new = set((await self._git("rev-list", "--first-parent", commit, f"^{without}", "--")).split())
        return [one for one in found if one.commit in new]  # a limit beside a path hides merges at the limit

    async def own(self, commit: str, other: str) -> Sequence[Past]:
        held = set((await self._git("log", "--format=%T", other, "--")).split())
        line = (await self._git("log", "--first-parent", "--format=%H %T", commit, "--")).splitlines()
        equal = (one.partition(" ")[0] for one in line if one.partition(" ")[2] in held)
        before = [f"^{one}" for one in itertools.islice(equal, 1)]
        return await self._logged("--no-merges", "--cherry-pick", "--right-only", f"{other}...{commit}", *before, "--")

    async def _logged(self, *arguments: str) -> list[Past]:
        said = await self._git("log", "-z", f"--format={_RECORD}", *arguments)
        records = (one.split("\n", 3) for one in said.split("\0") if one)
        return [Past(at, tuple(parents.split()), title, *_marks(title, body)) for at, parents, title, body in records]

    async def written(self, onto: str, text: str, message: str) -> str:
        blob = await self._git("hash-object", "-w", "--stdin", data=text.encode())
        with _Index() as index:
            await self._git("read-tree", onto, index=index)
            entry = f"100644,{blob},{await self._file()}"
            await self._git("update-index", "--add", "--cacheinfo", entry, index=index)
            return await self._commit(await self._git("write-tree", index=index), (onto,), message)

    async def merged(self, onto: str, other: str, message: str) -> str:
        return await self._commit(await self.tree(other), (onto, other), message)

    async def reverted(self, onto: str, commit: str, message: str) -> str:
        with _Index() as index:
            await self._git("read-tree", "-i", "-m", "--aggressive", commit, onto, f"{commit}^1", index=index)
            unmerged = {line.partition("\t")[2] for line in (await self._git("ls-files", "-u", index=index)).splitlines()}
            if unmerged:
                named = ", ".join(sorted(unmerged)[:5])
                raise PromotionError(f"{commit[:12]} cannot be taken back: {named} changed since; revert it by hand")
            return await self._commit(await self._git("write-tree", index=index), (onto,), message)

    async def _commit(self, tree: str, parents: Sequence[str], message: str) -> str:
        signed = (await self._done("config", "--type=bool", "--get", "commit.gpgSign"))[1].strip() == b"true"
        options = [part for one in parents for part in ("-p", one)] + (["-S"] if signed else [])
        told = f"{message.rstrip()}\n{ATTEMPT}: {uuid.uuid4().hex[:12]}\n"
        return await self._git("commit-tree", tree, *options, "-F", "-", data=told.encode("utf-8", "replace"))

    async def push(self, commit: str, branch: str, expected: str) -> bool:
        target = f"{commit}:refs/heads/{branch}"
        status, out, err = await self._done("push", "--porcelain", "--recurse-submodules=no", "--", self._remote, target)
        if not status:
            return True
        now = await self.tip(branch)
        if now == commit:  # it was done, and only its answer was lost
            return True
        if now != expected:
            return False
        raise PromotionError(f"{self._remote} refuses the push to {branch}: {_refusal(out, err)}")

    async def drop(self, branch: str) -> None:
        await self._git("push", "--quiet", "--", self._remote, f":refs/heads/{branch}")

    async def _file(self) -> str:
        if not self._whole:
            whole = posixpath.normpath(await self._git("rev-parse", "--show-prefix") + self._path)
            if not self._path or self._path.startswith("/") or whole in {".", ".."} or whole.startswith("../"):
                raise ReleaseError(f"release_file {self._path!r} is no path of a file from the twin's folder in the repository")
            self._whole = whole
        return self._whole

    async def _git(self, command: str, *arguments: str, data: bytes = b"", index: str = "") -> str:
        """What git prints, without the line break at its end. Raises ReleaseError."""
        status, out, err = await self._done(command, *arguments, data=data, index=index)
        if status:
            raise ReleaseError(f"git {command}: {_words(err)}")
        return out.decode("utf-8", "replace").rstrip("\n")

    async def _done(self, *arguments: str, data: bytes = b"", index: str = "") -> tuple[int, bytes, bytes]:
        config = [part for setting in _QUIET for part in ("-c", setting)]
        try:
            process = await asyncio.create_subprocess_exec(
                "git", "--no-pager", "--no-replace-objects", *config, "-C", str(self._folder), *arguments,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                env=_environment(index),
            )  # fmt: skip
        except FileNotFoundError as exc:
            raise ReleaseError(_NO_GIT) from exc
        try:
            out, err = await asyncio.wait_for(process.communicate(data), self._timeout)
        except TimeoutError as exc:
            raise ReleaseError(f"git {arguments[0]} took more than {self._timeout:.0f} s; check the remote") from exc
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, out, err


class _Index:
    """A file for an index beside the repository's own."""

    def __enter__(self) -> str:
        self._folder = tempfile.TemporaryDirectory(prefix="twin-index-")
        return str(Path(self._folder.name) / "index")

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _environment(index: str) -> Mapping[str, str]:
    """The user's own, without what says where another repository is (a hook that runs us sets it)."""
    kept = {key: value for key, value in os.environ.items() if key not in _STEERING}
    kept |= {"GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true", "LC_ALL": "C.UTF-8"}
    kept.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=30")
    return kept | ({"GIT_INDEX_FILE": index} if index else {})


def _marks(title: str, body: str) -> tuple[str, str]:
    """What a commit says that it takes back, and what it promotes: in the last paragraph that a forge did not add, or in git's
    own words under git's own title.

    Nowhere else, as a message may quote a report, and a report what models say.
    """
    paragraphs = body.rstrip().split("\n\n")
    while len(paragraphs) > 1 and _ADDED.fullmatch(paragraphs[-1]):
        paragraphs.pop()
    reverts = _MARK.search(paragraphs[-1]) or (title.startswith("Revert ") and _REVERT.search(body))
    promotes = _PROMOTES.search(paragraphs[-1])
    return reverts[1] if reverts else "", promotes[1] if promotes else ""


def _blob(said: io.BytesIO) -> str | None:
    """The next answer of `git cat-file --batch`; None for what is not there or is no file."""
    kind, _, size = said.readline().rpartition(b" ")
    if not size.strip().isdigit():
        return None
    data = said.read(int(size) + 1)[:-1]
    return data.decode("utf-8", "replace") if kind.endswith(b" blob") else None


def _words(err: bytes) -> str:
    """What git said, in one line without credentials, and what to do about it."""
    said = [line.strip() for line in err.decode("utf-8", "replace").splitlines() if line.strip()]
    line = next((one for one in said if one.startswith(("fatal:", "error:", "ssh:"))), said[0] if said else "failed")
    remedy = next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, " ".join(said), re.IGNORECASE)), "")
    return _shown(re.sub(r"^(fatal|error): ", "", line)).rstrip(".") + (f"; {remedy}" if remedy else "")


def _refusal(out: bytes, err: bytes) -> str:
    """Why a remote refused: the words of its hook or rule, else git's."""
    said = [
        line.removeprefix("remote:").strip() for line in err.decode("utf-8", "replace").splitlines() if "remote:" in line[:7]
    ]
    reason = re.search(r"^!\t.*\t(.*)$", out.decode("utf-8", "replace"), re.MULTILINE)
    words = "; ".join(filter(None, [*said[:6], reason[1] if reason else ""]))
    return _shown(words)[:600] if words else _words(err)


def _shown(text: str) -> str:
    return masked("".join(character if character.isprintable() else " " for character in text))
