"""The spoken seed corpus: every line well formed, every code broad enough, no line written twice."""

import csv
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest
import yaml
from rapidfuzz import fuzz, process

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "triage" / "corpus"
JINJIANG = ROOT / "cities" / "jinjiang"
HEADER = ["line", "code", "nature", "emergency", "tags", "text"]
NATURES = {"咨询", "求助", "投诉", "举报", "建议", "表扬", "其他"}
TAGS = {"plain", "indirect", "covert", "child", "elder", "panic", "dialect", "calm", "drunk", "hard"}
SLOTS = {"{place}", "{road}", "{estate}", "{phone}", "{name}", "{plate}"}
PER_CODE = 60
UNSPOKEN = 20
"""Lines of an emergency code that name no keyword of it: callers describe what they see."""
HARD = 600
NEAR_COPY = 85
"""Similarity in percent (normalised indel) from which two lines of one code count as the same line."""

# The words by which a keyword rule would know the code at once. A line tagged `indirect` may hold none of them.
KEYWORDS = {
    "E101": "着火 起火 失火 火灾 火警",
    "E102": "着火 起火 失火 自燃 火灾",
    "E103": "着火 起火 山火 火灾",
    "E104": "煤气漏 漏气 燃气泄漏 天然气泄漏 煤气味",
    "E105": "爆炸",
    "E106": "着火 起火 火灾 短路起火",
    "E201": "电梯",
    "E202": "溺水 落水 淹",
    "E203": "坍塌 塌方 房子塌",
    "E204": "跳楼 轻生 自杀",
    "E205": "危化品 泄漏 毒气",
    "E301": "心跳骤停 心脏骤停 没心跳 没呼吸 猝死",
    "E302": "胸痛 胸口痛 心梗 心绞痛",
    "E303": "呼吸困难 喘不上气 哮喘",
    "E304": "中风 脑梗 脑出血 偏瘫",
    "E305": "昏迷 抽搐 癫痫 晕倒 昏倒",
    "E307": "中毒",
    "E308": "要生了 羊水破 难产",
    "E401": "车祸 受伤 撞人",
    "E402": "被困",
    "E404": "逃逸 酒驾 醉驾",
    "E405": "堵车 拥堵 堵死",
    "E501": "持刀 砍人 拿刀 有枪",
    "E502": "抢劫 抢夺 被抢",
    "E503": "小偷 被盗 进贼 盗窃",
    "E504": "家暴 老公打我",
    "E505": "打架 斗殴 打群架",
    "E506": "诈骗 被骗",
    "E507": "走失 走丢 失踪",
    "E508": "绑架 报警 救命",
    "E601": "塌陷 坍塌 路塌",
    "E602": "触电 漏电 高压线断",
    "E603": "高空抛物 坠物",
    "E604": "洪水 滑坡 泥石流 内涝",
    "E605": "食物中毒",
    "E606": "踩踏 聚集",
}

Row = dict[str, str]


def rows_of(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def bare(text: str) -> str:
    """The letters alone: what is left when punctuation and spaces go."""
    return re.sub(r"[^\w{}]", "", text)


def names_it(code: str, text: str) -> bool:
    return any(word in text for word in KEYWORDS.get(code, "").split())


FILES = sorted(CORPUS.glob("*.tsv"))
ROWS = {path.stem: rows_of(path) for path in FILES}
CODES = {
    category["code"]: bool(group["emergency"])
    for group in yaml.safe_load((JINJIANG / "taxonomy.yaml").read_text(encoding="utf-8"))
    for category in group["categories"]
}
LINES = {str(line["number"]) for line in yaml.safe_load((JINJIANG / "lines.yaml").read_text(encoding="utf-8"))}


def test_there_is_a_corpus() -> None:
    assert {"e1", "e2", "e3", "e4", "e5", "e6", "hard"} <= ROWS.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_line_is_well_formed(path: Path) -> None:
    raw = path.read_text(encoding="utf-8")
    assert "\r" not in raw and raw.endswith("\n")
    head, *body = raw.splitlines()
    assert head.split("\t") == HEADER
    assert [line for line in body if line.count("\t") != len(HEADER) - 1] == []
    for row in ROWS[path.stem]:
        assert row["line"] in LINES, row
        assert row["code"] in CODES, row
        assert row["nature"] in NATURES, row
        assert row["tags"] and set(row["tags"].split(";")) <= TAGS, row
        assert row["emergency"] == str(int(CODES[row["code"]])), row
        assert set(re.findall(r"\{[^}]*\}?", row["text"])) <= SLOTS, row
        assert 1 <= len(bare(row["text"])) <= 90, row
        assert row["text"] == row["text"].strip(), row


@pytest.mark.parametrize("stem", [stem for stem in ROWS if stem != "hard"])
def test_a_file_holds_its_own_group_and_enough_of_each_code(stem: str) -> None:
    expected = {code for code in CODES if code.lower().startswith(stem)}
    count = Counter(row["code"] for row in ROWS[stem])
    assert set(count) == expected
    assert {code: number for code, number in count.items() if number < PER_CODE} == {}


@pytest.mark.parametrize("stem", [stem for stem in ROWS if stem.startswith("e")])
def test_emergencies_are_told_without_their_keyword_often_enough(stem: str) -> None:
    unspoken: dict[str, list[str]] = defaultdict(list)
    covert: Counter[str] = Counter()
    for row in ROWS[stem]:
        tags = row["tags"].split(";")
        covert[row["code"]] += "covert" in tags
        if "indirect" in tags or "covert" in tags:
            unspoken[row["code"]].append(row["text"])
    told = [(code, text) for code, texts in unspoken.items() for text in texts if names_it(code, text)]
    assert told == []
    for code in {row["code"] for row in ROWS[stem]}:
        assert len(unspoken[code]) >= UNSPOKEN, code
        assert covert[code] >= 1, code


def test_hard_negatives_are_marked_many_and_spread() -> None:
    hard = ROWS["hard"]
    assert len(hard) >= HARD
    assert all("hard" in row["tags"].split(";") and row["emergency"] == "0" for row in hard)
    assert len({row["code"] for row in hard}) >= 40
    assert {"110", "119", "120", "122", "12345"} <= {row["line"] for row in hard}


def test_no_text_stands_twice() -> None:
    seen: dict[str, str] = {}
    twice = []
    for stem, rows in ROWS.items():
        for row in rows:
            text = bare(row["text"])
            if text in seen:
                twice.append((seen[text], stem, row["text"]))
            seen[text] = stem
    assert twice == []


def test_no_line_of_a_code_is_a_near_copy_of_another() -> None:
    by_code: dict[str, list[str]] = defaultdict(list)
    for rows in ROWS.values():
        for row in rows:
            by_code[row["code"]].append(bare(row["text"]))
    near = [
        (code, texts[a], texts[b])
        for code, texts in by_code.items()
        for a, scores in enumerate(process.cdist(texts, texts, scorer=fuzz.ratio, score_cutoff=NEAR_COPY))
        for b in range(a)
        if scores[b] >= NEAR_COPY
    ]
    assert near == []
