"""How the call taker begins and ends."""

from quality.checks.dialogue import Dialogue
from quality.checks.findings import Checked

#: A greeting that comes later is none.
_FIRST = 2
#: So short a turn (好的，再见) may follow the closing words.
_SHORT = 12


def greeting(dialogue: Dialogue) -> Checked:
    """Courtesy with the line's name, or with an offer to help; the name of an emergency line and 请讲 is enough."""
    turns = dialogue.agent[:_FIRST]
    if not turns:
        return Checked("na")
    first = turns[0]
    rules = dialogue.rules
    for turn in turns:
        if turn != first and len(dialogue.texts[first]) > _SHORT:
            break
        text = dialogue.texts[turn]
        courtesy, named, offer = rules["courtesy"](text), _named(dialogue, text), rules["offer"](text)
        if (courtesy and (named or offer)) or (named and offer):
            return Checked("pass")
    reason = "开头没有问候和自报热线"
    if rules["courtesy"](dialogue.texts[first]):
        reason = "开头没有自报热线，也没有询问需要什么帮助"
    return Checked("fail", (dialogue.finding("greeting", "minor", reason, label="无问候语", turn=first),))


def _named(dialogue: Dialogue, text: str) -> bool:
    call = dialogue.call
    return dialogue.rules["named"](text) or any(name and name in text for name in (call.line, call.line_name))


def closing(dialogue: Dialogue) -> Checked:
    """Words of farewell in the call taker's last turn, or the one before where the last is short.

    No occasion: the caller went away, or the call has to stay open (someone who cannot speak freely).
    """
    if not dialogue.agent:
        return Checked("na")
    rules, last = dialogue.rules, dialogue.agent[-1]
    text = dialogue.texts[last]
    turns = [last]
    if len(dialogue.agent) > 1 and len(text) <= _SHORT:
        turns.append(dialogue.agent[-2])
    if any(rules["farewell"](dialogue.texts[t]) for t in turns):
        return Checked("pass")
    if dialogue.caller_left or any(rules["line_kept"](dialogue.texts[t]) for t in dialogue.agent[-2:]):
        return Checked("na")
    return Checked("fail", (dialogue.finding("closing", "minor", "结束时没有结束语", label="无结束语", turn=last),))
