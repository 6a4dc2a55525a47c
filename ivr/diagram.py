"""Voice flows as pictures and tables for people: ``heyi ivr draw``, and ``python -m ivr.diagram PAGE.md``."""

import sys
from collections.abc import Mapping
from pathlib import Path

from core.city_ivr import (
    LOOK_UPS,
    AskStep,
    BranchStep,
    CallBackStep,
    HangUpStep,
    IvrFlow,
    LookUpStep,
    QueueStep,
    RecordStep,
    Step,
    TransferStep,
    targets,
)
from core.city_ivrpaths import Paths
from core.cityfile import load_city

#: The page's flows are those of the example city.
_CITY = Path(__file__).parent.parent / "cities" / "jinjiang"
_BEGIN, _END = "<!-- ivr:begin -->", "<!-- ivr:end -->"
_LOOK_BEGIN, _LOOK_END = "<!-- lookups:begin -->", "<!-- lookups:end -->"


def mermaid(flow: IvrFlow) -> str:
    """A Mermaid flowchart. What leads to the flow's way out by default (key 0, a failure) is left out of it."""
    lines = ["flowchart TD", f"    begin(({_text(flow.name)})) --> {_id(flow.steps[0].key)}"]
    others: dict[str, str] = {}
    for step in flow.steps:
        lines.append(f"    {_id(step.key)}{_shape(step, flow)}")
    for step in flow.steps:
        ways: dict[str, list[str]] = {}
        for why, target in targets(step, flow):
            own = why in ("key 0", "failed") and target == flow.out
            if not own:
                ways.setdefault(target, []).append(_why(why, step))
        for target, whys in ways.items():
            if target.startswith("/"):
                others[target] = f'    {_id(target)}[/"{_text(target)}"/]'
            label = "、".join(dict.fromkeys(why for why in whys if why))
            arrow = f'-- "{_text(label)}" -->' if label else "-->"
            lines.append(f"    {_id(step.key)} {arrow} {_id(target)}")
    return "\n".join([*lines, *others.values()])


_WHYS = {
    "said": "", "silence": "没有应答", "wrong key": "听不懂", "heard": "说话", "words": "关键词", "figures": "输入完",
    "recorded": "录完", "failed": "失败", "key 0": "按0", "otherwise": "其他",
}  # fmt: skip


def _why(why: str, step: Step) -> str:
    if why.startswith("key ") and why != "key 0":
        return f"按{why.removeprefix('key ')}"
    if isinstance(step, LookUpStep) and why != "failed":
        return why
    return _WHYS.get(why, why)


def _shape(step: Step, flow: IvrFlow) -> str:
    prompt = flow.prompts.get(step.prompt)
    said = f"<br>{prompt.text('zh')}" if prompt else ""
    match step:
        case AskStep():
            return f'["❓ {_text(step.key)}{_text(said)}"]'
        case BranchStep():
            return f'{{"{_text(step.key)}"}}'
        case LookUpStep():
            return f'[("{_text(step.key)}：查 {_text(step.name)}")]'
        case RecordStep():
            return f'["⏺ {_text(step.key)}{_text(said)}"]'
        case QueueStep(keep=keep, group=group, line=line):
            where = "回到原位次" if keep else _text(f"排队 {group or line}".strip())
            return f'(["👤 {where}{_text(said)}"])'
        case TransferStep():
            return f'(["👤 转接 {_text(step.group or step.line or step.party)}{_text(said)}"])'
        case CallBackStep():
            return f'(["☎ 保留位次，回电{_text(said)}"])'
        case HangUpStep():
            return f'(["挂机{_text(said)}"])'
        case _:
            return f'["{_text(step.key)}{_text(said)}"]'


def _id(key: str) -> str:
    """Never a word of Mermaid's own, such as ``end``."""
    return "s_" + key.replace("-", "_").replace("/", "to_")


def _text(text: str) -> str:
    return text.replace('"', "'").replace("{", "〔").replace("}", "〕")


def summary(flows: Mapping[str, IvrFlow], key: str) -> str:
    """One line: steps, and the longest that a silent caller waits after a question."""
    paths, flow = Paths(flows), flows[key]
    asked = [(flow.key, s.key) for s in flow.steps if isinstance(s, AskStep | RecordStep)]
    longest = max((paths.silent_asked(place).seconds for place in asked), default=0.0)
    used = ", ".join([*flow.use.lines, *flow.use.at]) or "from other flows"
    end = "let go" if flow.lets_go else "with a person"
    silent = f"silent callers are {end} after at most {longest:.1f} s" if asked else "asks nothing"
    return f"{flow.key} {flow.name}: {len(flow.steps)} steps, {silent}; used: {used}"


def look_up_table() -> str:
    """The look-ups that flows may name, as Markdown."""
    rows = ["| Name | What | Arguments | Answers → variables |", "|---|---|---|---|"]
    for name, kind in LOOK_UPS.items():
        arguments = ", ".join([*sorted(kind.arguments), *(f"[{name}]" for name in sorted(kind.optional))])
        answers = "; ".join(
            f"{result}{' → ' + ', '.join(sorted(given)) if given else ''}" for result, given in kind.results.items()
        )
        rows.append(f"| `{name}` | {kind.what} | {arguments or '–'} | {answers} |")
    return "\n".join(rows)


def refreshed(page: str) -> str:
    """A Markdown page with the shipped flows and the look-ups put anew between their marks."""
    flows = {flow.key: flow for flow in load_city(_CITY).ivr}
    parts = [
        f"### {flow.name} `{flow.key}`\n\n{summary(flows, flow.key)}.\n\n```mermaid\n{mermaid(flow)}\n```"
        for flow in flows.values()
    ]
    page = _between(page, _BEGIN, _END, "\n\n".join(parts))
    return _between(page, _LOOK_BEGIN, _LOOK_END, look_up_table())


def _between(page: str, begin: str, end: str, text: str) -> str:
    head, _, rest = page.partition(begin)
    _, _, tail = rest.partition(end)
    return f"{head}{begin}\n\n{text}\n\n{end}{tail}"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        document = Path(name)
        document.write_text(refreshed(document.read_text(encoding="utf-8")), encoding="utf-8")
