"""`twin dataset push` to a hub: what arrives there, what is refused, and that nothing secret is told."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.doubles.hub import TOKEN, HubDouble
from tests.integration.cli.running import TWIN, environment, told
from tests.integration.dataset.test_loading import loaded_folder
from tests.servers import free_port


@pytest.fixture
async def hub():
    async with HubDouble() as made:
        yield made


@pytest.fixture
def built(folder: Path) -> dict:
    return told(folder, "dataset", "build", "--test-share", "0.3")


async def push(folder: Path, url: str, *arguments: str, to: str = "ada/essays", token: str = TOKEN) -> tuple[int, str, str]:
    """Exit status, stdout and stderr."""
    hub = {"HF_ENDPOINT": url, "HF_TOKEN": token, "HF_HOME": str(folder / "hf"), "HF_HUB_DISABLE_XET": "1"}
    process = await asyncio.create_subprocess_exec(
        str(TWIN), "dataset", "push", "--to", to, *arguments,
        cwd=folder, env=environment(**hub), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert TOKEN not in (out + err).decode()
    assert "signed-and-secret" not in err.decode()
    assert "Traceback" not in err.decode()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_dataset_arrives_in_one_commit_and_is_loaded_from_there_by_its_card(
    folder: Path, built: dict, hub: HubDouble, tmp_path: Path
) -> None:
    status, out, err = await push(folder, hub.url, "-o", "json")
    assert status == 0, err
    uri = f"{hub.url}/datasets/ada/essays/commit/{1:040x}"
    assert json.loads(out) == {"uri": uri, "digest": built["manifest"]["digest"]}
    assert err == ""
    path = Path(built["path"])
    arrived = {name: data for name, data in hub.files.items() if name not in {".gitattributes", "README.md"}}
    assert arrived == {one.relative_to(path).as_posix(): one.read_bytes() for one in path.rglob("*") if one.is_file()}
    assert (len(hub.commits), hub.private) == (1, False)
    assert hub.commits[0][0]["value"]["summary"] == f"Dataset {built['manifest']['digest']}"
    assert built["manifest"]["digest"] in hub.files["README.md"].decode()

    for kind, counts in built["manifest"]["counts"].items():
        found = loaded_folder(written(hub, tmp_path / "there"), kind, tmp_path / "cache")
        assert {side: len(rows) for side, rows in found.items()} == counts


def written(hub: HubDouble, folder: Path) -> Path:
    for name, data in hub.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


async def test_pushing_again_changes_nothing_and_another_dataset_takes_the_place_of_the_former(
    folder: Path, built: dict, hub: HubDouble
) -> None:
    await push(folder, hub.url)
    hub.files["notes/mine.md"] = b"what somebody else put there"
    status, out, _ = await push(folder, hub.url)
    assert (status, len(hub.commits)) == (0, 1)
    assert out.strip().endswith(f"{1:040x}")
    lines = told(folder, "dataset", "build", "--format", "jsonl", "--seed", "1", "--out", "lines")
    status, _, err = await push(folder, hub.url, lines["path"])
    assert status == 0, err
    tables = {f"{kind}/{side}.jsonl" for kind in ("instruction", "preference") for side in ("train", "test")}
    assert set(hub.files) == {".gitattributes", "README.md", "manifest.json", "notes/mine.md", *tables}


async def test_a_private_push_makes_a_private_repository_and_never_uses_a_public_one(
    folder: Path, built: dict, hub: HubDouble
) -> None:
    assert (await push(folder, hub.url, "--private"))[0] == 0
    assert hub.private
    assert (await push(folder, hub.url, "--private"))[0] == 0
    hub.private, before = False, dict(hub.files)
    status, _, err = await push(folder, hub.url, "--private")
    assert status == 1
    assert "is there already and public, so nothing was sent" in err
    assert hub.files == before


async def test_a_changed_dataset_is_not_sent(folder: Path, built: dict, hub: HubDouble) -> None:
    (Path(built["path"]) / "manifest.json").with_name("more.txt").write_text("not of it")
    status, _, err = await push(folder, hub.url)
    assert status == 1
    assert "more.txt does not belong to it" in err
    assert hub.repository == ""


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((403, "You don't have the rights"), "answers 403 (You don't have the rights): the token may not write there"),
        ((500, "Internal \x1b[31mError"), "answers 500 (Internal"),
    ],
)
async def test_what_a_hub_refuses_is_said_in_its_words(folder: Path, built: dict, hub: HubDouble, refusal, words: str) -> None:
    hub.refusal = refusal
    status, _, err = await push(folder, hub.url)
    assert status == 1
    assert words in err
    assert "\x1b" not in err


async def test_a_wrong_token_none_and_a_hub_that_is_gone_are_each_told(folder: Path, built: dict, hub: HubDouble) -> None:
    status, _, err = await push(folder, hub.url, token=TOKEN[::-1])
    assert (status, TOKEN[::-1] in err) == (1, False)
    assert "does not accept the token" in err
    status, _, err = await push(folder, hub.url, token="")
    assert status == 1
    assert "set HF_TOKEN to one that may write there" in err
    status, _, err = await push(folder, f"http://127.0.0.1:{free_port()}")
    assert status == 1
    assert "cannot be reached" in err
    status, _, err = await push(folder, hub.url, to="essays")
    assert status == 2
    assert "is not OWNER/NAME" in err
