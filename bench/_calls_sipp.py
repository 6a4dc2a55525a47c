"""Callers and telephones of the benchmark: sipp with a voice of raw A-law, in processes of its own."""

import subprocess
from pathlib import Path

from core.errors import HeyiError

CALLERS, DESKS = "127.0.0.2", "127.0.0.3"
_MEDIA = 30000
_SDP = """v=0
o=- 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 8
a=rtpmap:8 PCMA/8000
"""
_SPEAK = '<nop><action><exec rtp_stream="{voice},-1,8,PCMA/8000"/></action></nop>'
#: Sent again until it is answered.
_AGAIN = ' retrans="500"'
_HEAD = """Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
From: <sip:138[call_number]@[local_ip]:[local_port]>;tag=[pid]x[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>{to_tag}
Call-ID: [call_id]
CSeq: {cseq}
Contact: <sip:exchange@[local_ip]:[local_port]>
Max-Forwards: 70
"""
_REPLY = """SIP/2.0 {status}
[last_Via:]
[last_From:]
[last_To:]{to_tag}
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
"""


def _message(head: str, body: str = "") -> str:
    kind = "Content-Type: application/sdp\n" if body else ""
    return f"<![CDATA[\n{head}{kind}Content-Length: [len]\n\n{body}]]>"


def _request(method: str, cseq: int, *, body: str = "", again: bool = True) -> str:
    to_tag = "" if method == "INVITE" else "[peer_tag_param]"
    head = f"{method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0\n"
    head += _HEAD.format(cseq=f"{cseq} {method}", to_tag=to_tag)
    return f"<send{_AGAIN if again else ''}>{_message(head, body)}</send>"


def _reply(status: str, body: str = "", *, again: bool = False) -> str:
    head = _REPLY.format(status=status, to_tag="" if "BYE" in status else ";tag=[pid]y[call_number]")
    return f"<send{_AGAIN if again else ''}>{_message(head, body)}</send>"


def _scenario(*steps: str) -> str:
    return '<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="heyi">\n' + "\n".join(steps) + "\n</scenario>\n"


def caller(voice: Path) -> str:
    """Dials, speaks for the time of the pause, hangs up."""
    return _scenario(
        _request("INVITE", 1, body=_SDP),
        *(f'<recv response="{code}" optional="true"/>' for code in (100, 180, 183)),
        '<recv response="200" rrs="true"/>',
        _request("ACK", 1, again=False),
        _SPEAK.format(voice=voice),
        "<pause/>",
        _request("BYE", 2),
        '<recv response="200"/>',
    )


def desk(voice: Path) -> str:
    """Rings for half a second, answers, speaks until the other side hangs up."""
    return _scenario(
        '<recv request="INVITE"/>',
        _reply("180 Ringing"),
        '<pause milliseconds="500"/>',
        _reply("200 OK", _SDP, again=True),
        '<recv request="ACK"/>',
        _SPEAK.format(voice=voice),
        '<recv request="BYE"/>',
        _message_of_bye(),
    )


def _message_of_bye() -> str:
    return f"<send>{_message(_REPLY.format(status='200 OK', to_tag=''))}</send>"


class Sipp:
    """One sipp."""

    def __init__(self, folder: Path, name: str, scenario: str, *args: str) -> None:
        file = folder / f"{name}.xml"
        file.write_text(scenario)
        self._name, self._log = name, folder / f"{name}.log"
        with self._log.open("wb") as log:
            try:
                self._process = subprocess.Popen(  # noqa: S603
                    ["sipp", "-sf", str(file), "-nostdin", *args],  # noqa: S607
                    cwd=folder, stdout=subprocess.DEVNULL, stderr=log,
                )  # fmt: skip
            except FileNotFoundError as error:
                raise HeyiError("sipp is not installed", hint="apt-get install sip-tester") from error

    def check(self) -> None:
        """Raises :class:`HeyiError` where it ended with a fault."""
        if self._process.poll() not in (None, 0):
            said = self._log.read_text("utf-8", "replace").strip().splitlines()
            raise HeyiError(f"sipp ({self._name}) ended with {self._process.returncode}", hint=(said or [""])[-1])

    @property
    def over(self) -> bool:
        return self._process.poll() is not None

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()


def callers(folder: Path, voice: Path, *, source: int, target: int, line: str, calls: int, rate: int, s: int) -> Sipp:
    """``calls`` callers of ``line``, ``rate`` of them a second, each for ``s`` seconds."""
    return Sipp(
        folder, "callers", caller(voice), f"127.0.0.1:{target}", "-i", CALLERS, "-mi", CALLERS, "-p", str(source),
        "-mp", str(_MEDIA), "-s", line, "-m", str(calls), "-l", str(calls), "-r", str(rate), "-d", str(s * 1000),
    )  # fmt: skip


def desks(folder: Path, voice: Path, *, port: int) -> Sipp:
    """Telephones that answer whoever rings."""
    return Sipp(folder, "desks", desk(voice), "-i", DESKS, "-mi", DESKS, "-p", str(port), "-mp", str(_MEDIA))
