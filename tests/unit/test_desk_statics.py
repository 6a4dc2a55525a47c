"""Static files go compressed to browsers, and as they are to whoever takes nothing else."""

import httpx
import pytest
from fastapi import FastAPI

from desk.render import STATIC
from desk.statics import CompressedStatic


@pytest.fixture
def http() -> httpx.AsyncClient:
    app = FastAPI()
    app.mount("/static", CompressedStatic(directory=STATIC))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk")


async def test_text_is_compressed_and_the_same(http: httpx.AsyncClient) -> None:
    answer = await http.get("/static/heyi.css")
    assert answer.headers["content-encoding"] == "gzip" and answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-type"].startswith("text/css")
    assert answer.content == (STATIC / "heyi.css").read_bytes()
    assert int(answer.headers["content-length"]) < len(answer.content) / 2
    again = await http.get("/static/heyi.css", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304 and not again.content


async def test_who_takes_no_gzip_and_what_is_small_already_go_as_they_are(http: httpx.AsyncClient) -> None:
    plain = await http.get("/static/heyi.css", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.headers["vary"] == "Accept-Encoding"
    assert plain.content == (STATIC / "heyi.css").read_bytes()
    picture = await http.get("/static/field-192.png")
    assert "content-encoding" not in picture.headers and picture.content == (STATIC / "field-192.png").read_bytes()
    assert (await http.get("/static/missing.js")).status_code == 404
