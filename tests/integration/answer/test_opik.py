import asyncio
from dataclasses import replace

import pytest

from tests.doubles.opik import OpikDouble
from tests.unit.answer.fakes import CATS, Kept, Speaker, answerer, told
from twin.answer.sinks import Sinks
from twin.drivers.opik.sender import OpikSender
from twin.errors import SettingsError, UpstreamError
from twin.records import Question

ASK = Question("What is a tombstone?", thread="t-1")


@pytest.fixture
def double():
    with OpikDouble() as double:
        yield double


def sender(url, **fields):
    fields = {"wait": 0.001, "timeout": 2.0, "retries": 3} | fields
    return OpikSender(url, key="opik-key", workspace="w", project="p", **fields)


def traces(count=1, generator=None):
    kept = Kept()
    for _ in range(count):
        one = answerer(generator=generator or Speaker("Yes [1]"), sink=kept)
        try:
            asyncio.run(told(one.answer(ASK)))
        except UpstreamError:
            continue
    return kept


def test_a_trace_arrives_whole_with_its_steps_and_feedback(double):
    opik = sender(double.url)
    (trace,) = traces()
    opik.put(trace)
    opik.score(trace.id, "thumbs", 1.0, "good")
    assert opik.flush()
    (sent,) = double.traces
    assert (sent["id"], sent["project_name"], sent["thread_id"]) == (trace.id, "p", "t-1")
    assert sent["input"]["question"] == ASK.text
    assert sent["output"]["text"] == "Yes [1]"
    assert sent["metadata"]["release"] == "2026-11-20.1"
    assert sent["end_time"] >= sent["start_time"]
    assert [span["name"] for span in double.spans] == [span.name for span in trace.spans[1:]]
    generate = next(span for span in double.spans if span["name"] == "generate")
    assert (generate["type"], generate["usage"]["total_tokens"], generate["usage"]["original_usage.total_tokens"]) == (
        "llm",
        15,
        15,
    )
    assert double.scores == [
        {"id": trace.id, "project_name": "p", "name": "thumbs", "value": 1.0, "source": "sdk", "reason": "good"}
    ]
    headers = {key.lower(): value for key, value in double.headers[0].items()}
    assert (headers["authorization"], headers["comet-workspace"], headers["content-encoding"]) == ("opik-key", "w", "gzip")
    assert opik.close()
    assert (opik.sent, opik.dropped) == (2, 0)


def test_an_error_arrives_as_one(double):
    opik = sender(double.url)
    opik.put(traces(generator=Speaker("one ", UpstreamError("died")))[0])
    assert opik.close()
    assert double.traces[0]["error_info"] == {
        "exception_type": "UpstreamError",
        "message": "died",
        "traceback": "UpstreamError: died",
    }


def test_many_traces_go_in_few_requests(double):
    opik = sender(double.url)
    for trace in traces(300):
        opik.put(trace)
    assert opik.close(20)
    assert len(double.traces) == 300
    assert len({span["id"] for span in double.spans}) == 300 * 6
    assert double.requests <= 12
    assert double.faults == []


@pytest.mark.parametrize("statuses", [[500], [503, 502, 500], [429, 429]])
def test_a_server_in_trouble_is_asked_again(double, statuses):
    double.statuses = list(statuses)
    opik = sender(double.url)
    opik.put(traces()[0])
    assert opik.close()
    assert (len(double.traces), opik.sent, opik.dropped) == (1, 1, 0)


@pytest.mark.parametrize("status", [400, 401, 403, 413])
def test_a_refusal_is_final_and_counted(double, status):
    double.statuses = [status]
    opik = sender(double.url)
    first, second = traces(2)
    opik.put(first)
    assert opik.flush()
    opik.put(second)
    assert opik.close()
    assert [trace["id"] for trace in double.traces] == [second.id]
    assert (opik.sent, opik.dropped) == (1, 1)


def test_a_server_that_is_down_drops_and_counts():
    opik = sender("http://127.0.0.1:9/api", retries=1)
    for trace in traces(3):
        opik.put(trace)
    assert opik.close()
    assert (opik.sent, opik.dropped) == (0, 3)


def test_a_slow_server_holds_nobody_up_and_what_does_not_fit_is_counted(double):
    double.held.clear()
    opik = sender(double.url, queue_size=10)
    for trace in traces(30):
        opik.put(trace)
    assert not opik.flush(0.01)
    assert opik.dropped >= 10
    double.held.set()
    assert opik.close()
    assert opik.sent + opik.dropped == 30


def test_close_ends_in_time_with_a_server_that_hangs(double):
    double.held.clear()
    opik = sender(double.url, timeout=0.2, retries=10, wait=5.0)
    opik.put(traces()[0])
    assert not opik.close(0.05)


def test_redaction_sees_every_trace_before_it_leaves(double):
    opik = sender(
        double.url,
        redact=lambda trace: replace(trace, thread="", spans=tuple(replace(s, input=None, output=None) for s in trace.spans)),
    )
    opik.put(traces()[0])
    assert opik.close()
    assert double.traces[0]["input"] is None
    assert CATS[0].chunk.text[:20] not in str(double.spans)


def test_a_redaction_that_fails_costs_its_batch_and_not_the_thread(double):
    broken = [True]

    def redact(trace):
        if broken.pop() if broken else False:
            raise ValueError("bug")
        return trace

    opik = sender(double.url, redact=redact)
    first, second = traces(2)
    opik.put(first)
    assert opik.flush()
    opik.put(second)
    assert opik.close()
    assert (opik.sent, opik.dropped) == (1, 1)


@pytest.mark.parametrize("url", ["", "opik.example.org", "ftp://x"])
def test_tracing_without_an_address_is_refused(url):
    with pytest.raises(SettingsError, match="opik_url"):
        OpikSender(url)


def test_several_sinks_get_the_same_trace():
    one, two = Kept(), Kept()
    Sinks(one, two).put(traces()[0])
    assert one[0] is two[0]


def test_opik_s_own_package_is_not_needed():
    import sys

    assert "opik" not in sys.modules
