"""Many callers at once, by sipp in a process of its own: they dial, wait or talk for a while, and hang up."""

import asyncio
from pathlib import Path

from core.settings import Settings

_SCENARIO = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="caller">
  <send retrans="500"><![CDATA[
    INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
    Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
    From: {name}<sip:138[call_number]@[local_ip]:[local_port]>;tag=[pid]x[call_number]
    To: <sip:[service]@[remote_ip]:[remote_port]>
    Call-ID: [call_id]
    CSeq: 1 INVITE
    Contact: <sip:exchange@[local_ip]:[local_port]>
    Max-Forwards: 70
    Content-Type: application/sdp
    Content-Length: [len]

    v=0
    o=exchange 1 1 IN IP4 [local_ip]
    s=-
    c=IN IP4 [media_ip]
    t=0 0
    m=audio [media_port] RTP/AVP 8
    a=rtpmap:8 PCMA/8000
  ]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="183" optional="true"/>
  <recv response="200" rrs="true"/>
  <send><![CDATA[
    ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0
    Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
    From: {name}<sip:138[call_number]@[local_ip]:[local_port]>;tag=[pid]x[call_number]
    To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
    Call-ID: [call_id]
    CSeq: 1 ACK
    Max-Forwards: 70
    Content-Length: 0

  ]]></send>
  <pause/>
  <send retrans="500"><![CDATA[
    BYE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
    Via: SIP/2.0/UDP [local_ip]:[local_port];branch=[branch]
    From: {name}<sip:138[call_number]@[local_ip]:[local_port]>;tag=[pid]x[call_number]
    To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
    Call-ID: [call_id]
    CSeq: 2 BYE
    Max-Forwards: 70
    Content-Length: 0

  ]]></send>
  <recv response="200" crlf="true"/>
</scenario>
"""


class Crowd:
    """``calls`` callers of ``line``, ``rate`` of them a second, each for ``seconds``; ``name``: their display name."""

    def __init__(self, settings: Settings, line: str, *, calls: int, rate: int, seconds: float, name: str = "") -> None:
        self._settings, self._calls = settings, calls
        scenario = Path(settings.data) / f"caller-{line}.xml"
        scenario.write_text(_SCENARIO.replace("{name}", name), "utf-8")
        self._command = [
            "sipp", f"127.0.0.1:{settings.sip_port}", "-i", settings.trunk_host, "-p", str(settings.trunk_port),
            "-sf", str(scenario.resolve()), "-s", line, "-m", str(calls), "-l", str(calls), "-r", str(rate),
            "-d", str(int(seconds * 1000)), "-nostdin", "-timeout", "600", "-timeout_error",
        ]  # fmt: skip
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._command, cwd=self._settings.data,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def over(self) -> None:
        """Wait until the last has hung up; fails where a call did not go as it should."""
        assert self._process is not None
        _, said = await self._process.communicate()
        assert self._process.returncode == 0, (self._process.returncode, said.decode("utf-8", "replace")[-2000:])

    async def close(self) -> None:
        """Make an end, wherever they are."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
