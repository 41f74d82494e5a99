import asyncio
import json
import logging
from contextlib import aclosing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.doubles.model_server import TEXT, Drop, Hang, ModelServer, Raw, Say, Status, delta, frame
from twin.drivers.openai.generator import OpenAIGenerator
from twin.drivers.openai.http import Server, Timeouts
from twin.drivers.openai.sse import EventParser
from twin.drivers.rerank import ServerReranker
from twin.errors import SettingsError, UpstreamError
from twin.records import Usage

ASK = [{"role": "user", "content": "What is a tombstone?"}]
PATIENT = Timeouts(connect=10.0, first_token=20.0, idle=20.0, total=60.0)
QUICK = Timeouts(connect=10.0, first_token=1.0, idle=0.3, total=60.0)
SECRET = "sk-do-not-log-me-1234567890"


@pytest.fixture
async def server():
    async with ModelServer() as double:
        yield double


@pytest.fixture
async def model(server):
    generator = OpenAIGenerator(Server(server.url, key=SECRET, timeouts=PATIENT, wait=0.01), "m")
    yield generator
    await generator.close()


async def pieces(model, parameters=()):
    async with aclosing(model.generate(ASK, dict(parameters))) as stream:
        return [piece async for piece in stream]


def text(found):
    return "".join(piece.text for piece in found)


async def test_pieces_come_with_usage_finish_and_model(server, model):
    found = await pieces(model, {"temperature": 0.3, "tools": [{"x": 1}], "novel_field": [1], "model": "ours", "stream": False})
    assert text(found) == "".join(TEXT)
    assert [p.finish_reason for p in found if p.finish_reason] == ["stop"]
    assert found[-1].usage == Usage(12, 5)
    assert found[0].model == "double"
    (sent,) = server.requests
    assert sent == {
        "temperature": 0.3,
        "tools": [{"x": 1}],
        "novel_field": [1],
        "model": "m",
        "messages": ASK,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert server.headers[0]["authorization"] == f"bearer {SECRET}"


async def test_pieces_come_while_the_answer_is_still_being_made(server, model):
    server.script = [Say(hold=2)]
    async with aclosing(model.generate(ASK, {})) as stream:
        assert (await anext(stream)).text == TEXT[0]
        assert (await anext(stream)).text == TEXT[1]
        server.release.set()
        assert text([p async for p in stream]) == "".join(TEXT[2:])


async def test_tool_calls_logprobs_and_reasoning_are_kept_raw(server, model):
    calls = [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}]
    logged = delta("x")
    logged["choices"][0]["logprobs"] = {"content": [{"token": "x"}]}
    server.script = [
        Say(
            (),
            extra=(
                delta(None, tool_calls=calls),
                delta(None, reasoning_content="hm"),
                delta(None, refusal="no"),
                logged,
                delta("other", index=1),
            ),
            finish="tool_calls",
        )
    ]
    found = await pieces(model)
    assert [p.raw for p in found if p.raw] == [
        {"tool_calls": calls},
        {"reasoning_content": "hm"},
        {"refusal": "no"},
        {"logprobs": {"content": [{"token": "x"}]}},
    ]
    assert text(found) == "x"


async def test_a_server_that_does_not_stream_is_read_whole(server, model):
    whole = {
        "model": "d",
        "choices": [{"message": {"content": "All."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }
    server.script = [Status(200, json.dumps(whole).encode())]
    (found,) = await pieces(model)
    assert (found.text, found.finish_reason, found.usage) == ("All.", "stop", Usage(1, 2))


async def test_an_end_without_done_is_an_end_when_a_reason_was_given(server, model):
    server.script = [Say(done=False)]
    assert text(await pieces(model)) == "".join(TEXT)


@pytest.mark.parametrize(
    ("script", "status", "words"),
    [
        ([Status(400)], 400, "scripted"),
        ([Status(422, b'{"detail": "bad field"}')], 400, "bad field"),
        ([Status(401)], 502, "TWIN_MODEL_KEY"),
        ([Status(404)], 502, "'m'"),
        ([Status(429)], 503, "busy"),
        ([Status(500, b"<html>oops</html>", "text/html")], 502, "500"),
        ([Status(503, b"\xff\xfe\x00")], 502, "503"),
        ([Status(302, b"")], 502, "302"),
        ([Status(200, b"<html>login</html>", "text/html")], 502, "ended the answer early"),
        ([Status(200, b"[1, 2]")], 502, "no JSON object"),
        ([Status(200, b"{broken")], 502, "no JSON"),
        ([Drop()], 502, "closed the connection"),
        ([Hang()], 504, "the first token"),
        ([Hang(after=0)], 504, "the first token"),
        ([Hang(after=2)], 504, "the next piece"),
        ([Raw(frame(delta("Hi")), reset=True)], 502, "broke off"),
        ([Raw(frame(delta("Hi")))], 502, "ended the answer early"),
        ([Raw(frame(delta("Hi")) + frame(b"{garbage"))], 502, "no JSON"),
        ([Raw(frame(b'{"error": {"message": "out of memory"}}'))], 502, "out of memory"),
        ([Raw(b"\x00\xff" * 1000)], 502, "ended the answer early"),
        ([Raw(b"data: " + b"x" * 5_000_000)], 502, "more than 4,000,000"),
    ],
)
async def test_every_fault_is_an_upstream_error_in_clear_words(server, model, script, status, words):
    server.script = script
    model.server.timeouts = QUICK if any(isinstance(fault, Hang) for fault in script) else PATIENT
    with pytest.raises(UpstreamError) as caught:
        await pieces(model)
    assert caught.value.status == status
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_a_server_that_is_not_there_is_named_with_what_to_do():
    model = OpenAIGenerator(Server("http://user:pw@127.0.0.1:9/v1", timeouts=QUICK, wait=0.01), "m")
    with pytest.raises(UpstreamError, match=r"http://127.0.0.1:9/v1 cannot be reached.*TWIN_MODEL_URL") as caught:
        await pieces(model)
    assert "pw" not in str(caught.value)
    await model.close()


@pytest.mark.parametrize("url", ["nonsense", "http://", "ftp://x/v1", "http://[::bad/v1"])
def test_an_address_that_is_none_is_refused_at_start(url):
    with pytest.raises(SettingsError, match="should look like"):
        Server(url)


@pytest.mark.parametrize("fault", [Status(502), Status(503), Status(429), Drop()])
async def test_what_fails_before_the_first_byte_is_tried_again(server, model, fault):
    server.script = [fault, fault, Say()]
    assert text(await pieces(model)) == "".join(TEXT)
    assert len(server.requests) == 3


@pytest.mark.parametrize("fault", [Status(500), Status(400), Hang(after=1), Raw(frame(delta("Hi")), reset=True)])
async def test_what_may_have_begun_is_never_tried_again(server, model, fault):
    model.server.timeouts = QUICK
    server.script = [fault, Say()]
    with pytest.raises(UpstreamError):
        await pieces(model)
    assert len(server.requests) == 1


async def test_a_server_that_refuses_stream_options_is_asked_without_from_then_on(server, model):
    server.script = [Status(400, b'{"error": {"message": "unknown field stream_options"}}'), Say()]
    assert text(await pieces(model)) == "".join(TEXT)
    await pieces(model)
    assert ["stream_options" in r for r in server.requests] == [True, False, False]


async def test_closing_the_stream_cancels_the_call_at_once(server, model):
    server.script = [Say(hold=1)]
    async with aclosing(model.generate(ASK, {})) as stream:
        await anext(stream)
    await asyncio.wait_for(server.gone.wait(), 5)


async def test_cancelling_before_the_first_token_cancels_the_call(server, model):
    server.script = [Hang()]
    task = asyncio.create_task(pieces(model))
    while not server.requests:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.gone.wait(), 5)


async def test_the_key_is_never_logged_or_shown(server, model, caplog):
    caplog.set_level(logging.DEBUG)
    await pieces(model)
    assert SECRET not in caplog.text
    assert SECRET not in repr(model.server)


async def test_connections_are_used_again(server, model):
    for _ in range(3):
        await pieces(model)
    assert len(server._tasks) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
@given(step=st.integers(1, 400), end=st.sampled_from([b"\n", b"\r\n", b"\r"]))
async def test_events_are_found_however_the_bytes_are_cut(server, model, step, end):
    lines = [
        b"\xef\xbb\xbf: hello",
        b"",
        b"event: x",
        b"data: " + json.dumps(delta("Gr\u00fc\u00dfe ")).encode(),
        b"",
        b"data:{",
        b'data: "choices": []}',
        b"",
        b"id: 3",
    ]
    lines += [b"data: " + json.dumps(delta("漢字", finish="stop"), ensure_ascii=False).encode(), b"", b"data: [DONE]", b"", b""]
    server.script = [Raw(end.join(lines), step=step)]
    assert text(await pieces(model)) == "Grüße 漢字"


@given(st.binary(max_size=300), st.integers(1, 20))
def test_the_parser_takes_any_bytes_and_any_cut(data, step):
    whole, cut = EventParser(), EventParser()
    expected = whole.feed(data) + whole.close()
    assert [e for at in range(0, len(data), step) for e in cut.feed(data[at : at + step])] + cut.close() == expected


async def test_a_value_of_a_schema_is_asked_for_and_read(server, model):
    server.script = [Say(('```json\n{"query": "x"}\n```',))]
    assert await model.complete(ASK, {"type": "object"}) == ({"query": "x"}, Usage(12, 5))
    assert server.requests[0]["response_format"]["json_schema"]["schema"] == {"type": "object"}
    server.script = [Say(("no json",))]
    with pytest.raises(UpstreamError, match="not the JSON"):
        await model.complete(ASK, {})


async def test_models_are_listed(model):
    assert await model.models() == ["double"]


async def test_a_server_s_rerank_scores_every_passage_or_fails(server):
    from tests.unit.answer.fakes import CATS

    reranker = ServerReranker(Server(server.url, timeouts=PATIENT, wait=0.01), "r")
    server.script = [
        Status(
            200,
            b'{"results": [{"index": 2, "relevance_score": 0.9}, {"index": 0, "relevance_score": 1}, {"index": 1, "relevance_score": -3}]}',
        )
    ]
    assert await reranker.score("q", CATS) == [1.0, -3.0, 0.9]
    assert server.requests[0]["documents"][0].startswith("Notes\nCats sleep")
    server.script = [Status(200, b'{"results": [{"index": 2, "relevance_score": 0.9}]}')]
    with pytest.raises(UpstreamError, match="1 of 3"):
        await reranker.score("q", CATS)
    await reranker.close()
