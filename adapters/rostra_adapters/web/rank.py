"""The ranking page: the queue of whoever ranks, and one ballot after the other. All rules are those of the booth and the queue."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from secrets import token_hex
from typing import Any, TypeAlias

from aiohttp import web

from rostra.clock import Clock
from rostra.components import Services
from rostra.denied import kept_from
from rostra.feedback import notices
from rostra.feedback.ballots import CHAT, Sheet, read_back, said_of
from rostra.feedback.booth import Booth, NoBallotError, Said, Visitor
from rostra.feedback.queue import Queue
from rostra.feedback.ranking import RankingError
from rostra.feedback.values import Assignment, ConsentScope, Judgment
from rostra.protocols import Moderation
from rostra.stores import Store
from rostra.verdicts import Decision, Passage

from .drawing import Drawing
from .guard import Handler, Refused, onwards, text_in
from .markdown import html
from .rank_door import RankDoor, Ranker
from .rank_shown import Answered, Row, answered, ballot_of, row

ID = re.compile(r"[0-9a-f]{32}")
SURFACE = "page"
"""What a judgment says it was made on."""
LAST = 8
"""Answered ballots that are listed."""
LOOKED_AT = 1000
RANKING, TEXT = 2_000, 20_000
"""Characters of what is said of a ballot, and of an answer that is written, at most."""
IDLE = "There is nothing for you to rank right now, or you have done your share of today."
BLOCKED = "This text was not taken: the rules of this bot do not allow it. Change it and send it again."
AGREE: Mapping[str, ConsentScope] = {"rate": "rate", "train": "train"}

Act: TypeAlias = Callable[["Rank", web.Request], Awaitable[web.StreamResponse]]


def _told(act: Act) -> Act:
    """Return ``act`` with what was wrong with a ballot, or with what was said of it, told to whoever asked."""

    @wraps(act)
    async def run(self: Rank, request: web.Request) -> web.StreamResponse:
        try:
            return await act(self, request)
        except NoBallotError as error:
            raise Refused(HTTPStatus.NOT_FOUND, str(error.args[0])) from None
        except RankingError as error:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, _sentence(error)) from None

    return run


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """Handlers of the ranking page."""

    door: RankDoor
    drawing: Drawing
    store: Store
    clock: Clock
    booth: Booth
    queue: Queue
    moderation: Moderation | None

    def routes(self) -> Sequence[web.RouteDef]:
        """Return the routes, without the guard that they need."""
        ballot = "/rank/{ballot:[0-9a-f]{32}}"
        return (
            web.get("/rank", self._of(Rank._queue)),
            web.post("/rank/next", self._of(Rank._next)),
            web.post("/rank/consent", self._of(Rank._consent)),
            web.get(ballot, self._of(Rank._ballot)),
            web.get(f"{ballot}/draft", self._of(Rank._drafted)),
            web.post(f"{ballot}/draft", self._of(Rank._draft)),
            web.post(f"{ballot}/answer", self._of(Rank._answer)),
            web.post(f"{ballot}/text", self._of(Rank._write)),
        )

    def _of(self, act: Act) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await _told(act)(self, request)

        return handle

    async def _queue(self, request: web.Request) -> web.StreamResponse:
        who = await self.door.reader(request)
        then = request.query.get("then", "")
        said = IDLE if "idle" in request.query else ""
        return self._page(
            "rank_queue.html",
            who,
            rows=await self._rows(who),
            last=await self._last(who),
            agreed=await self._agreed(who),
            notice=html(notices.NOTICE),
            then=then if ID.fullmatch(then) else "",
            said=said,
        )

    async def _rows(self, who: Ranker) -> Sequence[Row]:
        """Return the open campaigns of the workspace; the chat's own only where a ballot of it is in hand."""
        found: list[Row] = []
        for plan in reversed(await self.store.campaigns(who.place, "open")):
            had = await self.store.assignments(who.person, plan.id, None, LOOKED_AT)
            ballot = next((one.id for one in had if one.state == "leased"), "")
            if plan.more.get(CHAT) and not ballot:
                continue
            refused = ""
            if who.permission < plan.raters:
                refused = kept_from("Ranking answers here", plan.raters, who.permission)
            own = sum(one.state in {"submitted", "skipped"} for one in had)
            found.append(row(plan, await self.store.progress(plan.id), own, ballot, refused))
        return found

    async def _last(self, who: Ranker) -> Sequence[Answered]:
        """Return the last ballots that were answered, which may be changed still."""
        had: list[Assignment] = []
        for state in ("submitted", "skipped"):
            had.extend(await self.store.assignments(who.person, "", state, 2 * LAST))
        found: list[Answered] = []
        for one in sorted(had, key=lambda each: (each.at, each.id), reverse=True):
            last = await self._revision(one.id)
            try:
                sheet = await self.booth.sheet(self._visitor(who), one.id)
            except NoBallotError:
                continue
            if last is not None and sheet.campaign.status != "closed":
                found.append(answered(sheet, last))
            if len(found) == LAST:
                break
        return found

    async def _next(self, request: web.Request) -> web.StreamResponse:
        who, given, scripted = await self.door.writer(request)
        campaign, wanted = None, text_in(given, "campaign", 32)
        if wanted:
            plans = await self.store.campaigns(who.place)
            campaign = next((one for one in plans if one.id == wanted), None)
            if campaign is None:
                raise Refused(HTTPStatus.NOT_FOUND)
        path = "/rank"
        if await self._agreed(who):
            found = await self.queue.next(self._visitor(who), who.permission, campaign)
            path = "/rank?idle=1" if found is None else f"/rank/{found.assignment.id}"
        return web.json_response({"path": path}) if scripted else onwards(path)

    async def _consent(self, request: web.Request) -> web.StreamResponse:
        who, given, _ = await self.door.writer(request)
        scope, then = AGREE.get(text_in(given, "scope", 8)), text_in(given, "then", 32)
        if scope is not None:
            scopes, at = notices.implied(scope), self.clock.now()
            for one in notices.said(scopes, who.person, who.place, granted=True, evidence="page", at=at):
                await self.store.consent(one)
        return onwards(f"/rank/{then}" if scope is not None and ID.fullmatch(then) else "/rank")

    async def _ballot(self, request: web.Request) -> web.StreamResponse:
        who = await self.door.reader(request)
        sheet = await self._sheet(request, who)
        if not await self._agreed(who):
            return onwards(f"/rank?then={sheet.assignment.id}")
        return await self._shown(who, sheet)

    async def _shown(self, who: Ranker, sheet: Sheet, *, typed: str = "", wrong: str = "") -> web.Response:
        """Return the page of a ballot; ``wrong`` says what is wrong with what was ``typed``, if anything is."""
        last = await self._revision(sheet.assignment.id)
        progress = await self.store.progress(sheet.campaign.id)
        response = self._page(
            "rank.html",
            who,
            ballot=ballot_of(sheet, last),
            typed=typed,
            wrong=wrong,
            first=not await self.queue.informed(self._visitor(who), sheet.campaign),
            done=progress.done,
            tasks=progress.tasks - progress.void,
            chat=bool(sheet.campaign.more.get(CHAT)),
            event=token_hex(16),
            most=TEXT,
        )
        if wrong:
            response.set_status(HTTPStatus.UNPROCESSABLE_ENTITY)
        return response

    async def _drafted(self, request: web.Request) -> web.StreamResponse:
        who = await self.door.reader(request)
        shown = ballot_of(await self._sheet(request, who), None)
        body = {"ranking": shown.written if shown.moved else "", "held": shown.held}
        return web.json_response(body)

    async def _draft(self, request: web.Request) -> web.StreamResponse:
        who, given, _ = await self.door.writer(request)
        sheet = await self._rated(request, who)
        said = text_in(given, "ranking", RANKING)
        now = await self.booth.arrange(self._visitor(who, _event(sheet, given)), sheet.assignment.id, said)
        return web.json_response({"held": now.assignment.state == "leased"})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        who, given, scripted = await self.door.writer(request)
        sheet = await self._rated(request, who)
        visitor, ballot = self._visitor(who, _event(sheet, given)), sheet.assignment.id
        words = text_in(given, "say", 8) or text_in(given, "ranking", RANKING)
        try:
            said = await self.booth.answer(visitor, ballot, words)
            if said.ranking is None:  # points that lack some: whoever saves them wants them as they are
                said = await self.booth.answer(visitor, ballot, "save")
        except RankingError as error:
            if scripted:
                raise
            return await self._shown(who, sheet, typed=words, wrong=_sentence(error))
        return web.json_response(_saved(said)) if scripted else onwards(f"/rank/{ballot}?saved=1")

    async def _write(self, request: web.Request) -> web.StreamResponse:
        who, given, scripted = await self.door.writer(request)
        sheet = await self._rated(request, who)
        text = text_in(given, "text", TEXT)
        if not text.strip():
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "Write something first.")
        if self.moderation is None:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE)
        passage = Passage(text=text, direction="question", place=who.place, author=who.author)
        if (await self.moderation.judge(passage)).decision is Decision.BLOCK:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, BLOCKED)
        ballot = sheet.assignment.id
        await self.booth.write(self._visitor(who, _event(sheet, given)), ballot, text)
        said = {"said": "Saved. Thank you for writing it.", "ranking": "", "changed": False}
        return web.json_response(said) if scripted else onwards(f"/rank/{ballot}?saved=1")

    async def _sheet(self, request: web.Request, who: Ranker) -> Sheet:
        """Return the ballot that ``request`` is about. Raises `NoBallotError` unless it is theirs, and here, and `Refused`."""
        sheet = await self.booth.sheet(self._visitor(who), request.match_info["ballot"])
        if who.permission < sheet.campaign.raters:
            said = kept_from("Ranking answers here", sheet.campaign.raters, who.permission)
            raise Refused(HTTPStatus.FORBIDDEN, said)
        return sheet

    async def _rated(self, request: web.Request, who: Ranker) -> Sheet:
        """Return the ballot that ``request`` says something of, which takes their consent. Raises as `_sheet` does."""
        sheet = await self._sheet(request, who)
        if not await self._agreed(who):
            raise Refused(HTTPStatus.FORBIDDEN, "Nothing is kept of your rankings before you agreed to it.")
        return sheet

    async def _agreed(self, who: Ranker) -> bool:
        return notices.holds(await self.store.consents(who.person, who.place), "rate")

    async def _revision(self, ballot: str) -> Judgment | None:
        revisions = await self.store.revisions(ballot)
        return revisions[-1] if revisions else None

    def _visitor(self, who: Ranker, event: str = "") -> Visitor:
        return who.visitor(event, self.clock.now(), SURFACE)

    def _page(self, template: str, who: Ranker, **values: Any) -> web.Response:
        text = self.drawing.page(template, csrf=who.csrf, who=who.called, guest=who.guest, **values)
        return web.Response(text=text, content_type="text/html")


def _saved(said: Said) -> Mapping[str, object]:
    """Return what is read back of what was stored."""
    ranking = said.ranking
    text = "" if ranking is None else read_back(said.sheet, ranking, said.ratings)
    before = "Changed" if said.changed else "Saved"
    return {"said": f"{before}: {said_of(text)}", "ranking": text, "changed": said.changed}


def _sentence(error: RankingError) -> str:
    said = str(error)
    return f"{said[:1].upper()}{said[1:]}".removesuffix(".") + "."


def _event(sheet: Sheet, given: Mapping[str, Any]) -> str:
    """Return the id of what was done: the browser's own, on its ballot, so that nobody's is another's."""
    own = text_in(given, "id", 32)
    if not ID.fullmatch(own):
        raise Refused(HTTPStatus.BAD_REQUEST)
    return f"{sheet.assignment.id}.{own}"


def open_rank(services: Services, store: Store, door: RankDoor) -> Rank:
    """Return the page, over what the core lends."""
    return Rank(
        door=door,
        drawing=door.drawing,
        store=store,
        clock=services.clock,
        booth=Booth(store, services.clock),
        queue=Queue(store, services.clock),
        moderation=services.moderation,
    )
