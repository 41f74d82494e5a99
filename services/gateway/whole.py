"""The events of an answer -> one completion, as OpenAI's clients read it. Knows no route and no step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.gateway import wire
from twin.records import Answer


class Whole:
    """A message put together from a provider's deltas: strings are joined, tool calls merged by their index."""

    def __init__(self) -> None:
        self._message: dict[str, Any] = {}
        self._calls: dict[Any, dict[str, Any]] = {}
        self._logprobs: Any = None

    def add(self, raw: Mapping[str, Any]) -> None:
        """Take the raw fields of a delta."""
        for key, value in raw.items():
            if key == "logprobs":
                self._logprobs = value
            elif key == "tool_calls" and isinstance(value, list):
                for call in value:
                    self._merge(call)
            elif key == "annotations":
                self._message.setdefault(key, []).extend(value if isinstance(value, list) else ())
            elif isinstance(value, str) and isinstance(self._message.get(key), str):
                self._message[key] += value
            else:
                self._message[key] = value

    def completion(self, answer: Answer, created: int) -> dict[str, Any]:
        """What is sent."""
        calls = {"tool_calls": list(self._calls.values())} if self._calls else {}
        return wire.completion(answer, created, {**self._message, **calls}, self._logprobs)

    def _merge(self, part: Any) -> None:
        if not isinstance(part, Mapping):
            return
        index, function = part.get("index"), part.get("function")
        place = index if isinstance(index, int) else len(self._calls)
        call = self._calls.setdefault(place, {"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
        call["id"] = part.get("id") or call["id"]
        for key, text in function.items() if isinstance(function, Mapping) else ():
            before = call["function"].get(key, "")
            if isinstance(text, str) and isinstance(before, str):
                call["function"][key] = before + text
            elif text is not None:  # null says that nothing was added
                call["function"][key] = text
