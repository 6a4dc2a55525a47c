"""The knowledge base's pages: search and list, one article with its versions, writing, review, files."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, HTTPException, Request, UploadFile
from starlette.responses import RedirectResponse, Response

from core.errors import HeyiError
from desk.access.auth import SignedIn, audit
from desk.access.users import User, Users
from desk.api import Services
from desk.i18n import language_of
from desk.knowledge.knowledgeapi import REASONS, Base, content_view, seen_view
from desk.pages import message_of
from desk.render import page
from desk.views import Views
from desk.whole import Whole
from ticketing.knowledge import sheet
from ticketing.knowledge.content import compare, of_version
from ticketing.knowledge.repository import KnowledgeRepository
from ticketing.knowledge.service import Seen
from ticketing.knowledge.states import steps_of

router = APIRouter(include_in_schema=False)

STATE_NAMES = {"draft": "草稿", "published": "已发布", "withdrawn": "已下架"}
STEP_NAMES = {"save": "修改", "publish": "发布", "withdraw": "下架", "review": "核实"}
WHY_NAMES = {
    "expired": "已过有效期",
    "unhelpful": "多次被评为没有帮助",
    "expires": "30 天内到期",
    "unpublished": "有待审核的版本",
    "example": "示例，待本市核实",
    "stale": "一年未核实",
}
FIELD_NAMES = {
    "title": "标题", "questions": "来电人的问法", "steps": "答复步骤", "codes": "适用类别", "department": "归口部门",
    "area": "适用镇街", "valid_from": "有效期自", "valid_until": "有效期至", "source": "依据", "spoken": "语音播报",
}  # fmt: skip
#: The header of a search whose words are still being typed.
TYPING = "Heyi-Typing"
#: Bytes of a file that is brought in.
_FILE_LIMIT = 5 << 20


def _form(
    title: Annotated[str, Form(max_length=400)] = "",
    questions: Annotated[str, Form(max_length=8000)] = "",
    steps: Annotated[str, Form(max_length=20_000)] = "",
    codes: Annotated[str, Form(max_length=200)] = "",
    department: Annotated[str, Form(max_length=40)] = "",
    area: Annotated[str, Form(max_length=60)] = "",
    valid_from: Annotated[str, Form(max_length=10)] = "",
    valid_until: Annotated[str, Form(max_length=10)] = "",
    source: Annotated[str, Form(max_length=400)] = "",
    spoken: Annotated[str, Form(max_length=200)] = "",
) -> dict[str, Any]:
    """A form's fields: lists are lines, categories are divided by spaces or commas."""
    return {
        "title": title, "questions": questions.splitlines(), "steps": steps.splitlines(),
        "codes": codes.replace("，", " ").replace(",", " ").split(), "department": department, "area": area,
        "valid_from": valid_from, "valid_until": valid_until, "source": source, "spoken": spoken,
    }  # fmt: skip


Fields = Annotated[dict[str, Any], Depends(_form)]
Version = Annotated[int, Form(ge=1, le=2**31)]
Note = Annotated[str, Form(max_length=500)]


def _reviews(user: User) -> None:
    if user.role != "supervisor":
        raise HTTPException(403, "您没有此项权限")


@router.get("/knowledge")
async def listing(
    request: Request, user: SignedIn, base: Base, services: Services, q: str = "", state: str = "", group: str = ""
) -> Response:
    """All articles, or those that answer ``q``; call takers look at what is published."""
    views = Views(services.city, language_of(request))
    editor = user.role != "agent"
    # In mid-typing (web/src/lists.js) nothing was asked yet that could have been answered.
    count = user.role == "agent" and TYPING not in request.headers
    found = await base.search(q[:100], unpublished=editor, count=count) if q.strip() else None
    seen = await base.all()
    groups = {code: g.code for g in services.city.taxonomy for code in (c.code for c in g.categories)}
    known = {one.article.id: one for one in seen}
    rows = [(seen_view(known[hit.entry.id], views), hit.words) for hit in found if hit.entry.id in known] if (
        found is not None
    ) else [(seen_view(one, views), ()) for one in seen]  # fmt: skip
    shown = [
        (row, words)
        for row, words in rows
        if (not state or row["state"] == state)
        and (not group or any(groups.get(c["code"]) == group for c in row["codes"]))
        and (editor or row["state"] != "withdrawn")
    ]
    return page(
        request,
        "knowledge.html",
        me=user,
        q=q[:100],
        state=state,
        group=group,
        rows=shown,
        today=base.today().isoformat(),
        searched=found is not None,
        states=[(key, views.text(name)) for key, name in STATE_NAMES.items()],
        groups=[(g["code"], g["name"]) for g in _groups(services, views)],
        state_names={key: views.text(name) for key, name in STATE_NAMES.items()},
    )


@router.get("/knowledge/review")
async def review_page(request: Request, user: SignedIn, base: Base, services: Services) -> Response:
    """What somebody has to look at."""
    if user.role in ("agent", "dispatcher", "grid", "reviewer"):
        raise HTTPException(403, "您没有此项权限")
    views = Views(services.city, language_of(request))
    review = await base.to_review()
    mine = [
        (one, seen)
        for one, seen in review.due
        if user.role != "department" or seen.content.department == user.department
    ]
    return page(
        request,
        "knowledge_review.html",
        me=user,
        due=[(seen_view(seen, views), [views.text(WHY_NAMES[why]) for why in one.whys]) for one, seen in mine],
        gaps=[(gap, views.category_name(gap.code)) for gap in review.gaps] if user.role == "supervisor" else [],
        misses=review.misses if user.role == "supervisor" else [],
    )


@router.get("/knowledge/export.csv")
async def export(request: Request, user: SignedIn, base: Base) -> Response:
    """Every article as a file for a spreadsheet."""
    _reviews(user)
    await audit(request, user.login, "knowledge_export")
    headers = {"Content-Disposition": 'attachment; filename="knowledge.csv"', "Cache-Control": "no-store"}
    return Response(sheet.write(await base.all()), media_type="text/csv; charset=utf-8", headers=headers)


@router.post("/knowledge/import")
async def bring_in(
    request: Request, user: SignedIn, base: Base, services: Services, file: Annotated[UploadFile, File()]
) -> Response:
    """Rows become drafts and new versions; the answer names the rows that could not be taken."""
    _reviews(user)
    body = await file.read(_FILE_LIMIT + 1)
    if len(body) > _FILE_LIMIT:
        raise HeyiError("文件太大", hint="5 MB")
    async with services.database.read() as session:
        done = await sheet.take(base, KnowledgeRepository(session), _decoded(body), services.city, user.actor())
    await audit(request, user.login, "knowledge_import", detail=f"+{done.created} ~{done.changed} !{len(done.faults)}")
    return page(request, "knowledge_import.html", me=user, done=done)


@router.get("/knowledge/new")
async def new(request: Request, user: SignedIn, services: Services, q: str = "", code: str = "") -> Response:
    """An empty form; ``q`` and ``code``: what was asked and is not answered yet."""
    empty = _form(questions=q[:80], codes=code[:8], department=user.department or "")
    return _edit(request, user, services, empty, None, "")


@router.post("/knowledge/new")
async def create(
    request: Request, user: SignedIn, base: Base, services: Services, fields: Fields, note: Note = ""
) -> Response:
    try:
        made = await base.create(fields, user.actor(), note=note)
    except HeyiError as error:
        return _edit(request, user, services, fields, None, message_of(request, error))
    return RedirectResponse(f"/knowledge/{made.id}", 303)


@router.get("/knowledge/{article_id}")
async def article(
    request: Request,
    article_id: str,
    user: SignedIn,
    base: Base,
    services: Services,
    version: Whole = 0,
    against: Whole = 0,
) -> Response:
    """One article: what is shown, or another ``version`` of it compared with the one before or with ``against``."""
    seen = await _seen(base, article_id, user)
    views = Views(services.city, language_of(request))
    async with services.database.read() as session:
        repository = KnowledgeRepository(session)
        versions = await repository.versions(article_id)
        steps = await repository.steps(article_id)
        said = await repository.uses(article_id, "unhelpful")
        shown = await repository.version(article_id, version) if version else seen.version
        base_version = against or shown.version - 1
        before = of_version(await repository.version(article_id, base_version)) if version and base_version else None
    content = of_version(shown)
    editor = user.role != "agent"
    return page(
        request,
        "knowledge_article.html",
        me=user,
        article=seen_view(seen, views),
        shown=content_view(content, views),
        version=shown,
        compared=base_version if version else 0,
        lines=[(views.text(FIELD_NAMES[line.field]), line) for line in compare(before, content)] if version else [],
        versions=versions if editor else [],
        steps=steps if editor else [],
        said=[(views.text(REASONS[use.reason]), use) for use in said if use.reason in REASONS] if editor else [],
        may=steps_of(seen.article.state, user.role),
        valid=content.holds(base.today()),
        state_name=views.text(STATE_NAMES[seen.article.state]),
        step_names={key: views.text(name) for key, name in STEP_NAMES.items()},
        names=await Users(services.database).names(),
    )


@router.get("/knowledge/{article_id}/edit")
async def edit_page(request: Request, article_id: str, user: SignedIn, base: Base, services: Services) -> Response:
    """The newest version in a form."""
    seen = await _seen(base, article_id, user)
    async with services.database.read() as session:
        newest = await KnowledgeRepository(session).version(article_id, seen.article.version)
    return _edit(request, user, services, of_version(newest).values(), seen, "")


@router.post("/knowledge/{article_id}/edit")
async def edit(
    request: Request, article_id: str, user: SignedIn, base: Base, services: Services, fields: Fields, version: Version,
    note: Note = "",
) -> Response:  # fmt: skip
    try:
        saved = await base.save(article_id, fields, user.actor(), version=version, note=note)
    except HeyiError as error:
        # What was written stays in the form; the newest version stands beside it.
        seen = await _seen(base, article_id, user)
        return _edit(request, user, services, fields, seen, message_of(request, error))
    return RedirectResponse(f"/knowledge/{saved.id}?version={saved.version}", 303)


@router.post("/knowledge/{article_id}/publish")
async def publish(article_id: str, user: SignedIn, base: Base, version: Version, note: Note = "") -> Response:
    await base.publish(article_id, user.actor(), version=version, note=note)
    return RedirectResponse(f"/knowledge/{article_id}", 303)


@router.post("/knowledge/{article_id}/withdraw")
async def withdraw(article_id: str, user: SignedIn, base: Base, note: Note = "") -> Response:
    await base.withdraw(article_id, user.actor(), note)
    return RedirectResponse(f"/knowledge/{article_id}", 303)


@router.post("/knowledge/{article_id}/review")
async def review(article_id: str, user: SignedIn, base: Base, note: Note = "") -> Response:
    await base.review(article_id, user.actor(), note)
    return RedirectResponse(f"/knowledge/{article_id}", 303)


async def _seen(base: Base, article_id: str, user: User) -> Seen:
    seen = next((one for one in await base.all() if one.article.id == article_id), None)
    if seen is None or (user.role == "agent" and seen.article.state == "withdrawn"):
        raise HTTPException(404, "没有找到")
    return seen


def _edit(
    request: Request, user: User, services: Services, fields: Mapping[str, Any], seen: Seen | None, error: str
) -> Response:
    views = Views(services.city, language_of(request))
    return page(
        request,
        "knowledge_edit.html",
        409 if error else 200,
        me=user,
        fields=fields,
        article=seen_view(seen, views) if seen else None,
        error=error,
        groups=_groups(services, views),
        departments=views.choices()["departments"],
        towns=[town.name for town in services.city.towns],
    )


def _groups(services: Services, views: Views) -> list[dict[str, Any]]:
    chinese = views.language == "zh"
    return [
        {
            "code": group.code, "name": group.name if chinese else group.name_en,
            "categories": [(c.code, c.name if chinese else c.name_en) for c in group.categories],
        }
        for group in services.city.taxonomy
    ]  # fmt: skip


def _decoded(body: bytes) -> str:
    """Text of a file as spreadsheets here write it: UTF-8 or GB 18030."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise HeyiError("文件的文字编码无法识别", hint="UTF-8, GB18030")
