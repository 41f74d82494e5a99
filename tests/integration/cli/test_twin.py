"""The main job through the commands: init, sync, build, ask, serve, and what a user does between them."""

from __future__ import annotations

import json
import subprocess
import threading
from pathlib import Path

import openai
import pytest

from tests.integration.cli.running import TWIN, chat, environment, post, serving, told, twin

TOPICS = ("queues", "gardens", "compilers", "harbours", "violins", "glaciers", "bakeries", "telescopes", "saddles", "lanterns")
ADA, BEN = "Ada Example", "Ben Example"


def article(number: int, author: str) -> dict:
    topic = TOPICS[number % len(TOPICS)]
    name = author.split()[0]
    text = (
        f"# Notes on {topic} {number}\n\n{name} writes about {topic} in essay number {number}. "
        f"The {topic} of village {name}{number} are repaired every spring by its own workshop.\n\n"
        f"Visitors of village {name}{number} should know that {topic} need patience and care."
    )
    return {
        "_id": {"$oid": f"{number:024x}"},
        "content": {"Title": f"{topic} {number}", "Subtitle": "", "Content": text, "language": "en"},
        "platform": "medium",
        "author_id": name.lower(),
        "author_full_name": author,
        "link": f"https://example.org/{name.lower()}/{number}",
    }


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A twin over an export of 300 articles by two authors."""
    records = [article(n, ADA if n % 2 else BEN) for n in range(300)]
    (tmp_path / "articles.json").write_text(json.dumps(records))
    (tmp_path / "sources.yaml").write_text(
        "author: {id: ada, name: Ada Example}\nsources:\n  - {kind: export, name: articles, path: articles.json}\n"
    )
    return tmp_path


def change(folder: Path, records: list[dict]) -> None:
    (folder / "articles.json").write_text(json.dumps(records))


def test_an_export_of_two_authors_is_answered_apart_and_follows_its_records(export: Path) -> None:
    first = told(export, "documents", "sync")["sources"][0]
    assert (first["new"], first["failed"]) == (300, [])
    twin(export, "index", "build", "--switch")

    answer = told(export, "ask", "Who repairs the harbours every spring?", "--author", ADA)
    assert answer["citations"]
    assert {passage["chunk"]["author"]["name"] for passage in answer["passages"]} == {ADA}

    records = json.loads((export / "articles.json").read_text())
    records[11]["content"]["Content"] += "\n\nThe zeppelin mooring of Ada11 opened in June."
    gone = records.pop(42)
    change(export, records)
    second = told(export, "documents", "sync")["sources"][0]
    assert (second["new"], second["changed"], second["unchanged"], second["gone"]) == (0, 1, 298, 1)
    built = told(export, "index", "build")["build"]
    assert (built["documents"], built["gone"]) == (1, 1)

    found = told(export, "ask", "When did the zeppelin mooring open?")
    assert "June" in found["text"]
    left = told(export, "ask", f"What of village Ben42 {gone['content']['Title']}?", "-k", "50")
    assert gone["link"] not in {passage["chunk"]["uri"] for passage in left["passages"]}
    assert told(export, "documents", "sync")["sources"][0]["unchanged"] == 299


def test_renaming_a_source_keeps_its_documents_and_says_so(export: Path) -> None:
    twin(export, "documents", "sync")
    twin(export, "index", "build", "--switch")
    chunks = told(export, "index", "list")[0]["chunks"]
    file = export / "sources.yaml"
    file.write_text(file.read_text().replace("name: articles", "name: essays"))
    assert "essays: took over documents of articles" in twin(export, "documents", "sync").stderr
    (second,) = told(export, "documents", "sync")["sources"]
    assert (second["unchanged"], second["failed"]) == (300, [])
    twin(export, "index", "build")
    assert told(export, "index", "list")[0]["chunks"] == chunks
    answer = told(export, "ask", "Who repairs the harbours every spring?")
    assert {passage["chunk"]["source"] for passage in answer["passages"]} == {"essays"}


def test_removing_most_of_a_source_stops_until_it_is_allowed(export: Path) -> None:
    twin(export, "documents", "sync")
    change(export, json.loads((export / "articles.json").read_text())[:20])
    refused = twin(export, "documents", "sync", status=3)
    assert "--allow-mass-delete" in refused.stderr
    assert len(told(export, "documents", "list", "-n", "0")) == 300
    twin(export, "documents", "sync", "--allow-mass-delete")
    assert len(told(export, "documents", "list", "-n", "0")) == 20


def test_syncing_and_building_beside_a_running_gateway_reaches_its_answers(export: Path) -> None:
    twin(export, "documents", "sync")
    twin(export, "index", "build", "--switch")
    with serving(export) as (address, _):
        assert chat(address, "Who repairs the harbours?")["twin"]["passages"]
        records = [*json.loads((export / "articles.json").read_text()), article(301, ADA)]
        records[-1]["content"]["Content"] = "# Airships\n\nThe airship hangar of Ada301 stores seven airships in winter."
        change(export, records)
        twin(export, "documents", "sync")
        twin(export, "index", "build")
        assert "seven airships" in chat(address, "How many airships does the hangar store?")["choices"][0]["message"]["content"]
        assert told(export, "ask", "How many airships does the hangar store?")[
            "citations"
        ]  # while the gateway holds the folder


def test_a_new_chunk_size_builds_beside_and_switches_while_every_question_is_answered(export: Path) -> None:
    twin(export, "documents", "sync")
    twin(export, "index", "build", "--switch")
    with serving(export) as (address, _):
        before = chat(address, "Who repairs the violins?")["twin"]["index"]
        stop, indexes, failures = threading.Event(), set(), []

        def ask_on() -> None:
            while not stop.is_set():
                try:
                    indexes.add(chat(address, "Who repairs the violins?")["twin"]["index"])
                except Exception as exc:
                    failures.append(exc)

        asking = threading.Thread(target=ask_on)
        asking.start()
        try:
            twin(export, "index", "build", TWIN_CHUNK_ARTICLE="200")
            assert len(told(export, "index", "list")) == 2
            assert chat(address, "Who repairs the violins?")["twin"]["index"] == before
            twin(export, "index", "switch", TWIN_CHUNK_ARTICLE="200")
            after = chat(address, "Who repairs the violins?")["twin"]["index"]
        finally:
            stop.set()
            asking.join()
        assert after != before
        assert indexes == {before, after}
        assert not failures
    assert [i["name"] for i in told(export, "index", "list") if i["live"]] == [after]
    twin(export, "index", "prune", "--keep", "0")
    assert [i["name"] for i in told(export, "index", "list")] == [after]


def test_openais_own_client_gets_citations_streamed_and_not(export: Path) -> None:
    twin(export, "documents", "sync")
    twin(export, "index", "build", "--switch")
    with serving(export) as (address, _), openai.OpenAI(base_url=f"{address}/v1", api_key="none") as client:
        asked = [{"role": "user", "content": "Who repairs the glaciers every spring?"}]
        whole = client.chat.completions.create(model="twin", messages=asked)
        message = whole.choices[0].message
        assert message.annotations
        cited = message.annotations[0].url_citation
        assert message.content[cited.start_index : cited.end_index].startswith("[")
        text, notes = "", []
        for chunk in client.chat.completions.create(model="twin", messages=asked, stream=True):
            delta = chunk.choices[0].delta
            text += delta.content or ""
            notes += getattr(delta, "annotations", None) or []
        assert text == message.content
        assert len(notes) == len(message.annotations)
        assert post(address, "/v1/retrieve", {"query": "glaciers", "k": 3})["data"][0]["rank"] == 1


def test_a_new_twin_starts_empty_and_answers_from_its_own_notes(tmp_path: Path) -> None:
    said = twin(tmp_path, "init", "--author", "Zoë Ünïcode")
    assert "twin up" in said.stderr
    assert "llm-twin" not in (tmp_path / "sources.yaml").read_text().lower()
    again = twin(tmp_path, "init", "--author", "Zoë", status=2)
    assert "nothing was changed" in again.stderr
    (tmp_path / "notes" / "tea.md").write_text("# Tea\n\nOolong wants water of ninety degrees.\n")
    asked = twin(tmp_path, "ask", "How hot for oolong?", status=1)
    assert "twin up" in asked.stderr
    twin(tmp_path, "documents", "sync")
    twin(tmp_path, "index", "build", "--switch")
    assert "ninety degrees" in twin(tmp_path, "ask", "How hot must the water for oolong be?").stdout


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("documents", "sync"), 2, "twin init"),
        (("serve",), 2, "no_such"),
        (("index", "switch", "nope"), 3, "twin index build"),
        (("traces", "show", "abc"), 1, "twin traces list"),
        (("keys", "revoke", "abc"), 1, "twin keys list"),
        (("documents", "show", "abc"), 1, "twin documents list"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line_with_what_to_do(
    tmp_path: Path, arguments: tuple, status: int, words: str
) -> None:
    settings = {"TWIN_NO_SUCH": "1"} if words == "no_such" else {}
    done = twin(tmp_path, *arguments, status=status, **settings)
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_sigterm_ends_a_build_with_143_and_the_next_one_completes_it(export: Path) -> None:
    twin(export, "documents", "sync")
    building = subprocess.Popen(
        [str(TWIN), "index", "build"], cwd=export, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not list((export / ".twin" / "index").glob("*/meta.json")):  # the index was made: writing begins
        assert building.poll() is None
    building.terminate()
    _, said = building.communicate(timeout=30)
    assert building.returncode == 143, said
    assert "go on" in said
    twin(export, "index", "build", "--switch")
    assert told(export, "index", "list")[0]["chunks"] == 300
