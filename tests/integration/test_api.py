"""The management API: every resource. What it refuses stands in test_api_errors.py."""

import json
import re
import socket
import threading

import pytest

import origins as o
from failures import is_problem
from rawhttp import Client, wait_until

URL = "http://127.0.0.1:12345"
PATH = "/servers/127.0.0.1/12345"


def post(weldr, body, **more):
    return weldr.api("POST", "/servers", body, **more)


def links_of(document):
    return {link["rel"]: link for link in document["links"]}


# ---- documents

@pytest.mark.smoke
def test_root(weldr):
    """A01."""
    answer = weldr.api("GET", "/")
    document = answer.json
    assert answer.status == 200
    assert document["about"] == "Weldr Management API"
    assert re.match(r"\d+\.\d+", document["version"])
    assert {"rel": "servers", "href": "/servers", "method": "GET"} in document["links"]
    assert document["links"][0] == {"rel": "self", "href": "/", "method": "GET"}
    for link in document["links"]:
        assert weldr.api("GET", link["href"]).status == 200, link


@pytest.mark.smoke
def test_form_of_answers(weldr):
    """A14, D10: JSON, pretty-printed, with a length and a revision; strictly valid."""
    for path in ("/", "/servers", "/stats", "/stats/detail", "/workers", "/pools/default", "/health"):
        answer = weldr.api("GET", path)
        assert answer.status == 200, path
        assert answer.get("Content-Type").split(";")[0] == "application/json", path
        assert int(answer.get("Content-Length")) == len(answer.data), path
        assert answer.get("X-Weldr-Revision") is not None, path
        if answer.json:
            assert re.search(r"\n {1,8}[\"{]", answer.text), f"{path} is not pretty-printed: {answer.text}"


def test_links_on_every_resource(weldr):
    """A15."""
    weldr.add(URL)
    for path in ("/", "/servers", "/stats", "/workers", "/pools/default", "/health", PATH):
        links = weldr.api("GET", path).json["links"]
        assert links, path
        for link in links:
            assert set(link) >= {"rel", "href", "method"} and link["href"].startswith("/"), path


@pytest.mark.smoke
def test_list_of_servers(weldr):
    """A02, A08: the delete link's href is a path that works."""
    empty = weldr.api("GET", "/servers").json
    assert empty["servers"] == []
    assert empty["links"] == [{"rel": "add", "href": "/servers", "method": "POST"}] or \
        {"rel": "add", "href": "/servers", "method": "POST"} in empty["links"]
    weldr.add(URL)
    server = weldr.api("GET", "/servers").json["servers"][0]
    assert server["url"] == URL and server["state"] == "active"
    assert re.fullmatch(r"s-[0-9a-f]+", server["id"])
    assert links_of(server)["delete"] == {"rel": "delete", "href": PATH, "method": "DELETE"}
    for key in ("weight", "map_host", "check", "meta", "in_flight", "reason", "last_check"):
        assert key in server, key
    assert weldr.api("DELETE", links_of(server)["delete"]["href"]).status == 200


@pytest.mark.smoke
def test_add(weldr):
    """A03: 201, Location, the list, and the new server."""
    answer = post(weldr, {"url": URL, "check": {"type": "none"}})
    assert answer.status == 201
    document = answer.json
    assert [s["url"] for s in document["servers"]] == [URL]
    assert document["servers"][0]["url"] == URL
    assert links_of(document)["add"]["method"] == "POST"
    location = answer.get("Location")
    assert location.endswith(PATH) or location.endswith("/servers/" + document["servers"][0]["id"])
    assert weldr.api("GET", location[location.index("/servers"):]).json["url"] == URL


@pytest.mark.smoke
def test_add_again_changes_nothing(weldr):
    """Q04: 200, same id, nothing changed; with other settings 409, which names them."""
    first = post(weldr, {"url": URL, "weight": 7, "check": {"type": "none"}})
    second = post(weldr, {"url": URL, "weight": 7, "check": {"type": "none"}})
    assert (first.status, second.status) == (201, 200)
    assert second.json["servers"][0]["id"] == first.json["servers"][0]["id"]
    assert second.json["servers"][0]["weight"] == 7
    assert len(weldr.servers()) == 1
    digests = {w["digest"] for w in weldr.workers()}
    for body, field, told in (({"weight": 9, "check": {"type": "none"}}, "weight", "differs in weight;"),
                              ({"weight": 7}, "check", "differs in check;"),
                              ({"map_host": True, "meta": {"a": "1"}, "check": {"type": "none"}}, "map_host",
                               "differs in map_host, weight, meta;")):
        problem = is_problem(post(weldr, {"url": URL, **body}), 409, "exists", field)
        assert told in problem["detail"], problem
    assert {w["digest"] for w in weldr.workers()} == digests


def test_identity_is_scheme_host_port(weldr):
    """A04: the port may be left out."""
    assert post(weldr, {"url": "http://127.0.0.1", "check": {"type": "none"}}).status == 201
    for same in ("http://127.0.0.1:80", "HTTP://127.0.0.1", "http://127.0.0.1/"):
        assert post(weldr, {"url": same, "check": {"type": "none"}}).status == 200, same
    assert post(weldr, {"url": "http://127.0.0.1:81", "check": {"type": "none"}}).status == 201
    assert post(weldr, {"url": "http://127.0.0.2", "check": {"type": "none"}}).status == 201
    assert len(weldr.servers()) == 3
    assert weldr.api("GET", "/servers/127.0.0.1/80").status == 200
    assert weldr.api("DELETE", "/servers/127.0.0.1/80").status == 200


def test_all_optional_members(weldr):
    body = {"url": URL, "map_host": True, "weight": 256, "proxy_protocol": 2, "meta": {"version": "1.4", "zone": "a"},
            "check": {"type": "http", "interval_ms": 10000, "fast_interval_ms": 1000, "timeout_ms": 3000,
                      "path": "/ping", "host": "h.example", "expect": "200-204", "failures": 5, "passes": 4, "initial": "up",
                      "agree": "majority"}}
    answer = post(weldr, body)
    assert answer.status == 201, answer
    server = weldr.api("GET", PATH).json
    for key in ("url", "map_host", "weight", "proxy_protocol", "meta", "check"):
        assert server[key] == body[key], key


def test_defaults(weldr):
    post(weldr, {"url": URL, "check": {"type": "none"}})
    server = weldr.api("GET", PATH).json
    assert (server["weight"], server["map_host"], server["meta"]) == (1, False, {})
    assert (server["proxy_protocol"], server["admin"], server["drain_ms"]) == (0, "enabled", 0)


@pytest.mark.parametrize("headers", [
    {"Content-Type": "application/x-www-form-urlencoded"}, {"Content-Type": "text/plain"},
    {"Content-Type": "application/json; charset=utf-8"}, {"Content-Type": "application/merge-patch+json"}, {},
    {"Host": "127.0.0.1:1"}, {"Host": "192.0.2.7"},
], ids=str)
def test_content_types_that_may_be_json_and_host_play_no_part(weldr, headers):
    """A03, A17."""
    assert post(weldr, json.dumps({"url": URL, "check": {"type": "none"}}), headers=headers).status == 201
    assert weldr.api("GET", "/servers", headers=headers).status == 200


def test_chunked_and_slow_bodies(weldr):
    body = b'{"url":"%s","check":{"type":"none"}}' % URL.encode()
    with Client(weldr.admin) as client:
        client.request("POST", "/servers", fields=[("Transfer-Encoding", "chunked")])
        for at in range(0, len(body), 5):
            part = body[at:at + 5]
            client.send(b"%x\r\n%s\r\n" % (len(part), part))
        client.send(b"0\r\n\r\n")
        assert client.response().status == 201
        client.request("GET", "/servers").request("GET", "/stats")
        assert json.loads(client.response().body)["servers"][0]["url"] == URL
        assert "client" in json.loads(client.response().body)


def test_api_speaks_http_1_0(weldr):
    with Client(weldr.admin) as client:
        client.send("GET /servers HTTP/1.0\r\n\r\n")
        assert client.response().status == 200
        assert client.is_closed()


MINIMAL = {"Prefer": "return=minimal"}


@pytest.mark.smoke
def test_prefer_minimal_leaves_the_list_out(weldr):
    """RFC 7240: whoever changes a large pool need not read all of it each time."""
    weldr.add("http://127.0.0.1:2")
    body = {"url": URL, "check": {"type": "none"}}
    for status in (201, 200):
        answer = weldr.api("POST", "/servers", body, headers=MINIMAL)
        assert answer.status == status and answer.get("Preference-Applied") == "return=minimal"
        assert answer.json["url"] == URL and "servers" not in answer.json
    assert answer.get("Location").endswith(PATH)
    answer = weldr.api("DELETE", PATH, headers=MINIMAL)
    assert answer.status == 204 and answer.data == b"" and answer.get("Preference-Applied") == "return=minimal"
    assert [s["url"] for s in weldr.servers()] == ["http://127.0.0.1:2"]
    is_problem(weldr.api("DELETE", PATH, headers=MINIMAL), 404, "not_found")
    for prefer in ('wait=5, RETURN="minimal"; x=1, return=representation', "respond-async,return = minimal"):
        assert "servers" not in weldr.api("POST", "/servers", body, headers={"Prefer": prefer}).json
    for prefer in ("return=representation, return=minimal", "return", "minimal", "return=minimally", "x; return=minimal"):
        answer = weldr.api("POST", "/servers", body, headers={"Prefer": prefer})
        assert "servers" in answer.json and answer.get("Preference-Applied") is None


def test_prefer_wait_applied_of_a_node_that_is_alone(weldr):
    """Its own workers have each change anyway: the wish is granted, and costs nothing."""
    body = {"url": URL, "check": {"type": "none"}}
    for prefer, applied in (("wait=applied", "wait=applied"), ("return=minimal, wait=applied", "return=minimal, wait=applied"),
                            ("wait=10, wait=applied", None), ("wait=10", None)):
        answer = weldr.api("POST", "/servers", body, headers={"Prefer": prefer})
        assert answer.status in (200, 201) and answer.get("Preference-Applied") == applied
        assert answer.get("X-Weldr-Not-Applied") is None
    wanted = {"Prefer": "wait=applied"}
    assert weldr.api("PATCH", "/pools/default", {"policy": "p2c"}, headers=wanted).get("Preference-Applied") == "wait=applied"
    for method, path, sent in (("GET", "/servers", None), ("POST", "/servers?dry_run=true", {"url": "http://127.0.0.1:9"}),
                               ("PATCH", "/pools/default", {"policy": "nonsense"}), ("DELETE", "/pools/none", None)):
        assert weldr.api(method, path, sent, headers=wanted).get("Preference-Applied") is None, (method, path)
    answer = weldr.api("DELETE", PATH + "?wait=drained", headers=wanted)
    assert answer.status == 200 and answer.get("Preference-Applied") == "wait=applied" and weldr.servers() == []


# ---- one server

@pytest.mark.smoke
@pytest.mark.parametrize("by", ["address", "id"])
def test_get_patch_delete_one(weldr, by):
    """A07, A16: by address and by id."""
    added = post(weldr, {"url": URL, "check": {"type": "none"}}).json
    path = PATH if by == "address" else "/servers/" + added["servers"][0]["id"]
    assert weldr.api("GET", path).json["url"] == URL
    changed = weldr.api("PATCH", path, {"weight": 12, "meta": {"a": "b"}, "map_host": True})
    assert changed.status == 200
    server = weldr.api("GET", path).json
    assert (server["weight"], server["meta"], server["map_host"]) == (12, {"a": "b"}, True)
    gone = weldr.api("DELETE", path)
    assert gone.status == 200 and gone.json["servers"] == [] and "add" in links_of(gone.json)
    is_problem(weldr.api("GET", path), 404, "not_found")


def test_patch_is_a_merge_patch(weldr):
    post(weldr, {"url": URL, "weight": 5, "meta": {"a": "1", "b": "2"}, "check": {"type": "none"}})
    assert weldr.api("PATCH", PATH, {"meta": {"a": None, "c": "3"}}).status == 200
    server = weldr.api("GET", PATH).json
    assert server["meta"] == {"b": "2", "c": "3"} and server["weight"] == 5


def test_ipv6_in_brackets(weldr):
    assert post(weldr, {"url": "http://[::1]:8099", "check": {"type": "none"}}).status == 201
    server = weldr.servers()[0]
    assert server["url"] == "http://[::1]:8099"
    assert links_of(server)["delete"]["href"] == "/servers/[::1]/8099"
    assert weldr.api("GET", "/servers/[::1]/8099").status == 200
    assert weldr.api("DELETE", "/servers/[::1]/8099").status == 200
    assert weldr.servers() == []


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/servers/127.0.0.1/9", "/servers/s-ffffff", "/servers/nonsense",
                                  "/servers/127.0.0.1/port", "/servers/127.0.0.1/99999"])
def test_unknown_server_is_404(weldr, method, path):
    """Q05: nothing changes."""
    weldr.add(URL)
    is_problem(weldr.api(method, path, {"weight": 1} if method == "PATCH" else None), 404, "not_found")
    assert len(weldr.servers()) == 1


@pytest.mark.parametrize("body,code,field", [
    ({"url": "http://127.0.0.1:1"}, "read_only", "url"), ({"weight": 257}, "invalid_value", "weight"),
    ({"colour": 1}, "unknown_key", "colour"), ({"check": {"interval_ms": 1}}, "invalid_value", "check.interval_ms"),
    ({"map_host": 1}, "invalid_value", "map_host"), ({"proxy_protocol": 1}, "invalid_value", "proxy_protocol"),
    ({"admin": "draining"}, "read_only", "admin"), ({"state": "down"}, "read_only", "state"),
    ({"id": "s-ffff"}, "read_only", "id"), ({"id": 1}, "read_only", "id"),
    ({"drain_ms": 5}, "read_only", "drain_ms"), ({"weight": 3, "pool": "other"}, "read_only", "pool"),
], ids=str)
def test_bad_patch_changes_nothing(weldr, body, code, field):
    weldr.add(URL)
    before = weldr.api("GET", PATH).json
    answer = weldr.api("PATCH", PATH, body)
    is_problem(answer, 422, code or answer.json["code"], field)
    after = weldr.api("GET", PATH).json
    assert {k: before[k] for k in ("url", "weight", "map_host", "check")} == \
        {k: after[k] for k in ("url", "weight", "map_host", "check")}


@pytest.mark.smoke
@pytest.mark.parametrize("path", [PATH, "/pools/default"])
def test_what_get_answers_can_be_sent_back(weldr, path):
    post(weldr, {"url": URL, "weight": 5, "meta": {"a": "1"}, "check": {"type": "none", "failures": 4}})
    shown = weldr.api("GET", path).json
    answer = weldr.api("PATCH", path, shown)
    assert answer.status == 200, answer.data
    # A change may count as one of the pool; nothing else has moved.
    assert {**answer.json, "revision": None} == {**shown, "revision": None}


def test_edited_server_can_be_sent_back(weldr):
    """Only what was edited is changed: what the check inherits goes on being inherited."""
    post(weldr, {"url": URL, "check": {"type": "none", "failures": 4}})
    shown = weldr.api("GET", PATH).json
    # Counters and results are of their moment: they may have moved on meanwhile.
    moved = {"success": 7, "failed": 1, "in_flight": 2, "reason": "as it was", "addresses": [],
             "last_check": {"ok": False}}
    assert moved.keys() <= shown.keys()
    edited = {**shown, **moved, "weight": 9, "check": {**shown["check"], "passes": 7}}
    changed = weldr.api("PATCH", PATH, edited)
    assert changed.status == 200, changed.data
    assert (changed.json["weight"], changed.json["check"]) == (9, {**shown["check"], "passes": 7})
    weldr.patch_pool({"check": {"passes": 5, "failures": 6, "timeout_ms": 777}})
    assert weldr.api("GET", PATH).json["check"] == {**shown["check"], "passes": 7, "timeout_ms": 777}
    # Without the id the same words are a wish: this check is the server's own from now on.
    assert weldr.api("PATCH", PATH, {"check": {"timeout_ms": 777}}).status == 200
    weldr.patch_pool({"check": {"timeout_ms": 888}})
    assert weldr.api("GET", PATH).json["check"]["timeout_ms"] == 777


def test_edited_pool_can_be_sent_back(weldr):
    shown = weldr.api("GET", "/pools/default").json
    shown["timeouts"]["connect_ms"] = 250
    assert weldr.api("PATCH", "/pools/default", shown).json["timeouts"] == shown["timeouts"]
    # Somebody has changed the pool since: who must know of that says If-Match (test_api_tags.py).
    assert weldr.api("PATCH", "/pools/default", shown).status == 200
    for key, value in (("name", "other"), ("id", "p-77")):
        problem = is_problem(weldr.api("PATCH", "/pools/default", {"fail_open": False, key: value}), 422, "read_only", key)
        assert "can't be changed" in problem["detail"], problem
    assert weldr.api("GET", "/pools/default").json["fail_open"] is True


# ---- revision, alias, others

@pytest.mark.smoke
def test_revision_moves_with_changes_only(weldr):
    def revision():
        return int(weldr.api("GET", "/").get("X-Weldr-Revision"))
    start = revision()
    assert revision() == start
    added = post(weldr, {"url": URL, "check": {"type": "none"}})
    assert int(added.get("X-Weldr-Revision")) == revision() > start
    before = revision()
    post(weldr, {"url": "bad"})
    weldr.api("PATCH", PATH, {"weight": -1})
    weldr.api("DELETE", "/servers/127.0.0.1/1")
    assert revision() == before
    weldr.api("PATCH", PATH, {"weight": 3})
    assert revision() > before
    before = revision()
    assert weldr.api("DELETE", PATH).status == 200
    assert revision() > before


@pytest.mark.smoke
def test_v1_is_an_alias(weldr):
    assert weldr.api("POST", "/v1/servers", {"url": URL, "check": {"type": "none"}}).status == 201
    assert weldr.api("GET", "/v1" + PATH).json["url"] == URL
    for path in ("/v1/servers", "/v1/stats", "/v1/stats/detail", "/v1/workers", "/v1/pools/default", "/v1/health"):
        assert weldr.api("GET", path).status == 200, path
    assert weldr.api("GET", "/v1/").status == 200 or weldr.api("GET", "/v1").status == 200
    assert weldr.api("DELETE", "/v1" + PATH).status == 200


@pytest.mark.smoke
def test_pool_document(weldr):
    """Defaults of D6 and of the check; both can be changed."""
    pool = weldr.api("GET", "/pools/default").json
    listener = weldr.api("GET", "/listeners/default").json
    assert pool["name"] == "default"
    assert pool["timeouts"] == {"connect_ms": 1500, "response_head_ms": 60000, "idle_ms": 60000, "tunnel_ms": 3600000}
    assert listener["timeouts"] == {"client_head_ms": 10000, "client_body_ms": 30000, "client_idle_ms": 75000,
                                    "client_write_ms": 60000}
    assert pool["limits"] == {"response_head_bytes": 65536, "response_fields": 128}
    assert listener["limits"] == {"request_line_bytes": 8192, "head_bytes": 32768, "fields": 100, "body_bytes": 0,
                                  "chunk_extension_bytes": 4096, "trailer_bytes": 8192, "requests_per_connection": 0,
                                  "connections": 0, "connections_per_client": 0, "min_rate_bytes": 100, "hops": 10}
    assert weldr.api("GET", "/node").json["limits"] == {"queue_bytes": 64 << 20}
    assert pool["retry"] == {"attempts": 2, "budget_percent": 20, "replay_bytes": 65536}
    assert pool["eject"] == {"errors": 5, "base_ms": 30000, "max_ms": 300000, "max_percent": 50}
    assert (pool["fail_open"], pool["forwarded"], pool["min_active"], pool["drain_ms"]) == (True, False, 0, 300000)
    assert listener["client_abort_on_fin"] is False
    assert listener["request_id_to_client"] is True
    assert pool["policy"] == "round_robin"
    check = pool["check"]
    assert (check["type"], check["path"], check["expect"]) == ("http", "/", "200-299")
    assert (check["interval_ms"], check["fast_interval_ms"], check["timeout_ms"]) == (30000, 2000, 5000)
    assert (check["failures"], check["passes"]) == (3, 2)
    changed = weldr.patch_pool({"timeouts": {"connect_ms": 250}, "check": {"path": "/up", "failures": 2},
                                "policy": "round_robin"})
    assert changed["timeouts"] == {**pool["timeouts"], "connect_ms": 250}
    assert (changed["check"]["path"], changed["check"]["failures"], changed["check"]["passes"]) == ("/up", 2, 2)
    assert weldr.api("GET", "/pools/default").json["timeouts"]["connect_ms"] == 250
    changed = weldr.patch_listener({"limits": {"head_bytes": 4096}})
    assert changed["limits"] == {**listener["limits"], "head_bytes": 4096}
    changed = weldr.patch_pool({"limits": {"response_fields": 99}, "retry": {"attempts": 1}, "fail_open": False})
    assert changed["limits"] == {**pool["limits"], "response_fields": 99}
    assert changed["retry"] == {**pool["retry"], "attempts": 1}
    assert (changed["fail_open"], changed["eject"]) == (False, pool["eject"])


def test_bad_pool_changes(weldr):
    before = weldr.api("GET", "/pools/default").json
    for body, code, field in (
            ({"timeouts": {"connect_ms": 0}}, "invalid_value", "timeouts.connect_ms"),
            ({"timeouts": {"idle_ms": "x"}}, "invalid_value", "timeouts.idle_ms"),
            ({"timeouts": {"lunch_ms": 5}}, "unknown_key", "timeouts.lunch_ms"),
            ({"limits": {"response_head_bytes": 524289}}, "invalid_value", "limits.response_head_bytes"),
            ({"retry": {"attempts": 11}}, "invalid_value", "retry.attempts"),
            ({"eject": {"errors": -1}}, "invalid_value", "eject.errors"),
            ({"fail_open": 1}, "invalid_value", "fail_open"),
            ({"policy": "best"}, "invalid_value", "policy"), ({"colour": 1}, "unknown_key", "colour"),
            ({"check": {"failures": 0}}, "invalid_value", "check.failures")):
        is_problem(weldr.api("PATCH", "/pools/default", body), 422, code, field)
    is_problem(weldr.api("PATCH", "/pools/default", "{"), 400, "invalid_json")
    for body, field in (({"timeouts": {"client_head_ms": 0}}, "timeouts.client_head_ms"),
                        ({"limits": {"head_bytes": 1}}, "limits.head_bytes"),
                        ({"limits": {"fields": 129}}, "limits.fields")):
        is_problem(weldr.api("PATCH", "/listeners/default", body), 422, "invalid_value", field)
    assert weldr.api("GET", "/pools/default").json == before


@pytest.mark.smoke
def test_workers_document(lab):
    weldr = lab.weldr(workers=3)
    document = weldr.api("GET", "/workers").json
    workers = document["workers"]
    assert [w["id"] for w in workers] == [0, 1, 2] and document["links"]
    for worker in workers:
        assert worker["state"] == "running" and worker["restarts"] == 0 and worker["pid"] > 1
        assert worker["connections"] == 0
    weldr.add(URL)
    after = weldr.workers()
    assert len({(w["applied_index"], w["digest"]) for w in after}) == 1
    assert after[0]["applied_index"] > workers[0]["applied_index"] and after[0]["digest"] != workers[0]["digest"]
    client = weldr.connect().send("GET")
    wait_until(lambda: sum(w["connections"] for w in weldr.workers()) == 1, 5, "one connection")
    client.close()
    wait_until(lambda: sum(w["connections"] for w in weldr.workers()) == 0, 5, "no connection")


@pytest.mark.smoke
def test_health_document(weldr):
    assert weldr.api("GET", "/health").status == 200


def test_writers_at_once(lab):
    """20 writers add the same 10 servers: each is added once, all workers agree."""
    weldr = lab.weldr(workers=2)
    created, lock = [], threading.Lock()

    def write(offset):
        for number in range(10):
            port = 20000 + (number + offset) % 10
            answer = post(weldr, {"url": f"http://127.0.0.1:{port}", "check": {"type": "none"}})
            assert answer.status in (200, 201), answer
            if answer.status == 201:
                with lock:
                    created.append(port)
    threads = [threading.Thread(target=write, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(created) == list(range(20000, 20010))
    assert len(weldr.servers()) == 10
    assert len({(w["applied_index"], w["digest"]) for w in weldr.workers()}) == 1


def test_hundreds_of_servers(weldr):
    """No limit in sight of normal use; the list stays whole."""
    with Client(weldr.admin) as client:
        for number in range(400):
            body = b'{"url":"http://127.0.%d.%d:80","check":{"type":"none"}}' % (number // 250, number % 250 + 1)
            client.request("POST", "/servers", fields=[("Content-Length", str(len(body)))], body=body)
            assert client.response().status == 201
    servers = weldr.servers()
    assert len(servers) == 400 and len({s["id"] for s in servers}) == 400
    for server in servers[::10]:
        assert weldr.api("DELETE", links_of(server)["delete"]["href"]).status == 200
    wait_until(lambda: len(weldr.servers()) == 360, 10, "360 servers")


def test_api_and_proxy_do_not_mix(lab):
    """The proxy port proxies /servers; the API port knows nothing of the origins' paths."""
    weldr, origin = lab.run(o.named("origin"))
    assert weldr.ask(target="/servers").text == "origin"
    assert weldr.api("GET", "/some/page").status == 404


def test_idle_api_connections_do_not_starve(weldr):
    idle = [socket.create_connection(weldr.admin) for _ in range(100)]
    assert weldr.api("GET", "/").status == 200
    for sock in idle:
        sock.close()


def test_slow_api_client_does_not_block_others(weldr):
    with Client(weldr.admin) as slow:
        slow.send(b"POST /servers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
        for _ in range(20):
            assert weldr.api("GET", "/servers").status == 200
