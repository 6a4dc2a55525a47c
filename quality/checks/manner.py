"""What a call taker must not say: impolite words, shifting off, promises, private data, private contacts."""

import re
from collections.abc import Iterator

from rapidfuzz.distance import Levenshtein

from asr.words.digits import runs
from quality.checks.dialogue import Dialogue
from quality.checks.findings import Checked, Finding
from quality.checks.learned import LEAKED, PROMISED, RUDE, SHIFTED, UNRECORDED, Learned
from quality.checks.occasion import TAKEN_UP, Occasion
from quality.checks.phone import numbers_in

#: A caller who protests, or asks who reported him, makes it likelier that something was said amiss.
_LEAN = 0.2
#: Insults are insults in any sentence.
_SURE = frozenset({"curt.abuse"})
#: What the caller says so soon after it answers it.
_ANSWERS = 2
#: So many digits of a number said by the caller in pieces make it his.
_PIECED = 6
_MOBILE = re.compile(r"1[3-9]\d{9}")
_OFFICE = re.compile(
    r"热线|办公室|大队|中心|窗口|居委会|社区|村委|派出所|局|客服|服务|公司|法院|值班|咨询|报修|投诉电话|政务"
)
_OWN = re.compile(r"我(?:的)?(?:个人|私人|手机|电话|号码|微信)|打我")


def wordings(dialogue: Dialogue, occasion: Occasion, learned: Learned | None = None) -> tuple[Finding, ...]:
    """Every rule of the wording list that the call taker's own words meet, once for each rule; where no rule names a
    violation, what ``learned`` holds for one."""
    found: list[Finding] = []
    whole = _of_the_call(dialogue, learned) if learned else {}
    for rule in dialogue.rules.wordings:
        if rule.weak and (occasion.registered or occasion.referred):
            continue
        for turn, start, end in dialogue.where(rule.phrase, dialogue.agent):
            if rule.after and not rule.after(dialogue.before(turn)):
                continue
            if rule.label == SHIFTED and (occasion.referred or occasion.wants_informant):
                continue
            if learned and rule.name not in _SURE:
                lean = _leaning(dialogue, occasion, learned, turn, whole)
                if learned.doubts(rule.label, dialogue.texts[turn], start, end, lean):
                    continue
            found.append(
                dialogue.finding(
                    _CHECK.get(rule.label, "wording"),
                    rule.severity,
                    rule.reason,
                    label=rule.label,
                    rule=rule.name,
                    turn=turn,
                    start=start,
                    end=end,
                )
            )
            break
    if learned:
        found += _alike(dialogue, occasion, learned, tuple(found), whole)
    if any(f.label == UNRECORDED for f in found):
        # 我也没办法 of who writes nothing down sends nobody elsewhere.
        weak = {rule.name for rule in dialogue.rules.wordings if rule.weak}
        found = [f for f in found if f.rule not in weak]
    if occasion.ignored is not None and all(f.label != SHIFTED for f in found):
        reason = "诉求没有受理，来电人追问也没有下文"
        found.append(
            dialogue.finding("wording", "major", reason, label=SHIFTED, rule="shift.ignored", turn=occasion.ignored)
        )  # fmt: skip
    return tuple(found)


def _alike(
    dialogue: Dialogue,
    occasion: Occasion,
    learned: Learned,
    ruled: tuple[Finding, ...],
    whole: dict[str, float],
) -> Iterator[Finding]:  # fmt: skip
    """The first sentence of each violation that ``learned`` holds for one, where no rule names that violation, or has
    named another in the same sentence."""
    named = {finding.label for finding in ruled}
    for turn in dialogue.agent:
        for label, start, end in learned.found(
            dialogue.texts[turn], _leaning(dialogue, occasion, learned, turn, whole)
        ):
            if label in named or (label == SHIFTED and (occasion.referred or occasion.wants_informant)):
                continue
            if any(f.turn == turn and f.start < end and start < f.end for f in ruled):
                continue
            sentence = dialogue.texts[turn][start:end]
            if any(rule.label == label and rule.phrase.taken_back(sentence) for rule in dialogue.rules.wordings):
                continue
            named.add(label)
            yield dialogue.finding(
                _CHECK.get(label, "wording"), "major", "说法与已标注的违规用语相近",
                label=label, rule="learned", turn=turn, start=start, end=end,
            )  # fmt: skip


def _of_the_call(dialogue: Dialogue, learned: Learned) -> dict[str, float]:
    """By how much less is enough for what the whole call is like: something amiss is seldom said once, and who
    consoles or apologises is seldom rude."""
    lean = learned.again(dialogue.texts[i] for i in dialogue.agent)
    if dialogue.says("comfort", dialogue.agent):
        lean[RUDE] = lean.get(RUDE, 0.0) - _LEAN
    return lean


def _leaning(
    dialogue: Dialogue, occasion: Occasion, learned: Learned, turn: int, whole: dict[str, float]
) -> dict[str, float]:
    """By how much less is enough for a sentence of ``turn`` to count as something, for what is said around it and in
    the ``whole`` call."""
    lean = learned.answered(dialogue.texts[i] for i in [i for i in dialogue.caller if i > turn][:_ANSWERS])
    if dialogue.says("asks_who", (i for i in dialogue.caller if i < turn)):
        lean[LEAKED] += _LEAN
    answer = dialogue.answer_to(turn)
    if answer is not None and dialogue.rules["protests"](answer):
        lean[RUDE] = _LEAN
    if occasion.registered:
        lean[SHIFTED] -= TAKEN_UP
    return {of: lean.get(of, 0.0) + whole.get(of, 0.0) for of in lean.keys() | whole.keys()}


#: What sounds rude without an insult in it.
_IMPATIENT = ("learned", "curt.hurry")
_CHECK = {RUDE: "polite", PROMISED: "promises", LEAKED: "privacy", UNRECORDED: "recorded"}


def unless_ended(found: tuple[Finding, ...], hung_up: Checked) -> tuple[Finding, ...]:
    """Without what is only impatience in the words with which the call was ended too early: that is one fault."""
    ended = {f.turn for f in hung_up.findings}
    return tuple(f for f in found if not (f.rule in _IMPATIENT and f.label == RUDE and f.turn in ended))


def polite(found: tuple[Finding, ...], dialogue: Dialogue) -> Checked:
    """No impolite words."""
    rude = tuple(f for f in found if f.label == RUDE)
    if not dialogue.agent:
        return Checked("na")
    return Checked("fail" if rude else "pass", rude)


def of_label(found: tuple[Finding, ...], *labels: str) -> Checked:
    """Passed where none of the findings bears one of ``labels``."""
    own = tuple(f for f in found if f.label in labels)
    return Checked("fail" if own else "pass", own)


def other_wordings(found: tuple[Finding, ...]) -> Checked:
    """The wordings that have no check of their own."""
    own = tuple(f for f in found if f.check == "wording")
    return Checked("fail" if own else "pass", own)


def others_numbers(dialogue: Dialogue) -> tuple[Finding, ...]:
    """Mobile numbers given to the caller that neither he said nor he calls from, nor an office has."""
    said = [(i, n) for i in dialogue.caller for n in numbers_in(dialogue.texts[i])]
    given: set[str] = set()
    # Said in pieces over several turns: the parts are in the whole.
    parts = {run.digits for i in dialogue.caller for run in runs(dialogue.texts[i]) if len(run.digits) >= 3}
    found = []
    for i in dialogue.agent:
        text = dialogue.texts[i]
        for number in numbers_in(text):
            known = {dialogue.call.caller, *(n for at, n in said if at < i)} - {""} | given
            if not _MOBILE.fullmatch(number) or any(Levenshtein.distance(number, other) <= 3 for other in known):
                continue
            if sum(len(part) for part in parts if part in number) >= _PIECED:
                continue
            if _OWN.search(text) or _OFFICE.search(text):
                continue
            given.add(number)
            found.append(
                dialogue.finding(
                    "privacy", "grave", "把他人的手机号码告诉来电人", label=LEAKED, rule="privacy.number", turn=i
                )
            )
    return tuple(found)
