"""Sending to an address that somebody typed in, without being led into our own network.

A name is resolved once, every address that it has is judged, and the connection goes to the address that was judged:
a name that changes its mind in between (DNS rebinding) changes nothing. Redirects are not followed, proxies of the
environment not asked.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

import httpx

from core.errors import HeyiError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
#: Addresses of a name and port.
Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]

#: Seconds: to connect, and for the whole of a message with its answer.
CONNECT_S, TOTAL_S = 5.0, 10.0
#: IPv6 networks in which IPv4 addresses hide: NAT64, 6to4, Teredo.
_TUNNELS = tuple(ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))


class Blocked(HeyiError):
    """Nothing is sent to this address."""


@dataclass(frozen=True)
class Target:
    """An address in its parts."""

    scheme: str
    host: str
    port: int
    path: str


@dataclass(frozen=True)
class Answer:
    """What came of sending: the status, or what went wrong in one line."""

    status: int | None
    error: str

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def networks(text: str) -> tuple[Network, ...]:
    """Networks as the setting has them: ``10.0.0.0/8, 127.0.0.1``."""
    try:
        return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise HeyiError(f"HEYI_HOOK_NETWORKS: {error}", hint="10.0.0.0/8, 192.168.1.20") from error


def target(url: str) -> Target:
    """The parts of an address; :class:`Blocked` where it is none that is sent to."""
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").encode("idna").decode() if ":" not in (parts.hostname or "") else parts.hostname
    except (ValueError, UnicodeError) as error:
        raise Blocked("推送地址不正确", hint=url[:80]) from error
    if parts.scheme not in ("http", "https") or not host or not url.isprintable() or " " in url:
        raise Blocked("推送地址应以 https:// 开头", hint=url[:80])
    if parts.username is not None or parts.password is not None:
        raise Blocked("推送地址不能含用户名和密码", hint=host)
    if parts.fragment:
        raise Blocked("推送地址不能含 #", hint=host)
    path = parts.path or "/"
    return Target(parts.scheme, host, port or (443 if parts.scheme == "https" else 80),
                  f"{path}?{parts.query}" if parts.query else path)  # fmt: skip


def judge(wanted: Target, found: Sequence[Address], private: Sequence[Network]) -> Address:
    """The address to connect to; :class:`Blocked` where one of those found is not to be reached. Pure."""
    if not found:
        raise Blocked("找不到推送地址的主机", hint=wanted.host)
    for address in found:
        plain = _plain(address)
        if any(plain.version == net.version and plain in net for net in private):
            continue
        if not _public(plain):
            raise Blocked("推送地址在内部网络，未获允许", hint=f"{wanted.host}: {address}")
        if wanted.scheme != "https":
            raise Blocked("推送到公网须用 https", hint=wanted.host)
    return found[0]


def _plain(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _public(address: Address) -> bool:
    if any(address.version == net.version and address in net for net in _TUNNELS):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


async def resolve(host: str, port: int) -> Sequence[Address]:
    """By the machine's own resolver; of numbers in odd forms (0x7f.1) what they mean to it."""
    try:
        rows = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [ip_address(str(row[4][0]).partition("%")[0]) for row in rows]


class Sender:
    """Posts messages; one for a process, with its connections."""

    def __init__(self, private: Sequence[Network] = (), resolver: Resolve = resolve, verify: bool = True) -> None:
        self._private = tuple(private)
        self._resolve = resolver
        # No connection is kept: the next message is judged anew.
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(TOTAL_S, connect=CONNECT_S), follow_redirects=False, trust_env=False, verify=verify,
            limits=httpx.Limits(max_keepalive_connections=0),
        )  # fmt: skip

    async def close(self) -> None:
        await self._client.aclose()

    async def check(self, url: str) -> None:
        """:class:`Blocked` where nothing would be sent to this address."""
        wanted = target(url)
        judge(wanted, await self._resolve(wanted.host, wanted.port), self._private)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send once; never raises for what the other side does."""
        try:
            async with asyncio.timeout(TOTAL_S):
                wanted = target(url)
                address = judge(wanted, await self._resolve(wanted.host, wanted.port), self._private)
                return await self._post(wanted, address, headers, body)
        except Blocked as error:
            return Answer(None, str(error)[:200])
        except TimeoutError:
            return Answer(None, f"{TOTAL_S:.0f} 秒内没有答复")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Answer(None, f"{type(error).__name__}: {error}"[:200])

    async def _post(self, wanted: Target, address: Address, headers: Mapping[str, str], body: bytes) -> Answer:
        numeric = f"[{address}]" if address.version == 6 else str(address)
        standard = wanted.port == (443 if wanted.scheme == "https" else 80)
        name = f"[{wanted.host}]" if ":" in wanted.host else wanted.host
        request = self._client.build_request(
            "POST",
            f"{wanted.scheme}://{numeric}:{wanted.port}{wanted.path}",
            content=body,
            headers={"Host": name if standard else f"{name}:{wanted.port}", **headers},
            # The certificate is the name's, not the number's.
            extensions={"sni_hostname": wanted.host},
        )
        answer = await self._client.send(request, stream=True)
        try:
            # What it says is not read: its length is the other side's choice.
            if 300 <= answer.status_code < 400:
                return Answer(answer.status_code, "不跟随重定向")
            return Answer(answer.status_code, "" if answer.is_success else f"HTTP {answer.status_code}")
        finally:
            await answer.aclose()
