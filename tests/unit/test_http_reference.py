"""The reference page: everything that the routes have, nothing from elsewhere, nothing that runs."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Annotated, Any

import pytest
from pydantic import Field

from syncd.http.examples import curl
from syncd.http.openapi import document
from syncd.http.reference import Reference
from syncd.http.schemas import Resource, Strict
from syncd.http.schematext import schema_text
from syncd.http.table import ROUTES
from tests.fakes.host import FakeHost, Serve


class Page(HTMLParser):
    """Ids, links and tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.tags.append(tag)
        self.attributes |= found.keys()
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if "href" in found else []
        if tag not in ("meta", "wbr", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def text() -> str:
    return Reference(document(ROUTES, version="1.2.3")).page.decode()


async def test_the_page_may_have_its_style_and_nothing_else(serve: Serve) -> None:
    client = await serve(FakeHost())
    answer = await client.get("/api/v1/reference")
    assert (answer.status, answer.content_type, answer.charset) == (200, "text/html", "utf-8")
    style = re.search(r"<style>(.*)</style>", await answer.text(), re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "unsafe" not in policy
    assert "script" not in policy


def test_every_route_is_there_with_what_it_needs(text: str) -> None:
    plain = text.replace("<wbr>", "")
    for route in ROUTES:
        assert f"<code>{route.path}</code>" in plain, route.path
    for permission in {route.permission.value for route in ROUTES} - {"public"}:
        assert f"Permission <code>{permission}</code>" in text
    assert "Only runs of this directory." in text, "docstrings of parameters"
    assert "it goes into the audit trail with who decided." in text, "docstrings of bodies"


def test_links_lead_somewhere_and_nothing_runs(text: str) -> None:
    page = Page(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids)), "an anchor that is given twice"
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert [link for link in page.links if not link.startswith("#")] == ["../../openapi.json"]
    assert not {"script", "img", "link", "iframe", "form", "object"} & set(page.tags)
    assert not {name for name in page.attributes if name.startswith("on") or name in ("style", "src")}


def test_examples_have_what_must_be_given() -> None:
    made = document(ROUTES, version="1.2.3")
    path = "/api/v1/plans/{id}/approve"
    assert curl(made, "POST", path, made["paths"][path]["post"]).splitlines() == [
        "curl -X POST \\",
        '  -H "Authorization: Bearer $TOKEN" \\',
        "  -H 'Content-Type: application/json' \\",
        """  -d '{"reason": "The Lisbon office was sold; HR list of 2 March, ticket 4711."}' \\""",
        '  "$SYNCD/api/v1/plans/1/approve"',
    ]
    assert curl(made, "GET", "/livez", made["paths"]["/livez"]["get"]) == 'curl "$SYNCD/livez"'


class Inner(Strict):
    name: str


class Outer(Resource):
    plain: str
    short: Annotated[str, Field(min_length=1, max_length=5)]
    number: Annotated[int, Field(ge=0, le=10)]
    maybe: int | None
    several: list[Inner]
    named: dict[str, Inner]
    inner: Inner | None
    anything: Any


def test_kinds_of_values_in_words() -> None:
    properties = Outer.model_json_schema()["properties"]
    assert {name: schema_text(schema) for name, schema in properties.items()} == {
        "plain": "text",
        "short": "text (1 to 5 characters)",
        "number": "integer (at most 10)",
        "maybe": "integer or null",
        "several": "list of Inner",
        "named": "object of Inner",
        "inner": "Inner or null",
        "anything": "any value",
    }
