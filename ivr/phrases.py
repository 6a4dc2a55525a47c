"""What callers of a city hear: the texts of its spoken prompts, by file name."""

from collections.abc import Collection

from core.city import City


def prompts(city: City, lines: Collection[str] | None = None, *, voiced: bool = False) -> dict[str, str]:
    """File name → text. The names are those that ``dialplans/extensions.conf.j2`` and ``queues.conf.j2`` play.

    ``lines``: of these numbers only the greetings, and nothing that the dialplan passes over where it is not there
    (greetings of others, a line's name when it rings back, announcements of the modes). ``voiced``: nor what the city's
    voice flows say in its place; it is heard only while heyi is away.
    """
    name = city.profile.name
    greeted = [line for line in city.lines if lines is None or line.number in lines]
    instead = lines is not None and voiced
    if instead:
        greeted = [line for line in greeted if not any(line.number in flow.use.lines for flow in city.ivr)]
    asked = instead and any("robot-callback" in flow.use.at for flow in city.ivr)
    callback = {
        "callback-intro": f"您好，这里是{name}12345热线回访。您反映的事项，承办单位已经反馈办理结果。",
        "callback-ask": "满意请按1，不满意请按2。",
        "callback-thanks": "感谢您的评价，再见。",
        "callback-bye": "没有收到您的按键，我们会再与您联系，再见。",
    }
    return {
        **{f"greeting-{line.number}": line.greeting for line in greeted if line.greeting},
        # Who rings is said by the line's own name, why by a sentence that all lines share.
        **{
            f"recall-{line.number}": f"您好，这里是{name}{line.number}{line.name}。"
            for line in city.lines
            if line.kind == "emergency" and lines is None
        },
        **{f"mode-{mode.key}": mode.announcement for mode in city.modes if mode.announcement and lines is None},
        "recall-intro": "您刚才的来电中断了，正在接通接警员，请不要挂机。",
        "kept-intro": "您好，您的来电已经轮到，正在接通，请不要挂机。",
        "keep-offer": "如不愿等候，请按1，挂机后我们按您的排队次序回电。",
        "place-kept": "已保留您的排队次序，轮到时给您回电，再见。",
        "silent-ask": "如果您不方便说话，请按1。",
        "please-wait": "话务员正忙，您的来电一直在队列中，请稍候。",
        **({} if asked else callback),
    }
