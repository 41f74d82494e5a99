"""What is installed on this machine -> a list of real documents, the same for the same tree and the same packages.

First this repository's own text files, then documentation of the packages beside it: their Markdown and reStructuredText files, and the
docstrings of each of their modules that says a good deal. The order of the latter is that of a digest of their names, so that a smaller
selection is a fair sample of a larger one. Knows nothing of what is measured with it.
"""

from __future__ import annotations

import ast
import hashlib
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from twin.records import Author, Document, Kind

ROOT = Path(__file__).parents[2]
PACKAGES = Path(sysconfig.get_path("purelib"))
TEXT = (".md", ".py", ".txt", ".toml", ".yaml", ".yml", ".html", ".css", ".js", ".go", ".sh")
LEFT_OUT = ("uv.lock", "tests/bench/", "docs/cli.md")
PROSE = (".md", ".rst")
FEWEST = 1_500  # characters of documentation that make a document
MOST = 60_000  # of one document: a handful of generated pages would outweigh all others
LARGEST = 400_000  # bytes of a file that is looked into
NOBODY = Author("corpus", "Corpus")


def corpus(count: int) -> list[Document]:
    """At most `count` documents; a third of them, where there are as many, from this repository."""
    own = list(islice(_documents(_repository(), _of_repository), max(1, count // 3)))
    return own + list(islice(_documents(_packages(), _of_package), count - len(own)))


def described(documents: list[Document]) -> str:
    """How many documents and characters, and a digest that says whether two runs had the same."""
    made = hashlib.sha256("".join(one.content_hash for one in documents).encode()).hexdigest()[:12]
    size = sum(len(one.text) for one in documents)
    own = sum(one.kind is Kind.REPOSITORY for one in documents)
    return f"{len(documents)} documents ({own} files of this repository, {len(documents) - own} of packages), {size / 1e6:.2f} million characters, digest {made}"


def _documents(paths: Iterator[Path], made: Callable[[Path], Document | None]) -> Iterator[Document]:
    for path in sorted(paths, key=lambda path: hashlib.sha256(_name(path).encode()).digest()):
        if document := made(path):
            yield document


def _repository() -> Iterator[Path]:
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if name.endswith(TEXT) and not name.startswith(LEFT_OUT):
            yield ROOT / name


def _packages() -> Iterator[Path]:
    for path in PACKAGES.rglob("*"):
        if path.suffix in (*PROSE, ".py") and not {"licenses", "tests"} & set(path.parts):
            yield path


def _of_repository(path: Path) -> Document | None:
    return _document(f"repo:{_name(path)}", _name(path), _read(path), Kind.REPOSITORY)


def _of_package(path: Path) -> Document | None:
    if path.suffix in PROSE:
        return _document(f"package:{_name(path)}", path.stem, _read(path), Kind.ARTICLE)
    module = _name(path).removesuffix(".py").replace("/", ".")
    return _document(f"package:{_name(path)}", module, _docstrings(_read(path)), Kind.ARTICLE)


def _name(path: Path) -> str:
    return path.relative_to(PACKAGES if path.is_relative_to(PACKAGES) else ROOT).as_posix()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.stat().st_size < LARGEST else ""
    except (OSError, UnicodeDecodeError):
        return ""


def _docstrings(source: str) -> str:
    """The documentation of a module as Markdown: a heading and its docstring for each thing that has one."""
    if len(source) < FEWEST or '"""' not in source:  # cheaper than parsing thousands of files
        return ""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return ""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    said = [(node, text) for node in ast.walk(tree) if isinstance(node, documented) and (text := ast.get_docstring(node))]
    return "\n\n".join(text if isinstance(node, ast.Module) else f"## {node.name}\n\n{text}" for node, text in said)


def _document(uri: str, title: str, text: str, kind: Kind) -> Document | None:
    if not FEWEST <= len(text) <= MOST:
        return None
    return Document(uri=uri, source=uri.partition(":")[0], kind=kind, title=title, text=text, author=NOBODY)
