"""`twin ask`: a question -> a streamed, cited answer on the terminal."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from twin.cli.documents import KindOption, say_authors
from twin.cli.output import Output, OutputOption, safe, say, show
from twin.cli.place import Place, place
from twin.errors import AnswerError, UnavailableError
from twin.records import Answer, Filter, Question

if TYPE_CHECKING:
    from twin.answer.answerer import Answerer


def ask(
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="What to ask; - reads it from standard input.")],
    author: Annotated[str, typer.Option(help="Only from this author: id or full name.")] = "",
    kind: KindOption = None,
    source: Annotated[str, typer.Option(help="Only from this source.")] = "",
    k: Annotated[
        int | None, typer.Option("-k", min=1, max=50, help="How many passages to use.", show_default="passages")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Ask the twin and print its answer with what it cites."""
    here = place(context)
    text = sys.stdin.read() if question == "-" else question
    asked = Question(text, filter=Filter(author, kind or "", source), k=k or here.settings.passages)
    answer = asyncio.run(_asked(here, asked, stream=output is Output.TABLE))
    if author and not answer.passages:
        say_authors(here, author)
    if not show(answer, output):
        print_sources(answer)


async def _asked(here: Place, question: Question, *, stream: bool) -> Answer:
    from twin.cli.answering import answering

    async with answering(here) as parts:
        if not await parts.index.live():
            raise UnavailableError(
                "no index is live yet: run `twin up`, or `twin documents sync` and `twin index build --switch`"
            )
        try:
            return await _told(parts.answerer, question, stream=stream)
        except AnswerError as exc:
            if exc.trace_id and exc.trace_id not in str(exc):
                exc.args = (f"{exc}; `twin traces show {exc.trace_id}` shows what happened",)
            raise


async def _told(answerer: Answerer, question: Question, *, stream: bool) -> Answer:
    """The answer, printed as it comes where `stream` says so. Raises AnswerError."""
    from twin.answer.ports import Done

    begun = False
    try:
        async with aclosing(answerer.answer(question)) as events:
            async for event in events:
                if isinstance(event, Done):
                    return event.answer
                if stream:
                    begun = True
                    sys.stdout.write(safe(event.text))
                    sys.stdout.flush()
    finally:
        if begun:
            sys.stdout.write("\n")
    raise UnavailableError("the answer ended without its end; `twin traces list` shows what happened")


def print_sources(answer: Answer) -> None:
    """The cited passages with their titles and addresses, and what made the answer."""
    cited = {one.number: one.passage.chunk for one in answer.citations}
    if cited:
        print()
    for number, chunk in sorted(cited.items()):
        print(safe(f"[{number}] {' > '.join(dict.fromkeys((chunk.title, *chunk.heading)))}\n    {chunk.link or chunk.uri}"))
    by = "extractive: sentences of the documents, no model" if answer.mode == "extractive" else answer.model
    say(f"\n{by} · index {answer.index} · release {answer.release} · trace {answer.trace}")
