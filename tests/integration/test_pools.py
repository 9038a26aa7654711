"""Pools: added, changed and removed by the API, each with its servers, checks, counters and guards."""

import origins as o
import pytest
from failures import is_problem
from rawhttp import wait_until
from weldr import NO_CHECK

URL = "http://127.0.0.1:12345"


def add_pool(weldr, name, **more):
    answer = weldr.api("POST", "/pools", {"name": name, **more})
    assert answer.status == 201, answer
    return answer.json


def add_server(weldr, pool, origin, **more):
    url = origin if isinstance(origin, str) else origin.url
    answer = weldr.api("POST", f"/pools/{pool}/servers", {"url": url, "check": NO_CHECK, **more})
    assert answer.status == 201, answer
    if not isinstance(origin, str):
        weldr.origins.append(origin)
    return answer.json["servers"][0]


def names(weldr):
    return [pool["name"] for pool in weldr.api("GET", "/pools").json["pools"]]


@pytest.mark.smoke
def test_life_of_a_pool(weldr):
    assert names(weldr) == ["default"]
    answer = weldr.api("POST", "/pools", {"name": "green", "min_active": 1, "timeouts": {"connect_ms": 99}})
    assert (answer.status, answer.get("Location")) == (201, "/pools/green")
    assert (answer.json["name"], answer.json["min_active"], answer.json["timeouts"]["connect_ms"]) == ("green", 1, 99)
    assert names(weldr) == ["default", "green"]
    assert weldr.api("GET", "/pools/green").json == answer.json
    changed = weldr.api("PATCH", "/pools/green", {"drain_ms": 5})
    assert (changed.status, changed.json["drain_ms"], changed.json["min_active"]) == (200, 5, 1)
    answer = weldr.api("DELETE", "/pools/green")
    assert (answer.status, answer.json) == (200, {"removed": "/pools/green"})
    assert names(weldr) == ["default"]
    is_problem(weldr.api("GET", "/pools/green"), 404, "not_found")
    is_problem(weldr.api("DELETE", "/pools/green"), 404, "not_found")
    is_problem(weldr.api("PATCH", "/pools/green", {}), 404, "not_found")
    add_pool(weldr, "green")  # a name is free again


def test_put_is_the_upsert(weldr):
    answer = weldr.api("PUT", "/pools/green", {"drain_ms": 7})
    assert (answer.status, answer.json["drain_ms"]) == (201, 7)
    answer = weldr.api("PUT", "/pools/green", {"min_active": 3})
    assert (answer.status, answer.json["min_active"], answer.json["drain_ms"]) == (200, 3, 300000)
    shown = weldr.api("GET", "/pools/green").json
    shown["drain_ms"] = 9
    answer = weldr.api("PUT", "/pools/green", shown)  # what GET has answered, edited
    assert (answer.status, answer.json["drain_ms"], answer.json["min_active"]) == (200, 9, 3)
    is_problem(weldr.api("PUT", "/pools/green", {"name": "blue"}), 422, "read_only", "name")
    assert names(weldr) == ["default", "green"]
    weldr.add(URL)
    assert weldr.api("PUT", "/pools/default", {}).status == 200  # its servers stay
    assert len(weldr.servers()) == 1


def test_refusals(weldr):
    add_pool(weldr, "green")
    is_problem(weldr.api("POST", "/pools", {"name": "green"}), 409, "exists", "name")
    is_problem(weldr.api("POST", "/pools", {"name": "default"}), 409, "exists", "name")
    is_problem(weldr.api("POST", "/pools", {}), 422, "missing_field", "name")
    for name in ("", "a/b", "a b", "x" * 65, 5):
        is_problem(weldr.api("POST", "/pools", {"name": name}), 422, "invalid_value", "name")
    is_problem(weldr.api("POST", "/pools", {"name": "b", "policy": "best"}), 422, "invalid_value", "policy")
    is_problem(weldr.api("POST", "/pools", {"name": "b", "colour": 1}), 422, "unknown_key", "colour")
    is_problem(weldr.api("POST", "/pools", "{"), 400, "invalid_json")
    is_problem(weldr.api("DELETE", "/pools/default"), 409, "required")
    is_problem(weldr.api("GET", "/pools/none/servers"), 404, "not_found")
    is_problem(weldr.api("POST", "/pools/none/servers", {"url": URL}), 404, "not_found")
    is_problem(weldr.api("DELETE", "/pools/none/servers/s-1"), 404, "not_found")
    assert names(weldr) == ["default", "green"]


def test_settings_that_moved_say_where(weldr):
    for body, field, place in (({"timeouts": {"client_head_ms": 5}}, "timeouts.client_head_ms", "/listeners"),
                               ({"limits": {"head_bytes": 4096}}, "limits.head_bytes", "/listeners"),
                               ({"client_abort_on_fin": True}, "client_abort_on_fin", "/listeners"),
                               ({"limits": {"queue_bytes": 1 << 20}}, "limits.queue_bytes", "/node")):
        problem = is_problem(weldr.api("PATCH", "/pools/default", body), 422, "moved", field)
        assert place in problem["detail"], problem


def test_in_use(weldr):
    add_pool(weldr, "green")
    weldr.patch_listener({"default_action": {"forward": [{"pool": "green"}]}})
    problem = is_problem(weldr.api("DELETE", "/pools/green"), 409, "in_use")
    assert "listener default" in problem["detail"]
    weldr.patch_listener({"default_action": {"forward": [{"pool": "default"}]}})
    assert weldr.api("DELETE", "/pools/green").status == 200


@pytest.mark.smoke
def test_servers_of_a_pool(lab):
    """Everything that /servers has, and apart from it: the same URL may be in both."""
    weldr, origin = lab.run(o.hello)
    add_pool(weldr, "green")
    server = add_server(weldr, "green", origin.url)
    place = f"/pools/green/servers/127.0.0.1/{origin.port}"
    assert server["pool"] == "green"
    assert {link["href"] for link in weldr.api("GET", place).json["links"]} >= {place, "/pools/green", f"{place}/drain"}
    listed = weldr.api("GET", "/pools/green/servers").json
    assert [s["url"] for s in listed["servers"]] == [origin.url]
    assert listed["links"] == [{"rel": rel, "href": "/pools/green/servers", "method": method}
                               for rel, method in (("self", "GET"), ("add", "POST"))]
    assert [s["pool"] for s in weldr.servers()] == ["default"]
    assert weldr.servers()[0]["id"] != server["id"]
    by_id = f"/pools/green/servers/{server['id']}"
    assert weldr.api("GET", by_id).json == weldr.api("GET", place).json
    assert weldr.api("GET", f"/servers/{server['id']}").status == 404
    assert weldr.api("PATCH", by_id, {"weight": 7}).json["weight"] == 7
    assert weldr.server(origin)["weight"] == 1
    assert weldr.api("POST", f"{place}/drain").json["state"] == "draining"
    assert weldr.state(origin) == "active"
    assert weldr.api("POST", f"{place}/resume").json["state"] == "active"
    assert weldr.api("POST", f"{by_id}/maintenance").json["state"] == "maintenance"
    answer = weldr.api("DELETE", place)
    assert (answer.status, answer.json["servers"]) == (200, [])
    assert len(weldr.servers()) == 1 and weldr.ask().status == 200


def test_put_of_a_server(weldr):
    place = "/pools/green/servers/127.0.0.1/12345"
    add_pool(weldr, "green")
    assert weldr.api("PUT", place, {"weight": 3, "check": NO_CHECK}).status == 201
    answer = weldr.api("PUT", place, {"map_host": False, "check": NO_CHECK})
    assert (answer.status, answer.json["servers"][0]["weight"], answer.json["servers"][0]["map_host"]) == (200, 1, False)
    shown = weldr.api("GET", place).json
    shown["weight"] = 5
    answer = weldr.api("PUT", f"/pools/green/servers/{shown['id']}", shown)
    assert (answer.status, answer.json["servers"][0]["weight"], answer.json["servers"][0]["map_host"]) == (200, 5, False)
    is_problem(weldr.api("PUT", place, {"url": "http://127.0.0.1:1"}), 422, "read_only", "url")
    is_problem(weldr.api("PUT", "/pools/green/servers/s-99", {}), 404, "not_found")
    is_problem(weldr.api("PUT", "/pools/none/servers/127.0.0.1/1", {}), 404, "not_found")


def test_requests_go_to_the_pool_of_the_listener(lab):
    weldr, blue = lab.run(o.named("blue"))
    green = lab.origin(o.named("green"))
    add_pool(weldr, "green")
    add_server(weldr, "green", green)
    assert weldr.ask().body == b"blue"
    weldr.patch_listener({"default_action": {"forward": [{"pool": "green"}]}})
    assert weldr.ask().body == b"green"
    wait_until(lambda: weldr.stats()["pools"]["green"]["requests"] == 1, 5, "counted in its pool")
    counts = weldr.stats()["pools"]
    assert counts["default"]["requests"] == 1 and counts["green"]["success"] == 1
    detail = {row["id"]: row for row in weldr.detail()}
    assert {row["pool"]: row["success"] for row in detail.values()} == {"default": 1, "green": 1}
    assert blue.requests and green.requests


def test_checks_are_of_the_pool(lab):
    """Its check settings, its fail_open, told with its name."""
    weldr = lab.weldr()
    gone = lab.dead_origin()
    fast = {"type": "tcp", "interval_ms": 100, "fast_interval_ms": 100, "timeout_ms": 100, "failures": 1}
    add_pool(weldr, "green", check=fast)
    add_server(weldr, "green", gone.url, check={})
    weldr.wait_log(msg="server is down", pool="green")
    weldr.wait_log(msg="all servers are down: requests go to all of them (fail open)", pool="green")
    assert weldr.stats()["fail_open"] is True
    assert weldr.api("PATCH", "/pools/green", {"fail_open": False}).status == 200
    weldr.wait_log(msg="fail open has ended", pool="green")
    assert weldr.stats()["fail_open"] is False


def test_min_active_is_of_the_pool(weldr):
    add_pool(weldr, "green", min_active=1)
    add_server(weldr, "green", URL)
    weldr.add(URL)
    is_problem(weldr.api("DELETE", "/pools/green/servers/127.0.0.1/12345"), 409, "would_empty_pool")
    assert weldr.api("DELETE", "/servers/127.0.0.1/12345").status == 200
    assert weldr.api("DELETE", "/pools/green/servers/127.0.0.1/12345?force=true").status == 200


def test_a_pool_that_goes_drains(lab):
    """What is in flight on its servers ends, in its time; nothing of it is left then."""
    weldr = lab.weldr()
    origin = lab.origin(o.stall)
    add_pool(weldr, "green", drain_ms=300)
    add_server(weldr, "green", origin)
    weldr.patch_listener({"default_action": {"forward": [{"pool": "green"}]}})
    client = weldr.connect()
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_until(lambda: origin.requests, 5, "the request is there")
    weldr.patch_listener({"default_action": {"forward": [{"pool": "default"}]}})
    assert weldr.api("DELETE", "/pools/green").status == 200
    response = client.response()
    assert (response.status, response.get("Weldr-Error")) == (503, "drained")
    weldr.wait_log(msg="server has drained", server=origin.url)
    assert "green" not in weldr.stats()["pools"]


def test_many_pages(weldr):
    """A list that is longer than a page, whole and in order."""
    wanted = [f"pool-{i}" for i in range(80)]
    for name in wanted:
        add_pool(weldr, name)
    assert names(weldr) == ["default", *wanted]


def test_dry_run(weldr):
    answer = weldr.api("POST", "/pools?dry_run=true", {"name": "green"})
    assert (answer.status, answer.json) == (200, {"dry_run": True, "change": "add pool"})
    assert names(weldr) == ["default"]
