"""The shelf: pieces as they become ready, words put together, what is missing passed over; with a tone for a voice."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
from speaking_support import COMMAND, tone

from core.city_ivr import filled
from core.cityfile import load_city
from ivr.inventory import WORDS, Need, expected, sayings, words
from ivr.joints import PAUSES, RATE, closed, read_wav
from ivr.mouth import Mouth
from ivr.recordings import Recorded
from ivr.shelf import Shelf
from ivr.signals import Play
from ivr.sound import write_wav
from ivr.spokenstore import SpokenStore
from ivr.wording import pieces, sentences, tokens

CITY = load_city(Path(__file__).resolve().parents[2] / "cities" / "jinjiang")
FLOWS = {flow.key: flow for flow in CITY.ivr}
PLATE = "车牌号闽C12345，"


def play(sound: str, language: str = "zh", limit_s: float = 20.0, **values: str) -> Play:
    flow, name = sound.split("/")
    template = FLOWS[flow].prompts[name].text(language)  # type: ignore[arg-type]
    return Play(1, sound, filled(template, values), language, bool(values), limit_s)  # type: ignore[arg-type]


class Deaf:
    """Nobody who speaks: counts what he is asked."""

    mute = True

    def __init__(self) -> None:
        self.asked: list[str] = []

    def takes_s(self, speech_s: float) -> float:
        return float("inf")

    async def say(self, text: str, speaker: str, target: Path, *, now: bool, keep: bool = False) -> bool:
        self.asked.append(text)
        return False


def fill(store: SpokenStore, *texts: str, language: str = "zh") -> None:
    for text in texts:
        store.put(text, language, closed(tone(text), text))  # type: ignore[arg-type]


async def heard(shelf: Shelf, asked: Play) -> list[Path]:
    async with aclosing(shelf.sound(asked)) as files:
        return [path async for path in files]


@pytest.fixture
def store(tmp_path: Path) -> SpokenStore:
    return SpokenStore(tmp_path / "spoken", "zf_xiaobei")


@pytest.fixture
async def mouth() -> AsyncIterator[Mouth]:
    one = Mouth(COMMAND, first_pause_s=0.05)
    one.start()
    yield one
    await one.close()


async def test_a_prompt_that_was_spoken_beforehand_is_one_file(store: SpokenStore) -> None:
    shelf = Shelf(CITY, store, Recorded(), Deaf())
    fill(store, "请稍候。", "您好，晋江市政务服务便民热线，通话将被录音。请说您的诉求。")
    assert await heard(shelf, play("welcome/wait")) == [store.place("请稍候。", "zh")]
    greeting = play("welcome/greeting", city="晋江市", line_name="政务服务便民热线")
    assert await heard(shelf, greeting) == [store.place(greeting.text, "zh")]
    assert all(path.is_absolute() for path in await heard(shelf, greeting))


async def test_values_come_in_the_clause_that_holds_them(store: SpokenStore) -> None:
    shelf = Shelf(CITY, store, Recorded(), Deaf())
    fill(store, "您前面还有3位，", "预计等候12分钟，", "请不要挂机；情况紧急请按9。")
    found = await heard(shelf, play("waiting/tell", place="3", wait="12"))
    texts = ("您前面还有3位，", "预计等候12分钟，", "请不要挂机；情况紧急请按9。")
    assert found == [store.place(text, "zh") for text in texts]


async def test_a_plate_is_put_together_of_words_and_nothing_is_spoken_for_it(store: SpokenStore) -> None:
    nobody = Deaf()
    shelf = Shelf(CITY, store, Recorded(), nobody)
    parts = ("车牌号，", "闽，", "C，", "幺，", "二，", "三，", "四，", "五，")
    fill(store, *parts, "对的话请按1，不对请按2。")
    found = await heard(shelf, play("move-car/sure", plate="闽C12345"))
    assert len(found) == 2 and nobody.asked == []
    voices = sum(tone(part).size - RATE for part in parts)
    # All voices are in it, and next to nothing else: margins, and the pause of the comma at the end.
    extra_s = (read_wav(found[0]).size - voices) / RATE
    assert 0.3 < extra_s < 1.7


async def test_what_nobody_can_say_is_passed_over_at_once(store: SpokenStore) -> None:
    shelf = Shelf(CITY, store, Recorded(), Deaf())
    fill(store, "请不要挂机；情况紧急请按9。")
    assert await heard(shelf, play("welcome/menu")) == []
    found = await heard(shelf, play("waiting/tell", place="3", wait="12"))
    assert found == [store.place("请不要挂机；情况紧急请按9。", "zh")]


async def test_what_is_missing_is_spoken_while_the_first_piece_plays(store: SpokenStore, mouth: Mouth) -> None:
    shelf = Shelf(CITY, store, Recorded(), mouth)
    assert await mouth.say("热。", "zf_xiaobei", store.place("热。", "zh"), now=False)
    fill(store, "您前面还有3位，")
    found = await heard(shelf, play("waiting/tell", place="3", wait="125"))
    said = ("您前面还有3位，", "预计等候125分钟，", "请不要挂机；情况紧急请按9。")
    assert found == [store.place(text, "zh") for text in said]
    await shelf.close()


async def test_two_callers_wait_for_one_text_once_and_one_who_leaves_takes_it_from_nobody(
    store: SpokenStore, mouth: Mouth
) -> None:
    shelf = Shelf(CITY, store, Recorded(), mouth)
    await mouth.say("热。", "zf_xiaobei", store.place("热。", "zh"), now=False)
    asked = Play(1, "welcome/answer", "慢慢说。", "zh", True, 20)
    leaver = asyncio.create_task(heard(shelf, asked))
    stayer = asyncio.create_task(heard(shelf, asked))
    await asyncio.sleep(0.1)
    leaver.cancel()
    assert await stayer == [store.place("慢慢说。", "zh")]
    await shelf.close()


async def test_a_text_that_kills_the_voice_or_fails_is_passed_over_and_the_next_is_spoken(store: SpokenStore) -> None:
    # It rests long enough to be found resting.
    mouth = Mouth(COMMAND, first_pause_s=2.0)
    mouth.start()

    def place(text: str) -> Path:
        return store.place(text, "zh")

    assert await mouth.say("好。", "v", place("好。"), now=True)
    assert not await mouth.say("错。", "v", place("错。"), now=True)
    assert not await mouth.say("死。", "v", place("死。"), now=True)
    assert mouth.mute
    assert not await mouth.say("还好。", "v", place("还好。"), now=True)
    while mouth.mute:  # noqa: ASYNC110  it rests a moment, nobody tells of its end
        await asyncio.sleep(0.02)
    assert await mouth.say("还好。", "v", place("还好。"), now=True)
    await mouth.close()


async def test_a_voice_that_cannot_start_is_mute_and_holds_nobody_up(store: SpokenStore) -> None:
    mouth = Mouth(("/bin/false",))
    mouth.start()
    assert not await mouth.say("好。", "v", store.place("好。", "zh"), now=True)
    assert mouth.mute and mouth.takes_s(1) == float("inf")
    shelf = Shelf(CITY, store, Recorded(), mouth)
    began = time.monotonic()
    assert await heard(shelf, play("welcome/menu")) == []
    assert time.monotonic() - began < 30
    await mouth.close()


async def test_callers_come_before_the_background(store: SpokenStore, mouth: Mouth) -> None:
    order: list[str] = []

    async def say(text: str, now: bool) -> None:
        await mouth.say(text, "v", store.place(text, "zh"), now=now)
        order.append(text)

    first = asyncio.create_task(say("慢。", False))
    await asyncio.sleep(0.05)
    await asyncio.gather(first, say("后台。", False), say("来电。", True))
    assert order == ["慢。", "来电。", "后台。"]


async def test_the_background_speaks_prompts_first_then_what_is_expected(store: SpokenStore, mouth: Mouth) -> None:
    flow = FLOWS["satisfaction"]
    city = CITY.model_copy(update={"ivr": (flow, FLOWS["announcements"])})
    shelf = Shelf(city, store, Recorded(), mouth, first_after_s=0)
    shelf.expect("announcement", ["华洲村今天9:00到17:00停电"])
    assert not shelf.knows("华洲村今天9:00到17:00停电")
    shelf.start()
    async with asyncio.timeout(120):
        while not shelf.knows("华洲村今天9:00到17:00停电"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    soon = [one for one in sayings(city) if one.need <= Need.FIGURES]
    assert soon and all(store.has(one.text, one.language) for one in soon)
    await shelf.close()


async def test_an_answer_is_known_once_all_its_sentences_are_there(store: SpokenStore) -> None:
    shelf = Shelf(CITY, store, Recorded(), Deaf())
    answer = "带身份证到派出所办理。工作日上午可以办，周末不办"
    fill(store, "带身份证到派出所办理。")
    assert not shelf.knows(answer) and not shelf.knows("")
    fill(store, "工作日上午可以办，周末不办。")
    assert shelf.knows(answer)
    assert len(await heard(shelf, play("welcome/answer", answer=answer))) == 2


async def test_clauses_of_how_a_ticket_stands_recur(store: SpokenStore) -> None:
    shelf = Shelf(CITY, store, Recorded(), Deaf())
    told = expected(
        CITY, "progress", ["已转教育局，预计11月25日前办结", "已转民政局，预计11月26日前办结"], by_clause=True
    )
    fill(store, *told, "您反映的噪音问题，")
    found = await heard(shelf, play("progress/found", matter="噪音问题", progress="已转民政局，预计11月25日前办结"))
    said = ("您反映的噪音问题，", "已转民政局，", "预计11月25日前办结。")
    assert found == [store.place(text, "zh") for text in said]


async def test_english_names_the_line_in_english_and_minnan_without_recording_is_mandarin(store: SpokenStore) -> None:
    shelf = Shelf(CITY, store, Recorded(), Deaf())
    text = "Hello, Citizen Service, 晋江市. This call is recorded. How can we help?"
    assert next(line for line in CITY.lines if line.number == "12345").name_en == "Citizen Service"
    fill(store, text, language="en")
    greeting = play("welcome/greeting", "en", city="晋江市", line_name="政务服务便民热线")
    assert await heard(shelf, greeting) == [store.place(text, "en")]
    assert store.place(text, "en") != store.place(text, "zh")
    fill(store, "请稍候。")
    assert await heard(shelf, Play(1, "hello-nan", "请稍候。", "nan", False, 9)) == [store.place("请稍候。", "zh")]


async def test_a_recording_stands_above_what_is_spoken_and_serves_the_same_text_elsewhere(
    store: SpokenStore, tmp_path: Path
) -> None:
    file = tmp_path / "person.wav"
    text = "请稍候，为您转接话务员。"
    recorded = Recorded({("zh", "welcome/person"): file}, {("zh", text): file})
    shelf = Shelf(CITY, store, recorded, Deaf())
    fill(store, text)
    assert await heard(shelf, play("welcome/person")) == [file]
    assert await heard(shelf, play("progress/person")) == [file]


@pytest.mark.parametrize("flow", FLOWS.values(), ids=lambda flow: str(flow.key))
def test_pieces_of_every_prompt_say_the_whole_of_it(flow) -> None:  # type: ignore[no-untyped-def]
    values = {
        "city": "晋江市", "line_name": "政务服务便民热线", "line": "12345", "place": "3", "wait": "12",
        "plate": "闽C12345", "matter": "噪音问题", "area": "池店镇华洲村", "progress": "已转民政局，预计11月25日前办结",
        "announcement": "今天9:00到17:00停电检修。请提前储水", "hours": "今天8:00到12:00，14:30到17:30",
        "answer": "带身份证到派出所办理。工作日上午可以办",
    }  # fmt: skip
    for prompt in flow.prompts.values():
        for language, template in (("zh", prompt.zh), ("en", prompt.en)):
            text = filled(template, values)
            made = pieces(template, text, language)  # type: ignore[arg-type]
            assert "".join("".join(piece.text for piece in made).split()) == "".join(text.split())
            assert all(piece.before + piece.values + piece.behind in ("", piece.text) for piece in made)


def test_words_of_a_clause_are_read_as_a_person_reads_them() -> None:
    (plate, _) = pieces("车牌号{plate}，对的请按1。", "车牌号闽C1A234，对的请按1。", "zh")
    assert tokens(plate, WORDS) == ("车牌号", "闽", "C", "幺", "A", "二", "三", "四")
    (place, *_) = pieces("您前面还有{place}位，请等。", "您前面还有112位，请等。", "zh")
    assert tokens(place, WORDS) == ("您前面还有", "一百", "一", "十二", "位")
    # The head of a plate is one word where the city is.
    assert tokens(pieces("车牌号{plate}。", "车牌号闽C12345。", "zh")[0], words(CITY))[:3] == ("车牌号", "闽C", "幺")
    (area, _) = pieces("{area}没有公告，请放心。", "池店镇华洲村没有公告，请放心。", "zh")
    assert tokens(area, words(CITY)) == ("池店镇", "华洲村", "没有公告")
    (unknown, _) = pieces("{area}没有公告，请放心。", "某镇没有公告，请放心。", "zh")
    assert tokens(unknown, words(CITY)) == ()


def test_long_sentences_are_cut_at_commas_and_short_ones_stay_whole() -> None:
    long = "请带好身份证和户口簿，到户籍所在地的派出所办理，工作日上午八点到十二点，下午两点半到五点半都可以办理。"
    assert "".join(sentences(long, "zh")) == long and len(sentences(long, "zh")) > 1
    assert sentences("短句，就这样。", "zh") == ["短句，就这样。"]


def test_the_store_forgets_what_was_not_used_for_longest_and_keeps_what_is_always_needed(tmp_path: Path) -> None:
    store = SpokenStore(tmp_path, "zf_xiaobei", most_bytes=3 * 16_044)
    texts = [f"第{n}句。" for n in range(5)]
    for at, text in enumerate(texts):
        write_wav(store.place(text, "zh"), np.zeros(RATE, np.int16), RATE)
        stamp = 1_700_000_000 + at
        os.utime(store.place(text, "zh"), (stamp, stamp))
    assert store.find(texts[1], "zh") is not None  # used just now
    assert store.tidy(keep={store.place(texts[0], "zh")}) == 2
    assert [store.has(text, "zh") for text in texts] == [True, True, False, False, True]


async def test_every_prompt_that_a_silent_caller_meets_is_in_the_inventory(store: SpokenStore) -> None:
    shelf = Shelf(CITY, store, Recorded(), Deaf())
    for one in sayings(CITY):
        if one.language == "zh" and one.need <= Need.FIGURES:
            fill(store, one.text)
    known = {"city": "晋江市", "line": "12345", "line_name": "政务服务便民热线", "place": "45", "wait": "38"}
    for flow in ("welcome", "waiting", "satisfaction", "move-car"):
        for name, prompt in FLOWS[flow].prompts.items():
            if "{answer}" in prompt.zh or "{plate}" in prompt.zh:
                continue
            asked = play(f"{flow}/{name}", **known)
            said = await heard(shelf, asked)
            assert len(said) == len(pieces(prompt.zh, asked.text, "zh")) or said == [store.place(asked.text, "zh")], (
                name
            )


def test_pauses_follow_the_punctuation() -> None:
    for mark, pause in PAUSES.items():
        sound = closed(tone("一二三"), f"一二三{mark}")
        quiet = np.flatnonzero(np.abs(sound) > 100)[-1]
        assert (sound.size - quiet) / RATE == pytest.approx(pause + 0.05, abs=0.02)
