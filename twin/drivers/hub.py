"""A dataset's folder -> one commit in a dataset's repository of a Hugging Face hub; the client's errors -> ours.

The client reads HF_TOKEN, HF_ENDPOINT and its other variables. Knows no card's words and no manifest.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twin.errors import DatasetError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

CARD = "README.md"
UNAUTHORIZED, FORBIDDEN, NOT_FOUND = 401, 403, 404
LONGEST = 200  # characters of the hub's own words


def push(files: Mapping[str, Path], card: str, name: str, summary: str, *, private: bool = False) -> str:
    """Put `files`, by their paths there, and the card to `name` (owner/name) in one commit; gives its address.

    Other files in the same folders are of a former dataset and go. The repository is made when there is none; only then
    `private` decides who sees it. Raises DatasetError: without a token, for a public repository when `private` is asked for,
    when the hub refuses.
    """
    api = _api(name)
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    with _mapped(name, api):
        gone = _former(_standing(api, name, private), files)
        operations: list[Any] = [CommitOperationAdd(CARD, card.encode())]
        operations += [CommitOperationAdd(at, path) for at, path in files.items()]
        operations += [CommitOperationDelete(at) for at in gone]
        commit = api.create_commit(name, operations, repo_type="dataset", commit_message=summary)
    return str(commit.commit_url)


def _api(name: str) -> HfApi:
    try:
        from huggingface_hub import HfApi, get_token
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError as exc:
        raise DatasetError("a push needs huggingface_hub: pip install 'llm-twin[train]'") from exc
    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    token = get_token()
    if not token:
        raise DatasetError(f"{name}: there is no token: set HF_TOKEN to one that may write there")
    return HfApi(token=token, library_name="llm-twin")


def _standing(api: HfApi, name: str, private: bool) -> set[str]:
    """The paths of the repository's files; it is made when there is none."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        found = api.dataset_info(name)
    except RepositoryNotFoundError as exc:
        if exc.response.status_code == UNAUTHORIZED:
            raise
        api.create_repo(name, repo_type="dataset", private=private or None)  # None: as its owner has set it
        return set()
    if private and not found.private:
        raise DatasetError(f"{name}: is there already and public, so nothing was sent: name another one, or make it private")
    return {one.rfilename for one in found.siblings or ()}


def _former(standing: Collection[str], files: Collection[str]) -> list[str]:
    """Of a repository's files those that lie in one of the folders of `files` and are none of them."""
    folders = {at.partition("/")[0] for at in files if "/" in at}
    return sorted(at for at in standing if "/" in at and at not in files and at.partition("/")[0] in folders)


@contextmanager
def _mapped(name: str, api: HfApi) -> Iterator[None]:
    from httpx import HTTPError
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except HfHubHTTPError as exc:
        raise DatasetError(_refused(name, api.endpoint, exc)) from exc
    except (HTTPError, OSError, RuntimeError) as exc:  # not their words: an address to upload to holds a signature
        raise DatasetError(
            f"{name}: {api.endpoint} cannot be reached, or broke off ({type(exc).__name__}): check HF_ENDPOINT and the network,"
            " and run it again"
        ) from exc
    except ValueError as exc:
        raise DatasetError(f"{name}: is refused by the hub's client ({_line(exc)}); name it OWNER/NAME") from exc


def _refused(name: str, endpoint: str, exc: Any) -> str:
    status = exc.response.status_code
    said = f" ({_line(exc.server_message)})" if exc.server_message else ""
    if status == UNAUTHORIZED:
        return f"{name}: {endpoint} does not accept the token{said}: set HF_TOKEN to a valid one"
    if status in (FORBIDDEN, NOT_FOUND):
        return f"{name}: {endpoint} answers {status}{said}: the token may not write there; give one that may, or another name"
    return f"{name}: {endpoint} answers {status}{said}; run it again"


def _line(said: object) -> str:
    shown = "".join(one if one.isprintable() else " " for one in str(said))
    return " ".join(shown.split())[:LONGEST]
