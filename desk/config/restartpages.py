"""heyi restarted by the administrator: told before what it does, asked for a reason and who one is."""

from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Form, Request
from starlette.responses import RedirectResponse, Response

from core.errors import HeyiError
from desk.access.auth import Auth, SignedIn, address_of, auth_of
from desk.access.users import User, Users
from desk.config.catalogue import kind_of
from desk.config.restarting import Restarting
from desk.config.views import faults_view, title_of
from desk.context import services_of
from desk.i18n import language_of
from desk.pages import message_of
from desk.render import page
from desk.services import DeskServices
from desk.views import Views

router = APIRouter(include_in_schema=False)
Services = Annotated[DeskServices, Depends(services_of)]
#: A code of the telephone, a recovery code, or a password.
Proof = Annotated[str, Form(max_length=200)]


@router.get("/settings/restart")
async def ask(request: Request, user: SignedIn, services: Services) -> Response:
    """What waits, what a restart does to calls and screens, and the form; or how far one is."""
    return await _page(request, user, services)


@router.post("/settings/restart")
async def restart(
    request: Request, user: SignedIn, services: Services, why: Annotated[str, Form(max_length=200)] = "",
    proof: Proof = "",
) -> Response:  # fmt: skip
    """Prove that the next start opens, then restart; whoever finds an open browser restarts nothing."""
    restarting, auth = _restarting(request), auth_of(request)
    if restarting is None:
        raise HeyiError("这里不能重启合一，请在服务器上重启")
    try:
        await _proved(request, auth, user, proof)
        restarting.begin(by=user.login, why=why, address=address_of(request))
    except HeyiError as refused:
        return await _page(request, user, services, error=message_of(request, refused), why=why)
    return RedirectResponse("/settings/restart", 303)


@router.get("/api/settings/restart")
async def state(request: Request, user: SignedIn) -> dict[str, Any]:
    """How far it is; another ``boot`` than before: heyi has begun anew."""
    restarting = _restarting(request)
    job = restarting.job if restarting else None
    return {
        "boot": restarting.boot if restarting else "",
        "step": job.step if job else "",
        "running": job is not None and job.running,
    }


async def _proved(request: Request, auth: Auth, user: User, proof: str) -> None:
    if (await auth.factors.standing(user.login)).on:
        await auth.check_code(user, proof, address_of(request))
    else:
        await auth.sign_in(user.login, proof, request)


async def _page(request: Request, user: User, services: DeskServices, *, error: str = "", why: str = "") -> Response:
    restarting, views = _restarting(request), Views(services.city, language_of(request))
    job = restarting.job if restarting else None
    names = await Users(services.database).names()
    waiting = [name for name in services.configuration.waiting() if _restarts(name)]
    return page(
        request,
        "settings_restart.html",
        400 if error else 200,
        me=user,
        there=restarting is not None,
        boot=restarting.boot if restarting else "",
        since=restarting.since if restarting else None,
        factor=(await auth_of(request).factors.standing(user.login)).on,
        calls=len(services.switchboard.calls()),
        waiting=[title_of(name, views) for name in waiting],
        error=error,
        why=why,
        job=job and {
            "by": names.get(job.by, job.by), "why": job.why, "at": job.begun_at, "running": job.running,
            "step": job.step, "error": job.error, "hint": job.hint,
            "faults": faults_view(job.faults, "", views.language),
        },
    )  # fmt: skip


def _restarts(name: str) -> bool:
    kind = kind_of(name)
    return kind is not None and "restart" in kind.effects


def _restarting(request: Request) -> Restarting | None:
    return cast(Restarting | None, request.app.state.restarting)
