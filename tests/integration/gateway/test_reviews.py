"""What waits for a review and what is decided of it, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from services.gateway.reviews import Desk
from tests.integration.gateway.rig import Gate, Reply, gateway
from tests.unit.dataset.reviewing import CORRECTION, PASSAGE, QUESTION, Decisions, Marked, marked, trace, trace_id
from twin.cli.dataset_review import decide
from twin.dataset.review import waiting
from twin.drivers.sqlite.reviews import ReviewStore
from twin.drivers.sqlite.traces import TraceStore

LAST = trace_id(4)


@pytest.fixture
def answers() -> Marked:
    """Five answers that were marked down with a correction."""
    return marked(5)


@pytest.fixture
def decisions() -> Decisions:
    return Decisions()


@pytest.fixture
async def gate(tmp_path: Path, answers: Marked, decisions: Decisions) -> AsyncIterator[Gate]:
    async with gateway(tmp_path, desk=Desk(answers, decisions)) as gate:
        yield gate


async def listed(gate: Gate, query: str = "") -> Any:
    reply = await gate.call("GET", f"/v1/reviews{query}")
    assert reply.status == 200, reply.raw
    return reply.json


async def decided(gate: Gate, id: str, *, approved: Any) -> Reply:
    return await gate.call("POST", f"/v1/reviews/{id}", {"approved": approved})


async def test_what_waits_is_listed_as_the_terminal_shows_it(gate: Gate, answers: Marked, decisions: Decisions) -> None:
    answers[0] = trace(trace_id(0), -1.0, comment="wrong")
    found = await listed(gate)
    first = await waiting(answers, decisions)
    assert found["waiting"] == 5
    assert [one["id"] for one in found["data"]] == [one.example.id for one in first]
    assert found["data"][0] == {
        "id": first[0].example.id,
        "question": QUESTION,
        "chosen": PASSAGE["text"],
        "rejected": "It is a stone.",
        "why": "marked down; the passage it should have followed is preferred",
        "comment": "wrong",
        "author": "ada",
        "trace": trace_id(0),
        "documents": ["d" * 32],
    }


async def test_a_part_of_what_waits_goes_on_after_a_trace(gate: Gate) -> None:
    page = await listed(gate, "?limit=2")
    assert (page["waiting"], [one["trace"] for one in page["data"]]) == (5, [trace_id(0), trace_id(1)])
    await decided(gate, page["data"][0]["id"], approved=False)
    rest = await listed(gate, f"?limit=2&after={page['data'][1]['trace']}")
    assert (rest["waiting"], [one["trace"] for one in rest["data"]]) == (3, [trace_id(2), trace_id(3)])
    assert await listed(gate, f"?after={LAST}") == {"waiting": 0, "data": []}
    assert (await listed(gate))["waiting"] == 4


async def test_a_decision_is_kept_and_the_same_again_changes_nothing(gate: Gate, decisions: Decisions) -> None:
    (one, other, *_) = (await listed(gate))["data"]
    for _ in range(2):
        assert (await decided(gate, one["id"], approved=True)).json == {"id": one["id"], "approved": True}
        assert (await decided(gate, other["id"], approved=False)).json == {"id": other["id"], "approved": False}
    assert decisions == {one["id"]: True, other["id"]: False}
    assert (await listed(gate))["waiting"] == 3


async def test_against_a_decision_that_stands_another_is_refused(gate: Gate, decisions: Decisions) -> None:
    (one, *_) = (await listed(gate))["data"]
    await decided(gate, one["id"], approved=False)
    for _ in range(2):
        reply = await decided(gate, one["id"], approved=True)
        assert (reply.status, reply.json["error"]["code"]) == (409, "decided_already")
        assert "turned down already" in reply.json["error"]["message"]
        await listed(gate)  # and what was shown before is forgotten
    assert decisions == {one["id"]: False}


async def test_a_proposal_can_be_decided_that_this_process_never_showed(
    gate: Gate, answers: Marked, decisions: Decisions
) -> None:
    (one, *_) = await waiting(answers, decisions)
    assert (await decided(gate, one.example.id, approved=True)).status == 200
    assert decisions == {one.example.id: True}


@pytest.mark.parametrize("id", ["", "0" * 32, "a/b", "%2e%2e%2fkeys.json", "%00", "x" * 3000, "é"])
async def test_an_unknown_proposal_is_a_404(gate: Gate, decisions: Decisions, id: str) -> None:
    reply = await decided(gate, id, approved=True)
    assert (reply.status, reply.json["error"]["code"]) == (404, "proposal_not_found")
    assert decisions == {}


async def test_a_proposal_whose_answer_was_marked_otherwise_is_gone(gate: Gate, answers: Marked) -> None:
    (one, *_) = (await listed(gate))["data"]
    answers.pop(0)
    await listed(gate)
    assert (await decided(gate, one["id"], approved=True)).status == 404


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, ""),
        ({"approved": "yes"}, "approved"),
        ({"approved": 1}, "approved"),
        ({"approved": None}, "approved"),
        ([], ""),
        (b"", ""),
        (b"{", ""),
        (b"\xff", ""),
    ],
)
async def test_a_body_that_decides_nothing_is_named(gate: Gate, decisions: Decisions, body: Any, param: str) -> None:
    (one, *_) = (await listed(gate))["data"]
    reply = await gate.call("POST", f"/v1/reviews/{one['id']}", body)
    assert (reply.status, reply.json["error"]["param"] or "") == (400, param)
    assert decisions == {}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("limit=0", "limit: Expected `int` >= 1"),
        ("limit=101", "limit: Expected `int` <= 100"),
        ("limit=many", "limit: Expected `int`"),
        ("limit=", "limit: Expected `int`"),
        ("after=..%2F", "after: is no trace id"),
        ("after=%ff", "after: is no trace id"),
        ("offset=3", "unknown field `offset`"),
    ],
)
async def test_a_part_that_cannot_be_given_is_named(gate: Gate, query: str, words: str) -> None:
    reply = await gate.call("GET", f"/v1/reviews?{query}")
    assert (reply.status, words in reply.json["error"]["message"]) == (400, True), reply.json


async def test_only_an_admin_reviews(gate: Gate, decisions: Decisions) -> None:
    (one, *_) = (await listed(gate))["data"]
    tokens = {scope: gate.state.keys.create(scope, [scope])[1] for scope in ("ask", "feedback", "admin")}

    async def tried(key: str, approved: bool) -> tuple[int, int]:
        named = {"authorization": f"Bearer {key}"} if key else {}
        shown = await gate.call("GET", "/v1/reviews", None, **named)
        return shown.status, (await gate.call("POST", f"/v1/reviews/{one['id']}", {"approved": approved}, **named)).status

    assert await tried("", True) == (401, 401)
    assert await tried("twin_00000000_wrong", True) == (401, 401)
    assert await tried(tokens["ask"], True) == (403, 403)
    assert await tried(tokens["feedback"], True) == (403, 403)
    assert decisions == {}
    assert await tried(tokens["admin"], False) == (200, 200)


async def test_other_methods_and_other_sites_are_refused(gate: Gate, decisions: Decisions) -> None:
    (one, *_) = (await listed(gate))["data"]
    assert (await gate.call("POST", "/v1/reviews", {"approved": True})).status == 405
    assert (await gate.call("GET", f"/v1/reviews/{one['id']}")).status == 405
    foreign = await gate.call("POST", f"/v1/reviews/{one['id']}", {"approved": True}, origin="https://evil.example.org")
    assert foreign.status == 403
    assert decisions == {}


async def test_a_store_that_fails_is_a_503_and_nothing_counts_as_decided(gate: Gate, decisions: Decisions) -> None:
    (one, *_) = (await listed(gate))["data"]
    decisions.broken = "reviews.db: there is no space left for it; free some and run again"
    for reply in (await gate.call("GET", "/v1/reviews"), await decided(gate, one["id"], approved=True)):
        assert (reply.status, "no space left" in reply.json["error"]["message"]) == (503, True)
    decisions.broken = ""
    assert (await decided(gate, one["id"], approved=True)).status == 200


@pytest.mark.parametrize(("scopes", "told"), [(["ask"], ["ask"]), (["ask", "admin"], ["ask", "admin"])])
async def test_a_key_learns_what_it_may_do(gate: Gate, scopes: list[str], told: list[str]) -> None:
    _, token = gate.state.keys.create("one", scopes)
    reply = await gate.call("GET", "/v1/models", None, authorization=f"Bearer {token}")
    assert sorted(reply.json["data"][0]["twin"]["scopes"]) == sorted(told)


async def test_without_keys_this_machine_may_review(gate: Gate) -> None:
    assert (await gate.call("GET", "/v1/models")).json["data"][0]["twin"]["scopes"] == ["admin"]


async def test_two_reviewers_and_a_terminal_lose_and_double_no_decision(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        traces = TraceStore(tmp_path / "traces.db")
        stores = [ReviewStore(tmp_path / "reviews.db") for _ in range(2)]  # the gateway's and the terminal's
        for store in (traces, *stores):
            stack.push_async_callback(store.close)
            await store.open()
        for one in marked(30):
            traces.put(one)
            await traces.score(one.id, "feedback", -1.0, CORRECTION)
        await traces.flush()
        gate = await stack.enter_async_context(gateway(tmp_path, desk=Desk(traces, stores[0])))
        shown = (await listed(gate, "?limit=100"))["data"]

        async def reviewer(approved: bool) -> dict[str, bool]:
            replies = [(one["id"], await decided(gate, one["id"], approved=approved)) for one in shown]
            assert {reply.status for _, reply in replies} <= {200, 409}
            return {id: approved for id, reply in replies if reply.status == 200}

        async def terminal() -> None:
            await decide(await waiting(traces, stores[1]), stores[1], iter("yn" * 15))

        yes, no, _ = await asyncio.gather(reviewer(True), reviewer(False), terminal())
        stand = await stores[1].decided()
        assert (len(shown), len(stand)) == (30, 30)
        assert yes.items() <= stand.items()
        assert no.items() <= stand.items()
        assert yes.keys() | no.keys() == stand.keys()
        assert {example.id for example, _ in await stores[0].approved()} == {id for id, yes in stand.items() if yes}
        assert await listed(gate) == {"waiting": 0, "data": []}
