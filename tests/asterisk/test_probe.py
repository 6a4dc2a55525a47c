"""Trunk health against a real Asterisk."""

import pytest

from telephony.probe import probe
from tests.asterisk.conftest import Site

pytestmark = pytest.mark.asterisk


async def test_asterisk_answers_its_exchange_and_strangers(site: Site) -> None:
    port = site.settings.sip_port
    known = await probe("127.0.0.1", port, source=site.settings.trunk_host, user="119")
    assert known.reachable and known.in_service and known.code == 200, known
    assert known.rtt_ms is not None and known.rtt_ms > 0
    stranger = await probe("127.0.0.1", port, user="119")
    assert stranger.reachable and stranger.code == 401, stranger


async def test_an_asterisk_that_ended_is_not_reachable(site: Site) -> None:
    port = site.settings.sip_port
    assert (await probe("127.0.0.1", port)).reachable
    site.server.stop()
    gone = await probe("127.0.0.1", port, timeout_s=0.3, attempts=2)
    assert (gone.reachable, gone.in_service, gone.code, gone.rtt_ms) == (False, False, None, None)
    assert gone.reason
