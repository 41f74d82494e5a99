"""`twin model verify` and `card` on folders, without any library of training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.unit.model import folders
from twin.cli.app import app
from twin.errors import DigestError, TrainingError
from twin.model.folder import seal


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    of = {"name": "tiny\x1b[2J", "digest": "sha256:1", "revision": "abc"}
    folders.adapter(tmp_path / "adapter", of, base=of, chat_template="sha256:4")
    return tmp_path / "adapter"


def ran(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["model", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_verify_prints_the_folder_with_its_digest(adapter: Path) -> None:
    digest = json.loads((adapter / "twin.json").read_text())["digest"]
    assert ran("verify", str(adapter)) == f"{adapter}#{digest}\n"
    assert json.loads(ran("verify", f"{adapter}#{digest}", "-o", "json"))["digest"] == digest


def test_verify_refuses_another_digest_and_a_changed_file(adapter: Path) -> None:
    with pytest.raises(DigestError, match="is asked for"):
        ran("verify", f"{adapter}#sha256:{'0' * 64}")
    (adapter / "adapter_config.json").write_text('{"r": 9}')
    with pytest.raises(DigestError, match=r"adapter_config\.json is"):
        ran("verify", str(adapter))


def test_a_card_says_what_the_adapter_was_made_from_and_drives_no_terminal(adapter: Path) -> None:
    card = ran("card", str(adapter))
    for part in ("sha256:2", "sha256:3", "sha256:4", "at `abc`", "nothing: a new adapter", "torch 2.15.0", "12,345", "█▁"):
        assert part in card
    assert "\x1b" not in card


def test_a_card_needs_the_losses(adapter: Path) -> None:
    (adapter / "training.json").unlink()
    record = json.loads((adapter / "twin.json").read_text())
    for key in ("files", "digest"):
        record.pop(key)
    seal(adapter, record)
    with pytest.raises(TrainingError, match=r"training\.json"):
        ran("card", str(adapter))
