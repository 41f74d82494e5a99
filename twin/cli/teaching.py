"""Settings -> what writes the examples of a dataset, and the feedback that was approved for it."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from twin.cli.place import Place
from twin.errors import SettingsError

if TYPE_CHECKING:
    from twin.dataset.build import Feedback
    from twin.dataset.ports import ExampleWriter
    from twin.drivers.sqlite.reviews import ReviewStore


class GeneratorName(enum.StrEnum):
    """What writes the examples."""

    STRUCTURAL = "structural"
    TEACHER = "teacher"


@dataclass(frozen=True)
class Choice:
    """A generator, and whether a teacher is asked again what it refused or answered badly."""

    generator: GeneratorName
    ask_again: bool = False


@asynccontextmanager
async def writer(here: Place, choice: Choice) -> AsyncIterator[ExampleWriter]:
    """The generator that was chosen, open. Raises SettingsError when no teacher is set."""
    if choice.generator is GeneratorName.STRUCTURAL:
        from twin.dataset.structural import StructuralWriter

        yield StructuralWriter()
        return
    s = here.settings
    if not s.teacher_url or not s.teacher_name:
        raise SettingsError("a teacher needs teacher_url (ending in /v1) and teacher_name: the server and its model's name")
    from twin.dataset.teacher import TeacherWriter
    from twin.drivers.openai.http import Server, Timeouts
    from twin.drivers.openai.teacher import OpenAITeacher
    from twin.drivers.sqlite.journal import TeacherJournal

    timeouts = Timeouts(s.connect_timeout, s.teacher_timeout, s.teacher_timeout, s.teacher_timeout)
    async with AsyncExitStack() as stack:
        journal = TeacherJournal(here.made() / "teacher.db", forgive=choice.ask_again)
        stack.push_async_callback(journal.close)
        await journal.open()
        try:
            server = Server(s.teacher_url, key=s.teacher_key, timeouts=timeouts)
        except SettingsError as exc:
            raise SettingsError(str(exc).replace("TWIN_MODEL_", "TWIN_TEACHER_")) from exc
        teacher = OpenAITeacher(server, s.teacher_name)
        stack.push_async_callback(teacher.close)
        yield TeacherWriter(teacher, journal, s.teacher_concurrency)


def reviews_file(here: Place) -> Path:
    """Where decisions about feedback are kept."""
    return here.home / "reviews.db"


async def feedback(here: Place) -> Feedback:
    """What was approved in `twin dataset review`; nothing where no review was made."""
    if not reviews_file(here).exists():
        return ()
    async with reviews(here) as store:
        return await store.approved()


@asynccontextmanager
async def reviews(here: Place) -> AsyncIterator[ReviewStore]:
    """The decisions, open."""
    from twin.drivers.sqlite.reviews import ReviewStore

    here.made()
    store = ReviewStore(reviews_file(here))
    await store.open()
    try:
        yield store
    finally:
        await store.close()
