"""Joins pages, API and live stream into one application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from functools import partial

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import Conflict, HeyiError, NotAllowed
from desk import api, pages
from desk.access import accountpages, auditpages, loginpages, oidcpages, reveal, rolepages, tokenpages, userpages
from desk.access.auth import COOKIE, Auth, SameOrigin, SignInRefused
from desk.access.hashing import Crowded
from desk.access.openapi import described
from desk.access.watch import SessionWatch
from desk.analysis import analysispages, briefpages, modelpages
from desk.assess import assesspages
from desk.board import boardpages
from desk.board.openlist import OpenTickets
from desk.board.spots import Spots
from desk.calls import callapi, calllist, hearing, missedapi, searchpage, transcriptapi
from desk.calls.ringclaims import RingClaims
from desk.config import exchangepages, restartpages
from desk.config import pages as configpages
from desk.config.applying import Applying
from desk.config.checking import faults_of
from desk.config.restarting import Restarting
from desk.dispatch import dispatchapi, fieldapi, fieldpages
from desk.doors import doorpages, hookpages, knocks, open311, publicpages
from desk.doors.outdoors import set_limits
from desk.i18n import language_of, translate
from desk.knowledge import cutpages, knowledgeapi, knowledgepages
from desk.leader import leaderpages
from desk.leader.leaderfeed import LeaderFeed
from desk.live import Feed
from desk.pages import error_page, message_of
from desk.quality import (
    appealpages,
    calibrationpages,
    clips,
    coachingpages,
    oversightpages,
    reportpages,
    reviewapi,
    reviewpage,
    samplingpages,
)
from desk.quality import examples as goodexamples
from desk.render import STATIC
from desk.services import DeskServices
from desk.shift import shiftpages
from desk.statics import CompressedStatic
from desk.tickets import assignapi, callbackapi, choosing, clockapi, incidentapi
from desk.voice import voicepages
from desk.wall import alarmapi, healthapi, wallboard
from desk.wall.boardfeed import BoardFeed
from ticketing.analysis.briefs import Briefs
from ticketing.assessment.service import Assessment
from ticketing.callbacks.people import CallbackDesk
from ticketing.callbacks.texts import Texts
from ticketing.dispatch.scenes import UnitMissing
from ticketing.fields import EditConflict
from ticketing.knowledge.repository import ArticleMissing
from ticketing.knowledge.service import Knowledge
from ticketing.repository import TicketMissing
from ticketing.selfservice.announcements import Announcements

__all__ = ["DeskServices", "create_app"]

_STATUS: tuple[tuple[type[HeyiError], int], ...] = (
    (SignInRefused, 401),
    (Crowded, 429),
    (NotAllowed, 403),
    (TicketMissing, 404),
    (ArticleMissing, 404),
    (UnitMissing, 404),
    (Conflict, 409),
    (HeyiError, 400),
)


def create_app(services: DeskServices) -> FastAPI:
    """The desk over these services. Its lifespan starts and ends the live feed."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        feed: Feed = app.state.feed
        board: BoardFeed = app.state.board
        await feed.start()
        await board.start()
        await app.state.leader.start()
        await app.state.watch.start()
        try:
            yield
        finally:
            app.state.claims.close()
            if app.state.restarting is not None:
                await app.state.restarting.close()
            if app.state.applying is not None:
                await app.state.applying.close()
            await app.state.watch.close()
            await app.state.leader.close()
            await board.close()
            await feed.close()

    # The generated documentation pages load scripts from elsewhere; /api/docs is our own.
    app = FastAPI(title="heyi", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.services = services
    app.state.auth = Auth(services)
    app.state.watch = SessionWatch(app.state.auth.sessions)
    app.state.feed = Feed(services)
    app.state.board = BoardFeed(services)
    app.state.open_tickets = OpenTickets(services.database, services.clock, app.state.feed.latest)
    app.state.spots = Spots(services.city, services.tickets.grids, services.find_places)
    app.state.callbacks = CallbackDesk(services.database, services.tickets, services.clock)
    app.state.texts = Texts(services.database, services.tickets, services.clock, None)
    app.state.assessment = Assessment(services.database, services.city, services.clock)
    app.state.briefs = Briefs(services.database, services.analysis, services.clock)
    app.state.leader = LeaderFeed(services, app.state.assessment, app.state.briefs)
    app.state.knowledge = Knowledge(services.database, services.city, services.clock, services.tickets)
    app.state.announcements = Announcements(services.database, services.city, services.clock, services.find_places)
    app.state.claims = RingClaims(services.bus, services.clock, services.switchboard.calls)
    app.state.applying = services.exchange and Applying(
        services.database, services.clock, services.configuration.folder, services.exchange
    )
    app.state.restarting = services.restart and Restarting(
        services.database, services.clock, services.restart,
        partial(faults_of, services.configuration.folder, services.exchange.fit if services.exchange else None),
        lambda: bool(app.state.applying and app.state.applying.job and app.state.applying.job.ended_at is None),
    )  # fmt: skip
    set_limits(app)
    app.include_router(api.router)
    app.include_router(callapi.router)
    app.include_router(callbackapi.router)
    app.include_router(healthapi.router)
    app.include_router(hearing.router)
    app.include_router(incidentapi.router)
    app.include_router(knowledgeapi.router)
    app.include_router(knowledgepages.router)
    app.include_router(dispatchapi.router)
    app.include_router(boardpages.router)
    app.include_router(wallboard.router)
    app.include_router(alarmapi.router)
    app.include_router(leaderpages.router)
    app.include_router(calllist.router)
    app.include_router(clockapi.router)
    app.include_router(assignapi.router)
    app.include_router(choosing.router)
    app.include_router(assesspages.router)
    app.include_router(analysispages.router)
    app.include_router(briefpages.router)
    app.include_router(missedapi.router)
    app.include_router(searchpage.router)
    app.include_router(transcriptapi.router)
    app.include_router(voicepages.router)
    app.include_router(modelpages.router)
    app.include_router(doorpages.router)
    app.include_router(fieldapi.router)
    app.include_router(fieldpages.router)
    app.include_router(hookpages.router)
    app.include_router(publicpages.router)
    app.include_router(cutpages.router)
    app.include_router(open311.router)
    app.include_router(knocks.router)
    app.include_router(accountpages.router)
    app.include_router(loginpages.router)
    app.include_router(oidcpages.router)
    app.include_router(auditpages.router)
    app.include_router(reveal.router)
    app.include_router(tokenpages.router)
    app.include_router(userpages.router)
    app.include_router(rolepages.router)
    app.include_router(configpages.router)
    app.include_router(exchangepages.router)
    app.include_router(restartpages.router)
    app.include_router(reviewpage.router)
    app.include_router(reviewapi.router)
    app.include_router(clips.router)
    app.include_router(goodexamples.router)
    app.include_router(appealpages.router)
    app.include_router(oversightpages.router)
    app.include_router(samplingpages.router)
    app.include_router(shiftpages.router)
    app.include_router(calibrationpages.router)
    app.include_router(coachingpages.router)
    app.include_router(reportpages.router)
    app.include_router(pages.router)
    app.mount("/static", CompressedStatic(directory=STATIC), name="static")
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(404, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HeyiError, _heyi_error)
    app.openapi = partial(described, app, COOKIE)  # type: ignore[method-assign]
    app.add_middleware(SameOrigin)
    app.add_middleware(Headers, sip_ws_port=services.settings.sip_ws_port)
    return app


def _answer(request: Request, status: int, message: str, **more: object) -> Response:
    if request.url.path.startswith(("/api/", "/live")) and request.url.path != "/api/docs":
        return JSONResponse({"error": status, "message": message, **more}, status)
    return error_page(request, status, message)


async def _http_error(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    detail = str(getattr(error, "detail", ""))
    return _answer(request, status, translate(language_of(request), "没有找到" if detail == "Not Found" else detail))


async def _invalid(request: Request, error: Exception) -> Response:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    where = ", ".join(".".join(str(part) for part in fault["loc"]) for fault in faults)
    return _answer(request, 422, translate(language_of(request), "填写的内容不符合要求"), where=where)


async def _heyi_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HeyiError)  # noqa: S101
    status = next(code for kind, code in _STATUS if isinstance(error, kind))
    more: dict[str, object] = {}
    if isinstance(error, EditConflict):
        more = {"version": error.version, "differences": [asdict(difference) for difference in error.differences]}
    return _answer(request, status, message_of(request, error), **more)


class Headers:
    """ASGI middleware: what browsers must not do with our pages, and how long they may keep static files."""

    def __init__(self, app: ASGIApp, sip_ws_port: int) -> None:
        self._app = app
        self._sip_ws_port = sip_ws_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        port = self._sip_ws_port
        policy = (
            "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action 'self'; connect-src 'self' ws://*:{port}"
        )
        state = scope.setdefault("state", {})
        path = scope["path"]
        # Their address changes with what they hold: by a mark (render.static_url), or in its name (web/build.mjs).
        for_ever = path.startswith("/static/") and (b"v=" in scope["query_string"] or "/dist/shared-" in path)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                # A page says so where a library of its own brings a style with it.
                nonce = state.get("style_nonce")
                # And where it draws a map that the city keeps elsewhere.
                allowed = f"{policy} {state['connect_to']}" if "connect_to" in state else policy
                styles = f"; style-src 'self' 'nonce-{nonce}'" if nonce else ""
                headers["Content-Security-Policy"] = allowed + styles
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
                if for_ever and message["status"] == 200:
                    headers["Cache-Control"] = "public, max-age=31536000, immutable"
            await send(message)

        await self._app(scope, receive, with_headers)
