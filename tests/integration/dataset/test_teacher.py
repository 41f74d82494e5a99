"""A teacher over HTTP: what it may do wrong, and that a killed run asks nothing twice."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from tests.doubles.model_server import Drop, Hang, ModelServer, Raw, Say, Status
from tests.integration.cli.running import TWIN, environment
from twin.dataset.prompt import SCHEMA
from twin.drivers.openai.http import Server, Timeouts
from twin.drivers.openai.teacher import OpenAITeacher
from twin.drivers.sqlite.journal import TeacherJournal
from twin.errors import UpstreamError

MESSAGES = [{"role": "user", "content": "Write examples."}]
ITEM = {
    "instruction": "What do you keep?",
    "answer": "I keep what I wrote, in the order in which I wrote it down.",
    "quote": "",
}
GOOD = json.dumps({"examples": [ITEM]})


def whole(message: dict, finish: str = "stop", **how) -> Raw:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    usage = {"prompt_tokens": 12, "completion_tokens": 5}
    return Raw(json.dumps({"choices": [choice], "usage": usage}).encode(), kind="application/json", **how)


async def asked(server: ModelServer, total: float = 5.0):
    teacher = OpenAITeacher(Server(server.url, timeouts=Timeouts(1.0, total, total, total), wait=0.01), "double")
    try:
        return await teacher.complete(MESSAGES, SCHEMA, max_tokens=100)
    finally:
        await teacher.close()


async def test_a_reply_is_asked_for_by_its_schema_at_temperature_zero_and_its_tokens_are_counted():
    async with ModelServer([Say((GOOD,))]) as server:
        reply = await asked(server)
    assert (reply.value, reply.problem, reply.usage.prompt, reply.usage.completion) == ({"examples": [ITEM]}, "", 12, 5)
    (request,) = server.requests
    assert request["response_format"]["json_schema"]["schema"] == SCHEMA
    assert (request["temperature"], request["max_tokens"], request["model"]) == (0, 100, "double")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Say(("{broken",)), "broken"),
        (Say(("",)), "broken"),
        (Say((GOOD[:-9],)), "broken"),
        (Say(('{"examples": "\\ud800"}',)), "broken"),
        (whole({"content": GOOD[:40]}, "length"), "cut"),
        (Say(("I'm sorry, but I can't help with that.",)), "refused"),
        (whole({"content": None, "refusal": "No."}), "refused"),
        (whole({"content": ""}, "content_filter"), "refused"),
        (Status(400, b'{"error": {"message": "no", "code": "content_filter"}}'), "refused"),
    ],
)
async def test_replies_of_no_use_are_told_apart(answer, problem):
    async with ModelServer([answer]) as server:
        assert (await asked(server)).problem == problem


async def test_a_fence_around_the_json_is_no_problem():
    async with ModelServer([Say((f"```json\n{GOOD}\n```",))]) as server:
        assert (await asked(server)).value == {"examples": [ITEM]}


async def test_a_reply_that_trickles_in_is_taken_when_it_ends_in_time():
    async with ModelServer([whole({"content": GOOD}, step=10, pause=0.02)]) as server:
        assert (await asked(server)).value == {"examples": [ITEM]}
    assert len(server.requests) == 1


async def test_a_reply_that_trickles_on_for_longer_than_that_is_given_up_and_not_asked_for_again():
    async with ModelServer([whole({"content": GOOD}, step=1, pause=0.1)]) as server:
        with pytest.raises(UpstreamError) as caught:
            await asked(server, 0.5)
        async with asyncio.timeout(5):
            await server.gone.wait()  # the teacher need not go on writing
    assert caught.value.code == "upstream_timeout"
    assert len(server.requests) == 1


@pytest.mark.parametrize("fault", [Status(503), Status(429), Drop()])
async def test_what_passes_is_tried_again(fault):
    async with ModelServer([fault, Say((GOOD,))]) as server:
        assert (await asked(server)).value


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Hang(), "upstream_timeout"),
        (Hang(2), "upstream_timeout"),
        (Status(401), "upstream_auth"),
        (Raw(b"no json"), ""),
        (Drop(), ""),
    ],
)
async def test_what_does_not_reply_raises(fault, code):
    async with ModelServer([fault]) as server:
        with pytest.raises(UpstreamError) as caught:
            await asked(server, 0.3)
    assert not code or caught.value.code == code


async def test_a_journal_keeps_replies_and_may_forgive_bad_ones(tmp_path: Path):
    from twin.dataset.ports import Reply

    good, bad = Reply({"examples": [ITEM]}), Reply(problem="broken")
    for forgive, wanted in ((False, bad), (True, None)):
        journal = TeacherJournal(tmp_path / "teacher.db", forgive=forgive)
        await journal.open()
        if not forgive:
            await journal.put("a", good)
            await journal.put("b", bad)
        assert (await journal.get("a"), await journal.get("b"), await journal.get("c")) == (good, wanted, None)
        await journal.close()


# the command


async def command(folder: Path, server: ModelServer, *arguments: str, **settings: str):
    return await asyncio.create_subprocess_exec(
        str(TWIN), "dataset", "build", "--generator", "teacher", "-o", "json", *arguments,
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=environment(TWIN_TEACHER_URL=server.url, TWIN_TEACHER_NAME="double", TWIN_TEACHER_KEY="sk-hidden", **settings),
    )  # fmt: skip


class Answering(ModelServer):
    """Answers about what it was asked, quoting it; extracts with one of `bad` in their title get `fault`."""

    bad: tuple = ()
    fault = Status(500)

    async def _stream(self, writer, answer, request):
        lines = request["messages"][1]["content"].split("\n")
        title, text = lines[1], lines[-2]
        if any(name in title for name in self.bad):
            answer = self.fault
            if isinstance(answer, Status):
                await self._reply(writer, answer.status, answer.body)
                return True
            return await super()._stream(writer, answer, request)
        quote = ". ".join(text.split(". ")[:2])
        item = {
            "instruction": f"What do you say {title}?",
            "answer": f"Of what I wrote, this I hold to be true: {title} {quote}",
            "quote": quote,
        }
        return await super()._stream(writer, Say((json.dumps({"examples": [item]}),)), request)


async def result(process) -> tuple[int, dict, str]:
    out, err = await process.communicate()
    return process.returncode, json.loads(out) if out.strip() else {}, err.decode()


async def test_a_teacher_writes_instructions_and_preferences(folder: Path):
    async with Answering() as server:
        status, built, _ = await result(await command(folder, server))
        assert status == 0
        generator = built["manifest"]["generator"]
        calls = len(server.requests)
        assert (generator["name"], generator["model"], generator["calls"]) == ("teacher", "double", calls)
        assert generator["tokens"] == {"prompt": 12 * calls, "completion": 5 * calls}
        assert built["asked"] == calls >= 12
        assert built["manifest"]["counts"]["preference"]["train"] > 0
        status, again, _ = await result(await command(folder, server))
        assert (status, again["asked"], len(server.requests)) == (0, 0, calls)
        assert again["manifest"] == built["manifest"]


async def test_a_killed_run_goes_on_without_asking_twice_and_ends_the_same(folder: Path, tmp_path_factory):
    async with Answering() as server:
        process = await command(folder, server, TWIN_TEACHER_CONCURRENCY="1")
        while len(server.requests) < 6:
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        await process.wait()
        before = len(server.requests)
        status, built, _ = await result(await command(folder, server, TWIN_TEACHER_CONCURRENCY="1"))
        assert status == 0
        calls = built["manifest"]["generator"]["calls"]
        assert built["asked"] <= calls - before + 1  # the one that was on its way may have gone lost
        assert len(server.requests) <= calls + 1
        (folder / ".twin" / "teacher.db").unlink()
        _, whole_run, _ = await result(await command(folder, server))
        assert whole_run["manifest"] == built["manifest"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Say(("{broken",)), "broken"),
        (Say(("I'm sorry, but I can't help with that.",)), "refused"),
        (Hang(), "timeout"),
        (whole({"content": GOOD}, step=1, pause=0.1), "timeout"),
        (Status(500), "no reply"),
    ],
)
async def test_what_a_teacher_does_wrong_is_counted_and_shown_in_the_exit_status(folder: Path, fault, reason):
    async with Answering() as server:
        server.bad, server.fault = ("queues", "violins"), fault
        status, built, err = await result(await command(folder, server, TWIN_TEACHER_TIMEOUT="1"))
        assert status == 1
        assert built["manifest"]["generator"]["failed"] == {reason: 2}
        assert built["manifest"]["counts"]["instruction"]["train"] > 0
        assert "the teacher failed for some extracts" in err
        assert "sk-hidden" not in err
        status, _, _ = await result(await command(folder, server, "--max-failed", "0.5", TWIN_TEACHER_TIMEOUT="1"))
        assert status == 0
        server.bad = ()
        arguments = ("--ask-again",) if reason in {"broken", "refused"} else ()
        status, built, _ = await result(await command(folder, server, *arguments))
        assert (status, built["asked"], built["manifest"]["generator"]["failed"]) == (0, 2, {})


async def test_a_teacher_that_refuses_the_key_ends_the_run_and_publishes_nothing(folder: Path):
    async with ModelServer([Status(401)]) as server:
        status, _, err = await result(await command(folder, server))
    assert status == 1
    assert "the teacher is of no use" in err
    assert "check TWIN_TEACHER_KEY" in err
    assert "sk-hidden" not in err
    assert "Traceback" not in err
    assert not list((folder / ".twin" / "datasets").iterdir())
