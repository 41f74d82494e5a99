"""Answers that readers marked -> the proposals that wait for a reviewer, and what was decided of each. Knows no store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from services.gateway.http import Request, convert, decode
from services.gateway.state import TRACE_ID, Gateway
from twin.dataset.review import Proposal, waiting
from twin.errors import AnswerError, QuestionError

if TYPE_CHECKING:
    from twin.dataset.ports import Feedback, Reviews

MOST = 100  # proposals in one reply


class Part(Struct, forbid_unknown_fields=True):
    """Which part of what waits GET /v1/reviews gives: so many, of answers after this trace."""

    limit: Annotated[int, Meta(ge=1, le=MOST)] = 20
    after: str = ""


class Decision(Struct):
    """POST /v1/reviews/{id}."""

    approved: bool


class Desk:
    """What reviewers are shown and decide, here and elsewhere: the first decision about an example stands.

    What was shown is remembered, so that a decision needs no second look through all scored answers.
    """

    def __init__(self, feedback: Feedback, decisions: Reviews) -> None:
        self._feedback = feedback
        self._decisions = decisions
        self._shown: Mapping[str, Proposal] = {}

    async def waiting(self) -> list[Proposal]:
        """The proposals that nobody has decided, in the order of their answers. Raises StoreError."""
        found = await waiting(self._feedback, self._decisions)
        self._shown = {one.example.id: one for one in found}
        return found

    async def decide(self, id: str, *, approved: bool) -> bool:
        """What stands of this proposal: this decision, or an earlier one. Raises StoreError, and AnswerError 404."""
        if id not in self._shown:
            await self.waiting()
        if proposal := self._shown.get(id):
            earlier = await self._decisions.decide(proposal.example, proposal.documents, approved=approved)
        elif (earlier := (await self._decisions.decided()).get(id)) is None:
            said = "there is no such proposal: its answer is no longer kept, or was marked otherwise meanwhile"
            raise AnswerError(said, status=404, code="proposal_not_found")
        return approved if earlier is None else earlier


async def listed(state: Gateway, request: Request) -> None:
    """The next proposals that wait, and how many there are from there on."""
    part = convert(request.query, Part, strict=False)
    if part.after and not TRACE_ID.fullmatch(part.after):
        raise QuestionError("after: is no trace id; it is the trace of the last proposal that was seen", param="after")
    found = [one for one in await state.desk.waiting() if one.trace > part.after]
    await request.json(200, {"waiting": len(found), "data": [_shown(one) for one in found[: part.limit]]})


def _shown(proposal: Proposal) -> dict[str, Any]:
    example = proposal.example
    return {
        "id": example.id,
        "question": example.instruction,
        "chosen": example.answer,
        "rejected": example.rejected,
        "why": proposal.why,
        "comment": proposal.comment,
        "author": example.author,
        "trace": proposal.trace,
        "documents": proposal.documents,
    }


async def decided(state: Gateway, request: Request) -> None:
    """Keep a decision. The same again changes nothing; against another that stands it is refused."""
    id = request.scope["path"].rpartition("/v1/reviews/")[2]
    wanted = convert(decode(await request.body()), Decision).approved
    stands = await state.desk.decide(id, approved=wanted)
    if stands is not wanted:
        said = f"this proposal was {'approved' if stands else 'turned down'} already; the first decision stands"
        raise AnswerError(said, status=409, code="decided_already")
    await request.json(200, {"id": id, "approved": stands})
