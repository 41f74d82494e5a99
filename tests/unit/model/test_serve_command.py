"""`twin model serve`, up to the command that it becomes: which adapters, which base, and what it refuses to serve."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.unit.model import folders
from twin.cli.app import app
from twin.drivers.artifacts import Artifacts
from twin.errors import DigestError, ReleaseError, SettingsError, TrainingError
from twin.model.folder import UNSEALED
from twin.release.reading import checked
from twin.release.release import write

D = "sha256:" + "a" * 64


class Home:
    """A twin's folder with a base of its own making."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base_folder = folder / ".twin" / "models" / "base" / "tiny"
        self.base = folders.base(self.base_folder)

    def adapter(self, name: str, **how: Any) -> tuple[Path, dict[str, Any]]:
        return self.folder / name, folders.adapter(self.folder / name, how.pop("of", self.base), **how)

    def kept(self, folder: Path) -> str:
        """The adapter as an artifact, its folder then removed."""
        import shutil

        made = asyncio.run(Artifacts(str(self.folder / ".twin" / "artifacts")).put(folder, beside=UNSEALED))
        shutil.rmtree(folder)
        return str(made)

    def released(self, adapter: str) -> None:
        pins = {
            "id": "2026-11-20.1",
            "index": {"name": "minilm", "documents": D, "chunks": 3, "snapshot": f"file:///kept/index#{D}"},
            "model": {"base": "tiny", "revision": D, "adapter": adapter, "chatTemplate": D},
            "prompt": {"name": "twin-v1", "digest": D},
            "report": {"uri": "file:///kept/report", "digest": D, "verdict": "pass"},
        }
        (self.folder / "release.yaml").write_text(write(checked(pins, "the test")))

    def serve(self, *arguments: str) -> dict[str, list[str]]:
        """The options of the command that `twin model serve --dry-run` prints."""
        line = ["-C", str(self.folder), "model", "serve", "--python", "/opt/vllm/bin/python", "--dry-run", *arguments]
        done = CliRunner().invoke(app, line, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        self.said = done.stdout
        words, options = shlex.split(done.stdout), {}
        for at, word in enumerate(words):
            if word.startswith("--"):
                options[word] = [one for one in words[at + 1 : at + 2] if not one.startswith("--")]
        return options


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def named(record: dict[str, Any]) -> str:
    return f"adapter-{record['digest'].removeprefix('sha256:')[:12]}"


def test_an_adapter_is_served_on_its_base_in_its_template_under_the_name_of_its_digest(home: Home) -> None:
    folder, record = home.adapter("one")
    options = home.serve(str(folder))
    assert options["--model"] == [str(home.base_folder)]
    assert options["--chat-template"] == [str(folder / "chat_template.jinja")]
    assert f'"name": "{named(record)}"' in options["--lora-modules"][0]
    assert '"name": "mine"' in home.serve(f"mine={folder}")["--lora-modules"][0]


def test_without_an_adapter_the_one_of_the_release_is_fetched_by_its_digest_and_served(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, record = home.adapter("one")
    home.released(home.kept(folder))
    here = home.folder / ".twin" / "adapters" / record["digest"][7:19]
    module = home.serve()["--lora-modules"][0]
    assert named(record) in module
    assert str(here) in module
    assert (here / "adapter_config.json").is_file()
    other, candidate = home.adapter("two", rank=4)
    monkeypatch.setenv("TWIN_CANARY", "10")
    monkeypatch.setenv("TWIN_CANARY_ADAPTER", home.kept(other))
    home.serve()
    assert named(record) in home.said
    assert named(candidate) in home.said


def test_without_a_release_it_says_what_to_give(home: Home) -> None:
    with pytest.raises(TrainingError, match=r"release\.yaml pins no adapter; give one, or --base"):
        home.serve()
    (home.folder / "release.yaml").write_text("release: {id: yesterday}\n")
    with pytest.raises(ReleaseError, match=r"release\.yaml:1: release\.id"):
        home.serve()


def test_a_release_whose_artifact_is_gone_or_spoilt_serves_nothing(home: Home) -> None:
    folder, _ = home.adapter("one")
    pin = home.kept(folder)
    home.released(pin.partition("#")[0] + "#" + D)
    with pytest.raises(DigestError):
        home.serve()
    piece = max((home.folder / ".twin" / "artifacts" / "blobs").rglob("*"), key=lambda one: one.stat().st_size * one.is_file())
    piece.write_bytes(b"x" * piece.stat().st_size)
    home.released(pin)
    with pytest.raises(DigestError):
        home.serve()


def test_a_changed_or_another_adapter_is_not_served(home: Home) -> None:
    folder, _ = home.adapter("one")
    with pytest.raises(DigestError, match="is asked for"):
        home.serve(f"{folder}#{D}")
    (folder / "adapter_config.json").write_text('{"r": 9}')
    with pytest.raises(DigestError, match=r"adapter_config\.json is"):
        home.serve(str(folder))


def test_an_adapter_of_another_base_is_refused_wherever_the_base_comes_from(home: Home) -> None:
    other = folders.base(home.folder / "other", '{"hidden": 3}')
    stranger, _ = home.adapter("stranger", of=other)
    with pytest.raises(TrainingError, match="works on its base alone"):
        home.serve(str(stranger))
    mine, _ = home.adapter("mine")
    with pytest.raises(TrainingError, match="works on its base alone"):
        home.serve(str(mine), "--base", str(home.folder / "other"))
    with pytest.raises(TrainingError, match="not on org/name"):
        home.serve(str(mine), "--base", "org/name")
    assert home.serve(str(stranger), "--base", str(home.folder / "other"))["--model"] == [str(home.folder / "other")]


def test_adapters_of_two_bases_or_two_templates_are_not_served_together(home: Home) -> None:
    one, _ = home.adapter("one")
    other, _ = home.adapter("other", of=folders.base(home.folder / "second", "[]"))
    with pytest.raises(TrainingError, match="different bases"):
        home.serve(str(one), f"other={other}")
    otherwise, _ = home.adapter("otherwise", template="{{ 'x' }}")
    with pytest.raises(TrainingError, match="different chat templates"):
        home.serve(str(one), f"otherwise={otherwise}")


def test_a_hubs_base_is_served_at_the_revision_that_was_trained_on(home: Home) -> None:
    folder, _ = home.adapter("one", base={"name": "org/name", "digest": D, "revision": "c0ffee"})
    options = home.serve(str(folder))
    assert (options["--model"], options["--revision"]) == (["org/name"], ["c0ffee"])


def test_the_server_takes_the_largest_rank_and_a_rank_above_what_it_may_take_is_refused(home: Home) -> None:
    large, _ = home.adapter("large", rank=64)
    assert home.serve(str(large))["--max-lora-rank"] == ["64"]
    assert home.serve(str(home.adapter("small")[0]))["--max-lora-rank"] == ["32"]
    with pytest.raises(TrainingError, match="has rank 64, above --max-rank 16"):
        home.serve(str(large), "--max-rank", "16")


def test_a_share_without_a_candidate_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = home.adapter("one")
    home.released(home.kept(folder))
    monkeypatch.setenv("TWIN_CANARY", "10")
    with pytest.raises(SettingsError, match="canary is 10, which needs canary_adapter"):
        home.serve()


def test_a_python_without_vllm_is_named(home: Home) -> None:
    folder, _ = home.adapter("one")
    with pytest.raises(TrainingError, match="vLLM is not installed beside this program: give --python"):
        CliRunner().invoke(app, ["-C", str(home.folder), "model", "serve", str(folder), "--dry-run"], catch_exceptions=False)
