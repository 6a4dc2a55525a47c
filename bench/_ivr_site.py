"""The site of the benchmark of voices: the example city with a desk for each caller, prompts that a machine can tell
from one another, and the same menu by the dialplan alone."""

import os
from dataclasses import dataclass
from pathlib import Path

from bench._calls_sipp import CALLERS, DESKS
from core.city import City, Desk
from core.cityfile import load_city
from core.settings import Settings
from core.speaking import seconds
from telephony.dialplan import free_ports, render, write
from telephony.install import Install, Server

#: How many desks the site has, handed on to the measured process.
_COUNT = "HEYI_BENCH_DESKS"
_FIRST = 2001
#: What callers dial: the line with its voice flow, and the menu of the dialplan alone.
LINE, PEER = "12345", "99912345"
#: Each prompt is one A-law value over and over; so is what a desk says. Silence is what A-law has for it.
SILENCE, PERSON = 0xD5, 0x2A
_CODES = range(0x90, 0xD0)
_FRAME = 160


@dataclass(frozen=True)
class Prompts:
    """Value of each prompt of the city's flows (``welcome/greeting``), and the folder of their sounds."""

    folder: Path
    codes: dict[str, int]

    def file(self, name: str) -> Path:
        return self.folder / f"{name.replace('/', '-')}.alaw"


def site(folder: Path, sessions: int) -> Settings:
    ports = free_ports(7)
    os.environ[_COUNT] = str(sessions)
    return Settings(
        city=Path(__file__).resolve().parent.parent / "cities" / "jinjiang", data=folder, sip_port=ports[0],
        sip_ws_port=ports[1], ami_port=ports[2], media_port=ports[3], desk_port=ports[4], trunk_host=CALLERS,
        trunk_port=ports[5], agi_port=ports[6], rtp_start=20000, rtp_end=20000 + 12 * sessions + 400, wrapup_s=0,
        trunk_check_s=0, line_check_s=0,
    )  # fmt: skip


def city_of(settings: Settings) -> City:
    """As many telephones as there will be callers, each for every group."""
    city = load_city(settings.city_folder)
    groups = tuple(group.key for group in city.groups if not group.linkage)
    count = int(os.environ[_COUNT])
    desks = tuple(
        Desk(extension=str(_FIRST + n), name=f"{n + 1}号席", kind="phone", groups=groups) for n in range(count)
    )
    return city.model_copy(update={"desks": desks})


def prompts_of(settings: Settings, city: City) -> Prompts:
    """The prompts that these callers hear, each as long as its text takes; written where they are not there."""
    folder = settings.data.resolve() / "prompts"
    folder.mkdir(exist_ok=True)
    flows = {flow.key: flow for flow in city.ivr}
    wanted = [
        (f"{key}/{name}", prompt) for key in ("welcome", "progress") for name, prompt in flows[key].prompts.items()
    ]
    made = Prompts(folder, {name: code for (name, _), code in zip(wanted, _CODES, strict=False)})
    for name, prompt in wanted:
        file = made.file(name)
        if not file.exists():
            frames = round(seconds(prompt.text("zh"), "zh") * 8000 / _FRAME)
            file.write_bytes(bytes([made.codes[name]]) * _FRAME * frames)
    return made


def environment(settings: Settings) -> dict[str, str]:
    given = {f"HEYI_{name.upper()}": str(value) for name, value in settings.model_dump(exclude_none=True).items()}
    return {**os.environ, **given}


def asterisk(settings: Settings, city: City, desk_port: int) -> Server:
    """Rendered as ever, but for desks at a fixed address that need not register, and the peer's menu."""
    install = Install.find(settings)
    folder = settings.data / "asterisk"
    files = render(city, settings, install, folder)
    for desk in city.desks:
        head = f"[{desk.extension}](desk-aor)\n"
        contact = f"contact = sip:{desk.extension}@{DESKS}:{desk_port}\n"
        files["pjsip.conf"] = files["pjsip.conf"].replace(head, head + contact)
    prompts = prompts_of(settings, city)
    head = "[from-trunk]\n"
    entry = (
        f"exten => {PEER},1,Gosub(line-in,s,1({LINE},10))\n same => n,Set(VOICED=1)\n same => n,Goto(bench-greet,s,1)\n"
    )
    files["extensions.conf"] = files["extensions.conf"].replace(head, head + entry, 1) + _menu(prompts)
    write(files, folder)
    return Server(install, folder)


def _menu(prompts: Prompts) -> str:
    """The default flow and its way through a ticket's progress, as far as a dialplan goes: it looks nothing up."""

    def say(name: str) -> str:
        return str(prompts.file(name).with_suffix(""))

    ways = """exten => 0,1,Goto(bench-person,s,1)
exten => 1,1,Goto(bench-number,s,1)
exten => 9,1,Set(HEYI_LINE=12345)
 same => n,Goto(voice-ways,urgent,1)
exten => i,1,Goto(bench-person,s,1)
"""
    return f"""
[bench-greet]
exten => s,1,Background({say("welcome/greeting")})
 same => n,WaitExten(4)
exten => t,1,Goto(bench-menu,s,1)
{ways}
[bench-menu]
exten => s,1,Background({say("welcome/menu")})
 same => n,WaitExten(4)
exten => t,1,Playback({say("welcome/wait")})
 same => n,Goto(routed,{LINE},1)
{ways}
[bench-person]
exten => s,1,Playback({say("welcome/person")})
 same => n,Goto(routed,{LINE},1)

[bench-number]
exten => s,1,Read(FIGURES,{say("progress/number")},12,,1,8)
 same => n,Playback({say("progress/found")})
 same => n,Goto(bench-what,s,1)
[bench-what]
exten => s,1,Background({say("progress/what")})
 same => n,WaitExten(5)
exten => t,1,Goto(bench-person,s,1)
exten => 1,1,Playback({say("progress/urged")})
 same => n,Goto(bench-more,s,1)
[bench-more]
exten => s,1,Background({say("progress/more")})
 same => n,WaitExten(5)
exten => t,1,Goto(bench-person,s,1)
exten => 0,1,Goto(bench-person,s,1)
"""
