"""The demonstration put on: Asterisk, heyi, callers, robots, and the live table."""

import asyncio
import itertools
import json
import re
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.live import Live
from rich.table import Table

from core.bus import Bus
from core.city import City, Desk, Person
from core.database import Database
from core.errors import HeyiError
from core.secrets import derive, site_secret
from core.settings import Settings
from desk.access.users import Users
from heyi.demo.acts import Act, Stage, citizen, play
from heyi.demo.desk_client import DeskClient
from heyi.demo.script import Dialogue
from heyi.demo.voices import Spoken
from telephony.dialplan import flow_of, sip_secret
from telephony.phone import Phone, PhoneCall

#: The callers' exchange is the trunk's address; the robots sit on one of their own, so that ports never meet.
ROBOT_HOST = "127.0.0.3"
#: Calls that the table shows.
ROWS = 12
OUTCOMES = {"emergency": "紧急", "review": "待核", "service": "服务"}
STATES = {
    "draft": "受理", "filed": "立案", "dispatched": "派遣", "handling": "处置", "reported": "反馈", "callback": "回访",
    "closed": "结案",
}  # fmt: skip


class Show:
    """One performance over a running Asterisk."""

    def __init__(self, settings: Settings, city: City, dialogues: Sequence[Dialogue], spoken: Spoken) -> None:
        self._settings, self._city = settings, city
        self._parts = [(d, [spoken[i, n] for n in range(len(d.turns))]) for i, d in enumerate(dialogues)]
        self._acts: list[Act] = []
        self._by_number: dict[str, Act] = {}
        self._base = f"http://{settings.host}:{settings.desk_port}"
        self._secret = site_secret(settings.data, settings.secret)
        self._phones: list[Phone] = []
        self._clients: dict[str, asyncio.Task[DeskClient]] = {}
        self._begun = time.monotonic()

    async def __aenter__(self) -> "Show":
        settings = self._settings
        supervisor = await self._client_of(self._demo_person("supervisor"))
        trunk = Phone(
            "exchange", host=settings.trunk_host, port=settings.trunk_port, rtp_start=settings.rtp_start,
            rtp_count=1000, registrar=(settings.host, settings.sip_port),
        )  # fmt: skip
        trunk.on_call = citizen
        self._phones.append(trunk)
        await trunk.start()
        await self._raise_robots()
        voiced = frozenset(line.number for line in self._city.lines if flow_of(self._city, line, settings))
        self._stage = Stage(trunk, supervisor, self._robot_login, self._department_login, voiced)
        self._watching = asyncio.create_task(self._watch(supervisor))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watching.cancel()
        await asyncio.gather(self._watching, return_exceptions=True)
        for phone in self._phones:
            await phone.close()
        for task in self._clients.values():
            if task.done() and not task.cancelled() and task.exception() is None:
                await task.result().close()

    async def play(self, console: Console) -> list[Act]:
        """Play all acts and show them; returns when the last is over."""
        with Live(console=console, refresh_per_second=4, get_renderable=self._table):
            plays = []
            for part in self._parts:
                plays.append(asyncio.create_task(play(self._enter(*part), self._stage)))
                await asyncio.sleep(0.4)
            await asyncio.gather(*plays)
        return list(self._acts)

    async def go_on(self, console: Console) -> None:
        """For ever: whenever a person at a browser desk is ready, the next caller rings."""
        plays: set[asyncio.Task[None]] = set()
        parts = itertools.cycle(self._parts)
        dialogue, audio = next(parts)
        with Live(console=console, refresh_per_second=2, get_renderable=self._table):
            while True:
                await asyncio.sleep(2)
                # A caller whose matter is still open does not ring again.
                if not self._by_number[dialogue.caller_number].over or not await self._somebody_ready():
                    continue
                task = asyncio.create_task(play(self._enter(dialogue, audio), self._stage))
                plays.add(task)
                task.add_done_callback(plays.discard)
                dialogue, audio = next(parts)
                await asyncio.sleep(8)

    def _enter(self, dialogue: Dialogue, audio: list[bytes]) -> Act:
        act = Act(dialogue, audio)
        self._acts.append(act)
        self._by_number[dialogue.caller_number] = act
        return act

    async def _somebody_ready(self) -> bool:
        try:
            agents = (await self._stage.supervisor.get("/api/state"))["agents"]
        except (HeyiError, httpx.HTTPError):
            return False
        return any(a["kind"] == "browser" and a["state"] == "ready" for a in agents)

    # -- who takes part

    async def _raise_robots(self) -> None:
        for index, desk in enumerate(d for d in self._city.desks if d.kind == "robot"):
            phone = Phone(
                desk.extension, host=ROBOT_HOST, port=self._settings.sip_port + index,
                rtp_start=self._settings.rtp_start + 200 * index,
                registrar=(self._settings.host, self._settings.sip_port),
                password=sip_secret(self._settings)(desk.extension),
            )  # fmt: skip
            phone.on_call = self._robot_takes(desk)
            self._phones.append(phone)
            await phone.start()
            await phone.register()

    def _robot_takes(self, desk: Desk) -> Any:
        async def take(call: PhoneCall) -> None:
            number = re.search(r"sip:\+?(\d+)@", call.from_header)
            act = self._by_number.get(number[1]) if number else None
            await asyncio.sleep(0.5)
            await call.answer()
            if act is None or act.robot.done():
                await call.hang_up()
                return
            act.robot.set_result((desk.extension, call))
            await call.ended.wait()

        return take

    def _demo_person(self, role: str) -> Person:
        found = next((p for p in self._city.people if p.role == role), None)
        if found is None:
            raise HeyiError(f"the city has no demonstration login with the role {role!r}", hint="see people.yaml")
        return found

    def _robot_login(self, extension: str) -> "asyncio.Task[DeskClient]":
        return self._client_of(
            Person(
                login=f"robot{extension}", name=f"机器人{extension}", role="agent", extension=extension,
                password=derive(self._secret, "robot", extension),
            ),
            add=True,
        )  # fmt: skip

    def _department_login(self, department: str) -> "asyncio.Task[DeskClient]":
        known = next((p for p in self._city.people if p.department == department), None)
        return self._client_of(
            known
            or Person(
                login=f"staff-{department}", name="经办人", role="department", department=department,
                password=derive(self._secret, "staff", department),
            ),
            add=known is None,
        )  # fmt: skip

    def _client_of(self, person: Person, *, add: bool = False) -> "asyncio.Task[DeskClient]":
        if person.login not in self._clients:
            self._clients[person.login] = asyncio.create_task(self._sign_in(person, add))
        return self._clients[person.login]

    async def _sign_in(self, person: Person, add: bool) -> DeskClient:
        if add:
            database = Database(self._settings.db_url, Bus())
            await Users(database).add(person)
            await database.close()
        client = DeskClient(self._base, person.login, person.password)
        await client.sign_in()
        return client

    # -- what is seen

    async def _watch(self, supervisor: DeskClient) -> None:
        robots = {d.extension for d in self._city.desks if d.kind == "robot"}
        while True:
            try:
                for call in (await supervisor.get("/api/state"))["calls"]:
                    act = self._by_number.get(call["caller"] or "")
                    if act is not None and not act.over:
                        act.call_id = call["call_id"]
                        if call["state"] == "talking" and call["agent"] and call["agent"] not in robots:
                            act.person.set()
                for act in self._acts:
                    if act.call_id and not act.over:
                        act.seen = await supervisor.find(f"/api/calls/{act.call_id}") or act.seen
            except (HeyiError, httpx.HTTPError):
                await asyncio.sleep(1)
            await asyncio.sleep(0.4)

    def _table(self) -> Table:
        table = Table(
            title=f"合一演示 · {self._city.profile.name} · {time.monotonic() - self._begun:.0f} 秒", expand=True
        )
        for name, style, least in (
            ("线路", "bold", 6), ("等待", "", 6), ("状态", "", 4), ("听到", "dim", 10), ("研判", "", 8),
            ("工单", "cyan", 8), ("承办", "", 6), ("回访", "", 4),
        ):  # fmt: skip
            table.add_column(name, style=style, min_width=least, overflow="fold", ratio=2 if name == "听到" else None)
        for act in self._acts[-ROWS:]:
            table.add_row(self._line_name(act.dialogue.line), *row(act))
        return table

    def _line_name(self, number: str) -> str:
        line = self._city.line(number)
        return number if line is None or len(number) <= 6 else next(iter(line.aliases), line.name)


def row(act: Act) -> tuple[str, ...]:
    """An act as the table's row, after the line's name."""
    seen = act.seen
    ticket = seen.get("ticket") or {}
    verdict = seen.get("verdict") or {}
    outcome = verdict.get("outcome", "")
    judged = f"{OUTCOMES.get(outcome, '')} {ticket.get('category', '')}".strip()
    if outcome == "emergency":
        judged = f"[red]{judged}[/red]"
    callbacks = act.ticket.get("callbacks") or []
    words = [u["text"] for u in seen.get("transcript", ()) if u["leg"] == "caller"]
    return (
        f"{_waited(seen):.1f}秒" if seen.get("answered_at") else "…",
        f"[red]{act.error}[/red]" if act.error else act.stage,
        "".join(words)[-60:].replace("[", "("),
        judged,
        f"{ticket.get('number', '').partition('-')[2]} {STATES.get(ticket.get('state', ''), '')}".strip(),
        str(ticket.get("department_name", "")),
        str(callbacks[-1]["outcome_name"]) if callbacks else "",
    )


def _waited(seen: dict[str, Any]) -> float:
    return max(_moment(seen["answered_at"]) - _moment(seen["arrived_at"]), 0.0)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def summary(acts: Sequence[Act], settings: Settings) -> dict[str, Any]:
    """The run as plain JSON types: one object for each call."""
    return {"calls": [_summary(act, settings) for act in acts], "closed": sum(bool(act.ticket) for act in acts)}


def _summary(act: Act, settings: Settings) -> dict[str, Any]:
    seen, ticket = act.seen, act.ticket or act.seen.get("ticket") or {}
    recording = settings.recordings / f"{act.call_id}.wav"
    return {
        "id": act.dialogue.id,
        "line": act.dialogue.line,
        "caller": act.dialogue.caller_number,
        "call_id": act.call_id,
        "waited_s": round(_waited(seen), 3) if seen.get("answered_at") else None,
        "answered_by": seen.get("agent", ""),
        "transcript": {
            leg: [u["text"] for u in seen.get("transcript", ()) if u["leg"] == leg] for leg in ("caller", "agent")
        },
        "is_emergency": ticket.get("is_emergency"),
        "code": ticket.get("code"),
        "place": ticket.get("place"),
        "department": ticket.get("department"),
        "ticket": ticket.get("number"),
        "state": ticket.get("state"),
        "states": [
            {"state": step["after"], "at": step["at"]}
            for step in ticket.get("history", ())
            if step["before"] != step["after"]
        ],
        "steps": {step["key"]: step["at"] for step in ticket.get("steps", ()) if step["at"]},
        "recording": str(recording) if recording.exists() else None,
        "callback": [
            {k: c[k] for k in ("attempt", "placed_at", "ended_at", "outcome", "digit")}
            for c in ticket.get("callbacks", ())
        ],
        "error": act.error or None,
    }  # fmt: skip


def write_summary(path: Path, acts: Sequence[Act], settings: Settings) -> None:
    path.write_text(json.dumps(summary(acts, settings), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
