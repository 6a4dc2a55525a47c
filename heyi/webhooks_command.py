"""``heyi webhooks``: other systems that are told of events; ``heyi doors``: keys of those that tell us."""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from core.cityfile import load_city
from core.clock import SystemClock
from core.database import Database
from core.errors import HeyiError
from core.secrets import site_secret
from core.settings import Settings
from heyi.site import with_database
from ticketing.doors import hooks
from ticketing.doors.keys import KIND_NAMES, KeyKind
from ticketing.doors.mail import server_of
from ticketing.doors.outward import networks
from ticketing.doors.room import Doors
from ticketing.doors.tables import Hook
from ticketing.doors.topics import TOPICS

T = TypeVar("T")
console = Console(stderr=True)
app = typer.Typer(no_args_is_help=True, help="Other systems that are told of events.")
doors_app = typer.Typer(no_args_is_help=True, help="Keys of the systems that tell us of matters.")
WHO = "command line"

HookName = Annotated[str, typer.Argument(help="Id of the subscription, or its name.")]


def _run(do: Callable[[Database, Doors], Awaitable[T]]) -> T:
    settings = Settings()
    city = load_city(settings.city_folder)

    async def run(database: Database) -> T:
        secret = site_secret(settings.data, settings.secret)
        doors = Doors(
            database, city, SystemClock(), secret=secret, data=settings.data,
            private=networks(settings.hook_networks), mail=server_of(settings),
        )  # fmt: skip
        return await do(database, doors)

    return with_database(settings, run)


async def _find(database: Database, name: str) -> Hook:
    async with database.read() as session:
        found = [state.hook for state in await hooks.states(session) if name in (state.hook.id, state.hook.name)]
    if len(found) != 1:
        raise HeyiError(
            f"{len(found)} subscriptions are called {name!r}" if found else f"there is no subscription {name!r}",
            hint="./run heyi webhooks list",
        )
    return found[0]


@app.command("list")
def list_command(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
) -> None:
    """Subscriptions, and how many messages wait, were delivered or are dead."""

    async def read(database: Database, _doors: Doors) -> list[hooks.HookState]:
        async with database.read() as session:
            return await hooks.states(session)

    states = _run(read)
    if as_json:
        rows = [
            {"id": s.hook.id, "name": s.hook.name, "url": s.hook.url, "topics": s.hook.topics, "waiting": s.waiting,
             "dead": s.dead, "done": s.done, "paused": s.hook.paused_at is not None}
            for s in states
        ]  # fmt: skip
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = Table("id", "name", "url", "topics", "waiting", "dead", "delivered", "")
    for s in states:
        paused = "paused" if s.hook.paused_at else ""
        table.add_row(s.hook.id, escape(s.hook.name), escape(s.hook.url), ", ".join(s.hook.topics), str(s.waiting),
                      str(s.dead), str(s.done), paused)  # fmt: skip
    console.print(table)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    url: Annotated[str, typer.Argument(help="https://…")],
    topics: Annotated[
        list[str] | None, typer.Option("--topic", help=f"Any of {', '.join(TOPICS)}; all if none.")
    ] = None,
    personal: Annotated[bool, typer.Option("--personal", help="It may learn who the caller is.")] = False,
) -> None:
    """Subscribe; prints the secret by which the receiver proves our messages."""

    async def make(_database: Database, doors: Doors) -> str:
        sender = doors.sender()
        try:
            await sender.check(url)
        finally:
            await sender.close()
        hook = await doors.hooks.add(name, url, topics or list(TOPICS), WHO, personal=personal)
        return doors.hooks.secrets(hook, hook.made_at)[0]

    print(_run(make))


@app.command("rotate")
def rotate(hook: HookName) -> None:
    """Give it a new secret, and print that; the former one holds beside it for a day."""

    async def make(database: Database, doors: Doors) -> str:
        made = await doors.hooks.rotate((await _find(database, hook)).id)
        return doors.hooks.secrets(made, SystemClock().now())[0]

    print(_run(make))


@app.command("pause")
def pause(hook: HookName) -> None:
    """Send nothing for the time being; what happens waits."""
    _run(lambda database, doors: _pause(database, doors, hook, True))
    console.print(f"{escape(hook)} is paused")


@app.command("resume")
def resume(hook: HookName) -> None:
    """Go on, with what waits first."""
    _run(lambda database, doors: _pause(database, doors, hook, False))
    console.print(f"{escape(hook)} goes on")


async def _pause(database: Database, doors: Doors, name: str, paused: bool) -> None:
    await doors.hooks.pause((await _find(database, name)).id, paused)


@app.command("remove")
def remove(hook: HookName) -> None:
    """End the subscription; what waits for it is given up."""

    async def end(database: Database, doors: Doors) -> None:
        await doors.hooks.remove((await _find(database, hook)).id)

    _run(end)
    console.print(f"{escape(hook)} is told nothing any more")


@app.command("test")
def test(hook: HookName) -> None:
    """Queue a message that means nothing; a running heyi sends it."""

    async def ping(database: Database, doors: Doors) -> int:
        return await doors.hooks.ping((await _find(database, hook)).id)

    console.print(f"message {_run(ping)} is queued")


@app.command("dead")
def dead(limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 100) -> None:
    """Messages that were given up, the newest first."""

    async def read(database: Database, _doors: Doors) -> list[tuple[str, ...]]:
        async with database.read() as session:
            names = {state.hook.id: state.hook.name for state in await hooks.states(session)}
            return [
                (str(row.id), names[row.hook_id], row.topic, row.number, str(row.attempts), row.error)
                for row in await hooks.deliveries(session, state="dead", limit=limit)
                if row.hook_id in names
            ]

    table = Table("message", "to", "topic", "ticket", "tries", "why")
    for row in _run(read):
        table.add_row(*map(escape, row))
    console.print(table)


@app.command("replay")
def replay(
    message: Annotated[int | None, typer.Argument(help="Number of one dead message (heyi webhooks dead).")] = None,
    hook: Annotated[str, typer.Option("--hook", help="All dead messages of this subscription.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="All dead messages.")] = False,
) -> None:
    """Queue dead messages once more; a running heyi sends them."""
    if sum((message is not None, bool(hook), everything)) != 1:
        raise HeyiError("which messages?", hint="a message's number, --hook NAME or --all")

    async def again(database: Database, doors: Doors) -> int:
        found = (await _find(database, hook)).id if hook else ""
        return await doors.hooks.replay(found, message)

    count = _run(again)
    console.print(f"{count} messages are queued once more")
    if not count:
        raise typer.Exit(1)


@doors_app.command("keys")
def keys() -> None:
    """All keys, also revoked ones."""
    rows = _run(lambda _database, doors: doors.keys.all())
    table = Table("id", "kind", "name", "made", "last used", "")
    for row in rows:
        used = f"{row.used_at:%Y-%m-%d %H:%M}" if row.used_at else ""
        table.add_row(
            row.id, row.kind, escape(row.name), f"{row.made_at:%Y-%m-%d}", used, "revoked" if row.revoked_at else ""
        )
    console.print(table)


@doors_app.command("key")
def key(
    kind: Annotated[str, typer.Argument(help="open311, wechat or hook.")],
    name: Annotated[str, typer.Argument(help="Whose it is.")],
) -> None:
    """Make a key and print it: an Open311 api_key, WeChat's token, the secret of another system's messages."""
    wanted: KeyKind | None = next((known for known in KIND_NAMES if known == kind), None)
    if wanted is None:
        raise HeyiError(f"{kind} is no kind of key", hint=", ".join(KIND_NAMES))
    chosen: KeyKind = wanted
    row, words = _run(lambda _database, doors: doors.keys.make(chosen, name, WHO))
    console.print(f"{row.id}: " + ("/open311/v2" if kind == "open311" else f"/in/{kind}/{row.id}"))
    print(words)


@doors_app.command("revoke")
def revoke(key_id: Annotated[str, typer.Argument(help="Id of the key (heyi doors keys).")]) -> None:
    """From now on nobody enters with it."""
    _run(lambda _database, doors: doors.keys.revoke(key_id))
    console.print(f"{escape(key_id)} is revoked")
