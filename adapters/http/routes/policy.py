"""The policy over HTTP: what is in force, what was, what it says, and what takes its place."""

from collections.abc import Awaitable, Callable

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from adapters.http.answers import json_answer
from adapters.http.bodies.policy import (
    ActivationBody,
    PolicyHistoryBody,
    ProposalBody,
    StopShadowBody,
    answer_body,
    policy_body,
    shadow_body,
    step_body,
)
from adapters.http.contract import policy as op
from adapters.http.contract.operation import route
from adapters.http.reading.requests import Query
from adapters.http.routes.commands import answered, id_of, said
from adapters.web.authentication import caller_of
from adapters.web.requests import Malformed, WebRequest
from application.policy_commands import PolicyCommands
from application.policy_library import PolicyLibrary, Wondering
from application.ports import Ids
from domain.identity import Principal
from domain.policy import Action
from domain.states import CancelMode

Named = Callable[[str], Awaitable[Principal]]


class PolicyUses(Struct, frozen=True):
    """The use cases of the policy."""

    commands: PolicyCommands
    library: PolicyLibrary


class Policies:
    """One method an operation. ``named``: the person of a name."""

    def __init__(self, uses: PolicyUses, named: Named, ids: Ids) -> None:
        self._commands = uses.commands
        self._library = uses.library
        self._named = named
        self._ids = ids

    def routes(self) -> list[HTTPRouteHandler]:
        """The routes under /api/v1."""
        return [
            route(op.SHOW, self.show),
            route(op.HISTORY, self.history),
            route(op.ANSWER, self.answer),
            route(op.PROPOSE, self.propose),
            route(op.ACTIVATE, self.activate),
            route(op.SHADOW, self.shadow),
            route(op.START_SHADOW, self.start_shadow),
            route(op.STOP_SHADOW, self.stop_shadow),
        ]

    async def show(self, request: WebRequest) -> Response[bytes]:
        """Rules."""
        query = Query(request, op.SHOW)
        position, at = query.number("position"), query.moment("at")
        digest = query.text("digest")
        one_of("position, at and digest", position, at, digest)
        caller = caller_of(request)
        if digest is not None:
            return json_answer(policy_body(await self._library.named(caller, digest)))
        found = await self._library.at(caller, position=position, at=at)
        return json_answer(policy_body(found))

    async def history(self, request: WebRequest) -> Response[bytes]:
        """All that was recorded."""
        Query(request, op.HISTORY)
        steps = await self._library.history(caller_of(request))
        return json_answer(PolicyHistoryBody(tuple(map(step_body, steps))))

    async def answer(self, request: WebRequest) -> Response[bytes]:
        """What the rules would say."""
        query, caller = Query(request, op.ANSWER), caller_of(request)
        job = query.number("job")
        if job is None:
            raise Malformed("there is no job; give its number as job", code="no_job_named")
        mode = query.text("mode")
        wondering = Wondering(
            job_id=str(job),
            person=query.text("person") or caller.subject.name,
            action=Action(query.text("action") or Action.CANCEL),
            mode=CancelMode(mode) if mode else None,
            message_units=query.number("message_units") or 0,
            reason_code=query.text("reason_code") or "",
        )
        return json_answer(answer_body(await self._library.answer(caller, wondering, self._named)))

    async def propose(self, request: WebRequest) -> Response[bytes]:
        """For another person to activate."""
        body, query = await said(request, op.PROPOSE, ProposalBody)
        key = id_of(query, self._ids)
        return await answered(self._commands.propose(caller_of(request), body.text, body.note, key))

    async def activate(self, request: WebRequest) -> Response[bytes]:
        """In force, when another person has proposed it."""
        body, query = await said(request, op.ACTIVATE, ActivationBody)
        key = id_of(query, self._ids)
        caller = caller_of(request)
        return await answered(
            self._commands.activate(caller, body.text, body.note, key, body.backtest)
        )

    async def shadow(self, request: WebRequest) -> Response[bytes]:
        """What runs in shadow."""
        query = Query(request, op.SHADOW)
        position, at = query.number("position"), query.moment("at")
        one_of("position and at", position, at)
        found = await self._library.shadow(caller_of(request), position=position, at=at)
        return json_answer(shadow_body(found))

    async def start_shadow(self, request: WebRequest) -> Response[bytes]:
        """Beside the rules in force."""
        body, query = await said(request, op.START_SHADOW, ProposalBody)
        key, caller = id_of(query, self._ids), caller_of(request)
        return await answered(self._commands.start_shadow(caller, body.text, body.note, key))

    async def stop_shadow(self, request: WebRequest) -> Response[bytes]:
        """No more."""
        body, query = await said(request, op.STOP_SHADOW, StopShadowBody)
        key, caller = id_of(query, self._ids), caller_of(request)
        return await answered(self._commands.stop_shadow(caller, body.note, key))


def one_of(names: str, *given: object) -> None:
    """Pass, or raise ``Malformed`` when more than one is given."""
    if sum(x is not None for x in given) > 1:
        raise Malformed(f"give one of {names}", code="ambiguous_question")
