"""A small city for the tests of the judgement: none of them depends on the example city's data."""

from functools import cache

from core.city import Category, City, Community, Department, Desk, Group, Landmark, Line, Profile, Town
from triage.judge import Judge


def _category(code: str, name: str, department: str) -> Category:
    return Category(code=code, name=name, name_en=name, department=department, due_hours=2)


@cache
def small_city() -> City:
    lines = [("110", "报警", "police"), ("119", "消防", "fire"), ("120", "急救", "medical"), ("122", "交警", "police")]
    emergency = tuple(
        Line(number=n, name=name, name_en=name, kind="emergency", priority=100, opening="您好", department=d)
        for n, name, d in lines
    )
    service = tuple(
        Line(number=n, name=name, name_en=name, kind="service", priority=10, opening="您好", department=d, aliases=a)
        for n, name, d, a in (("12345", "便民热线", "centre", ()), ("95598", "供电热线", "power", ("供电",)))
    )
    departments = tuple(
        Department(id=d, name=d, name_en=d, kind="bureau")
        for d in ("police", "fire", "medical", "power", "centre", "city_management")
    )
    towns = (
        Town(name="池店镇", communities=(Community(name="华洲村"), Community(name="新店村"), Community(name="池店村"))),
        Town(
            name="安海镇",
            communities=(Community(name="后山村"), Community(name="石头村"), Community(name="钞岱回族村")),
        ),
        Town(
            name="深沪镇", communities=(Community(name="后山社区"), Community(name="华山村"), Community(name="坑边村"))
        ),
        Town(
            name="东石镇",
            communities=(Community(name="坑边村"), Community(name="火烧桥村"), Community(name="梧垵社区")),
        ),
    )
    groups = (
        Group(code="E1", name="火灾", name_en="Fire", emergency=True, categories=(
            _category("E101", "建筑", "fire"),
            _category("E104", "燃气", "fire"), _category("E106", "其他火灾", "fire"))),
        Group(code="E2", name="救援", name_en="Rescue", emergency=True, categories=(
            _category("E202", "溺水", "fire"), _category("E204", "轻生", "fire"))),
        Group(code="E3", name="医疗", name_en="Medical", emergency=True, categories=(
            _category("E301", "骤停", "medical"), _category("E305", "昏迷", "medical"),
            _category("E306", "创伤", "medical"), _category("E310", "其他医疗", "medical"))),
        Group(code="E4", name="交通", name_en="Traffic", emergency=True, categories=(
            _category("E401", "伤亡", "police"),)),
        Group(code="E5", name="警情", name_en="Police", emergency=True, categories=(
            _category("E501", "持械", "police"), _category("E508", "隐蔽", "police"))),
        Group(code="S01", name="城建", name_en="Works", emergency=False, categories=(
            _category("S0103", "市政", "city_management"), _category("S0105", "供电", "power"))),
        Group(code="S04", name="环境", name_en="Noise", emergency=False, categories=(
            _category("S0401", "噪音", "city_management"),)),
        Group(code="X", name="其他", name_en="Other", emergency=False, categories=(
            _category("X03", "感谢", "centre"), _category("X05", "便民", "centre"))),
    )  # fmt: skip
    return City(
        profile=Profile(code="350582", name="晋江市", name_en="Jinjiang", area_code="0595"),
        lines=(*emergency, *service),
        desks=(Desk(extension="8001", name="一号"),),
        departments=departments,
        towns=towns,
        taxonomy=groups,
        landmarks=(
            Landmark(name="华洲水果市场", town="池店镇", community="华洲村", kind="market"),
            Landmark(name="世纪大道", kind="road"),
            Landmark(name="晋江万达广场", town="池店镇", kind="market"),
        ),
    )


@cache
def small_judge() -> Judge:
    return Judge(small_city())
