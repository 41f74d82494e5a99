"""`twin doctor`: every configured thing that does not work is named, with what to do; the rest is checked all the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doubles.forge import TOKEN, ForgeDouble
from tests.doubles.model_server import ModelServer, Say
from tests.integration.cli.running import told, twin
from tests.servers import free_port
from twin.cli.doctor import Finding, examined
from twin.cli.place import Place
from twin.settings import load

RELEASE = """\
release:
  id: 2026-11-20.1
  index: {name: minilm, documents: "sha256:DIGEST", chunks: 3, snapshot: "file:///kept/x#sha256:DIGEST"}
  prompt: {name: twin-v3, digest: "sha256:DIGEST"}
  report: {uri: "file:///kept/r", digest: "sha256:DIGEST", verdict: pass}
""".replace("DIGEST", "0" * 64)


async def found(folder: Path, **settings: str) -> dict[str, Finding]:
    """What the doctor says of a twin with `settings`, by check."""
    made = load(folder, {f"TWIN_{key.upper()}": value for key, value in settings.items()})
    return {one.check: one for one in await examined(Place(folder, made, folder / "sources.yaml"))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A twin that works."""
    made = tmp_path_factory.mktemp("twin")
    twin(made, "init", "--author", "Ada")
    twin(made, "documents", "sync")
    twin(made, "index", "build", "--switch")
    return made


def test_a_new_twin_is_ill_until_it_has_documents_and_an_index(tmp_path: Path) -> None:
    assert "twin init" in twin(tmp_path, "doctor", status=1).stdout
    twin(tmp_path, "init", "--author", "Ada")
    ill = {line.split()[1]: line for line in twin(tmp_path, "doctor", status=1).stdout.splitlines() if line.startswith("FAIL")}
    assert set(ill) == {"documents", "index"}
    assert "twin documents sync" in ill["documents"]
    twin(tmp_path, "documents", "sync")
    twin(tmp_path, "index", "build", "--switch")
    assert all(one["ok"] for one in told(tmp_path, "doctor"))


async def test_every_dead_address_is_named_with_its_setting(folder: Path) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    said = await found(
        folder,
        **{
            f"{role}_{key}": value
            for role in ("teacher", "judge", "model")
            for key, value in (("url", f"{dead}/v1"), ("name", "m"))
        },
        rerank="openai:r",
        rerank_url=f"{dead}/v1",
        forge="github:ada/twin",
        forge_token=TOKEN,
        forge_url=dead,
        opik_url=dead,
    )
    for check, setting in {
        "teacher": "TWIN_TEACHER_URL",
        "judge": "TWIN_JUDGE_URL",
        "model server": "TWIN_MODEL_URL",
        "rerank": "TWIN_RERANK_URL",
        "forge": "forge_url",
        "opik": "opik_url",
    }.items():
        assert not said[check].ok, check
        assert setting in said[check].said
        assert dead in said[check].said
    assert all(said[check].ok for check in ("sources", "documents", "embedder", "index", "artifacts", "release", "keys"))


async def test_every_value_that_cannot_be_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    bad = await found(
        folder,
        teacher_url="http://127.0.0.1:1/v1",
        judge_name="m",
        model_url="nowhere",
        model_name="m",
        rerank="magic",
        artifacts_url=str(tmp_path / "file" / "below"),
        forge="sourceforge:x",
        host="0.0.0.0",
    )
    for check, words in {
        "teacher": "teacher_url is set and teacher_name is not",
        "judge": "judge_name is set and judge_url is not",
        "model server": "check TWIN_MODEL_URL",
        "rerank": "'magic' is none of",
        "artifacts": "cannot be written to",
        "forge": "neither github:",
        "keys": "twin keys create",
    }.items():
        assert not bad[check].ok, check
        assert words in bad[check].said


async def test_servers_that_answer_are_well_and_a_model_that_is_not_served_is_named(folder: Path) -> None:
    async with ModelServer(models=("small", "large")) as server, ForgeDouble() as forge:
        roles = {f"{role}_url": server.url for role in ("teacher", "judge", "model")}
        settings = {**roles, "forge": "gitlab:group/sub/twin", "forge_token": TOKEN, "forge_url": forge.url("gitlab")}
        well = await found(folder, **settings, teacher_name="small", judge_name="large", model_name="small", rerank="sentences")
        assert [one for one in well.values() if not one.ok] == []
        assert "large" in well["judge"].said
        ill = await found(
            folder, **settings | {"forge": "gitlab:group/other"}, teacher_name="s", judge_name="j", model_name="m"
        )
    for check, name in {"teacher": "'s'", "judge": "'j'", "model server": "'m'"}.items():
        assert f"does not serve {name}, but small, large" in ill[check].said
    assert "check `forge`" in ill["forge"].said


async def test_the_model_of_a_release_need_not_be_loaded_yet(folder: Path) -> None:
    adapter = "a" * 64
    model = f'  model: {{base: b, revision: r, adapter: "file:///kept/a#sha256:{adapter}", chatTemplate: "sha256:{adapter}"}}\n'
    (folder / "release.yaml").write_text(RELEASE + model)
    try:
        async with ModelServer(models=("base",)) as server:
            before = (await found(folder, model_url=server.url))["model server"]
            server.models = ("base", f"adapter-{adapter[:12]}")
            after = (await found(folder, model_url=server.url))["model server"]
    finally:
        (folder / "release.yaml").unlink()
    assert (before.ok, after.ok) == (True, True)
    assert "not there yet, a gateway loads it" in before.said
    assert after.said == f"adapter-{adapter[:12]} at {server.url}"


async def test_a_reranker_must_score(folder: Path) -> None:
    async with ModelServer() as server:
        server.script = [Say(("no score",))]
        said = (await found(folder, rerank="openai:r", rerank_url=server.url))["rerank"]
    assert not said.ok
    assert "scored 0 of 1" in said.said


async def test_a_release_and_thresholds_are_read_and_their_mistakes_named(folder: Path) -> None:
    release, thresholds = folder / "release.yaml", folder / "thresholds.yaml"
    try:
        release.write_text(RELEASE)
        thresholds.write_text((Path(__file__).parents[3] / "thresholds.yaml").read_text())
        well = await found(folder)
        assert well["release"].said.startswith("2026-11-20.1 in ")
        assert well["thresholds"].ok
        release.write_text(RELEASE.replace("verdict: pass", "verdict: fail"))
        thresholds.write_text("measures: 3\n")
        ill = await found(folder)
        assert "release.yaml:5: release.report.verdict" in ill["release"].said
        assert "thresholds.yaml:1" in ill["thresholds"].said
        assert not ill["release"].ok
        assert not ill["thresholds"].ok
    finally:
        release.unlink()
        thresholds.unlink()


def test_a_quantization_that_is_none_is_refused_at_start(folder: Path) -> None:
    said = twin(folder, "doctor", status=2, TWIN_QUANTIZATION="fractal").stderr
    assert "TWIN_QUANTIZATION" in said
    assert "scalar, binary, product" in said
