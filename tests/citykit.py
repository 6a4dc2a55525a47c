"""A small city, written in code, for tests that need lines, desks and departments but not Jinjiang's."""

from core.city import Category, City, Community, Department, Desk, Group, Landmark, Line, Profile, Town


def small_city() -> City:
    """Three lines, three desks (a phone, a browser, a robot), a handful of departments and categories."""
    return City(
        profile=Profile(code="350582", name="试验市", name_en="Testing", area_code="0595", ticket_prefix="TT"),
        lines=(
            Line(number="119", name="火警", name_en="Fire", kind="emergency", priority=100,
                 opening="119，请讲。", department="fire"),
            Line(number="120", name="急救", name_en="Medical", kind="emergency", priority=100,
                 opening="120，请讲。", department="medical"),
            Line(number="12345", name="政务服务便民热线", name_en="Government service", kind="service", priority=10,
                 greeting="您好，这里是12345热线。", opening="您好，12345，请讲。", department="centre"),
        ),
        desks=(
            Desk(extension="1001", name="电话坐席", kind="phone"),
            Desk(extension="1002", name="网页坐席", kind="browser"),
            Desk(extension="1901", name="机器人", kind="robot", penalty=50),
        ),
        departments=(
            Department(id="fire", name="消防救援大队", name_en="Fire and rescue", kind="emergency"),
            Department(id="medical", name="急救中心", name_en="Medical emergency", kind="emergency"),
            Department(id="centre", name="话务中心", name_en="Call centre", kind="centre"),
            Department(id="urban", name="城市管理局", name_en="Urban management", kind="bureau"),
        ),
        towns=(Town(name="池店镇", communities=(Community(name="华洲村"), Community(name="屿崆村"))),),
        taxonomy=(
            Group(code="E1", name="火灾", name_en="Fire", emergency=True, categories=(
                Category(code="E101", name="建筑火灾", name_en="Building fire", department="fire", due_hours=2),)),
            Group(code="S02", name="城市管理", name_en="Urban management", emergency=False, categories=(
                Category(code="S0202", name="垃圾", name_en="Waste", department="urban", due_hours=168),)),
        ),
        landmarks=(Landmark(name="世纪大道", kind="road"),),
    )  # fmt: skip
