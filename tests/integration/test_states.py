"""The states of a server: which word, since when, after how many transitions and why; the last of them."""

import re

import origins as o
import pytest
from event_stream import EventStream
from rawhttp import wait_until

AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
CHECK = {"interval_ms": 100, "fast_interval_ms": 100, "timeout_ms": 1000, "failures": 2, "passes": 1}


def look(weldr, origin):
    """The same word everywhere."""
    server = weldr.server(origin)
    alone = weldr.api("GET", origin.path).json
    history = weldr.api("GET", origin.path + "/history").json
    detail = next(d for d in weldr.detail() if d["id"] == server["id"])
    assert AT.fullmatch(server["since"])
    for key in ("state", "since", "transitions"):
        assert server[key] == alone[key] == history[key]
    assert (detail["state"], detail["since"]) == (server["state"], server["since"])
    return server


def history(weldr, origin):
    return weldr.api("GET", origin.path + "/history").json["history"]


@pytest.mark.smoke
def test_down_and_active_again(lab):
    weldr = lab.weldr()
    origin = lab.origin()
    weldr.add(origin, check=CHECK)
    first = look(weldr, origin)
    assert (first["state"], first["transitions"], first["reason"]) == ("active", 0, None)
    assert history(weldr, origin) == []
    origin.stop()
    weldr.wait_state(origin, "down")
    down = look(weldr, origin)
    assert down["transitions"] == 1 and down["since"] > first["since"]
    assert re.fullmatch(r"\d failed checks?: .+", down["reason"]), down
    origin.restart()
    weldr.wait_state(origin, "active")
    up = look(weldr, origin)
    assert up["transitions"] == 2 and up["reason"] is None
    newest, oldest = history(weldr, origin)
    assert (newest["from"], newest["to"], newest["reason"], newest["at"]) == ("down", "active", "its checks pass", up["since"])
    assert (oldest["from"], oldest["to"], oldest["at"]) == ("active", "down", down["since"])
    assert oldest["reason"].startswith(("1 failed check: ", "2 failed checks: "))
    assert [line["from"] for line in weldr.lines(msg="server is down")] == ["active"]
    assert [line["reason"] for line in weldr.lines(msg="server is active")] == ["its checks pass"]


def test_initial_until_the_first_check_passes(lab):
    weldr = lab.weldr()
    origin = lab.dead_origin()
    weldr.add(origin, check={**CHECK, "initial": "down"})
    first = look(weldr, origin)
    assert (first["state"], first["transitions"]) == ("initial", 0) and first["reason"]
    assert weldr.ask().status == 503
    origin.restart()
    weldr.wait_state(origin, "active")
    assert [(t["from"], t["to"], t["reason"]) for t in history(weldr, origin)] == [("initial", "active", "its first check has passed")]


def test_drain_maintenance_standby(lab):
    weldr, origin, _ = lab.run(o.named("a"), o.named("b"))
    steps = [("POST", "/drain", None, "draining"), ("POST", "/resume", None, "active"),
             ("POST", "/maintenance", None, "maintenance"), ("POST", "/resume", None, "active"),
             ("PATCH", "", {"weight": 0}, "standby"), ("PATCH", "", {"weight": 1}, "active")]
    for n, (method, path, body, state) in enumerate(steps, 1):
        assert weldr.api(method, origin.path + path, body).status in (200, 202)
        server = look(weldr, origin)
        assert (server["state"], server["transitions"]) == (state, n)
        answers = {weldr.ask().text for _ in range(6)}
        assert ("a" in answers) == (state == "active"), "a state says whether a server gets requests"
    reasons = [t["reason"] for t in reversed(history(weldr, origin))]
    assert reasons == ["requests in flight finish", "resumed", "requests in flight finish", "resumed", "its weight is 0",
                       "its weight is above 0"]


def test_ejected(lab):
    weldr, dead, _ = lab.run(o.named("dead"), o.named("well"))
    weldr.patch_pool({"eject": {"errors": 3, "base_ms": 500, "max_ms": 500}})
    with EventStream(weldr, {"kind": "server_state"}) as stream:
        dead.stop()
        assert {weldr.ask().status for _ in range(30)} == {200}
        out = stream.next()
        assert (out["from"], out["to"], out["server"]) == ("active", "ejected", dead.url)
        assert out["reason"] == "ejected by 1 of 1 workers for its errors in a row"
        back = stream.next()
        assert (back["from"], back["to"]) == ("ejected", "active") and back["at"] > out["at"]
    assert weldr.lines(msg="server is ejected", server=dead.url)


def test_ejected_by_some_workers_is_active(lab):
    """It gets requests still, of the others."""
    weldr, dead, _ = lab.run(o.named("dead"), o.named("well"), workers=2)
    weldr.patch_pool({"eject": {"errors": 3, "base_ms": 60000}})
    dead.stop()
    with weldr.connect() as client:
        for _ in range(30):
            client.request()
            assert client.response().status == 200
    server = look(weldr, dead)
    assert (server["state"], server["reason"]) == ("active", "ejected by 1 of 2 workers for its errors in a row")


def test_removed_is_draining(lab):
    weldr, origin = lab.run(o.stall)
    with weldr.connect() as client:
        client.request()
        wait_until(lambda: weldr.stats()["in_flight"] == 1, 5, "the request is in flight")
        weldr.delete(origin)
        server = look(weldr, origin)
        assert (server["state"], server["reason"], server["transitions"]) == ("draining", "removed", 1)
        client.reset()
    wait_until(lambda: weldr.api("GET", origin.path + "/history").status == 404, 10, "it has drained")


def test_history_keeps_twenty(lab):
    weldr, origin = lab.run(None)
    for _ in range(12):
        assert weldr.api("PATCH", origin.path, {"weight": 0}).status == 200
        assert weldr.api("PATCH", origin.path, {"weight": 1}).status == 200
    assert look(weldr, origin)["transitions"] == 24
    kept = history(weldr, origin)
    assert len(kept) == 20
    assert [t["to"] for t in kept] == ["active", "standby"] * 10
    assert [t["at"] for t in kept] == sorted((t["at"] for t in kept), reverse=True)
    by_id = weldr.api("GET", f"/servers/{weldr.server(origin)['id']}/history").json
    assert by_id["history"] == kept


def test_a_name_is_initial_until_it_is_looked_up(lab):
    weldr = lab.weldr()
    weldr.add("http://localhost:9")
    server = weldr.servers()[0]
    wait_until(lambda: weldr.servers()[0]["state"] == "active", 10, "it is resolved")
    told = weldr.api("GET", f"/servers/{server['id']}/history").json
    assert [(t["from"], t["to"], t["reason"]) for t in told["history"]] == [("initial", "active", "its name is resolved")]
    assert [a["state"] for a in weldr.servers()[0]["addresses"]] == ["active"] * len(weldr.servers()[0]["addresses"])
