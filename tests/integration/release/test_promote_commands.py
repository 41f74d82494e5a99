"""`twin release promote|rollback|diff|check` as processes, with real folders, a real store of artifacts and a bare repository."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.doubles.forge import TOKEN, ForgeDouble
from tests.integration.cli.running import told, twin
from tests.integration.release.making import TOPICS, dataset
from tests.integration.release.repositories import digest, git, state
from tests.unit.release.making import report, rows
from twin.answer.prompt import Prompt
from twin.cli.reports import folder_of, save
from twin.drivers.artifacts import Artifacts
from twin.model.folder import seal
from twin.release.reading import read
from twin.release.report import Model

INDEX = {"name": "minilm.c1.9f2c41", "documents": digest("d"), "chunks": 12}
THRESHOLDS = "confidence: 0.95\nquestions: 10\nmeasures:\n  style.delta: {better: lower, largest_loss: 0.1}\n"


def adapter(folder: Path, weights: str, base: dict | None = None, template: str = digest("c")) -> str:
    """An adapter's folder with a record that is true. Returns its digest."""
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_text(weights)
    (folder / "README.md").write_text("A card.\n")
    base = base or {"name": "twin/tiny", "digest": digest("b")}
    return seal(folder, {"schema": 1, "base": base, "chat_template": template})["digest"]


def reported(folder: Path, candidate: str, running: str = "", data: str = "", *, better: bool = True, **inputs: str) -> Path:
    """A report in the twin's folder about the adapter of digest `candidate`."""
    good, bad = [0.1] * 40, [0.9] * 40
    base = Model(name="base", digest=digest("b"), kind="base")
    made = report(
        rows(*((good, bad) if better else (bad, good))),
        candidate=Model(name="candidate", digest=candidate),
        running=Model(name="stable", digest=running) if running else base,
        inputs={
            "candidate": candidate,
            "running": running or digest("b"),
            "dataset": data,
            "questions": digest("e"),
            "chat_template": digest("c"),
            **inputs,
        },
    )
    from twin.release.report import sealed

    made = sealed(made)
    where = folder_of(folder / ".twin" / "reports", made)
    save(where, made)
    return where


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file with its time, but git's objects, which nothing names."""
    files = [path for path in folder.rglob("*") if path.is_file() and ".git/objects" not in path.as_posix()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.fixture
def folder(remote) -> Path:
    """A clone that is a twin: thresholds, a dataset, an index that was kept."""
    made = remote.clone("twin")
    (made / "thresholds.yaml").write_text(THRESHOLDS)
    (made / "sources.yaml").write_text("author: {id: ada, name: Ada}\nsources:\n  - {kind: files, path: notes/}\n")
    (made / "notes").mkdir()
    (made / "notes" / "a.md").write_text("# Notes\n\nThe lanterns of the village are mended every spring.\n")
    dataset(made / "dataset")
    twin(made, "documents", "sync")
    twin(made, "index", "build", "--switch")
    (made / "index.json").write_text(twin(made, "index", "snapshot", "-o", "json").stdout)
    return made


def first(folder: Path) -> str:
    """The first release; returns the digest of its adapter."""
    made = adapter(folder / "adapter-1", "one")
    data = json.loads((folder / "dataset" / "manifest.json").read_text())["digest"]
    reported(folder, made, data=data)
    twin(folder, "release", "promote", "--adapter", "adapter-1", "--dataset", "dataset", "--index", "index.json")
    return made


def test_from_folders_to_a_release_to_production_and_back(folder, remote):
    before = state(folder)
    one = first(folder)
    released = read(remote.show("staging"), "release.yaml")
    assert released.model.adapter.endswith(f"#{one}")
    assert (released.model.base, released.model.chat_template) == ("twin/tiny", digest("c"))
    assert released.model.revision == digest("b")  # a base of our own making has no commit
    assert (released.dataset.examples, released.prompt.name) == (60, "twin-v1")
    assert released.index.name == json.loads((folder / "index.json").read_text())["name"]
    assert "| style.delta |" in git(remote.path, "log", "-1", "--format=%B", "staging")

    two = adapter(folder / "adapter-2", "two")
    where = reported(folder, two, running=one, data=released.dataset.digest)
    asked = ("release", "promote", str(where), "--adapter", "adapter-2")
    seen, tips = everything(folder), remote.tips()
    planned = told(folder, *asked, "--dry-run")
    assert (everything(folder), remote.tips()) == (seen, tips)
    made = told(folder, *asked)
    assert [change[0] for change in made["changes"]] == ["id", "model.adapter", "report.uri", "report.digest"]
    assert planned["changes"] == made["changes"]
    assert made["release"] == released.id[:-1] + "2"

    keys = [one["key"] for one in told(folder, "release", "diff", made["commit"] + "~1", "staging")]
    assert keys == ["id", "model.adapter", "report.uri", "report.digest"]
    planned = told(folder, "release", "promote", "--to", "production", "--dry-run")
    made = told(folder, "release", "promote", "--to", "production")
    assert planned == made | {"commit": ""}
    assert made["branch"] == "production"
    assert told(folder, "release", "diff") == []
    assert remote.show("production") == remote.show("staging")
    planned = told(folder, "release", "rollback", "--reason", "it stammers", "--dry-run")
    back = told(folder, "release", "rollback", "--reason", "it stammers")
    assert planned == back | {"commit": ""}
    assert back["release"] == released.id
    assert read(remote.show("staging"), "release.yaml") == released
    assert told(folder, "release", "check", back["commit"])["reason"] == f"release {released.id} is staging's"
    refused = twin(folder, "release", "check", git(remote.path, "rev-parse", "production"), status=3)
    assert "is neither staging's nor a marked rollback" in refused.stderr
    after = state(folder)
    assert after[:3] == before[:3]


def test_the_first_dry_run_in_a_fresh_twin_keeps_nothing(folder, remote):
    made = adapter(folder / "adapter-1", "one")
    where = reported(folder, made, data=json.loads((folder / "dataset" / "manifest.json").read_text())["digest"])
    kept = read_index(folder)
    (where / "letter").write_text("whatever else lies there is none of the report")
    seen, tips = everything(folder), remote.tips()
    asked = ("release", "promote", "--adapter", "adapter-1", "--dataset", "dataset", "--index", "index.json")
    planned = told(folder, *asked, "--dry-run")
    assert (everything(folder), remote.tips()) == (seen, tips)
    assert told(folder, *asked)["changes"] == planned["changes"]
    released = read(remote.show("staging"), "x")
    assert released.index.snapshot == kept
    stored = json.loads(Path(released.report.uri.removeprefix("file://")).read_text())
    assert sorted(stored["files"]) == ["report.html", "report.json", "report.md", "verdict.json"]


def read_index(folder: Path) -> str:
    return json.loads((folder / "index.json").read_text())["snapshot"]


def test_what_is_kept_already_is_pinned_with_all_that_its_record_says(folder, remote):
    first(folder)
    before = read(remote.show("staging"), "x")
    base, template = {"name": "org/other", "digest": digest("e"), "revision": "c0ffee"}, digest("f")
    two = adapter(folder / "adapter-2", "two", base=base, template=template)
    more = dataset(folder / "dataset-2", topics=TOPICS[:5])
    data = json.loads((more / "manifest.json").read_text())["digest"]
    kept = {name: keep(folder, name) for name in ("adapter-2", "dataset-2")}
    where = reported(folder, two, running=before.model.adapter.partition("#")[2], data=data, chat_template=template)
    twin(folder, "release", "promote", str(where), "--adapter", kept["adapter-2"], "--dataset", kept["dataset-2"])
    after = read(remote.show("staging"), "x")
    model = after.model
    assert (model.base, model.revision, model.chat_template) == ("org/other", "c0ffee", template)
    assert model.adapter == kept["adapter-2"]
    assert f"{after.dataset.uri}#{after.dataset.digest}" == kept["dataset-2"]
    assert (before.dataset.examples, after.dataset.examples) == (60, 30)


def keep(folder: Path, name: str) -> str:
    """As somebody else's promotion did."""
    store = Artifacts(str(folder / ".twin" / "artifacts"))
    return str(asyncio.run(store.put(folder / name, beside=("twin.json", "README.md", "manifest.json"))))


def test_a_kept_adapter_without_a_record_of_its_own_is_refused(folder, remote):
    made = adapter(folder / "adapter-1", "one")
    reported(folder, made, data=digest("d"))
    before = remote.tips()
    for record, words in ((None, "has no twin.json"), (digest("9"), f"is about {digest('9')}, not about {made}")):
        file = folder / "adapter-1" / "twin.json"
        told_by = json.loads(file.read_text()) if file.exists() else {"files": {}, "base": {}}
        file.unlink(missing_ok=True)
        if record:
            file.write_text(json.dumps(told_by | {"digest": record}))
        kept = keep(folder, "adapter-1")
        said = twin(folder, "release", "promote", "--adapter", kept, "--index", "index.json", status=1)
        assert words in said.stderr
    said = twin(folder, "release", "promote", "--adapter", "s3://kept/x#sha256:12", "--index", "index.json", status=1)
    assert "'s3://kept/x#sha256:12' is not pinned" in said.stderr
    assert remote.tips() == before


def test_each_release_pins_the_prompt_of_the_code_that_makes_it(folder, remote):
    """The first release is of other code, whose prompt was pinned by hand."""
    one = adapter(folder / "adapter-1", "one")
    data = json.loads((folder / "dataset" / "manifest.json").read_text())["digest"]
    asked = ("release", "promote", "--adapter", "adapter-1", "--dataset", "dataset", "--index", "index.json")
    reported(folder, one, data=data)
    twin(folder, *asked, "--pin", f"prompt.digest={digest('7')}")
    assert read(remote.show("staging"), "x").prompt.digest == digest("7")
    two = adapter(folder / "adapter-2", "two")
    other = reported(folder, two, running=one, data=data, prompt=digest("7"))
    refused = twin(folder, "release", "promote", str(other), "--adapter", "adapter-2", status=3)
    assert f"made with prompt {digest('7')}, but the candidate pins {Prompt().digest} (twin-v1)" in refused.stderr
    where = reported(folder, two, running=one, data=data, prompt=Prompt().digest)
    twin(folder, "release", "promote", str(where), "--adapter", "adapter-2")
    assert read(remote.show("staging"), "x").prompt.digest == Prompt().digest


def test_a_worse_candidate_and_an_edited_report_are_refused_and_change_nothing(folder, remote):
    one = first(folder)
    two = adapter(folder / "adapter-2", "two")
    data = read(remote.show("staging"), "release.yaml").dataset.digest
    before = remote.tips()
    worse = reported(folder, two, running=one, data=data, better=False)
    refused = twin(folder, "release", "promote", str(worse), "--adapter", "adapter-2", status=3)
    assert "the report did not pass: style.delta" in refused.stderr
    file, kept = worse / "report.json", sorted((folder / ".twin" / "artifacts").rglob("*"))
    verdict = worse / "verdict.json"
    verdict.write_text(verdict.read_text().replace('"refuse"', '"pass"'))
    forged = twin(folder, "release", "promote", str(worse), "--adapter", "adapter-2", status=3)
    assert "the report did not pass: style.delta" in forged.stderr
    file.write_text(file.read_text().replace("0.9", "0.05"))
    edited = twin(folder, "release", "promote", str(worse), "--adapter", "adapter-2", status=3)
    assert "the report did not pass: the report was changed after it was made" in edited.stderr
    better = reported(folder, two, running=one, data=data)
    report_of = better / "report.json"
    report_of.write_text(report_of.read_text().replace('"stable"', '"unstable"'))
    edited = twin(folder, "release", "promote", str(better), "--adapter", "adapter-2", status=3)
    assert "the report did not pass: the report was changed after it was made" in edited.stderr
    assert remote.tips() == before
    assert sorted((folder / ".twin" / "artifacts").rglob("*")) == kept


def test_an_adapter_that_is_not_what_its_record_says_is_not_released(folder, remote):
    made = adapter(folder / "adapter-1", "one")
    reported(folder, made, data=digest("d"))
    (folder / "adapter-1" / "adapter_model.safetensors").write_text("other")
    before = remote.tips()
    said = twin(folder, "release", "promote", "--adapter", "adapter-1", "--index", "index.json", status=1)
    assert "adapter_model.safetensors is sha256:" in said.stderr
    assert remote.tips() == before


def test_an_artifact_that_was_removed_stops_promotion_and_rollback(folder, remote):
    one = first(folder)
    two = adapter(folder / "adapter-2", "two")
    where = reported(folder, two, running=one, data=read(remote.show("staging"), "x").dataset.digest)
    twin(folder, "release", "promote", str(where), "--adapter", "adapter-2")
    gone = read(git(remote.path, "show", "staging~1:release.yaml"), "x").model.adapter.partition("#")[0].partition("file://")[2]
    Path(gone).unlink()
    before = remote.tips()
    refused = twin(folder, "release", "rollback", status=3)
    assert "release.model.adapter: " in refused.stderr
    assert "it was removed, or never put there" in refused.stderr
    assert remote.tips() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("promote", "--pin", "nonsense"), "write KEY=VALUE"),
        (("promote", "--pins", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
        (("promote", "--index", "sources.yaml"), "release.index.author: there is no such key"),
        (("promote", "--to", "production", "--pin", "a=b"), "production runs what staging runs"),
        (("diff", "nobranch", "staging"), "git log: "),
        (("check", "-x"), None),
        (("rollback", "--remote", "nowhere"), "git ls-remote: "),
    ],
)
def test_what_is_asked_wrongly_is_said_in_words(folder, remote, arguments, words):
    made = adapter(folder / "adapter-1", "one")
    reported(folder, made, data=digest("d"))
    done = twin(folder, "release", *arguments, status=1 if words else 2)
    assert (words or "no such option") in done.stderr


@pytest.mark.parametrize("kind", ["github", "gitlab"])
async def test_where_a_forge_is_configured_a_release_is_a_request(folder, remote, kind):
    async with ForgeDouble() as forge:
        settings = {
            "TWIN_FORGE": f"{kind}:ada/twin",
            "TWIN_FORGE_URL": forge.url(kind),
            "TWIN_FORGE_TOKEN": TOKEN,
        }
        made = adapter(folder / "adapter-1", "one")
        reported(folder, made, data=json.loads((folder / "dataset" / "manifest.json").read_text())["digest"])
        asked = ("release", "promote", "--adapter", "adapter-1", "--dataset", "dataset", "--index", "index.json")
        before = git(remote.path, "rev-parse", "staging")
        done = await asyncio.to_thread(told, folder, *asked, **settings)
        assert done["request"].startswith(f"https://{kind}.test/ada/twin/")
        assert git(remote.path, "rev-parse", "staging") == before
        branch = f"release/{done['release']}"
        request = forge.requests[0]
        assert (request["head"], request["base"], request["title"]) == (branch, "staging", f"Release {done['release']}")
        assert "| style.delta |" in request["body"]
        assert git(remote.path, "rev-parse", f"{branch}~1") == before
        again = await asyncio.to_thread(twin, folder, *asked, status=3, **settings)
        assert f"the branch {branch} is there already" in again.stderr
        refused = await asyncio.to_thread(twin, folder, *asked, status=3, **(settings | {"TWIN_FORGE_TOKEN": "wrong"}))
        assert "wrong" not in refused.stderr
        shown = await asyncio.to_thread(twin, folder, "config", "show", **settings)
        assert TOKEN not in shown.stdout
