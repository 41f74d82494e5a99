"""An extract -> instruction examples from the document's own structure, in the author's own words. Needs no model.

Every example is labelled `structural:<rule>`: `heading`, `list`, `summary`, `passage` and `post` of prose, `docstring` and
`comment` of code. Pure; the same extract gives the same examples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from textwrap import dedent
from zlib import crc32

from twin.dataset.extract import Extract
from twin.dataset.manifest import Generator
from twin.records import Example, ExampleKind, Kind

FEWEST = 80  # characters of an answer made of prose
FEWEST_CODE = 30  # characters of documentation
LEAST_ITEMS = 3
LONGEST_SUMMARY = 900
_ITEM = r"(?:[-*+]|\d{1,3}[.)])[ \t]+\S"
_BULLET = re.compile(rf"\n{_ITEM}")  # begins with a letter, which is found fast
_LIST = re.compile(rf"(?:^|\n)([^\n]{{0,300}})\n+((?:{_ITEM}[^\n]*(?:\n(?:[ \t]+\S[^\n]*)?)*?(?:\n|\Z)){{{LEAST_ITEMS},}})")
_PARAGRAPH = re.compile(r"(?:\A|\n\n)([^\W_][^\n]*(?:\n[^\n#][^\n]*)*)")
_SENTENCE = re.compile(r"[^.!?。]{20,300}[.!?。](?=\s)")
_DOCSTRING = re.compile(
    r"^[ \t]*((?:async )?(?:def|class)[ \t]+(\w+)(?:\([^()]*(?:\([^()]*\)[^()]*)*\))?[^:\n]*):[ \t]*\n"
    r"[ \t]+[rR]?(?:\"\"\"(.+?)\"\"\"|'''(.+?)''')",
    re.MULTILINE | re.DOTALL,
)
_MODULE = re.compile(r"\A(?:#[^\n]*\n|\s)*[rR]?(?:\"\"\"(.+?)\"\"\"|'''(.+?)''')", re.DOTALL)
_COMMENT = re.compile(
    r"((?:^//[^\n]*\n)+)((?:export |pub |async |default )*(?:func|fn|function|class|type|struct|interface|impl)\b[^\n{;]*)",
    re.MULTILINE,
)
ABOUT = (
    "What does {author} say about {topic} in “{title}”?",
    "What do you write about {topic} in “{title}”?",
    "Explain {topic}, as in “{title}”.",
    "Tell me about {topic}, from “{title}”.",
)
LISTED = (
    "Which points does {author} list under “{topic}”?",
    "List what belongs to {topic} in “{title}”.",
    "{topic}, in “{title}”: what are they?",
)
SUMMED = ("Summarise “{title}” in a few sentences.", "What is “{title}” about?", "Introduce “{title}”.")
WENT_ON = ("Go on from here, as {author} would: {first}", "Continue this passage in your own voice: {first}")
POSTED = ("Write a post: {title}", "Write a short post in your own voice about {title}.")
MEANT = (
    "What does `{signature}` in {title} do?",
    "Document `{signature}` of {title}.",
    "What is `{signature}` in {title} for?",
)
MODULE = ("What is the module {title} for?", "Describe {title}.")


class StructuralWriter:
    """The generator that needs no model."""

    name = "structural"
    concurrency = 1

    async def write(self, extract: Extract) -> Sequence[Example]:
        """Examples in the author's own words."""
        return list(examples(extract))

    def about(self) -> Generator:
        """What the manifest says of this generator."""
        return Generator(self.name)


def examples(extract: Extract) -> Iterator[Example]:
    """Everything that the rules find, in the order of the text."""
    if not extract.prose:
        yield from _code(extract)
    elif extract.document.kind is Kind.POST and extract.position == 0:
        yield _made(extract, "post", POSTED, extract.text)
    else:
        yield from _prose(extract)


def _prose(extract: Extract) -> Iterator[Example]:
    found = extract.headings
    first = _PARAGRAPH.search(extract.text, 0, found[1].start if len(found) > 1 else len(extract.text))
    if extract.position == 0 and first and FEWEST <= len(first[1]) <= LONGEST_SUMMARY:
        yield _made(extract, "summary", SUMMED, first[1].strip())
    opening = extract.text[: found[0].start if found else None].strip()
    if len(opening) >= FEWEST:
        yield from _opening(extract, opening)
    ends = [*(one.start for one in found[1:]), len(extract.text)][: len(found)]
    for one, end in zip(found, ends, strict=True):
        body = extract.text[one.end : end].strip()
        if len(body) >= FEWEST:
            yield _made(extract, "heading", ABOUT, body, topic=one.name)
            yield from _lists(extract, one.name, body)


def _opening(extract: Extract, text: str) -> Iterator[Example]:
    """What stands before the first heading: the rest of a section, or a text that has no headings."""
    first = _SENTENCE.match(text)
    begins = text[0].isalnum() and not text[0].islower()  # an extract may begin in the middle of a sentence
    if begins and first and len(rest := text[first.end() :].strip()) >= FEWEST:
        yield _made(extract, "passage", WENT_ON, rest, first=" ".join(first[0].split()))
    yield from _lists(extract, extract.heading[-1] if extract.heading else extract.document.title, text)


def _lists(extract: Extract, topic: str, body: str) -> Iterator[Example]:
    if not _BULLET.search(body):  # most texts have no list
        return
    for match in _LIST.finditer(body):
        lead = match[1].strip().rstrip(":").strip("*_ ")
        items = match[2].strip()
        if len(items) >= FEWEST and len(items) < len(body) * 0.9:  # else the section's own example says the same
            yield _made(extract, "list", LISTED, items, topic=lead if match[1].strip().endswith(":") and lead else topic)


def _code(extract: Extract) -> Iterator[Example]:
    text = extract.text
    if extract.position == 0 and (match := _MODULE.match(text)):
        yield from _documented(extract, MODULE, match[1] or match[2])
    for match in _DOCSTRING.finditer(text):
        yield from _documented(extract, MEANT, match[3] or match[4], signature=" ".join(match[1].split()))
    for match in _COMMENT.finditer(text):
        said = "\n".join(line.lstrip("/").strip() for line in match[1].splitlines())
        if len(said) >= FEWEST_CODE:
            yield _made(extract, "comment", MEANT, said.strip(), signature=" ".join(match[2].split()))


def _documented(extract: Extract, prompts: Sequence[str], docstring: str, **words: str) -> Iterator[Example]:
    head, _, rest = docstring.strip().partition("\n")
    said = f"{head}\n{dedent(rest)}".strip()
    if len(said) >= FEWEST_CODE:
        yield _made(extract, "docstring", prompts, said, **words)


def _made(extract: Extract, rule: str, prompts: Sequence[str], answer: str, **words: str) -> Example:
    """An example whose wording is chosen by its answer, so that it is always the same and not all read alike."""
    document = extract.document
    prompt = prompts[crc32(answer.encode("utf-8", "replace")) % len(prompts)]
    return Example(
        kind=ExampleKind.INSTRUCTION,
        instruction=prompt.format(author=document.author.name or document.author.id, title=document.title, **words),
        answer=answer,
        document=document.id,
        source=document.source,
        author=document.author.id,
        origin=f"structural:{rule}",
        language=document.language,
        extract=extract.text,
    )
