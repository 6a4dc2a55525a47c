"""What callers of a city hear: the texts of its spoken prompts, by file name."""

from collections.abc import Collection

from core.city import City, Line


def prompts(city: City, lines: Collection[str] | None = None) -> dict[str, str]:
    """File name → text. The names are those that ``dialplans/extensions.conf.j2`` plays.

    ``lines``: greetings of these numbers only; the dialplan passes over a greeting that is not there.
    """
    name = city.profile.name
    return {
        **{f"greeting-{line.number}": line.greeting for line in city.lines if line.greeting and _wanted(line, lines)},
        "please-wait": "话务员正忙，您的来电一直在队列中，请稍候。",
        "callback-intro": f"您好，这里是{name}12345热线回访。您反映的事项，承办单位已经反馈办理结果。",
        "callback-ask": "满意请按1，不满意请按2。",
        "callback-thanks": "感谢您的评价，再见。",
        "callback-bye": "没有收到您的按键，我们会再与您联系，再见。",
    }


def _wanted(line: Line, lines: Collection[str] | None) -> bool:
    return lines is None or line.number in lines
