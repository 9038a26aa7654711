"""Odd requests to the management API: each has one response that says what it does, and harms nothing."""

import json

import pytest
from failures import is_problem
from rawhttp import Client

URL = "http://127.0.0.1:12345"
PATH = "/servers/127.0.0.1/12345"
RULE = {"priority": 10, "conditions": {"path_prefix": "/a"}, "action": {"fixed": {"status": 403}}}


def hrefs(value):
    """All links of a document, wherever they are in it."""
    if isinstance(value, dict):
        if "href" in value and "rel" in value:
            assert value["method"] in ("GET", "POST", "PATCH", "DELETE", "PUT"), value
            yield value["href"]
        for member in value.values():
            yield from hrefs(member)
    elif isinstance(value, list):
        for member in value:
            yield from hrefs(member)


def make_all(weldr, below=""):
    weldr.add(URL)
    assert weldr.api("POST", below + "/pools", {"name": "green"}).status == 201
    return weldr.api("POST", below + "/listeners/default/rules", RULE)


DOCUMENTS = ["/", "/servers", PATH, "/pools", "/pools/green", "/pools/green/servers", "/listeners", "/listeners/default",
             "/listeners/default/rules", "/listeners/default/rules/10", "/node", "/workers"]


@pytest.mark.smoke
def test_links_stay_below_v1(weldr):
    made = make_all(weldr, "/v1")
    assert made.get("Location") == "/v1/listeners/default/rules/10"
    added = weldr.api("POST", "/v1/servers", {"url": URL, "check": {"type": "none"}})
    assert added.get("Location") == "/v1" + PATH
    for path in DOCUMENTS:
        links = list(hrefs(weldr.api("GET", "/v1" + path).json))
        assert links and all(link.startswith("/v1/") for link in links), (path, links)
        for link in links:
            assert weldr.api("OPTIONS", link).status == 204, link
        plain = list(hrefs(weldr.api("GET", path).json))
        assert ["/v1" + link for link in plain] == links, path
    for path in ("/", PATH, "/pools/green", "/listeners/default", "/listeners/default/rules/10", "/node"):
        first = weldr.api("GET", path).json["links"][0]
        assert first == {"rel": "self", "href": path, "method": "GET"}, path


@pytest.mark.smoke
def test_address_in_one_segment(weldr):
    for host, url in (("127.0.0.1", "http://127.0.0.1"), ("[::1]", "http://[::1]"), ("app.invalid", "http://app.invalid")):
        path = f"/servers/{host}:9103"
        made = weldr.api("PUT", path, {"check": {"type": "none"}})
        assert made.status == 201 and made.json["servers"][0]["url"] == url + ":9103", made
        assert weldr.api("GET", path).json["url"] == url + ":9103"
        assert weldr.api("PATCH", path, {"weight": 3}).json["weight"] == 3
        assert weldr.api("POST", f"{path}/drain").json["admin"] == "draining"
        assert weldr.api("POST", f"{path}/maintenance").json["admin"] == "maintenance"
        assert weldr.api("POST", f"{path}/resume").json["admin"] == "enabled"
        assert weldr.api("DELETE", path).status == 200
        is_problem(weldr.api("GET", path), 404, "not_found")
    for path in ("/servers/:", "/servers/127.0.0.1:", "/servers/:80", "/servers/127.0.0.1:x", "/servers/::1:80"):
        is_problem(weldr.api("GET", path), 404, "not_found")
