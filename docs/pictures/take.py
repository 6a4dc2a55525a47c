"""Takes the pictures of the documents: a real call to 110, answered in Chromium, on an Asterisk of its own; then the
demonstration's other calls, and every screen as its people see it afterwards.

    .heyi/venv/bin/python docs/pictures/take.py [FOLDER]

Ports and folders are its own, so it runs beside anything else. It needs the development set-up (CONTRIBUTING.md).
"""

import asyncio
import base64
import contextlib
import os
import shutil
import sys
import tempfile
import wave
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, async_playwright, expect
from rich.console import Console
from screens import SCREENS, Screen, gallery

from core.city import City
from core.cityfile import load_city
from core.errors import HeyiError
from core.settings import Settings
from heyi import prepare
from heyi.demo import script
from heyi.demo.acts import citizen
from heyi.demo.script import Dialogue
from heyi.demo.serving import Serving
from heyi.demo.show import Show
from heyi.demo.voices import Spoken, speak
from telephony.dialplan import free_ports
from telephony.phone import Phone, PhoneCall

console = Console()
HERE = Path(__file__).resolve().parent
SIZE = ViewportSize(width=1366, height=768)
RATE = 8000
#: No sandbox: Chromium refuses to start as root with one. The rest gives a microphone and media on loopback.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]  # fmt: skip
#: Recognition lags behind the last word; on a busy machine by some seconds.
PATIENCE_MS = 60_000


#: Of a picture, of the best; half of a PNG's size, and nothing of its letters is lost to the eye.
QUALITY = 0.85
#: What is said, where, and of what nature.
MATTERS = (
    ("小区门口的路灯坏了三天，晚上很黑，请派人来修。", "池店镇华洲村", "求助"),
    ("楼下烧烤店油烟直排，夜里吵到两点。", "青阳街道阳光社区", "投诉"),
    ("工地半夜还在打桩，孩子没法睡觉。", "陈埭镇岸兜村", "投诉"),
    ("自来水发黄已经两天，没有收到通知。", "安海镇西安村", "求助"),
    ("工厂拖欠工资两个月，一共十二个人。", "陈埭镇岸兜村", "投诉"),
    ("人行道上的井盖松动，踩上去会翻。", "青阳街道阳光社区", "求助"),
    ("希望在学校门口增设一处斑马线。", "池店镇华洲村", "建议"),
)
#: Chromium writes WebP only from a canvas.
WEBP = """async ([png, quality]) => {
  const image = await createImageBitmap(await (await fetch('data:image/png;base64,' + png)).blob());
  const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
  canvas.getContext('2d').drawImage(image, 0, 0);
  return canvas.toDataURL('image/webp', quality).split(',')[1];
}"""


@dataclass
class Scene:
    """What the pictures are taken of."""

    settings: Settings
    city: City
    #: The calls that are played afterwards, and every turn's voice of them by (call, turn).
    others: Sequence[Dialogue]
    spoken: Spoken
    dialogue: Dialogue
    #: Every turn's voice: signed 16-bit mono at 8 kHz.
    audio: Sequence[bytes]
    #: File that the browser's microphone plays.
    microphone: Path
    trunk: Phone
    browser: Browser


def site(data: Path) -> Settings:
    """A site in ``data`` on ports that are free now, where callbacks come at once."""
    names = ("sip_port", "sip_ws_port", "ami_port", "media_port", "desk_port", "trunk_port", "agi_port")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    return Settings.model_validate(
        {
            "data": data,
            **ports,
            "rtp_start": 22000,
            "rtp_end": 22199,
            "callback_first_s": 1,
            "callback_quiet": "",
            "voice": False,
        }
    )


def microphone(dialogue: Dialogue, audio: Sequence[bytes], path: Path) -> None:
    """What the call taker says, silence where the caller speaks: Chromium's microphone plays it from the answer on."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        for turn, pcm in zip(dialogue.turns, audio, strict=True):
            file.writeframes(bytes(2 * int(max(turn.gap_s, 0) * RATE)))
            file.writeframes(pcm if turn.who == "A" else bytes(len(pcm)))


async def speak_as_caller(scene: Scene, call: PhoneCall) -> None:
    for turn, pcm in zip(scene.dialogue.turns, scene.audio, strict=True):
        await asyncio.sleep(max(turn.gap_s, 0))
        if turn.who == "C":
            await call.play(pcm)
        else:
            await asyncio.sleep(len(pcm) / 2 / RATE)


async def sign_in(scene: Scene, login: str) -> Page:
    """A fresh browser profile, signed in with a demonstration login."""
    context = await scene.browser.new_context(
        base_url=base(scene.settings), viewport=SIZE, permissions=["microphone"], locale="zh-CN"
    )
    page = await enter(context, login)
    await expect(page.locator("#live-state")).to_have_attribute("data-state", "on")
    return page


async def enter(context: BrowserContext, login: str) -> Page:
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    await page.goto("/login?look=light")
    await page.fill("[data-test=login]", login)
    await page.fill("[data-test=password]", "heyi-demo")
    await page.click("[data-test=sign-in]")
    await page.wait_for_url(lambda address: "/login" not in address)
    return page


async def shot(page: Page, folder: Path, name: str) -> None:
    """The whole page; the desk never needs more than the window."""
    path = folder / f"{name}.png"
    await page.screenshot(path=path, full_page=True)
    console.print(f"{path} {path.stat().st_size // 1024} KB", highlight=False)


async def take(scene: Scene, folder: Path) -> None:
    desk = await sign_in(scene, "agent1")
    await expect(desk.locator("[data-test=phone-state]")).to_have_attribute("data-state", "registered")
    await desk.click("[data-test=ready]")
    await expect(desk.locator("[data-test=agent-state]")).to_have_attribute("data-state", "ready")

    dialling = asyncio.create_task(scene.trunk.call(scene.dialogue.line, caller=scene.dialogue.caller_number))
    await desk.click("[data-test=answer]")
    call = await dialling
    await expect(desk.locator("[data-test=agent-state]")).to_have_attribute("data-state", "talking")
    # Two more who wait, an emergency and a service call, so that the bar shows both.
    waiting = [
        asyncio.create_task(scene.trunk.call(n, caller=c))
        for n, c in (("12345", "13559501405"), ("119", "13559501101"))
    ]
    await speak_as_caller(scene, call)
    await expect(desk.locator("[data-test=verdict]")).to_have_attribute("data-outcome", "emergency")
    rows = desk.locator("[data-test=utterance][data-final=true]")
    await expect(rows.nth(len(scene.dialogue.turns) - 2)).to_be_visible()
    await asyncio.sleep(3)
    await shot(desk, folder, "desk")

    # The microphone begins anew with the page: everything has been said.
    microphone(scene.dialogue, [bytes(len(pcm)) for pcm in scene.audio], scene.microphone)
    # A refresh in mid-call, in English: the next page takes the call back by itself.
    await desk.goto("/desk?lang=en")
    await expect(desk.locator("[data-test=quality]")).not_to_be_empty()
    await expect(rows.first).to_be_visible()
    await shot(desk, folder, "desk-en")
    await desk.click("[data-test=submit]")
    await expect(desk.locator("[data-test=ticket-state]")).to_have_attribute("data-state", "dispatched")
    number = await desk.inner_text("[data-test=ticket-number]")
    await call.hang_up()
    for task in waiting:
        await (await task).hang_up()
    # Their desk is another page's from now on.
    await desk.context.close()

    office = await sign_in(scene, "police")
    await office.click("[data-test=accept]")
    await office.goto(f"/tickets/{number}")
    await office.click("[data-test=report-open]")
    await office.fill("[data-test=result]", "民警到场控制两名嫌疑人，伤者已由救护车送医，案件移交派出所办理。")
    await office.click("[data-test=report]")
    await expect(office.locator("[data-test=ticket-state]")).to_contain_text("结案")
    await asyncio.sleep(1)
    await shot(office, folder, "ticket")


async def every_screen(scene: Scene, folder: Path) -> None:
    """The demonstration's other calls up to their closed tickets, then one picture of each screen."""
    async with Show(scene.settings, scene.city, scene.others, scene.spoken) as show:
        acts = await show.play(console)
        if failed := [act for act in acts if act.error]:
            raise HeyiError(f"{failed[0].dialogue.id}: {failed[0].error}")
        places = {"call": acts[0].call_id, "ticket": acts[0].ticket["number"]}
    await matters(scene)
    canvas = await scene.browser.new_page()
    contexts = {"": await scene.browser.new_context(base_url=base(scene.settings), locale="zh-CN")}
    for screen in (screen for group in SCREENS.values() for screen in group):
        if screen.login not in contexts:
            contexts[screen.login] = await scene.browser.new_context(
                base_url=base(scene.settings), permissions=["microphone"], locale="zh-CN"
            )
            await (await enter(contexts[screen.login], screen.login)).close()
        page = await contexts[screen.login].new_page()
        await look(page, screen, places)
        png = base64.b64encode(await page.screenshot()).decode()
        path = folder / f"{screen.name}.webp"
        path.write_bytes(base64.b64decode(await canvas.evaluate(WEBP, [png, QUALITY])))
        console.print(f"{path} {path.stat().st_size // 1024} KB", highlight=False)
        await page.close()


async def matters(scene: Scene) -> None:
    """People at the counter, whose matters are open yet: the calls' tickets are all closed by now."""
    context = await scene.browser.new_context(base_url=base(scene.settings))
    await (await enter(context, "agent1")).close()
    for number, (text, place, nature) in enumerate(MATTERS):
        told: dict[str, str | float | bool] = {
            "text": text,
            "place": place,
            "nature": nature,
            "name": f"陈女士{number}",
            "phone": f"1355950{2000 + number}",
        }
        await post(context, "/walkin", scene, form=told)
    for ticket in await (await context.request.get("/api/tickets?source=walkin&state=draft")).json():
        # As triage proposes it.
        await post(context, f"/api/tickets/{ticket['id']}/submit", scene, data={})
    await context.close()


async def post(context: BrowserContext, path: str, scene: Scene, **body: Any) -> None:
    answer = await context.request.post(path, headers={"Origin": base(scene.settings)}, **body)
    if not answer.ok:
        raise HeyiError(f"{path} gives {answer.status}", hint=(await answer.text())[:300])


async def look(page: Page, screen: Screen, places: dict[str, str]) -> None:
    """Until the page has drawn what it has to show."""
    width, height = screen.size
    await page.set_viewport_size(ViewportSize(width=width, height=height))
    address = screen.path.format(**places)
    answer = await page.goto(f"{address}{'&' if '?' in address else '?'}look={screen.look}&lang=zh")
    if answer is None or not answer.ok:
        raise HeyiError(f"{screen.name}: {address} gives {answer.status if answer else 'nothing'}")
    # Charts, maps and live parts come after the page; a live stream never ends, so that no silence can be waited for.
    await asyncio.sleep(4)


def base(settings: Settings) -> str:
    return f"http://{settings.host}:{settings.desk_port}"


@contextlib.asynccontextmanager
async def scene(settings: Settings, city: City, scratch: Path) -> AsyncIterator[Scene]:
    """heyi on a running Asterisk, the callers' exchange, and a browser whose microphone speaks as a call taker."""
    # The call to 110 first, whatever its place in the script.
    dialogue, *others = sorted(script.read(settings.city / "demo.jsonl", city), key=lambda each: each.line != "110")
    voice = prepare.everything(settings, city, console, {each.line for each in (dialogue, *others)})
    spoken = speak([dialogue, *others], voice, console)
    audio = [spoken[0, n] for n in range(len(dialogue.turns))]
    rest = {(call - 1, turn): sound for (call, turn), sound in spoken.items() if call}
    file = scratch / "microphone.wav"
    microphone(dialogue, audio, file)
    server = prepare.asterisk(settings, city)
    server.start()
    given = {f"HEYI_{k.upper()}": str(v) for k, v in settings.model_dump(exclude_none=True).items()}
    serving = Serving(settings, {**os.environ, **given, "HEYI_DEMO_PEOPLE": "1"})
    trunk = Phone(
        "exchange", host=settings.trunk_host, port=settings.trunk_port, rtp_start=36000,
        registrar=(settings.host, settings.sip_port),
    )  # fmt: skip
    trunk.on_call = citizen
    try:
        await serving.start()
        await trunk.start()
        async with async_playwright() as playwright:
            flags = [*FLAGS, f"--use-file-for-fake-audio-capture={file}%noloop"]
            browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            yield Scene(settings, city, others, rest, dialogue, audio, file, trunk, browser)
            await browser.close()
    finally:
        await trunk.close()
        serving.stop()
        server.stop()


async def main() -> None:
    expect.set_options(timeout=PATIENCE_MS)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="heyi-pictures-") as name:
        settings = site(Path(name) / "data")
        async with scene(settings, load_city(settings.city_folder), Path(name)) as found:
            await take(found, folder)
            await found.trunk.close()
            await every_screen(found, folder)
    if folder == HERE:
        (HERE.parent / "screens.md").write_text(gallery(), "utf-8")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except HeyiError as error:
        sys.exit(str(error))
