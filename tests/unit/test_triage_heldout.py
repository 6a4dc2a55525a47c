"""The blind held-out utterances: well formed, broad enough, and nothing of them in what is learned from."""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "triage" / "heldout" / "utterances.tsv"
CORPUS = ROOT / "triage" / "corpus"
JINJIANG = ROOT / "cities" / "jinjiang"
HEADER = ["id", "line", "text", "is_emergency", "code", "place", "phone", "nature", "tags"]
NATURES = {"咨询", "求助", "投诉", "举报", "建议", "表扬", "其他"}
TAGS = {"indirect", "covert", "panic", "dialect", "child", "elder", "address_only", "hardneg"}
RUN = 12
"""Letters in a row that may not stand in the corpus too."""
SLOT = "□"

# The words by which a keyword rule would know an emergency at once: two thirds of them are told without any.
KEYWORD = re.compile(
    "着火|起火|失火|火灾|自燃|爆炸|煤气漏|漏气|煤气味|电梯|溺水|落水|坍塌|塌方|跳楼|轻生|自杀|泄漏|毒气|没心跳|没呼吸|没有气"
    "|胸痛|胸口痛|心梗|喘不上气|呼吸困难|中风|昏迷|抽搐|癫痫|晕倒|昏倒|中毒|要生了|羊水|车祸|被困|逃逸|酒驾|醉驾"
    "|持刀|砍人|拿刀|抢劫|抢了|被抢|小偷|被盗|家暴|打我|打架|斗殴|打起来|诈骗|被骗|走失|走丢|失踪|绑架|报警|救命"
    "|塌陷|触电|漏电|高空抛物|洪水|滑坡|泥石流|踩踏"
)


def _yaml(name: str) -> list[dict[str, object]]:
    loaded: list[dict[str, object]] = yaml.safe_load((JINJIANG / name).read_text(encoding="utf-8"))
    return loaded


def _codes() -> dict[str, bool]:
    groups = yaml.safe_load((JINJIANG / "taxonomy.yaml").read_text(encoding="utf-8"))
    return {category["code"]: bool(group["emergency"]) for group in groups for category in group["categories"]}


def _names() -> re.Pattern[str]:
    """The city's place names, also without 镇 or 村, longest first."""
    towns = yaml.safe_load((JINJIANG / "towns.yaml").read_text(encoding="utf-8"))
    names = {mark["name"] for mark in _yaml("landmarks.yaml")}
    for town in towns:
        names |= {town["name"], *(community["name"] for community in town["communities"])}
    names |= {re.sub("(回族|畲族)?(镇|街道|村|社区)$", "", str(name)) for name in names}
    return re.compile("|".join(sorted((re.escape(str(n)) for n in names if len(str(n)) > 1), key=len, reverse=True)))


CODES = _codes()
LINES = {str(line["number"]) for line in _yaml("lines.yaml")}
TOWNS = {str(town["name"]) for town in _yaml("towns.yaml")}
MARKS = {str(mark["name"]) for mark in _yaml("landmarks.yaml")}
_NAMES = _names()
_FIGURES = re.compile("[零〇洞幺一二两三四五六七拐八九0-9]{7,}")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


ROWS = rows_of(FILE)
URGENT = [row for row in ROWS if row["is_emergency"] == "1"]
HARD = [row for row in ROWS if "hardneg" in row["tags"].split(",")]
CALM = [row for row in ROWS if row["is_emergency"] == "0" and row not in HARD]


def bare(text: str) -> str:
    """The letters alone, without punctuation and spaces."""
    return re.sub(r"[^\w{}]", "", text)


def masked(text: str) -> str:
    """``bare`` with places, figures and the corpus' slots as one sign, so that a filled slot is no difference."""
    return re.sub(f"{SLOT}+", SLOT, _FIGURES.sub(SLOT, _NAMES.sub(SLOT, re.sub(r"\{[^}]*\}", SLOT, bare(text)))))


def runs(text: str) -> Iterator[str]:
    return (text[at : at + RUN] for at in range(len(text) - RUN + 1))


def learned_texts() -> list[str]:
    texts = [row["text"] for path in sorted(CORPUS.glob("*.tsv")) for row in rows_of(path)]
    for path in sorted(CORPUS.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            texts += [turn["text"] for turn in json.loads(line)["turns"]]
    return texts


def test_the_file_is_well_formed() -> None:
    raw = FILE.read_text(encoding="utf-8")
    assert "\r" not in raw and raw.endswith("\n")
    assert raw.splitlines()[0].split("\t") == HEADER
    assert [line for line in raw.splitlines() if line.count("\t") != len(HEADER) - 1] == []
    for row in ROWS:
        assert row["line"] in LINES, row
        assert row["code"] in CODES, row
        assert row["is_emergency"] == str(int(CODES[row["code"]])), row
        assert row["nature"] in NATURES, row
        assert set(filter(None, row["tags"].split(","))) <= TAGS, row
        assert re.fullmatch(r"|1[3-9]\d{9}|[58]\d{7}|0595\d{8}", row["phone"]), row
        assert 8 <= len(row["text"]) <= 60, row
        assert row["text"] == row["text"].strip(), row


def test_places_are_of_the_city() -> None:
    known = tuple(TOWNS | MARKS)
    assert [
        row for row in ROWS if row["place"] and ";" not in row["place"] and not row["place"].startswith(known)
    ] == []


def test_ids_and_texts_are_single() -> None:
    assert len({row["id"] for row in ROWS}) == len(ROWS)
    assert len({bare(row["text"]) for row in ROWS}) == len(ROWS)


def test_there_is_enough_of_everything() -> None:
    count = Counter(row["code"] for row in (*URGENT, *CALM))
    assert {code: count[code] for code, urgent in CODES.items() if count[code] < (8 if urgent else 5)} == {}
    assert len(URGENT) >= 260 and len(CALM) >= 400 and len(HARD) >= 120
    assert all(row["is_emergency"] == "0" for row in HARD)
    oblique = [row for row in URGENT if {"indirect", "covert"} & set(row["tags"].split(","))]
    assert len(oblique) >= 40
    assert sum(bool(row["place"]) for row in ROWS) >= 0.28 * len(ROWS)
    assert sum(bool(row["phone"]) for row in ROWS) >= 0.14 * len(ROWS)
    assert sum(row["line"] == "12345" for row in URGENT) >= 0.24 * len(URGENT)
    assert sum(row["line"] == "110" for row in CALM) >= 30


def test_most_emergencies_are_told_without_the_keyword() -> None:
    named = [row["text"] for row in URGENT if KEYWORD.search(row["text"])]
    assert len(named) <= len(URGENT) / 3


def test_nothing_of_it_is_learned_from() -> None:
    texts = learned_texts()
    assert len(texts) > 5000
    whole = {bare(text) for text in texts}
    plain = {run for text in texts for run in runs(bare(text))}
    blurred = {run for text in texts for run in runs(masked(text))}
    found = [
        (row["id"], row["text"], run)
        for row in ROWS
        for run in (
            [bare(row["text"])] * (bare(row["text"]) in whole)
            + [r for r in runs(bare(row["text"])) if r in plain][:1]
            + [r for r in runs(masked(row["text"])) if r in blurred][:1]
        )
    ]
    assert found == []
