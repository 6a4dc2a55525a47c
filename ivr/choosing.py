"""What a caller's words choose. Pure.

A mistake in one direction is a nuisance, the question is put once more; in the other a person who is not satisfied goes
down as satisfied. So whatever may turn words round does, and what two choices say equally says nothing.
"""

import re

from core.city_ivr import Choice

_NOT_WORDS = re.compile(r"[\W_]+")
#: A stretch without a pause: nothing turns words round beyond it, but for a 不 that the speaker hesitates after.
_CLAUSE = re.compile(r"(?:(?:不|没|没有|不是|并不)\s*[，、。,.…]+)?[^，。！？；、,.!?;…\n]+")
#: What turns round the words of a choice that stand up to five characters later (没有完全解决, 不能让我满意), unless
#: another sentence begins in between (没多久就好了, 不用了已经好了) or the negation is about knowing (不知道几点上班).
_NOT = re.compile(
    r"(?:不是|不要|不用|不需要|没有|不|没|未|并非|绝非|无法|毫无|很难|难以|难说|哪里|哪能|怎么(?:会|可能|能)|凭什么|谁会|谁说)"
    r"(?:(?!知道|清楚|晓得|明白|想(?![象像的]))[^就了但也才已却还要请帮]){0,5}$"
)
#: Words of a choice that themselves say no (不满意, 还没): only what stands right before turns them round (没有不满意);
#: another no further before is a sentence of its own (没人来不满意).
_SAYS_NO = re.compile(r"(?:还|很|都|并|真)?[不没未]")
_NOT_NO = re.compile(r"(?:不是|没有什么|没什么|没有|没|并非|谈不上|算不上|不能说|不会)$")
#: What turns round words that stand before it: 满意才怪; and a question, unless it asks for somebody (能转人工吗).
_NOT_AFTER = re.compile(r"才怪|什么|个[屁鬼头]")
_ASKS, _ASKS_FOR = re.compile(r"吗"), re.compile(r"[转接找有要叫]$")
#: Where 不 and 没 deny nothing, and no shorter words stand: set phrases (不好意思), a thing and its opposite as a
#: question (满意不满意, 解决了没有).
_PHRASE = re.compile(
    r"不好意思|对不起|差不多|不错|没错|不但|不仅|不管|不过|不客气|没(?:有)?(?:什么|啥)?(?:问题|意见|关系)|没事"
    r"|(?<![不没])(.{1,2})[不没]\1|\w{1,3}了没有?$"
)


def plain(text: str) -> str:
    """Only what is said: without spaces and punctuation."""
    return _NOT_WORDS.sub("", text)


def chosen(text: str, choices: tuple[Choice, ...]) -> Choice | None:
    """The choice whose words stand in ``text``, the longest first; none where two are as long, or all turned round."""
    best: dict[int, int] = {}
    for clause in map(plain, _CLAUSE.findall(text)):
        phrases = [found.span() for found in _PHRASE.finditer(clause)]
        for number, choice in enumerate(choices):
            for words in filter(None, map(plain, choice.words)):
                if len(words) > best.get(number, 0) and _stands(words, clause, phrases):
                    best[number] = len(words)
    longest = [number for number, length in best.items() if length == max(best.values())]
    return choices[longest[0]] if len(longest) == 1 else None


def _stands(words: str, clause: str, phrases: list[tuple[int, int]]) -> bool:
    """Whether these words stand in the clause, and mean what they say."""
    # A negation that is part of a phrase denies nothing.
    bare = list(clause)
    for start, end in phrases:
        bare[start:end] = "＊" * (end - start)
    before = "".join(bare)
    turned = _NOT_NO if _SAYS_NO.match(words) else _NOT
    for found in re.finditer(re.escape(words), clause):
        start, end = found.span()
        # Of a phrase nothing less than the whole is said: 不好意思 is not 不好.
        within = any(a < end and start < b and not (start <= a and b <= end) for a, b in phrases)
        asks = _ASKS.match(clause, end) and not _ASKS_FOR.search(before[:start])
        if not (within or asks or _NOT_AFTER.match(clause, end) or turned.search(before[:start])):
            return True
    return False
