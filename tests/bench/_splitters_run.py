"""Texts -> the spans that one splitter cuts them into. A program that `splitters.py` gives its tasks; knows no twin.

Runs in the environment that splitters.txt pins. Each splitter is used as its own documentation says for Markdown, for Python and for
other text; where its chunks carry no span, one cannot be cited, and what is given here is the span that it says.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

Cut = Callable[[str], list[tuple[int, int]]]
FILL = 0.6  # as twin.index.chunk has it


def semantic(form: str, limit: int) -> Cut:
    from semantic_text_splitter import CodeSplitter, MarkdownSplitter, TextSplitter

    size = (int(limit * FILL), limit)
    if form == "python":
        import tree_sitter_python

        splitter = CodeSplitter(tree_sitter_python.language(), size, trim=False)
    else:
        splitter = (MarkdownSplitter if form == "markdown" else TextSplitter)(size, trim=False)
    return lambda text: [(start, start + len(piece)) for start, piece in splitter.chunk_indices(text)]


def recursive(form: str, limit: int) -> Cut:
    from langchain_text_splitters import Language, RecursiveCharacterTextSplitter

    options = {"chunk_size": limit, "chunk_overlap": 0, "add_start_index": True}
    language = {"markdown": Language.MARKDOWN, "python": Language.PYTHON}.get(form)
    splitter = (
        RecursiveCharacterTextSplitter.from_language(language, **options)
        if language
        else RecursiveCharacterTextSplitter(**options)
    )

    def cut(text: str) -> list[tuple[int, int]]:
        made = splitter.create_documents([text])
        return [(one.metadata["start_index"], one.metadata["start_index"] + len(one.page_content)) for one in made]

    return cut


def chonkie_recursive(form: str, limit: int) -> Cut:
    from chonkie import RecursiveChunker, RecursiveLevel, RecursiveRules

    headings = RecursiveLevel(delimiters=["\n# ", "\n## ", "\n### ", "\n#### "], include_delim="next")
    rules = RecursiveRules([headings, *RecursiveRules().levels]) if form == "markdown" else RecursiveRules()
    return _chonkie(RecursiveChunker(tokenizer="character", chunk_size=limit, rules=rules))


def chonkie_sentence(_form: str, limit: int) -> Cut:
    from chonkie import SentenceChunker

    return _chonkie(SentenceChunker(tokenizer="character", chunk_size=limit, chunk_overlap=0))


def _chonkie(chunker) -> Cut:
    return lambda text: [(one.start_index, one.end_index) for one in chunker.chunk(text)]


SPLITTERS = {
    "semantic-text-splitter": semantic,
    "LangChain recursive": recursive,
    "chonkie recursive": chonkie_recursive,
    "chonkie sentence": chonkie_sentence,
}


def main() -> None:
    from tests.bench._memory import peak_memory
    from tests.bench._turns import Watch, reply, tasks

    make = SPLITTERS[sys.argv[1]]
    for line in tasks():
        task = json.loads(line)
        texts = json.loads(Path(task["texts"]).read_text(encoding="utf-8"))
        cut = make(task["form"], task["limit"])
        cut("Loading is not what is measured. " * 100)
        with Watch() as watch:
            spans = [cut(text) for text in texts]
        reply({"spans": spans, "processors": watch.processors, "memory": peak_memory()})


if __name__ == "__main__":
    main()
