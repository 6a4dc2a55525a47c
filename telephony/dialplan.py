"""The city as Asterisk's configuration: render the templates of ``dialplans/``, try them, put them in place."""

import re
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.city import City, Line
from core.city_ivr import Occasion
from core.errors import HeyiError
from core.secrets import derive, site_secret
from core.settings import Settings
from telephony.install import Install, Server
from telephony.queues import LAST_S, queues, route, wide

#: Seconds that a transferred call rings before its caller goes back into the queue.
TRANSFER_S = 20
#: Seconds that a caller can be kept for a consultation; forgotten longer, he goes back into the queue.
CONSULT_S = 300
#: Seconds that a caller waits for the voice's next step after one has ended; then he goes on to a person.
VOICE_PATIENCE_S = 1.8
#: Longest talk of a caller with somebody outside whom the voice has called, in seconds.
PARTY_S = 600
#: Number of the city's own hotline.
HOTLINE = "12345"
#: A caller who waits is told how things stand after so many seconds, and from the end of that on again after so many.
TELL_FIRST_S, TELL_EVERY_S = 15, 45
TEMPLATES = Path(__file__).resolve().parent.parent / "dialplans"


def sip_secret(settings: Settings) -> Callable[[str], str]:
    """The function that gives a desk's telephone password."""
    secret = site_secret(settings.data, settings.secret)
    return lambda extension: derive(secret, "sip", extension)


def ami_secret(settings: Settings) -> str:
    """The manager interface's password."""
    return settings.ami_secret or derive(site_secret(settings.data, settings.secret), "ami")


def agi_token(settings: Settings) -> str:
    """What a call has to bring to the voice: nobody else on this machine may speak for a caller."""
    return derive(site_secret(settings.data, settings.secret), "agi")


def flow_of(city: City, line: Line, settings: Settings) -> str:
    """Key of the flow that callers of this line meet before a person; empty for none, as on every emergency line."""
    if line.kind == "emergency" or not settings.voice:
        return ""
    own = next((flow.key for flow in city.ivr if line.number in flow.use.lines), "")
    return own or next((flow.key for flow in city.ivr if "service" in flow.use.at), "")


def occasion_flow(city: City, at: Occasion, settings: Settings) -> str:
    """Key of the flow that is used on this occasion; empty for none."""
    return next((flow.key for flow in city.ivr if at in flow.use.at), "") if settings.voice else ""


def hotline(city: City) -> Line | None:
    """The line to which callers come whom the robot has rung: 12345, else the first service line."""
    lines = sorted(city.lines, key=lambda line: line.number != HOTLINE)
    return next((line for line in lines if line.kind == "service"), None)


def render(city: City, settings: Settings, install: Install, folder: Path) -> dict[str, str]:
    """File name → text of every configuration file, for an Asterisk that runs in ``folder``."""
    environment = Environment(  # noqa: S701  these are configuration files, not HTML; text is cleaned by the filters
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = lambda text: re.sub(r'[\r\n"\\;]', " ", text)
    environment.filters["comment"] = lambda text: re.sub(r"[\r\n;]", " ", text)
    folder = folder.resolve()
    context = {
        "city": city,
        "site": settings.model_copy(update={"ami_secret": ami_secret(settings)}),
        "secret": sip_secret(settings),
        "machine_addresses": _addresses(),
        "queues": queues(city),
        "wide": wide,
        "route": lambda line, mode: route(city, line, mode, str(folder / "sounds"), settings.service_round_s),
        "transfer_s": TRANSFER_S,
        "last_s": LAST_S,
        "consult_s": CONSULT_S,
        "flow_of": lambda line: flow_of(city, line, settings),
        "voice_patience_s": VOICE_PATIENCE_S,
        "party_s": PARTY_S,
        "occasion": lambda at: occasion_flow(city, at, settings),
        "hotline": hotline(city),
        "tell_first_s": TELL_FIRST_S,
        "tell_every_s": TELL_EVERY_S,
        # c: the caller goes on when the desk hangs up
        "queue_options": "ic" if occasion_flow(city, "satisfaction", settings) else "i",
        "agi_token": agi_token(settings),
        "top_priority": max((line.priority for line in city.lines), default=100),
        # A service call never ages into the emergencies.
        "service_ceiling": min((line.priority for line in city.lines if line.kind == "emergency"), default=100) - 1,
        "dirs": SimpleNamespace(
            modules=install.modules,
            data=install.data,
            **{n: folder / n for n in ("etc", "lib", "keys", "spool", "run", "log", "sounds", "music")},
        ),
    }
    names = sorted(p.name for p in TEMPLATES.glob("*.conf.j2"))
    return {name.removesuffix(".j2"): environment.get_template(name).render(context) for name in names}


def write(files: dict[str, str], folder: Path) -> None:
    """Put the files into ``folder/etc``, each by one rename."""
    etc = folder / "etc"
    etc.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        part = etc / f".{name}.part"
        part.write_text(text)
        part.chmod(0o600)
        part.replace(etc / name)


def check(city: City, settings: Settings, install: Install) -> list[str]:
    """Load the configuration in a scratch Asterisk on free ports; what that Asterisk complains of, line by line."""
    with tempfile.TemporaryDirectory(prefix="heyi-check-") as name:
        folder = Path(name)
        ports = free_ports(6)
        scratch = settings.model_copy(
            update={
                "host": "127.0.0.1", "sip_port": ports[0], "sip_ws_port": ports[1], "ami_port": ports[2],
                "media_port": ports[3], "desk_port": ports[4], "agi_port": ports[5],
            }
        )  # fmt: skip
        files = render(city, scratch, install, folder)
        write(files, folder)
        music = folder / "music"
        music.mkdir()
        (music / "silence.alaw").write_bytes(b"\xd5" * 8000)  # the real one is made elsewhere
        server = Server(install, folder)
        try:
            server.start()
            found = _complaints(folder)
            lines = server.cli("dialplan show from-trunk")
            found += [
                f"line {n} is not in the dialplan" for n in (x.number for x in city.lines) if f"'{n}'" not in lines
            ]
            for queue in queues(city):
                members = server.cli(f"queue show {queue.name}")
                found += [
                    f"desk {d.extension} is not in the queue {queue.name}"
                    for d in queue.desks
                    if f"PJSIP/{d.extension}" not in members
                ]
            # A missing application hangs up on the caller only when the step is reached: ask beforehand.
            known = set(re.findall(r"^ +(\w+):", server.cli("core show applications"), re.MULTILINE))
            used = set(re.findall(r"[,?](?:n|1|n\(\w+\))?,?([A-Z]\w+)\(", files["extensions.conf"]))
            found += [
                f"the dialplan uses {name}, which no loaded module has" for name in sorted(used - known - FUNCTIONS)
            ]
        except HeyiError as error:
            found = [*_complaints(folder), str(error)]
        finally:
            server.stop()
        return found


#: Names before a parenthesis in the dialplan that are functions, not applications.
FUNCTIONS = frozenset({"STAT", "CALLERID", "FILTER", "IF", "DB", "DIALPLAN_EXISTS"})


def _complaints(folder: Path) -> list[str]:
    log = folder / "log" / "messages"
    if not log.exists():
        return []
    lines = log.read_text("utf-8", "replace").splitlines()
    return [line for line in lines if re.search(r"\] (WARNING|ERROR)\[", line)]


def apply(city: City, settings: Settings, install: Install, folder: Path) -> list[str]:
    """Put the configuration in place and have the running Asterisk read it; calls go on. What it reloaded."""
    fresh = render(city, settings, install, folder)
    changed = [n for n, text in fresh.items() if _read(folder / "etc" / n) != text]
    backup = folder / "etc.before"
    if (folder / "etc").is_dir():
        shutil.rmtree(backup, ignore_errors=True)
        shutil.copytree(folder / "etc", backup)
    write(fresh, folder)
    server = Server(install, folder)
    if server.pid() is None:
        return changed
    for name in changed:
        module = RELOADS.get(name)
        if module is None:
            continue
        answer = server.cli(f"module reload {module}")
        if "Unable" in answer or "No such" in answer:
            raise HeyiError(
                f"Asterisk did not reload {module}: {answer.strip()}", hint=f"the former files are in {backup}"
            )
    return changed


#: Which module reads which file; files that are not here need a restart.
RELOADS = {
    "extensions.conf": "pbx_config.so",
    "pjsip.conf": "res_pjsip.so",
    "queues.conf": "app_queue.so",
    "musiconhold.conf": "res_musiconhold.so",
    "cel.conf": "cel",
    "manager.conf": "manager",
    "websocket_client.conf": "res_websocket_client.so",
}


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _addresses() -> list[str]:
    """IPv4 addresses of this machine besides loopback."""
    return sorted(
        {
            a.address
            for addresses in psutil.net_if_addrs().values()
            for a in addresses
            if a.family == socket.AF_INET and not a.address.startswith("127.")
        }
    )


def free_ports(count: int) -> list[int]:
    """Port numbers that were free for TCP and UDP on loopback a moment ago."""
    ports: list[int] = []
    while len(ports) < count:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            if port not in ports:
                ports.append(port)
    return ports
