"""A call that brings its position along (RFC 6442, PIDF-LO by value), and calls that bring anything else."""

import asyncio
from typing import Any

import pytest

from switchboard.location import locate, told
from telephony.events import CallArrived, CallEnded, CallLocated, CallQueued
from telephony.phone import Phone
from tests.asterisk.conftest import House, Site

pytestmark = pytest.mark.asterisk

CIRCLE = (
    '<gs:Circle srsName="urn:ogc:def:crs:EPSG::4326"><gml:pos>{pos}</gml:pos>'
    '<gs:radius uom="urn:ogc:def:uom:EPSG::9001">{radius}</gs:radius></gs:Circle>'
)
HERE = CIRCLE.format(pos="24.7814 118.5522", radius="350")


def pidf(shape: str, doctype: str = "") -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{doctype}'
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10" '
        'xmlns:gml="http://www.opengis.net/gml" xmlns:gs="http://www.opengis.net/pidflo/1.0" '
        'xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" entity="pres:caller@exchange"><dm:device id="d">'
        f"<gp:geopriv><gp:location-info>{shape}</gp:location-info><gp:usage-rules/></gp:geopriv>"
        "</dm:device></presence>"
    )


def bring(phone: Phone, document: str, *, header: str = "<cid:here@exchange>", boundary: str = "between") -> None:
    """From now on this phone's calls carry ``document`` beside the offer of sound."""
    build = phone.uac.__class__._build_invite

    def with_document(dialog: Any, **given: Any) -> Any:
        invite = build(phone.uac, dialog, **given)
        parts = (
            ("application/sdp", "", invite.text),
            ("application/pidf+xml", "Content-ID: <here@exchange>\r\n", document),
        )
        invite.text = "".join(
            f"--between\r\nContent-Type: {kind}\r\n{more}\r\n{text}\r\n" for kind, more, text in parts
        ) + "--between--\r\n"  # fmt: skip
        invite.headers.set_single("Content-Type", f"multipart/mixed;boundary={boundary}")
        invite.headers.set_single("Geolocation", header)
        return invite

    phone.uac._build_invite = with_document  # type: ignore[method-assign]


async def test_the_position_of_a_call_is_known_while_it_waits(site: Site, house: House) -> None:
    trunk = await site.phone("exchange", trunk=True)
    bring(trunk, pidf(HERE))
    call = await trunk.call("12345", caller="13800138000")
    await house.until(lambda: bool(house.of(CallLocated)), "located")
    (located,) = house.of(CallLocated)
    assert isinstance(located, CallLocated)
    assert (located.latitude, located.longitude, located.radius_m) == (24.7814, 118.5522, 350.0)
    assert located.call_id == house.of(CallArrived)[0].call_id
    found = locate(site.city, "13800138000", await told(house.database, located.call_id or ""))
    assert found is not None and (found.source, found.radius_m) == ("network", 350.0)
    await call.hang_up()
    await house.until(lambda: bool(house.of(CallEnded)), "ended")
    # The same from the file of events: nothing is told twice.
    await house.bridge._resync()
    assert len(house.of(CallLocated)) == 1


BOMB = "<!DOCTYPE p [<!ENTITY a '24 '>" + "".join(
    f"<!ENTITY {x} '{f'&{y};' * 10}'>" for x, y in zip("bcdefghij", "abcdefghi", strict=True)
) + "]>"  # fmt: skip

#: What is in the body, and in the header.
HOSTILE = {
    "a bomb of entities": (pidf(CIRCLE.format(pos="&j;", radius="1"), BOMB), ""),
    "a file of this machine": (
        pidf(CIRCLE.format(pos="&x;", radius="1"), '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]>'), "",
    ),
    "no XML": ("\x01\x02 not a document <<<>>>", ""),
    "an empty body": ("", ""),
    "deep nesting": (pidf("<a>" * 3000 + "</a>" * 3000), ""),
    "a huge document": (pidf(CIRCLE.format(pos="24 118" + " 9" * 20_000, radius="1")), ""),
    "a word for a number": (pidf(CIRCLE.format(pos="${SHELL(id)} 118", radius="1")), ""),
    "an impossible place": (pidf(CIRCLE.format(pos="124 518", radius="1")), ""),
    "an endless circle": (pidf(CIRCLE.format(pos="24 118", radius="1e300")), ""),
    "marks of the dialplan": (pidf(CIRCLE.format(pos='24 118")]&gt; &amp; ${EXTEN},Hangup()', radius="1")), ""),
    "another document": (pidf(HERE), "<cid:nobody@exchange>"),
    "a header that is no address": (pidf(HERE), "somewhere"),
    "an address to fetch": (pidf(HERE), "<http://127.0.0.1:9/where>"),
    "many addresses": (pidf(HERE), ",".join(["<cid:x@y>"] * 200)),
}  # fmt: skip


async def test_whatever_comes_with_a_call_it_is_answered_and_waits(site: Site, house: House) -> None:
    trunk = await site.phone("exchange", trunk=True)
    # A service line: abandoned emergency calls would be rung back.
    for number, (document, header) in enumerate(HOSTILE.values()):
        bring(trunk, document, header=header or "<cid:here@exchange>")
        call = await trunk.call("12345", caller=f"1380000{number:04}", timeout_s=10)
        await house.until(lambda n=number: len(house.of(CallQueued)) == n + 1, "queued")  # type: ignore[misc]
        await call.hang_up()
    await house.until(lambda: len(house.of(CallEnded)) == len(HOSTILE), "all ended")
    assert house.of(CallLocated) == []
    arrived = [event.caller for event in house.of(CallArrived) if isinstance(event, CallArrived)]
    assert arrived == [f"1380000{n:04}" for n in range(len(HOSTILE))]
    # And the next call has its position as ever.
    bring(trunk, pidf(HERE))
    call = await trunk.call("12345", caller="13900000000")
    await house.until(lambda: bool(house.of(CallLocated)), "located")
    await call.hang_up()


async def test_a_body_that_cannot_be_taken_apart_harms_no_other_call(site: Site, house: House) -> None:
    """Without an offer that Asterisk can read there is no sound to agree on; the exchange hears that at once."""
    trunk = await site.phone("exchange", trunk=True)
    bring(trunk, pidf(HERE), boundary="elsewhere")
    broken = asyncio.create_task(trunk.call("12345", caller="13800138000", timeout_s=5))
    done, _ = await asyncio.wait({broken}, timeout=8)
    assert done
    if broken.exception() is None:
        await broken.result().hang_up()
    bring(trunk, pidf(HERE))
    call = await trunk.call("12345", caller="13800138001")
    await house.until(lambda: bool(house.of(CallLocated)), "located")
    await call.hang_up()


async def test_nothing_is_fetched_and_no_file_is_read_for_a_stranger(site: Site, house: House) -> None:
    asked: list[str] = []

    async def served(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append("connected")
        writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    web = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/where"
    secret = site.settings.data / "secret"
    secret.write_text("24.5 118.5")
    trunk = await site.phone("exchange", trunk=True)
    for address in (secret.as_uri(), web):
        doctype = f'<!DOCTYPE p [<!ENTITY x SYSTEM "{address}">]>'
        bring(trunk, pidf(CIRCLE.format(pos="&x;", radius="1"), doctype))
        await (await trunk.call("12345", caller="13800138000")).hang_up()
        bring(trunk, pidf(HERE, f'<!DOCTYPE p SYSTEM "{address}">'), header=f"<{address}>")
        await (await trunk.call("12345", caller="13800138000")).hang_up()
    bring(trunk, pidf(CIRCLE.format(pos="&x;", radius="1"), "<!DOCTYPE p [<!ENTITY x '24 118'>]>"))
    await (await trunk.call("12345", caller="13800138000")).hang_up()
    await house.until(lambda: len(house.of(CallEnded)) == 5, "all ended")
    assert house.of(CallLocated) == [] and asked == []
    server.close()
    await server.wait_closed()
