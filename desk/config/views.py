"""What the administrator's pages show, as plain values."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.cityfolder import CityFolder
from core.yamlrows import NotRows, starts
from desk.config.applying import Job
from desk.config.catalogue import GROUPS, Effect, Kind, is_flow, is_there, kind_of, names_of
from desk.config.checking import Told
from desk.config.diffs import counts, diff
from desk.config.faultwords import in_words
from desk.config.forms import FIELDS, blank, choices, entries, faulty
from desk.config.service import Standing, Version
from desk.i18n import Language, translate
from desk.services import DeskServices
from desk.views import Views

EFFECTS: Mapping[Effect, str] = {"screens": "文字即时", "asterisk": "应用", "restart": "重启"}
#: The same as a sentence.
_WHEN: Mapping[tuple[Effect, ...], str] = {
    ("screens", "asterisk", "restart"): "名称和开头语保存后立即显示在各页；其余须应用到 Asterisk，并重启合一",
    ("asterisk", "restart"): "须应用到 Asterisk，并重启合一",
    ("screens", "restart"): "名称保存后立即显示在各页；其余重启合一后生效",
    ("restart",): "重启合一后生效",
    ("screens",): "保存后立即生效",
}
STEPS = {
    "reading": "正在读取配置", "checking": "正在用备用 Asterisk 试运行", "applying": "正在应用", "done": "已结束",
}  # fmt: skip


def groups_view(
    folder: CityFolder, standings: Mapping[str, Standing], waiting: Sequence[str], names: Mapping[str, str],
    views: Views,
) -> list[dict[str, Any]]:  # fmt: skip
    """The overview: groups of files, each with how it stands."""
    return [
        {
            "title": views.text(group.title),
            "files": [
                _file_view(name, kind, folder, standings.get(name), name in waiting, names, views)
                for kind in group.kinds
                for name in names_of(kind, folder, standings)
            ],
        }
        for group in GROUPS
    ]


def _file_view(
    name: str, kind: Kind, folder: CityFolder, standing: Standing | None, waits: bool, names: Mapping[str, str],
    views: Views,
) -> dict[str, Any]:  # fmt: skip
    newest = standing.newest if standing else None
    return {
        "name": name,
        "title": title_of(name, views),
        "flow": is_flow(name),
        "there": is_there(folder, name),
        "number": newest.number if newest else 0,
        "newest": version_view(newest, names) if newest else None,
        "effects": [views.text(EFFECTS[effect]) for effect in kind.effects],
        "waits": waits and "restart" in kind.effects,
        "moved_on": bool(standing and standing.moved_on),
    }


def title_of(name: str, views: Views) -> str:
    """A file in the operators' words; flows with their own name."""
    kind = kind_of(name)
    title = views.text(kind.title) if kind else name
    return f"{title} {name.removeprefix('ivr/').removesuffix('.yaml')}" if name.startswith("ivr/") else title


def version_view(version: Version, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "number": version.number, "who": names.get(version.who, version.who), "login": version.who,
        "at": version.at, "why": version.why, "restores": version.restores,
    }  # fmt: skip


def file_view(name: str, views: Views) -> dict[str, Any]:
    kind = kind_of(name)
    return {
        "name": name,
        "title": title_of(name, views),
        "note": views.text(kind.note) if kind and kind.note else "",
        "when": views.text(_WHEN[kind.effects]) if kind else "",
        "table": name in FIELDS,
    }


def diff_view(before: str, after: str, language: Language) -> dict[str, Any]:
    lines = diff(before, after)
    came, went = counts(lines)
    return {
        "lines": [
            {"sign": line.sign, "old": line.old or "", "new": line.new or "", "text": translate(language, line.text),
             "kind": {"+": "came", "−": "went", "…": "gap"}.get(line.sign, "same")}
            for line in lines
        ],
        "came": came,
        "went": went,
    }  # fmt: skip


def faults_view(faults: Sequence[Told], name: str, language: Language) -> list[dict[str, Any]]:
    return [
        {
            "file": fault.file,
            "own": fault.file == name,
            "line": fault.line,
            "text": in_words(fault.text, language, fault.file),
        }
        for fault in faults
    ]


def table_view(services: DeskServices, name: str, text: str, faults: Sequence[Told], views: Views) -> Any:
    """The entries as a table to be filled in; None where the text is no such list."""
    if name not in FIELDS:
        return None
    try:
        found, begins = entries(name, text), starts(text)
    except NotRows:
        return None
    wrong = faulty([fault.line for fault in faults if fault.file == name], begins)
    said = {
        at: [(f.line, in_words(f.text, views.language, name)) for f in faults if f.file == name and f.line in lines]
        for at, lines in wrong.items()
    }
    offered = {
        kind: {key: views.text(word) if kind in ("kinds", "desks") else word for key, word in words.items()}
        for kind, words in choices(services.city, english=views.language == "en").items()
    }
    return {
        "fields": [field for field in FIELDS[name] if not field.wide],
        "wide": [field for field in FIELDS[name] if field.wide],
        "rows": [{"id": at, "values": values, "faults": said.get(at, [])} for at, values in enumerate(found)],
        "blank": {"id": "new", "values": blank(name), "faults": []},
        "choices": offered,
    }


def job_view(job: Job | None, names: Mapping[str, str], views: Views) -> dict[str, Any] | None:
    """A check or an apply as the page and its script read it."""
    if job is None:
        return None
    return {
        "apply": job.apply,
        "by": names.get(job.by, job.by),
        "begun_at": job.begun_at.isoformat(),
        "step": job.step,
        "step_name": views.text(STEPS[job.step]),
        "running": job.ended_at is None,
        "problems": list(job.problems),
        "error": job.error,
        "hint": job.hint,
        "changed": list(job.applied.changed) if job.applied else [],
        "at_restart": list(job.applied.at_restart) if job.applied else [],
        "applied": job.applied is not None,
        "asterisk_runs": job.applied.running if job.applied else None,
        "unspoken": list(job.unspoken),
    }
