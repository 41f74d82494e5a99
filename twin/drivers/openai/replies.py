"""What an OpenAI-compatible server replies -> pieces, JSON values and errors in our words. Knows no network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeGuard

import msgspec

from twin.answer.ports import Piece
from twin.errors import UpstreamError
from twin.records import Usage

_FENCE = re.compile(r"\A\s*```(?:json)?\s*(.*?)\s*```\s*\Z", re.DOTALL)
_PLAIN = frozenset({"role", "content"})
_SHOWN = 300  # characters of a server's own words
_DIGITS = 6  # of a Retry-After
_MOST = 2**31  # tokens
_BAD_REQUEST, _FORBIDDEN, _NOT_FOUND, _TOO_MANY, _UNPROCESSABLE = 400, (401, 403), 404, 429, 422
_decode = msgspec.json.Decoder().decode


def decode(data: bytes) -> Mapping[str, Any]:
    """A JSON object. Raises UpstreamError."""
    try:
        value = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise UpstreamError(f"the model server sent what is no JSON: {_shown(data)!r}") from exc
    if not isinstance(value, dict):
        raise UpstreamError(f"the model server sent what is no JSON object: {_shown(data)!r}")
    return value


def piece(chunk: Mapping[str, Any], part: str = "delta") -> Piece | None:
    """A chunk of a stream, or with `part` "message" a whole completion, as a piece; None when it holds nothing for us.

    Raises UpstreamError when it is an error.
    """
    if chunk.get("error"):
        raise error(0, chunk)
    usage = _usage(chunk.get("usage"))
    choice = _first(chunk.get("choices"))
    if choice is None:
        return Piece(usage=usage) if usage else None
    delta = choice.get(part)
    delta = delta if isinstance(delta, dict) else {}
    raw = {key: value for key, value in delta.items() if key not in _PLAIN and value is not None}
    if choice.get("logprobs"):
        raw["logprobs"] = choice["logprobs"]
    text, reason = _text(delta.get("content")), choice.get("finish_reason")
    if not (text or raw or reason or usage):
        return None
    model = chunk.get("model")
    return Piece(
        text=text,
        raw=raw or None,
        finish_reason=reason if isinstance(reason, str) else "",
        usage=usage,
        model=model if isinstance(model, str) else "",
    )


def value(completion: Mapping[str, Any]) -> tuple[Any, Usage]:
    """The JSON value that a completion's text is, a fence around it or not. Raises UpstreamError."""
    found = piece(completion, "message")
    text = found.text if found else ""
    fenced = _FENCE.match(text)
    try:
        return _decode((fenced[1] if fenced else text).encode()), (found.usage if found else None) or Usage()
    except (msgspec.DecodeError, RecursionError) as exc:
        raise UpstreamError("the model's reply is not the JSON that was asked for") from exc


def error(status: int, reply: Mapping[str, Any] | bytes, model: str = "") -> UpstreamError:
    """An error reply (`status` 0: inside a stream) in our words, with the status that our caller gets."""
    words, code = _said(reply)
    if status in {_BAD_REQUEST, _UNPROCESSABLE}:
        return UpstreamError(f"the model server refused the request: {words}", status=400, code=code or "invalid_request_error")
    if status in _FORBIDDEN:
        return UpstreamError(f"the model server refused our key ({status}); check TWIN_MODEL_KEY", code="upstream_auth")
    if status == _NOT_FOUND:
        return UpstreamError(
            f"the model server does not know the model {model!r} or the address: {words}", code="upstream_not_found"
        )
    if status == _TOO_MANY:
        return UpstreamError(f"the model server is busy: {words}", status=503, code="upstream_busy", retryable=True)
    where = f"answered {status}" if status else "broke off with an error"
    return UpstreamError(f"the model server {where}: {words}", code="upstream_error")


def seconds(retry_after: str | None) -> int:
    """A Retry-After header in seconds; 0 for none, a date or nonsense."""
    text = retry_after or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS else 0


def _said(reply: Mapping[str, Any] | bytes) -> tuple[str, str]:
    """The words and the code of an error in any of the usual shapes."""
    if isinstance(reply, bytes):
        try:
            parsed = _decode(reply)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _shown(reply) or "no words", ""
        reply = parsed if isinstance(parsed, dict) else {"message": str(parsed)}
    inner = reply.get("error")
    inner = inner if isinstance(inner, dict) else {"message": inner} if inner else reply
    words = inner.get("message") or inner.get("detail") or "no words"
    code = inner.get("code")
    return _one_line(str(words)), code if isinstance(code, str) else ""


def _first(choices: Any) -> dict[str, Any] | None:
    if not isinstance(choices, list):
        return None
    return next((c for c in choices if isinstance(c, dict) and c.get("index", 0) == 0), None)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))
    return ""


def _usage(usage: Any) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not _counts(prompt) or not _counts(completion):
        return None
    return Usage(prompt=prompt, completion=completion)


def _counts(number: Any) -> TypeGuard[int]:
    return isinstance(number, int) and 0 <= number < _MOST


def _shown(data: bytes) -> str:
    return _one_line(data[: 4 * _SHOWN].decode("utf-8", "replace"))


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_SHOWN]
