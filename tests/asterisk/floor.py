"""A small floor of desks on a real Asterisk, and one caller's call as it goes on over it."""

from core.city import City, Desk, Mode, SkillGroup
from switchboard.views import CallView
from telephony.events import (
    CallEnded,
    DeskJoined,
)
from telephony.phone import Phone, PhoneCall
from tests.asterisk.conftest import (
    House,
    Site,
    Taker,
    hear_each_other,
)
from tests.citykit import small_city


def floor_city() -> City:
    """Three desks for all, one that speaks 闽南语, one of 120's, a chief desk outside the queue."""
    both = ("emergency", "service")
    return small_city().model_copy(
        update={
            "desks": (
                Desk(extension="1001", name="1号席", kind="phone", groups=both),
                Desk(extension="1002", name="2号席", kind="phone", groups=both, penalty=1),
                Desk(extension="1003", name="3号席", kind="phone", groups=("minnan",)),
                Desk(extension="1101", name="120急救席", kind="phone", groups=("medical",)),
                Desk(extension="1009", name="值班长席", kind="phone", in_queue=False),
            ),
            "groups": (
                SkillGroup(key="emergency", name="紧急席", name_en="Emergency"),
                SkillGroup(key="service", name="服务席", name_en="Service"),
                SkillGroup(key="minnan", name="闽南语席", name_en="Hokkien", overflow=("service",), overflow_s=5),
                SkillGroup(key="medical", name="120急救席", name_en="120", linkage=True, outside="05951200"),
            ),
            "modes": (
                Mode(key="normal", name="正常", name_en="Normal"),
                Mode(key="typhoon", name="台风", name_en="Typhoon", groups={"service": "minnan"}),
            ),
        }
    )  # fmt: skip


class Floor:
    """The desks' telephones, the exchange, and one caller's call as it goes on."""

    def __init__(self, site: Site, house: House) -> None:
        self.site, self.house = site, house
        self.phones: dict[str, Phone] = {}
        self.takers: dict[str, Taker] = {}

    async def staff(self, *extensions: str) -> None:
        for extension in extensions:
            self.phones[extension] = await self.site.phone(extension)
            self.takers[extension] = Taker(self.phones[extension])
        await self.house.until(
            lambda: all(a.state == "ready" for a in self.house.switchboard.agents() if a.extension in extensions),
            f"{extensions} are ready",
        )

    async def talking(self, line: str = "119", *, at: str = "1001") -> tuple[PhoneCall, str]:
        """A caller who talks to the desk ``at``: his telephone's call, and the call's id."""
        self.trunk = await self.site.phone("exchange", trunk=True)
        call = await self.trunk.call(line, caller="13800138000")
        await self.house.until(lambda: bool(self.house.of(DeskJoined)), "answered")
        joined = self.house.of(DeskJoined)[-1]
        assert isinstance(joined, DeskJoined) and joined.agent == at
        return call, joined.call_id or ""

    def view(self, call_id: str) -> CallView:
        return next(c for c in self.house.switchboard.calls() if c.call_id == call_id)

    async def hear_each_other(self, call: PhoneCall, desk: str) -> None:
        """Sound goes both ways between the caller and this desk."""
        await hear_each_other(call, self.takers[desk].calls[-1])

    async def ended(self, call_id: str) -> CallEnded:
        await self.house.until(lambda: any(e.call_id == call_id for e in self.house.of(CallEnded)), "the call ended")
        return next(e for e in self.house.of(CallEnded) if isinstance(e, CallEnded) and e.call_id == call_id)


async def ignore(call: PhoneCall) -> None:
    await call.ended.wait()
