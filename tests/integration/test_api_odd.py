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
             "/listeners/default/rules", "/listeners/default/rules/10", "/node", "/workers", "/stats", "/health", "/ready", f"{PATH}/history"]


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
    for path in DOCUMENTS:
        for prefix in ("", "/v1"):
            first = weldr.api("GET", prefix + path).json["links"][0]
            assert first == {"rel": "self", "href": prefix + path, "method": "GET"}, path
    removed = weldr.api("DELETE", "/v1/pools/green").json
    assert removed == {"removed": "/v1/pools/green"}


def test_events_and_history_are_among_the_links(weldr):
    weldr.add(URL)
    assert {"rel": "events", "href": "/events", "method": "GET"} in weldr.api("GET", "/").json["links"]
    links = {link["rel"]: link["href"] for link in weldr.api("GET", "/v1" + PATH).json["links"]}
    assert links["history"] == f"/v1{PATH}/history"
    told = weldr.api("GET", links["events"] + "&since=0").json["events"]
    assert {event["server"] for event in told} == {URL}
    history = weldr.api("GET", links["history"]).json
    assert history["url"] == URL
    assert [link["href"] for link in history["links"]] == [f"/v1{PATH}/history", f"/v1{PATH}"]


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


TAG = '"0000000000000001"'
JSON_PATCH = {"Content-Type": "application/json-patch+json"}

# method, path, body, header fields, status, code, field (None: whichever)
ODD = [
    ("DELETE", f"{PATH}?dry-run=true", None, {}, 422, "unknown_key", "dry-run"),
    ("DELETE", f"{PATH}?dry_run=maybe", None, {}, 422, "invalid_value", "dry_run"),
    ("DELETE", f"{PATH}?dry_run=true&dry_run=false", None, {}, 422, "invalid_value", "dry_run"),
    ("DELETE", f"{PATH}?wait=forever", None, {}, 422, "invalid_value", "wait"),
    ("DELETE", f"{PATH}?drain=-1", None, {}, 422, "invalid_value", "drain"),
    ("DELETE", f"{PATH}?%64rain=0", None, {}, 422, "unknown_key", None),
    ("DELETE", PATH, None, {"If-Match": TAG}, 412, "precondition_failed", None),
    ("DELETE", PATH, None, {"If-Match": "latest"}, 412, "precondition_failed", None),
    ("DELETE", "/servers", None, {}, 405, "method_not_allowed", None),
    ("DELETE", "/servers/127.0.0.1/1", None, {}, 404, "not_found", None),
    ("DELETE", "/servers/127.0.0.1/12345/extra", None, {}, 404, "not_found", None),
    ("DELETE", "/servers/%zz/1", None, {}, 400, "invalid_path", None),
    ("DELETE", "/pools/default", None, {}, 409, "required", None),
    ("DELETE", "/pools/none", None, {}, 404, "not_found", None),
    ("DELETE", "/listeners/default", None, {}, 409, "required", None),
    ("DELETE", "/listeners/default/rules/11", None, {}, 404, "not_found", None),
    ("DELETE", "/node", None, {}, 405, "method_not_allowed", None),
    ("POST", "/servers", None, {}, 400, "invalid_json", None),
    ("POST", "/servers", "", {}, 400, "invalid_json", None),
    ("POST", "/servers", "[]", {}, 422, "invalid_value", None),
    ("POST", "/servers", "null", {}, 422, "invalid_value", None),
    ("POST", "/servers", '{"url":"http://127.0.0.1:1"} trailing', {}, 400, "invalid_json", None),
    ("POST", "/servers", '{"url":"http://127.0.0.1:1","url":"http://127.0.0.1:2"}', {}, 400, "invalid_json", None),
    ("POST", "/servers", {"url": None}, {}, 422, "invalid_url", "url"),
    ("POST", "/servers", {"url": URL, "weight": 9}, {}, 409, "exists", "weight"),
    ("POST", "/servers", {"url": URL, "weightt": 9}, {}, 422, "unknown_key", "weightt"),
    ("POST", "/servers", {"url": "http://127.0.0.1:1", "check": {"interval": 5}}, {}, 422, "unknown_key", "check.interval"),
    ("POST", "/servers", {"url": "http://127.0.0.1:1"}, {"Content-Type": "application/xml"}, 415, "unsupported_media_type", None),
    ("POST", "/servers", {"url": "http://127.0.0.1:1"}, {"If-Match": TAG}, 412, "precondition_failed", None),
    ("POST", "/pools", {"name": "Green!"}, {}, 422, "invalid_value", "name"),
    ("POST", "/pools", {"name": "green"}, {}, 409, "exists", "name"),
    ("POST", "/pools/none/servers", {"url": URL}, {}, 404, "not_found", None),
    ("POST", "/listeners/default/rules", RULE, {}, 409, "exists", "priority"),
    ("POST", f"{PATH}/drain", {"delay": 3}, {}, 422, "unknown_key", "delay"),
    ("POST", f"{PATH}/resume", {"drain_ms": 3}, {}, 422, "unknown_key", "drain_ms"),
    ("POST", f"{PATH}/stop", None, {}, 404, "not_found", None),
    ("POST", "/health", {}, {}, 405, "method_not_allowed", None),
    ("PATCH", PATH, '[{"op":"replace","path":"/weight","value":2}]', JSON_PATCH, 415, "unsupported_media_type", None),
    ("PATCH", PATH, {"state": "draining"}, {}, 422, "read_only", "state"),
    ("PATCH", PATH, {"weight": "2"}, {}, 422, "invalid_value", "weight"),
    ("PATCH", PATH, None, {}, 400, "invalid_json", None),
    ("PATCH", "/pools/default", {"timeouts": 5}, {}, 422, "invalid_value", "timeouts"),
    ("PATCH", "/pools/default", {"timeouts": {"connect_ms": 0}}, {}, 422, "invalid_value", "timeouts.connect_ms"),
    ("PATCH", "/pools/default", {"name": "other"}, {}, 422, "read_only", "name"),
    ("PATCH", "/listeners/default/rules/10", {"action": None}, {}, 422, "invalid_value", None),
    ("PATCH", "/node", {"workers": 1000}, {}, 422, "invalid_value", "workers"),
    ("PATCH", "/servers", {}, {}, 405, "method_not_allowed", None),
    ("PUT", PATH, {"url": "http://127.0.0.1:2"}, {}, 422, "read_only", "url"),
    ("PUT", PATH, {}, {"If-None-Match": "*"}, 412, "precondition_failed", None),
    ("PUT", "/servers/s-ffff", {}, {}, 404, "not_found", None),
    ("PUT", "/pools/green", {"name": "blue"}, {}, 422, "read_only", "name"),
    ("GET", "/explain?host=a&pth=/", None, {}, 422, "unknown_key", "pth"),
    ("GET", "/servers/s-zz", None, {}, 404, "not_found", None),
    ("GET", "//servers", None, {}, 404, "not_found", None),
    ("GET", "/v2/servers", None, {}, 404, "not_found", None),
    ("BREW", "/servers", None, {}, 405, "method_not_allowed", None),
]


@pytest.mark.smoke
def test_odd_requests(weldr):
    make_all(weldr)
    before = weldr.api("GET", "/servers").get("X-Weldr-Revision")
    wrong = []
    for method, path, body, headers, status, code, field in ODD:
        answer = weldr.api(method, path, body, headers=headers)
        try:
            problem = is_problem(answer, status, code)
            assert field is None or problem["field"] == field
        except (AssertionError, json.JSONDecodeError):
            wrong.append((method, path, body, headers, answer))
    assert wrong == []
    assert weldr.api("GET", "/servers").get("X-Weldr-Revision") == before


@pytest.mark.smoke
def test_null_is_the_default(weldr):
    """RFC 7396: as if it had never been given."""
    weldr.add(URL, weight=9, map_host=True, proxy_protocol=2, meta={"a": "1"})
    fresh = weldr.api("POST", "/servers", {"url": URL[:-1]}).json["servers"][0]
    reset = weldr.api("PATCH", PATH, {"weight": None, "map_host": None, "proxy_protocol": None, "check": None, "meta": None})
    assert reset.status == 200, reset
    for key in ("weight", "map_host", "proxy_protocol", "check", "meta"):
        assert reset.json[key] == fresh[key], key
    assert weldr.api("POST", "/servers", {"url": URL, "weight": None, "check": None, "meta": None}).status == 200
    pool = weldr.api("POST", "/pools", {"name": "green"}).json
    changed = {"policy": "hash", "hash_key": "path", "timeouts": {"connect_ms": 1, "idle_ms": 2}, "min_active": 3,
               "check": {"failures": 9, "path": "/x"}}
    assert weldr.api("PATCH", "/pools/green", changed).status == 200
    partly = weldr.api("PATCH", "/pools/green", {"timeouts": {"connect_ms": None}, "check": {"path": None}}).json
    assert partly["timeouts"] == {**pool["timeouts"], "idle_ms": 2} and partly["check"] == {**pool["check"], "failures": 9}
    whole = weldr.api("PATCH", "/pools/green", {key: None for key in changed}).json
    assert {**whole, "revision": 0} == {**pool, "revision": 0}
    listener = weldr.api("GET", "/listeners/default").json
    changed = {"client_abort_on_fin": True, "timeouts": {"client_idle_ms": 5}, "default_action": {"fixed": {"status": 404}},
               "trusted_proxies": ["10.0.0.0/8"], "proxy_protocol": True}
    changed = {key: value for key, value in changed.items() if key != "timeouts" or "client_idle_ms" in listener["timeouts"]}
    answer = weldr.api("PATCH", "/listeners/default", changed)
    assert answer.status == 200, answer
    whole = weldr.api("PATCH", "/listeners/default", {key: None for key in [*changed, "protocol"]}).json
    assert {**whole, "revision": 0} == {**listener, "revision": 0}
    node = weldr.api("GET", "/node").json
    assert weldr.api("PATCH", "/node", {"limits": {"queue_bytes": 2 ** 21}}).status == 200
    assert weldr.api("PATCH", "/node", {"limits": None}).json == node
    rule = weldr.api("POST", "/listeners/default/rules", RULE)
    assert rule.status == 201
    assert weldr.api("PATCH", "/listeners/default/rules/10", {"conditions": None}).json["conditions"] == {}
