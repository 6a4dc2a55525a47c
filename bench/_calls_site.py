"""The site of the benchmark: the example city with a desk for each call, on ports and in a folder of its own."""

import os
from pathlib import Path

from bench._calls_sipp import CALLERS, DESKS
from core.city import City, Desk
from core.cityfile import load_city
from core.settings import Settings
from telephony.dialplan import free_ports, render, write
from telephony.install import Install, Server

#: How many telephones the site has, and whether the city's first desk, a browser's, is there too: handed on to the
#: measured process.
_COUNT, _PAGE = "HEYI_BENCH_DESKS", "HEYI_BENCH_PAGE"
_FIRST = 2001
#: A login of its own, to which Asterisk tells when a queue rings a desk.
WATCHER = "bench"


def site(folder: Path, calls: int, *, page: bool = False) -> Settings:
    ports = free_ports(7)
    os.environ.update({_COUNT: str(calls), _PAGE: "1" if page else ""})
    return Settings(
        city=Path(__file__).resolve().parent.parent / "cities" / "jinjiang", data=folder, sip_port=ports[0],
        sip_ws_port=ports[1], ami_port=ports[2], media_port=ports[3], desk_port=ports[4], trunk_host=CALLERS,
        trunk_port=ports[5], agi_port=ports[6], voice=False, rtp_start=20000,
        rtp_end=20000 + 8 * calls + 200, demo_people=True,
    )  # fmt: skip


def city_of(settings: Settings) -> City:
    """As many telephones as there will be calls, all of them emergency desks."""
    count = int(os.environ[_COUNT])
    desks = tuple(
        Desk(extension=str(_FIRST + n), name=f"{n + 1}号席", kind="phone", groups=("emergency",)) for n in range(count)
    )
    city = load_city(settings.city_folder)
    return city.model_copy(update={"desks": (*city.desks[:1], *desks) if os.environ[_PAGE] else desks})


def environment(settings: Settings) -> dict[str, str]:
    given = {f"HEYI_{name.upper()}": str(value) for name, value in settings.model_dump(exclude_none=True).items()}
    return {**os.environ, **given}


def asterisk(settings: Settings, desk_port: int) -> Server:
    """Rendered as ever, but for desks at a fixed address that need not register, and one more login."""
    install = Install.find(settings)
    folder = settings.data / "asterisk"
    city = city_of(settings)
    files = render(city, settings, install, folder)
    for desk in city.desks:
        if desk.kind == "browser":
            continue
        head = f"[{desk.extension}](desk-aor)\n"
        contact = f"contact = sip:{desk.extension}@{DESKS}:{desk_port}\n"
        files["pjsip.conf"] = files["pjsip.conf"].replace(head, head + contact)
    files["manager.conf"] += f"""
[{WATCHER}]
secret = {WATCHER}
permit = 127.0.0.1/255.255.255.255
read = agent
eventfilter(action(include),name(AgentCalled)) =
"""
    write(files, folder)
    return Server(install, folder)
