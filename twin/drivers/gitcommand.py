"""The git command line -> bytes, streams of blobs, SourceErrors. Runs nothing that a repository names: no hook, filter,
pager, external diff or helper of its configuration. Knows no source and no document.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from twin.documents.giturl import masked
from twin.errors import SourceError

_CONFIG = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.pager=cat",
    "core.attributesFile=/dev/null",
    "core.quotePath=false",
    "log.showSignature=false",
    "log.mailmap=false",
    "i18n.logOutputEncoding=UTF-8",
    "gc.autoDetach=false",
    "maintenance.autoDetach=false",
    "protocol.ext.allow=never",
    "http.followRedirects=false",  # to a host that was not checked, and that would be told the password
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
)
_REMEDIES = (
    (
        r"redirect|returned error: 30[12378]",
        "the server sends to another address (many do for a url without its final .git); put that one in `url`",
    ),
    (r"dubious ownership", "it belongs to another user; run `git config --global --add safe.directory PATH` if you trust it"),
    (
        r"Authentication failed|could not read (Username|Password)|Permission denied \(publickey|error: 40[13]",
        "the credentials are missing or refused; give a token in the url or a key to the agent",
    ),
    (
        r"Could not resolve host|Could not connect|Connection (refused|timed out)|unable to access|Network is unreachable",
        "the host cannot be reached; check the url and the network",
    ),
    (
        r"not found|does not exist|does not appear to be a git repository|returned error: 404",
        "there is no repository; check the url",
    ),
    (r"not a git repository", "there is no repository; check the path, or run `git init` there"),
    (
        r"couldn't find remote ref|not our ref|unknown revision|Needed a single revision",
        "the ref is not there; check `ref` or leave it out",
    ),
    (r"promisor remote|transport '?\w+'? not allowed", "it is a partial clone that lacks files; clone it without --filter"),
)


class Git:
    """git in one repository. `authorization` is sent to http(s) servers and never stands on a command line."""

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        authorization: str = "",
        settings: Sequence[str] = (),
        network: bool = False,
        timeout: float = 900,
    ) -> None:
        self.folder = folder
        self._name = name
        self._timeout = timeout
        self._settings = (*_CONFIG, *settings)
        self._environment = _environment(authorization, network=network)

    async def run(self, *arguments: str) -> bytes:
        """What git prints. Raises SourceError with what to do."""
        async with self._process(arguments, stdin=False) as process:
            try:
                out, err = await asyncio.wait_for(process.communicate(), self._timeout)
            except TimeoutError as exc:
                raise SourceError(f"{self._name}: git {arguments[0]} took more than {self._timeout:.0f} s") from exc
            if process.returncode:
                raise self.error(arguments[0], err)
            return out

    async def blobs(self, ids: Sequence[str]) -> AsyncGenerator[bytes | None, None]:
        """The contents of `ids` in their order, read one by one; None for an object that is not there."""
        async with self._process(("cat-file", "--batch", "--buffer"), stdin=True) as process:
            assert process.stdin is not None  # noqa: S101 - asked for above
            assert process.stdout is not None  # noqa: S101 - asked for above
            feeding = asyncio.create_task(_feed(process.stdin, ids))
            try:
                for _ in ids:
                    yield await self._one(process)
            finally:
                feeding.cancel()
                await asyncio.gather(feeding, return_exceptions=True)

    async def _one(self, process: asyncio.subprocess.Process) -> bytes | None:
        assert process.stdout is not None  # noqa: S101 - asked for by the caller
        try:
            header = (await asyncio.wait_for(process.stdout.readline(), self._timeout)).split()
            if header[1:2] == [b"missing"]:
                return None
            data = await asyncio.wait_for(process.stdout.readexactly(int(header[2]) + 1), self._timeout)
        except (IndexError, ValueError, asyncio.IncompleteReadError, TimeoutError) as exc:
            detail = await process.stderr.read(4000) if process.stderr is not None and process.stdout.at_eof() else b""
            raise self.error("cat-file", detail or b"it ended early") from exc
        return data[:-1]

    def error(self, command: str, stderr: bytes) -> SourceError:
        """What git said, without credentials, and what to do about them."""
        said = [line.strip() for line in stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        words = next(
            (line for line in said if line.startswith(("fatal:", "error:", "ssh:", "remote:"))), said[0] if said else ""
        )
        remedy = next((remedy for pattern, remedy in _REMEDIES if re.search(pattern, " ".join(said), re.IGNORECASE)), "")
        text = masked(re.sub(r"^(fatal|error): ", "", words)).rstrip(".") or "failed without a word"
        return SourceError(f"{self._name}: git {command}: {text}" + (f"; {remedy}" if remedy else ""))

    @asynccontextmanager
    async def _process(self, arguments: Sequence[str], *, stdin: bool) -> AsyncIterator[asyncio.subprocess.Process]:
        config = [part for setting in self._settings for part in ("-c", setting)]
        try:
            process = await asyncio.create_subprocess_exec(
                "git", "--no-pager", "--literal-pathspecs", "--no-replace-objects", *config, "-C", str(self.folder), *arguments,
                stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._environment,
                limit=1 << 20,
            )  # fmt: skip
        except FileNotFoundError as exc:
            raise SourceError(f"{self._name}: git is not installed; install it, or leave the source out") from exc
        try:
            yield process
        except BaseException:
            with suppress(ProcessLookupError):
                process.kill()
            raise
        finally:
            if process.stdin is not None:
                process.stdin.close()
            await process.wait()  # cat-file ends when its input does


async def _feed(stdin: asyncio.StreamWriter, ids: Sequence[str]) -> None:
    for start in range(0, len(ids), 500):
        stdin.write("".join(f"{id}\n" for id in ids[start : start + 500]).encode())
        await stdin.drain()
    stdin.close()


def _environment(authorization: str, *, network: bool) -> Mapping[str, str]:
    """The process's environment without what steers git (a hook that runs us sets GIT_DIR), and with what makes it safe."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_") or key == "GIT_SSL_CAINFO"}
    environment |= {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh" if network else "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_PROTOCOL_FROM_USER": "0",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=30",
        "LC_ALL": "C.UTF-8",
    }
    if authorization:
        environment |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: {authorization}",
        }
    return environment
