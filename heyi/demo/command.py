"""``heyi demo``: everything on one machine, for people who want to see it."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from core.city import City
from core.errors import HeyiError
from core.settings import Settings
from heyi import prepare
from heyi.demo import script
from heyi.demo.script import Dialogue
from heyi.demo.serving import Serving
from heyi.demo.show import Show, summary, write_summary
from heyi.demo.voices import Spoken, speak

console = Console()
#: Exit status after SIGTERM.
_TERMINATED = 143


def demo(
    settings: Settings, city: City, *, once: bool, json_file: Path | None, calls: Path | None, limit: int | None
) -> int:
    """Play the demonstration; the exit status: 0 when every call ended in a closed ticket."""
    dialogues = script.read(calls or settings.city / "demo.jsonl", city, limit)
    # Callbacks come at once and at any hour here; nobody is really rung up.
    environment = {**os.environ, "HEYI_CALLBACK_FIRST_S": "1", "HEYI_CALLBACK_QUIET": "", "HEYI_DEMO_PEOPLE": "1"}
    voice = prepare.fetched(settings, city)
    server, serving = prepare.asterisk(settings, city), Serving(settings, environment)
    # Ended by a signal, it still takes Asterisk and heyi down with it.
    signal.signal(signal.SIGTERM, _end)
    server.start()
    try:
        # It opens, and the first time trains its judge, while the voices are spoken here.
        serving.begin()
        prepare.sounds(settings, city, voice, console, {d.line for d in dialogues})
        spoken = speak(dialogues, voice, console)
        return asyncio.run(_demo(settings, city, dialogues, spoken, serving, once, json_file))
    except KeyboardInterrupt:
        return 0
    except asyncio.CancelledError:
        return _TERMINATED
    finally:
        serving.stop()
        server.stop()


def _end(*_: object) -> NoReturn:
    sys.exit(_TERMINATED)


async def _demo(
    settings: Settings,
    city: City,
    dialogues: Sequence[Dialogue],
    spoken: Spoken,
    serving: Serving,
    once: bool,
    json_file: Path | None,
) -> int:
    playing = asyncio.current_task()
    if playing is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, playing.cancel)
    with console.status("heyi starts"):
        await serving.up()
    address = f"http://{settings.host}:{settings.desk_port}/"
    console.print(f"\n[bold]坐席页面 {address}[/bold]   Ctrl-C 结束")
    for person in city.people[:8]:
        console.print(f"  {person.name}  {person.login} / {person.password}", highlight=False)
    if not once:
        console.print("登录 agent1 并点“就绪”，就会有来电打进来；没有人就绪时由机器人接听。\n")
    return await _first_to_end(_play(Show(settings, city, dialogues, spoken), settings, once, json_file), serving)


async def _play(show: Show, settings: Settings, once: bool, json_file: Path | None) -> int:
    async with show:
        acts = await show.play(console)
        if json_file is not None:
            write_summary(json_file, acts, settings)
        closed = summary(acts, settings)["closed"]
        console.print(f"\n{closed} / {len(acts)} 通来电结案")
        for act in acts:
            if act.error:
                console.print(f"[red]{act.dialogue.id}: {act.error}[/red]")
        if not once:
            await show.go_on(console)
        return 0 if closed == len(acts) else 1


async def _first_to_end(playing: Coroutine[None, None, int], serving: Serving) -> int:
    """The exit status, or :class:`HeyiError` as soon as heyi itself ends."""
    status = asyncio.create_task(playing)
    ended = asyncio.create_task(serving.ended())
    try:
        await asyncio.wait({status, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not status.done():
            raise HeyiError("heyi has ended", hint=f"see {serving.log}")
        return status.result()
    finally:
        for task in (status, ended):
            task.cancel()
        await asyncio.gather(status, ended, return_exceptions=True)
