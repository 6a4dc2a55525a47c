"""Models, labels and proposals for tests of the learning loop; ``python -m tests.loop_scene`` shows them."""

import argparse
import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from core.clock import SystemClock
from desk.app import create_app
from desk.server import DeskServer
from tests.desk_fakes import PASSWORD, Stage, make_stage
from tests.unit.triage_support import small_city
from triage.hearing import Hearing
from triage.judge import Turn
from triage.learn.corpus import Example
from triage.learn.fit import train
from triage.learn.model import Model
from triage.loop.examples import LabelledCall
from triage.loop.gate import Answer, Answered, Case, compare
from triage.loop.models import Models
from triage.loop.tables import TriageLabel

WHERE = ("市场门口", "学校后面", "我家楼下", "桥头", "工厂里", "路边", "河边", "店里")
WORDS = {"E101": "冒黑烟往上窜", "E202": "有人在水里扑腾", "S0103": "路灯不亮了", "S0401": "半夜放音乐吵"}


@cache
def model(newer: bool = False) -> Model:
    """Two models; the newer has learned that 嗡嗡作响的蓝光 is a fire."""
    city = small_city()
    said = [(code, f"{at}{words}") for code, words in WORDS.items() for at in WHERE]
    if newer:
        said += [("E101", f"{at}嗡嗡作响的蓝光") for at in WHERE]
    return train(
        [Example(text, code, "求助", city.is_emergency(code), False, f"{code}/{n % 8}")
         for n, (code, text) in enumerate(said)],
        Hearing(city),
    )  # fmt: skip


@cache
def learned_ids() -> tuple[str, ...]:
    blank = LabelledCall(call_id="", number="", line="", turns=(), emergency=False, code="", nature="", corrected=True)
    return tuple(i for n in range(200) if not replace(blank, call_id=(i := f"c{n}")).aside)


def call(call_id: str = "", **fields: Any) -> LabelledCall:
    turns = tuple(Turn("caller", text) for text in fields.pop("texts", ("路灯坏了好几天", "旁边还冒火花呢")))
    given = {"number": "JJ1", "line": "12345", "emergency": False, "code": "S0103", "nature": "投诉",
             "corrected": True, **fields}  # fmt: skip
    return LabelledCall(call_id=call_id or learned_ids()[0], turns=turns, **given)


def case(number: int = 0, text: str = "喂", **fields: Any) -> Case:
    """A service case of the regression set; ``fields`` replace what it has."""
    given = {"name": f"h{number}", "source": "fixed", "line": "12345", "turns": (Turn("caller", text),),
             "emergency": False, "code": "S0103", "nature": "投诉", **fields}  # fmt: skip
    return Case(**given)


def says(**fields: Any) -> Answer:
    """The right answer to :func:`case`; ``fields`` replace what it has."""
    given = {"outcome": "service", "p_emergency": 0.1, "alarmed": False, "codes": ("S0103", "S0105"),
             "nature": "投诉", **fields}  # fmt: skip
    return Answer(**given)


def label(number: int, at: datetime, **fields: Any) -> TriageLabel:
    """A ticket that was filed as the software had said; ``fields`` replace what it has."""
    given = {
        "ticket_id": f"t{number}", "number": f"JJ{number}", "call_id": f"c{number}", "line": "12345", "desk": "1001",
        "at": at, "who": "wang", "model": "m", "rules": 1, "said_outcome": "service", "said_p": 0.1,
        "said_code": "S101", "said_nature": "投诉", "said_place": "", "emergency": False, "code": "S101",
        "nature": "投诉", "place": "", "changed": [], "touched": [], "utterances": [], **fields,
    }  # fmt: skip
    return TriageLabel(**given)


def differing() -> Sequence[Answered]:
    """Ninety calls of which the proposed model answers four otherwise: two better, one worse, one as wrong."""
    fire = {"emergency": True, "code": "E101", "nature": "求助"}
    alarm = says(alarmed=True, outcome="emergency", p_emergency=0.88, codes=("E101", "E102"), nature="求助")
    quiet = says(p_emergency=0.31, codes=("S102", "S101"))
    noise = {"code": "S101", "nature": "投诉"}
    right = says(codes=("S101", "S102"))
    rows = [
        Answered(case(1, "三楼那个窗户都红了，玻璃噼里啪啦往下掉", **fire), quiet, alarm),
        Answered(
            case(2, "电表箱滋滋响，一直冒蓝光，墙皮都熏黑了", line="119", source="own", name="JJ20261121-0007", **fire),
            quiet,
            alarm,
        ),
        Answered(case(3, "工地的灯整晚照着我家，机器也不停", **noise), right, says(codes=("S102", "S101"))),
        Answered(case(4, "店门口摆满了东西，人都走不过去", code="S102"), right, says(codes=("E102", "S101"))),
    ]
    rows += [Answered(case(10 + n, "门口冒烟了", **fire), alarm, alarm) for n in range(40)]
    rows += [Answered(case(60 + n, "隔壁施工太吵", **noise), right, right) for n in range(44)]
    return [*rows, Answered(case(5, "路灯坏了", source="policy", name="紧急热线不降级：路灯", line="119",
                                 least="emergency"), alarm, alarm)]  # fmt: skip


async def proposed(stage: Stage, rows: Sequence[Answered] = ()) -> int:
    """A model in use, and another one proposed; its number."""
    models = Models(stage.services.database, stage.services.settings, stage.services.clock)
    await models.begin(model(), rules=7)
    made = await models.propose(
        model(True), model(), 7, labels=126, aside=31, compared=compare(rows or differing())
    )  # fmt: skip
    return made.id


async def weeks_of_labels(stage: Stage, now: datetime) -> None:
    """Nine whole weeks; in the last one desk 1002 changed many codes."""
    async with stage.services.database.work() as work:
        for week in range(1, 10):
            for n in range(40):
                desk = "1002" if n % 4 == 0 else "1001"
                wrong = n % 10 == 0 or (week == 1 and desk == "1002")
                more: dict[str, Any] = {"changed": ["code"], "said_code": "S102"} if wrong else {}
                if n % 13 == 5:
                    more = {"emergency": True, "code": "E101", "nature": "求助", "changed": ["emergency", "code"]}
                at = now - timedelta(weeks=week)
                work.session.add(label(1000 * week + n, at, desk=desk, **more))


async def show(port: int) -> None:
    """Serve the desk with a proposal, until interrupted."""
    with tempfile.TemporaryDirectory() as folder:
        stage = await make_stage(Path(folder), SystemClock())
        await weeks_of_labels(stage, SystemClock().now())
        await proposed(stage)
        server = DeskServer(create_app(stage.services), "127.0.0.1", port)
        await server.start()
        print(f"http://127.0.0.1:{server.port}/models  lin / {PASSWORD}", flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            await server.stop()
            await stage.bus.close()
            await stage.services.database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=show.__doc__)
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(show(parser.parse_args().port))
