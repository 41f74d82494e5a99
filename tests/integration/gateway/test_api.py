"""The gateway's API as clients use it: OpenAI's shapes, errors in OpenAI's form, keys, limits, and clients that go away."""

from __future__ import annotations

import http.client
import json
import socket
import time

import openai
import pytest

from services.gateway.limits import Admission
from tests.integration.gateway.scripted_gateway import (
    INDEX,
    RELEASE,
    TRACE,
    RefusalError,
    ScriptedTwin,
    Served,
    Stream,
    passage,
    trace,
)
from twin.records import Span

QUESTION = "What is a tombstone?"
ANSWER = Stream(["A tombstone is what stays ", "of a gone document [1]."], [passage(1, "A tombstone stays.")])


@pytest.fixture
def twin() -> ScriptedTwin:
    return ScriptedTwin({QUESTION: ANSWER})


def port_of(served: Served) -> int:
    return int(served.url.strip("/").rpartition(":")[2])


def call(served: Served, method: str, path: str, body=None, **headers: str):
    """Status, headers and decoded body."""
    connection = http.client.HTTPConnection("127.0.0.1", port_of(served), timeout=20)
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    connection.request(method, path, data, {"content-type": "application/json", **headers})
    reply = connection.getresponse()
    raw = reply.read()
    connection.close()
    kind = reply.headers.get("content-type", "")
    return reply.status, reply.headers, json.loads(raw) if kind.startswith("application/json") and raw else raw


def asked(text: str = QUESTION, **more):
    return {"model": "twin", "messages": [{"role": "user", "content": text}], **more}


def chunks(raw: bytes) -> list[dict]:
    lines = [line[6:] for line in raw.decode().split("\n\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def test_openais_client_reads_answers_and_citations_streamed_and_not(served: Served) -> None:
    with openai.OpenAI(base_url=served.url + "v1", api_key="none") as client:
        whole = client.chat.completions.create(model="twin", messages=asked()["messages"])
        assert whole.choices[0].message.content == "A tombstone is what stays of a gone document [1]."
        assert whole.choices[0].message.annotations[0].url_citation.url == "https://example.org/1"
        assert whole.usage
        pieces = list(client.chat.completions.create(model="twin", messages=asked()["messages"], stream=True))
        assert "".join(p.choices[0].delta.content or "" for p in pieces) == whole.choices[0].message.content
        assert [m.id for m in client.models.list()] == ["twin"]


def test_the_last_chunk_with_content_carries_citations_and_the_twin_object(served: Served) -> None:
    status, headers, raw = call(
        served, "POST", "/v1/chat/completions", asked(stream=True, stream_options={"include_usage": True})
    )
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    assert raw.endswith(b"data: [DONE]\n\n")
    found = chunks(raw)
    with_content = [one for one in found if one["choices"] and "content" in one["choices"][0]["delta"]]
    assert with_content[-1]["choices"][0]["delta"]["annotations"][0]["url_citation"]["title"] == "Note 1"
    assert with_content[-1]["twin"]["trace"] == TRACE
    assert with_content[-1]["twin"]["passages"][0]["text"] == "A tombstone stays."
    assert with_content[0]["choices"][0]["delta"]["role"] == "assistant"
    assert [one["choices"][0]["finish_reason"] for one in found if one["choices"]][-1] == "stop"
    assert found[-1]["usage"]["total_tokens"] == 0


def test_an_answer_names_release_index_and_passages(served: Served) -> None:
    _, headers, body = call(served, "POST", "/v1/chat/completions", asked())
    assert headers["x-twin-trace"] == TRACE
    assert (body["twin"]["release"], body["twin"]["index"]) == (RELEASE, INDEX)
    assert body["object"] == "chat.completion"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": "hello"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
        ({"messages": [3]}, "messages[0]"),
        ({"model": 7}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": 1}, "stream_options"),
        ({"n": 0}, "n"),
        ({"n": 2}, "n"),
        ({"twin": "off"}, "twin"),
        ({"twin": {"retrieval": "maybe"}}, "twin.retrieval"),
        ({"twin": {"k": 0}}, "twin.k"),
        ({"twin": {"filter": {"autor": "x"}}}, "twin.filter"),
    ],
)
def test_a_wrong_field_is_named_in_openais_form(served: Served, change: dict, param: str) -> None:
    status, _, body = call(served, "POST", "/v1/chat/completions", {**asked(), **change})
    assert status == 400
    assert body["error"]["type"] == "invalid_request_error"
    assert body["error"]["param"] == param


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"\xff\xfe", b'{"messages": [' * 2000, b"null"])
def test_what_is_no_json_object_is_a_400(served: Served, raw: bytes) -> None:
    status, _, body = call(served, "POST", "/v1/chat/completions", raw)
    assert status == 400
    assert "JSON" in body["error"]["message"]


def test_a_question_of_a_megabyte_is_too_large(served: Served) -> None:
    status, _, body = call(served, "POST", "/v1/chat/completions", asked("x" * 1_100_000))
    assert (status, body["error"]["code"]) == (413, "request_too_large")


def test_an_unknown_model_is_a_404(served: Served) -> None:
    status, _, body = call(served, "POST", "/v1/chat/completions", asked(model="gpt-9"))
    assert (status, body["error"]["code"]) == (404, "model_not_found")


def test_routes_and_methods_that_are_not_there_are_said_in_openais_form(served: Served) -> None:
    assert call(served, "GET", "/v1/nothing")[2]["error"]["code"] == "not_found"
    status, headers, _ = call(served, "DELETE", "/v1/models")
    assert (status, headers["allow"]) == (405, "GET")
    assert call(served, "HEAD", "/healthz")[0] == 200


def test_without_a_model_server_a_pass_through_is_refused_clearly(served: Served) -> None:
    status, headers, body = call(served, "POST", "/v1/chat/completions", asked(twin={"retrieval": "off"}))
    assert status == 503
    assert "TWIN_MODEL_URL" in body["error"]["message"]
    assert headers["retry-after"]


def test_a_failure_in_mid_stream_is_said_in_the_stream_and_nothing_is_lost(served: Served, twin: ScriptedTwin) -> None:
    twin.answers["fail"] = Stream(["Half an ", "answer"], error="the model server died")
    found = chunks(call(served, "POST", "/v1/chat/completions", asked("fail", stream=True))[2])
    assert found[-1]["error"]["message"] == "the model server died"
    assert "".join(one["choices"][0]["delta"].get("content", "") for one in found[:-1]) == "Half an answer"


def test_a_failure_before_the_first_byte_has_its_status(served: Served, twin: ScriptedTwin) -> None:
    twin.answers["refused"] = RefusalError(400, "no")
    assert call(served, "POST", "/v1/chat/completions", asked("refused", stream=True))[0] == 400


def test_keys_are_asked_for_scoped_limited_and_revoked(served: Served) -> None:
    _, ask = served.keys.create("chat", ["ask"])
    limited, token = served.keys.create("slow", ["ask"], per_minute=1)
    time.sleep(0.6)  # the gateway looks at the file twice a second

    def tried(path: str, key: str = "", **body):
        return call(served, "POST", path, body, **({"authorization": f"Bearer {key}"} if key else {}))

    status, headers, _ = tried("/v1/chat/completions", **asked())
    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    assert tried("/v1/chat/completions", "twin_00000000_wrong", **asked())[0] == 401
    assert tried("/v1/chat/completions", ask, **asked())[0] == 200
    assert tried("/v1/feedback", ask, trace=TRACE, score=1)[0] == 403
    assert tried("/v1/chat/completions", token, **asked())[0] == 200
    status, headers, _ = tried("/v1/chat/completions", token, **asked())
    assert (status, headers["x-ratelimit-limit-requests"]) == (429, "1")
    assert int(headers["retry-after"]) > 0
    served.keys.revoke(limited.id)
    time.sleep(0.6)
    assert tried("/v1/chat/completions", token, **asked())[0] == 401
    assert call(served, "GET", "/healthz")[0] == 200


def test_without_keys_other_hosts_and_other_sites_are_refused(served: Served) -> None:
    assert call(served, "GET", "/v1/models", None, host="evil.example.org")[0] == 403
    assert call(served, "GET", "/v1/models", None, origin="https://evil.example.org")[0] == 403
    assert call(served, "GET", "/v1/models", None, origin=served.url.rstrip("/"))[0] == 200


def test_feedback_is_kept_and_wrong_feedback_named(served: Served, twin: ScriptedTwin) -> None:
    call(served, "POST", "/v1/chat/completions", asked())
    assert call(served, "POST", "/v1/feedback", {"trace": TRACE, "score": "down", "comment": "no"})[0] == 200
    assert twin.votes == [(TRACE, -1.0, "no")]
    for wrong in ({"trace": TRACE, "score": 2}, {"trace": "../x", "score": 1}, {"score": 1}, {"trace": TRACE, "score": "meh"}):
        assert call(served, "POST", "/v1/feedback", wrong)[0] == 400


def test_traces_are_shown_and_missing_ones_named(served: Served, twin: ScriptedTwin) -> None:
    twin.kept[TRACE] = trace(Span(id="a", parent="", name="answer", start=0, end=1))
    assert call(served, "GET", f"/v1/traces/{TRACE}")[2]["spans"][0]["name"] == "answer"
    assert call(served, "GET", "/v1/traces/0199")[0] == 404


def test_ready_says_what_is_missing_and_metrics_count_routes(served: Served, twin: ScriptedTwin) -> None:
    assert call(served, "GET", "/readyz")[2]["ready"]
    twin.lacking = "the disk is gone"
    status, _, body = call(served, "GET", "/readyz")
    assert (status, body["missing"]) == (503, ["the disk is gone"])
    call(served, "GET", "/not/there/" + "x" * 50)
    text = call(served, "GET", "/metrics")[2].decode()
    assert 'twin_http_requests_total{route="/readyz",status="503"} 1.0' in text
    assert "not/there" not in text


def test_a_client_that_leaves_cancels_its_answer_and_frees_its_place(served: Served, twin: ScriptedTwin) -> None:
    twin.answers["hang"] = Stream(["Wait for ", "it"], hang=True)
    body = json.dumps(asked("hang", stream=True)).encode()
    with socket.create_connection(("127.0.0.1", port_of(served))) as client:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n"
        client.sendall(head.encode() + body)
        assert b"200" in client.recv(100)
    assert twin.cancelled.wait(10)
    deadline = time.monotonic() + 10
    while served.state.admission.active and time.monotonic() < deadline:
        time.sleep(0.01)
    assert served.state.admission.active == 0


def test_a_full_queue_is_a_429_with_a_time_to_wait(served: Served, twin: ScriptedTwin) -> None:
    served.state.admission = Admission(1, 0, 5)
    served.state.admission.active = 1
    status, headers, body = call(served, "POST", "/v1/chat/completions", asked())
    assert (status, body["error"]["code"]) == (429, "overloaded")
    assert headers["retry-after"] == "1"
