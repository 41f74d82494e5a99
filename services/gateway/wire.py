"""OpenAI's shapes of a chat <-> records: a request's body to a Question, an answer to a completion or its chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from services.gateway.http import convert
from twin.errors import AnswerError, QuestionError
from twin.records import Answer, Citation, Fault, Filter, Kind, Message, Passage, Question, Trace, Usage

MODEL = "twin"
OURS = frozenset({"messages", "model", "stream", "twin"})  # the rest is the model server's


class TwinFilter(Struct, forbid_unknown_fields=True):
    """Which passages may be used."""

    author: str = ""
    kind: str = ""
    source: str = ""


class TwinOptions(Struct, forbid_unknown_fields=True):
    """The `twin` object of a request."""

    retrieval: Literal["on", "off"] = "on"
    filter: TwinFilter | None = None
    k: Annotated[int, Meta(ge=1, le=50)] | None = None
    thread: str = ""


class StreamOptions(Struct):
    """OpenAI's stream_options."""

    include_usage: bool = False


class ChatMessage(Struct):
    """One turn; text may come in parts."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None


class ChatRequest(Struct):
    """The fields the gateway reads; all others go to the model server untouched."""

    messages: Annotated[list[ChatMessage], Meta(min_length=1)]
    model: str | None = MODEL
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Meta(ge=1)] | None = None
    twin: TwinOptions | None = None


@dataclass(frozen=True, slots=True)
class Chat:
    """A request, understood."""

    request: ChatRequest
    question: Question
    parameters: Mapping[str, Any]

    @property
    def include_usage(self) -> bool:
        """Whether the stream ends with a chunk of usage."""
        return bool(self.request.stream_options and self.request.stream_options.include_usage)


def chat_of(body: Mapping[str, Any], k: int) -> Chat:
    """A decoded body as a chat. Raises QuestionError naming the field."""
    request = convert(body, ChatRequest)
    if request.n and request.n > 1:
        raise QuestionError(
            "n: only one answer with citations is given at a time; send n: 1, or twin.retrieval: off", param="n"
        )
    raw: list[Mapping[str, Any]] = body["messages"]
    turns = [_message(turn, raw[i], f"messages[{i}].content") for i, turn in enumerate(request.messages)]
    asked = max((i for i, turn in enumerate(turns) if turn.role == "user"), default=-1)
    if asked < 0:
        raise QuestionError("messages: there is no message of the role user", param="messages")
    options = request.twin or TwinOptions()
    question = Question(
        turns[asked].content,
        tuple(turns[:asked]),
        filter_of(options.filter, "twin.filter"),
        options.k or k,
        options.thread,
        after=tuple(turns[asked + 1 :]),
    )
    return Chat(request, question, {key: value for key, value in body.items() if key not in OURS})


def filter_of(given: TwinFilter | None, param: str) -> Filter:
    """The filter that stands at `param`. Raises QuestionError for a kind that no document has."""
    chosen = given or TwinFilter()
    if chosen.kind and chosen.kind not in set(Kind):
        said = f"{param}.kind: {chosen.kind[:60]!r} is none of {', '.join(Kind)}"
        raise QuestionError(said, param=f"{param}.kind")
    return Filter(chosen.author, chosen.kind, chosen.source)


def no_model(name: str) -> AnswerError:
    """The error for a model that is not ours."""
    said = f"model: there is no model {name[:100]!r}; ask for {MODEL!r}"
    return AnswerError(said, status=404, code="model_not_found", param="model")


def _message(turn: ChatMessage, raw: Mapping[str, Any], param: str) -> Message:
    fields = {key: value for key, value in raw.items() if key not in {"role", "content"}}
    return Message(turn.role, _text(turn.content, param), fields)


def _text(content: str | list[dict[str, Any]] | None, param: str) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    parts = []
    for part in content:
        if part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise QuestionError(
                f"{param}: only parts of the type text are read; send others with twin.retrieval: off", param=param
            )
        parts.append(part["text"])
    return "\n".join(parts)


def annotation(citation: Citation) -> dict[str, Any]:
    """A citation as OpenAI's API shows one."""
    chunk = citation.passage.chunk
    cited = {"url": chunk.link or chunk.uri, "title": chunk.title, "start_index": citation.start, "end_index": citation.end}
    return {"type": "url_citation", "url_citation": cited, "twin": {"number": citation.number, "chunk": chunk.id}}


def annotated(citations: Sequence[Citation], theirs: Sequence[Any] = ()) -> list[Any]:
    """Our citations, then the model server's annotations of other types: a citation of its own names none of our passages."""
    kept = [one for one in theirs if isinstance(one, Mapping) and one.get("type") != "url_citation"]
    return [*(annotation(one) for one in citations), *kept]


def passage(found: Passage) -> dict[str, Any]:
    """A passage as /v1/retrieve gives it."""
    chunk = found.chunk
    return {
        "rank": found.rank,
        "score": found.score,
        "text": chunk.text,
        "uri": chunk.uri,
        "title": chunk.title,
        "author": chunk.author.name,
        "kind": chunk.kind,
        "span": chunk.span,
        "document": chunk.document,
        "chunk": chunk.id,
        "source": chunk.source,
        "link": chunk.link,
        "heading": chunk.heading,
    }


def about(answer: Answer) -> dict[str, Any]:
    """The `twin` object of an answer."""
    return {
        "release": answer.release,
        "index": answer.index,
        "model": answer.model,
        "mode": answer.mode,
        "trace": answer.trace,
        "degraded": answer.degraded,
        "passages": [passage(one) for one in answer.passages],
    }


def usage(used: Usage) -> dict[str, int]:
    """OpenAI's usage."""
    return {
        "prompt_tokens": used.prompt,
        "completion_tokens": used.completion,
        "total_tokens": used.prompt + used.completion,
    }


def chunk(id: str, created: int, delta: Mapping[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    """One chunk of a stream."""
    logprobs = {"logprobs": delta["logprobs"]} if "logprobs" in delta else {}
    shown = {key: value for key, value in delta.items() if key != "logprobs"}
    choice = {"index": 0, "delta": shown, **logprobs, "finish_reason": finish}
    return {"id": id, "object": "chat.completion.chunk", "created": created, "model": MODEL, "choices": [choice], **more}


def completion(answer: Answer, created: int, message: Mapping[str, Any], logprobs: Any = None) -> dict[str, Any]:
    """A whole answer; `message` holds raw fields of the provider (tool calls), `logprobs` what it said of its tokens.

    Their `annotations` are a list of any kind.
    """
    told = {"logprobs": logprobs} if logprobs else {}
    said = {
        "role": "assistant",
        **message,
        "content": answer.text,
        "annotations": annotated(answer.citations, message.get("annotations") or ()),
    }
    return {
        "id": f"chatcmpl-{answer.trace}",
        "object": "chat.completion",
        "created": created,
        "model": MODEL,
        "choices": [{"index": 0, "message": said, **told, "finish_reason": answer.finish_reason}],
        "usage": usage(answer.usage),
        "twin": about(answer),
    }


def trace(found: Trace, faults: Sequence[Fault]) -> dict[str, Any]:
    """A trace as the page and scripts read it: its fields, and the steps at fault."""
    return {**msgspec.to_builtins(found), "faults": faults}
