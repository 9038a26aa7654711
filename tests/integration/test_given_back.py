"""What GET prints is accepted by POST, PUT and PATCH, wherever it was asked for, and changes nothing."""

import pytest
from failures import is_problem

URL = "http://127.0.0.1:9101"
PATH = "/servers/127.0.0.1/9101"


def revision(weldr):
    return weldr.api("GET", "/").get("X-Weldr-Revision")


def find(weldr, path, url=URL):
    """The server as an item of a list."""
    return next(server for server in weldr.api("GET", path).json["servers"] if server["url"] == url)


@pytest.mark.smoke
@pytest.mark.parametrize("check", [None, {"type": "none"}, {"timeout_ms": 700, "path": "/ok"}], ids=str)
def test_a_server_comes_back_as_it_is(weldr, check):
    """As a document, as an item of a list, and from below /v1: its check stays the pool's where it was."""
    weldr.add(URL, check=check, weight=3, meta={"a": "1"})
    tag, before = weldr.api("GET", PATH).get("ETag"), revision(weldr)
    for shown in (weldr.api("GET", PATH).json, weldr.api("GET", "/v1" + PATH).json, find(weldr, "/servers"), find(weldr, "/v1/servers")):
        for method, path in (("PUT", PATH), ("PATCH", PATH), ("POST", "/servers"), ("PUT", "/v1" + PATH)):
            answer = weldr.api(method, path, shown)
            assert answer.status == 200, (method, path, answer)
    assert revision(weldr) == before and weldr.api("GET", PATH).get("ETag") == tag
    weldr.patch_pool({"check": {"interval_ms": 12345}})
    after = weldr.api("GET", PATH).json["check"]
    if check != {"type": "none"}:
        assert after["interval_ms"] == 12345, "it is inherited still"
    for key, value in (check or {}).items():
        assert after[key] == value


def test_a_server_is_copied_to_another_pool(weldr):
    weldr.add(URL, check={"timeout_ms": 700}, weight=3)
    for name, method, path in (("green", "POST", "/pools/green/servers"), ("blue", "PUT", "/pools/blue/servers/127.0.0.1:9101")):
        assert weldr.api("POST", "/pools", {"name": name, "check": {"path": "/of-pool"}}).status == 201
        answer = weldr.api(method, path, weldr.api("GET", PATH).json)
        assert answer.status == 201, (path, answer)
        copied = find(weldr, f"/pools/{name}/servers")
        assert (copied["weight"], copied["pool"], copied["check"]["timeout_ms"], copied["check"]["path"]) == (3, name, 700, "/")


def test_pools_listeners_and_rules_come_back(weldr):
    rule = {"priority": 10, "conditions": {"path_prefix": "/a"}, "action": {"fixed": {"status": 403}}}
    assert weldr.api("POST", "/pools", {"name": "green", "fail_open": False}).status == 201
    assert weldr.api("POST", "/listeners/default/rules", rule).status == 201
    before = revision(weldr)
    for path in ("/pools/green", "/listeners/default", "/listeners/default/rules/10"):
        for shown in (weldr.api("GET", path).json, weldr.api("GET", "/v1" + path).json):
            for method in ("PUT", "PATCH")[path == "/listeners/default":]:  # port 0 of the tests can't be PUT
                answer = weldr.api(method, path, shown)
                assert answer.status == 200, (method, path, answer)
    assert weldr.api("PATCH", "/node", weldr.api("GET", "/v1/node").json).status == 200
    assert revision(weldr) == before


def test_a_copy_is_what_get_prints_under_another_name(weldr):
    assert weldr.api("PATCH", "/pools/default", {"fail_open": False}).status == 200
    shown = weldr.api("GET", "/pools/default").json
    assert weldr.api("POST", "/pools", {**shown, "name": "one"}).status == 201
    assert weldr.api("PUT", "/pools/two", {**shown, "name": "two"}).status == 201
    for name in ("one", "two"):
        pool = weldr.api("GET", f"/pools/{name}").json
        assert pool["fail_open"] is False and pool["id"] != shown["id"]
    assert weldr.api("POST", "/listeners/default/rules", {"priority": 1, "action": {"fixed": {"status": 403}}}).status == 201
    rule = weldr.api("GET", "/listeners/default/rules/1").json
    assert weldr.api("POST", "/listeners/default/rules", {**rule, "priority": 2}).status == 201
    # Without an id it is no response, and a member that can't be set is a mistake.
    is_problem(weldr.api("POST", "/pools", {"name": "three", "servers": []}), 422, "unknown_key", "servers")
    is_problem(weldr.api("POST", "/pools", {"name": "three", "revision": 1}), 422, "unknown_key", "revision")


def test_the_nodes_tag_is_one_below_v1_too(weldr):
    tag = weldr.api("GET", "/v1/node").get("ETag")
    assert weldr.api("GET", "/node").get("ETag") == tag
    assert weldr.api("PATCH", "/node", {"log_level": "debug"}, headers={"If-Match": tag}).status == 200
    is_problem(weldr.api("PATCH", "/node", {"log_level": "info"}, headers={"If-Match": tag}), 412, "precondition_failed")
