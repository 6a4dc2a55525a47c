"""How the call taker deals with the caller: comfort, a record made, hearing out, not hanging up."""

import re

from quality.checks.dialogue import Dialogue
from quality.checks.findings import Checked, Finding
from quality.checks.learned import LEAKED, RUDE, SHIFTED, UNRECORDED, Learned
from quality.checks.occasion import EMERGENCY_LINE, Occasion

#: What stands in a question (需要我们帮什么？) consoles nobody.
_ASKED = re.compile(r"[^，。！？]{0,6}(?:什么|哪里|几)[^，。！？]{0,4}[？?]")
#: From what on the sum of :meth:`Learned.despair` is somebody left alone with it, and what a word of the rules adds.
_DESPERATE, _CRIED = 0.9, 0.3
#: One cut may be needed to get an address; so many are a habit.
_CUTS = 2
#: Whoever is about to do what is dangerous must be stopped; so must callers of emergency lines.
_COMMAND = re.compile(r"(?:您|你|先|千万)*(?:别|不|马上|赶紧|赶快|快|立即|停)")
_QUESTION = re.compile(r"[？?]|吗[。！]?$|呢[。！]?$|[—…]$|我(?:还)?(?:想|有|要)|怎么办")


def comfort(dialogue: Dialogue, found: tuple[Finding, ...], learned: Learned | None = None) -> Checked:
    """Somebody desperate gets a word of comfort or of care; so does anybody hurt or afraid who is treated badly."""
    labels = {f.label for f in found}
    distress = next(dialogue.where(dialogue.rules["distress"], dialogue.caller), None)
    said = dialogue.where(dialogue.rules["comfort"], dialogue.agent)
    comforted = any(_ASKED.match(dialogue.texts[turn], end) is None for turn, _, end in said)
    if learned is not None:
        told, sentence = learned.despair(
            (dialogue.texts[i] for i in dialogue.caller), (dialogue.texts[i] for i in dialogue.agent)
        )
        heard = ((i, dialogue.texts[i].find(sentence)) for i in dialogue.caller) if sentence else ()
        at = next(((i, start, start + len(sentence)) for i, start in heard if start >= 0), None)
        enough = told + (_CRIED if distress else 0.0) >= _DESPERATE
        distress = (distress or at) if enough else None
    if distress is None and labels & {RUDE, LEAKED}:
        distress = next(dialogue.where(dialogue.rules["worry"], dialogue.caller), None)
    if distress is None:
        return Checked("na")
    if comforted:
        return Checked("pass")
    turn, start, end = distress
    missing = dialogue.finding(
        "comfort", "major", "来电人情绪激动或受伤害怕，没有安抚", label="未安抚", turn=turn, start=start, end=end
    )
    return Checked("fail", (missing,))


def hung_up(dialogue: Dialogue) -> Checked:
    """The call taker does not put down while the caller still wants something."""
    if not dialogue.agent or not dialogue.call.turns:
        return Checked("na")
    if dialogue.caller_left:
        return Checked("na")
    last = dialogue.agent[-1]
    text = dialogue.texts[last]
    ended = (0, len(text)) if dialogue.put_down else dialogue.rules["hung_up"].first(text)
    if ended is None and not dialogue.rules["farewell"](text) and last == len(dialogue.texts) - 1:
        open_question = _QUESTION.search(dialogue.before(last))
        ended = (0, len(text)) if open_question and dialogue.call.ended_by == "agent" else None
    polite = dialogue.rules["farewell"](text) and not _QUESTION.search(dialogue.before(last))
    if ended is None or (polite and not dialogue.put_down):
        return Checked("pass")
    found = dialogue.finding(
        "hung_up", "grave", "来电人还没说完，先挂了电话", label="提前挂机", turn=last, start=ended[0], end=ended[1]
    )
    return Checked("fail", (found,))


def recorded(occasion: Occasion, found: tuple[Finding, ...]) -> Checked:
    """What was reported is taken down, and not only sent away."""
    dialogue = occasion.dialogue
    if occasion.none or not (occasion.reported or occasion.emergency) or not dialogue.agent:
        return Checked("na")
    ticket = dialogue.call.ticket
    if ticket is not None:
        return Checked("pass")
    unwritten = tuple(f for f in found if f.label == UNRECORDED)
    if unwritten:
        return Checked("fail", unwritten)
    if occasion.registered:
        return Checked("pass")
    shifted = next((f.turn for f in found if f.label == SHIFTED), None)
    # Sent away politely is one fault, put down on another; a second where he was told off, or asked in vain to have it
    # written down.
    asked = shifted is not None and dialogue.says("wants_record", (i for i in dialogue.caller if i > shifted))
    rude = shifted is not None and any(f.label == RUDE for f in found)
    if (occasion.refused and shifted is None) or asked or rude:
        turn = dialogue.agent[-1] if shifted is None else shifted
        return Checked("fail", (
            dialogue.finding("recorded", "major", "该登记的诉求没有登记", label="未记录诉求", turn=turn),
        ))  # fmt: skip
    return Checked("pass")


def heard_out(dialogue: Dialogue, found: tuple[Finding, ...]) -> Checked:
    """The caller is not cut off again and again."""
    cuts = []
    urgent = bool(EMERGENCY_LINE.fullmatch(dialogue.call.line))
    for i in dialogue.agent:
        before, text = dialogue.before(i), dialogue.texts[i]
        if not before:
            continue
        cut, open_end = dialogue.rules["cuts"].first(text), dialogue.rules["unfinished"](before)
        if cut and (open_end or "先别" in text):
            cuts.append((i, cut))
        elif re.search(r"[—－]$", before) and _QUESTION.search(text) and not (urgent or _COMMAND.match(text)):
            # A broken sentence alone is no fault of anybody; to go on with a question of one's own is.
            cuts.append((i, (0, len(text))))
    complained = any(
        re.search(r"(?:让|听)我(?:把话)?(?:说|讲)完|没(?:办法|法)?(?:说|讲)完|打断", dialogue.texts[i])
        for i in dialogue.caller
    )
    rude = any(f.label == RUDE for f in found)
    if len(cuts) >= _CUTS or (cuts and complained and not rude):
        made = tuple(
            dialogue.finding(
                "heard_out", "major", "打断来电人", label="打断来电人", turn=i, start=span[0], end=span[1]
            )
            for i, span in cuts
        )  # fmt: skip
        return Checked("fail", made)
    return Checked("pass")
