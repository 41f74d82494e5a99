"""What the answer stage itself costs: microseconds a step with ports that cost nothing, beside the bare generator.

.venv/bin/python tests/bench/answer.py
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.unit.answer.fakes import ListSearcher, passages
from twin.answer.answerer import Answerer
from twin.answer.guard_out import OutputGuard
from twin.answer.ports import Piece
from twin.records import Question, Usage

ROUNDS = 300
WORDS = [f"word{n} " for n in range(200)]
FOUND = passages(*[("A sentence about tombstones and what they mean for the index. " * 22)[:1400] + str(n) for n in range(6)])


class Instant:
    model = "instant"

    async def generate(self, messages, parameters):
        for word in WORDS:
            yield Piece(text=word)
        yield Piece(text="[1]", finish_reason="stop", usage=Usage(10, 200))


class Nothing:
    async def embed_query(self, text):
        return ()

    async def embed(self, texts):
        return [()] * len(texts)


class Last:
    trace = None

    def put(self, trace):
        Last.trace = trace


async def main():
    answerer = Answerer(embedder=Nothing(), searcher=ListSearcher(FOUND), sink=Last(), generator=Instant())
    bare, whole, steps = [], [], {}
    for _ in range(ROUNDS):
        start = time.perf_counter()
        async for _ in Instant().generate((), {}):
            pass
        bare.append(time.perf_counter() - start)
        start = time.perf_counter()
        async for _ in answerer.answer(Question("What is a tombstone?")):
            pass
        whole.append(time.perf_counter() - start)
        for span in Last.trace.spans[1:5]:
            steps.setdefault(span.name, []).append(span.end - span.start)
    base, total = statistics.median(bare), statistics.median(whole)
    print(f"bare generator of {len(WORDS)} pieces: {base * 1e6:.0f} us")
    print(f"whole answer: {total * 1e6:.0f} us, ratio {total / base:.1f}, {(total - base) / len(WORDS) * 1e6:.1f} us a piece")
    for name, values in steps.items():
        print(f"  {name:<10} {statistics.median(values) * 1e6:8.0f} us")
    guard, text = OutputGuard(canary="ref-0011223344556677"), "".join(WORDS) * 50
    start = time.perf_counter()
    for at in range(0, len(text), 5):
        guard.feed(text[at : at + 5])
    print(f"output guard: {len(text) / (time.perf_counter() - start) / 1e6:.1f} million characters/s in pieces of 5")


asyncio.run(main())
