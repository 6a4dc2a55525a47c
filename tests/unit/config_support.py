"""A site whose administrator changes a copy of the example city; its Asterisk is a list of what was asked of it."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from core.city import City, Person
from core.cityfile import load_city
from core.errors import HeyiError
from desk.access.users import Users
from desk.config.ports import Applied
from tests.desk_fakes import PASSWORD, Stage

JINJIANG = Path(__file__).parents[2] / "cities" / "jinjiang"


@dataclass
class FakeExchangeConfig:
    """Asterisk as far as the pages know it."""

    #: What was applied last: the names of the lines.
    in_place: str = ""
    complaints: Sequence[str] = ()
    broken: str = ""
    asked: list[str] = field(default_factory=list)

    def fit(self, city: City) -> None:
        """Every city will do."""

    def differences(self, city: City) -> Mapping[str, tuple[str, str]]:
        wanted = _rendered(city)
        return {} if wanted == self.in_place else {"extensions.conf": (self.in_place, wanted)}

    def problems(self, city: City) -> Sequence[str]:
        self.asked.append("check")
        return self.complaints

    def apply(self, city: City) -> Applied:
        self.asked.append("apply")
        if self.broken:
            raise HeyiError(self.broken, hint="the former files are in etc.before")
        self.in_place = _rendered(city)
        return Applied(("extensions.conf",))

    def unspoken(self, city: City) -> Sequence[str]:
        return ()


class FakeRestart:
    """A process that notes what is asked of it."""

    def __init__(self) -> None:
        self.refusal = ""
        #: What was asked of it.
        self.asked: list[str] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def prove(self) -> None:
        self.asked.append("prove")
        await self.go_on.wait()
        if self.refusal:
            raise HeyiError(self.refusal)

    def begin(self) -> None:
        self.asked.append("begin")


def _rendered(city: City) -> str:
    return "".join(f"{line.number} {line.name}\n" for line in city.lines)


async def administered(stage: Stage, folder: Path) -> tuple[Stage, FakeExchangeConfig]:
    """The stage over a copy of Jinjiang in ``folder``, with two administrators: ``admin`` and ``guan``."""
    seed = folder / "jinjiang"
    shutil.copytree(JINJIANG, seed)
    city = load_city(seed)
    exchange = FakeExchangeConfig(_rendered(city))
    settings = stage.services.settings.model_copy(update={"city": seed})
    stage.services = replace(stage.services, settings=settings, city=city, exchange=exchange)
    users = Users(stage.services.database, stage.services.clock)
    for login, name in (("admin", "管理员甲"), ("guan", "管理员乙")):
        await users.make(Person(login=login, name=name, role="administrator", password=PASSWORD))
    return stage, exchange
