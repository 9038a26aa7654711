"""How servers leave: drained, stood down, guarded, all down."""

import json
import os
import signal
import threading
import time

import pytest

import origins as o
from failures import is_problem
from rawhttp import Client, wait_until
from test_churn import Load
from test_health import wait_probes_elsewhere

FAST = {"type": "http", "path": "/health", "interval_ms": 150, "fast_interval_ms": 100, "timeout_ms": 1000}


def start_slow(weldr, gate, count=1):
    clients = [weldr.connect().request() for _ in range(count)]
    wait_until(lambda: gate.entered == count, 5, f"{count} in flight")
    return clients


def in_background(function):
    """Runs it in a thread; the result is in the list when done."""
    result = []
    thread = threading.Thread(target=lambda: result.append(function()), daemon=True)
    thread.start()
    return thread, result


# ---- DELETE

@pytest.mark.tls
@pytest.mark.smoke
def test_delete_tells_progress(lab):
    gate = o.Gate()
    weldr, origin = lab.run(gate, workers=2)
    clients = start_slow(weldr, gate, 3)
    answer = weldr.api("DELETE", origin.path + "?drain=60")
    assert answer.status == 202
    server, = answer.json["servers"]
    assert (server["state"], server["in_flight"]) == ("draining", 3)
    assert 50000 < server["drain_left_ms"] <= 60000
    gate.open()
    assert {c.response().status for c in clients} == {200}
    wait_until(lambda: weldr.servers() == [], 5, "gone")


def test_delete_tells_progress_of_the_one_server(lab):
    gate = o.Gate()
    weldr, origin = lab.run(gate)
    client, = start_slow(weldr, gate, 1)
    answer = weldr.api("DELETE", origin.path + "?drain=60", headers={"Prefer": "return=minimal"})
    assert answer.status == 202 and answer.get("Preference-Applied") == "return=minimal"
    assert (answer.json["url"], answer.json["state"], answer.json["in_flight"]) == (origin.url, "draining", 1)
    gate.open()
    assert client.response().status == 200


def test_delete_of_an_idle_server_is_200(lab):
    weldr, origin = lab.run(o.hello, workers=2)
    assert weldr.ask().status == 200
    answer = weldr.api("DELETE", origin.path)
    assert (answer.status, answer.json["servers"]) == (200, [])


@pytest.mark.tls
@pytest.mark.smoke
def test_delete_can_wait(lab):
    gate = o.Gate()
    weldr, origin = lab.run(gate)
    client, = start_slow(weldr, gate)
    thread, result = in_background(lambda: weldr.api("DELETE", origin.path + "?wait=drained&timeout=20s"))
    wait_until(lambda: weldr.state(origin) == "draining", 5, "draining")
    weldr.tell_workers()
    assert not result
    gate.open()
    assert client.response().status == 200
    thread.join(5)
    assert (result[0].status, result[0].json["servers"]) == (200, [])


def test_wait_that_times_out_is_504(lab):
    """No success: "curl -f ... && deploy" does not deploy on a server that still works."""
    gate = o.Gate()
    weldr, origin = lab.run(gate)
    client, = start_slow(weldr, gate)
    start = time.monotonic()
    answer = weldr.api("DELETE", origin.path + "?wait=drained&timeout=300ms")
    assert 0.25 < time.monotonic() - start < 5
    assert "not drained: 1 in flight" in is_problem(answer, 504, "still_draining")["detail"]
    assert weldr.api("GET", origin.path).json["in_flight"] == 1
    gate.open()
    assert client.response().status == 200


def test_wait_ends_with_the_drain_limit(lab):
    """The limit cuts off what is left, and then the server has drained."""
    weldr, origin = lab.run(o.stall)
    client = weldr.connect().request()
    wait_until(origin.seen, 5, "in flight")
    answer = weldr.api("DELETE", origin.path + "?drain=400ms&wait=drained&timeout=20s")
    assert (answer.status, answer.json["servers"]) == (200, [])
    response = client.response()
    assert (response.status, response.get("Weldr-Error")) == (503, "drained")


def test_pool_says_how_long_a_drain_takes(lab):
    weldr, origin = lab.run(o.stall)
    weldr.patch_pool({"drain_ms": 300})
    client = weldr.connect().request()
    wait_until(origin.seen, 5, "in flight")
    assert weldr.api("DELETE", origin.path).status == 202
    assert client.response().get("Weldr-Error") == "drained"
    wait_until(lambda: weldr.servers() == [], 5, "gone")


def test_client_that_goes_while_it_waits(lab):
    gate = o.Gate()
    weldr, origin = lab.run(gate)
    client, = start_slow(weldr, gate)
    asker = Client(weldr.admin)
    asker.send(b"DELETE %s?wait=drained HTTP/1.1\r\nHost: localhost\r\n\r\n" % origin.path.encode())
    wait_until(lambda: weldr.state(origin) == "draining", 5, "draining")
    asker.close()
    gate.open()
    assert client.response().status == 200
    wait_until(lambda: weldr.servers() == [], 5, "gone")


def test_exit_while_someone_waits(lab):
    weldr, origin = lab.run(o.stall, drain_timeout="1")
    weldr.connect().request()
    wait_until(origin.seen, 5, "in flight")
    asker = Client(weldr.admin)
    asker.send(b"DELETE %s?wait=drained HTTP/1.1\r\nHost: localhost\r\n\r\n" % origin.path.encode())
    wait_until(lambda: weldr.state(origin) == "draining", 5, "draining")
    weldr.signal(signal.SIGTERM)
    assert weldr.wait_exit(10) == 0
    asker.close()


@pytest.mark.parametrize("query", ["drain=x", "drain=3601", "wait=gone", "timeout=never", "force=perhaps", "dry_run=2"])
def test_bad_query(lab, query):
    weldr, origin = lab.run(o.hello)
    answer = weldr.api("DELETE", f"{origin.path}?{query}")
    assert (answer.status, answer.json["code"], answer.json["field"]) == (422, "invalid_value", query.split("=")[0])
    assert weldr.state(origin) == "active"


def test_dry_run_changes_nothing(lab):
    weldr, origin = lab.run(o.hello)
    for method, path, body in [("DELETE", origin.path, None), ("POST", origin.path + "/drain", None),
                               ("PATCH", origin.path, {"weight": 7}), ("PATCH", "/pools/default", {"drain_ms": 1}),
                               ("POST", "/servers", {"url": "http://127.0.0.1:9"})]:
        before = weldr.api("GET", "/servers")
        answer = weldr.api(method, path + "?dry_run=true", body)
        assert (answer.status, answer.json["dry_run"]) == (200, True), (method, path)
        after = weldr.api("GET", "/servers")
        assert before.get("X-Weldr-Revision") == after.get("X-Weldr-Revision")
    assert weldr.api("PATCH", origin.path + "?dry_run=true", {"weight": 999}).status == 422
    assert weldr.ask().status == 200


# ---- drain, resume, maintenance

@pytest.mark.tls("clear-tls")
@pytest.mark.smoke
@pytest.mark.parametrize("verb,state", [("drain", "draining"), ("maintenance", "maintenance")])
def test_stand_down_and_resume(lab, verb, state):
    gate = o.Gate(o.named("old"))
    weldr, old, other = lab.run(o.by_target({"/slow": gate}, o.named("old")), o.named("other"), workers=2)
    clients = [weldr.connect().request(target="/slow") for _ in range(8)]
    wait_until(lambda: gate.entered >= 1 and gate.entered + len(other.seen("/slow")) == 8, 5, "in flight")
    answer = weldr.api("POST", f"{old.path}/{verb}")
    assert (answer.status, answer.json["state"]) == (202, state)
    assert answer.json["in_flight"] == gate.entered
    assert {weldr.ask().text for _ in range(10)} == {"other"}
    gate.open()
    assert all(c.response().status == 200 for c in clients)
    wait_until(lambda: weldr.server(old)["reason"] == "drained", 5, "drained")
    assert weldr.server(old)["drain_left_ms"] is None
    assert weldr.state(old) == state
    wait_until(lambda: old.open_lanes == 0, 5, "no idle connection is left")
    answer = weldr.api("POST", f"{old.path}/resume")
    assert (answer.status, answer.json["state"], answer.json["reason"]) == (200, "active", None)
    assert {weldr.ask().text for _ in range(20)} == {"old", "other"}


def test_stand_down_by_id_and_twice(lab):
    weldr, origin = lab.run(o.hello)
    where = "/servers/" + weldr.server(origin)["id"]
    for _ in range(2):
        answer = weldr.api("POST", where + "/drain?wait=drained")
        assert (answer.status, answer.json["state"]) == (200, "draining")
    assert weldr.ask().status == 503
    assert weldr.api("POST", where + "/maintenance").json["state"] == "maintenance"
    for _ in range(2):
        assert weldr.api("POST", where + "/resume").json["state"] == "active"
    assert weldr.ask().status == 200


def test_stand_down_is_limited(lab):
    """After drain_ms what is in flight ends; the server stays."""
    weldr, origin = lab.run(o.by_target({"/stall": o.stall}))
    for path, body in [("/drain?wait=drained", {"drain_ms": 300}), ("/drain?drain=0&wait=drained", None)]:
        count = len(origin.seen("/stall"))
        client = weldr.connect().request(target="/stall")
        wait_until(lambda: len(origin.seen("/stall")) > count, 5, "in flight")
        answer = weldr.api("POST", origin.path + path, body)
        assert (answer.status, answer.json["state"], answer.json["in_flight"]) == (200, "draining", 0)
        assert client.response().get("Weldr-Error") == "drained"
        assert weldr.api("POST", origin.path + "/resume").status == 200
        assert weldr.ask().status == 200


def test_maintenance_is_not_probed(lab):
    weldr = lab.weldr()
    health = o.Health()
    origin = lab.origin(health)
    weldr.add(origin, check=FAST)
    wait_until(lambda: health.probes >= 2, 5, "probes")
    weldr.api("POST", origin.path + "/maintenance")
    origin.catch_up()
    count = health.probes
    wait_probes_elsewhere(lab, weldr, 6)
    assert health.probes == count
    weldr.api("POST", origin.path + "/drain")
    wait_until(lambda: health.probes > count + 1, 5, "a draining server is probed")


def test_drained_server_stays_so_for_a_new_worker(lab):
    weldr, origin, other = lab.run(o.named("a"), o.named("b"))
    weldr.api("POST", origin.path + "/drain")
    old = weldr.worker_pids()
    os.kill(old[0], signal.SIGKILL)
    weldr.wait_workers(1, not_pids=old)
    assert {weldr.ask().text for _ in range(6)} == {"b"}
    assert weldr.state(origin) == "draining" and weldr.state(other) == "active"


def test_drained_server_can_be_deleted(lab):
    weldr, origin = lab.run(o.hello)
    assert weldr.api("POST", origin.path + "/drain").status == 200
    assert weldr.delete(origin, expect=200)["servers"] == []


def test_stand_down_of_nobody(weldr):
    for verb in ("drain", "resume", "maintenance"):
        assert weldr.api("POST", f"/servers/127.0.0.1/9/{verb}").status == 404
        assert weldr.api("POST", f"/servers/s-99/{verb}").status == 404


def test_bad_delay(lab):
    weldr, origin = lab.run(o.hello)
    for body in ({"drain_ms": -1}, {"drain_ms": "x"}, {"delay": 1}):
        answer = weldr.api("POST", origin.path + "/drain", body)
        assert answer.status == 422, body
    assert weldr.api("POST", origin.path + "/drain", "{").status == 400
    assert weldr.state(origin) == "active"


def seen_by(origins):
    return sum(len(origin.seen()) for origin in origins)


@pytest.mark.tls
@pytest.mark.slow
@pytest.mark.smoke
def test_rolling_restart_loses_nothing(lab):
    """Each origin is drained, stopped, started and resumed in turn, under load, twice over."""
    weldr, *origins = lab.run(o.hello, o.hello, o.hello, workers=2)
    weldr.patch_pool({"min_active": 2})
    load = Load(weldr)
    for origin in origins * 2:
        answer = weldr.api("POST", origin.path + "/drain?wait=drained&timeout=10s")
        assert (answer.status, answer.json["in_flight"]) == (200, 0)
        seen = len(origin.seen())
        origin.stop()
        others = [other for other in origins if other is not origin]
        before = seen_by(others)
        wait_until(lambda: seen_by(others) >= before + 50, 10, "requests go on elsewhere")
        assert len(origin.seen()) == seen
        origin.restart()
        assert weldr.api("POST", origin.path + "/resume").status == 200
        wait_until(lambda at=origin, n=seen: len(at.seen()) > n, 10, "requests again")
    load.end()
    assert load.good > 100 and not load.bad and not load.cut, (load.good, load.bad[:3], load.cut[:3])
    assert weldr.stats()["retries"] == 0


# ---- the guard rail

@pytest.mark.smoke
def test_min_active_guards_the_pool(lab):
    weldr, first, second = lab.run(o.hello, o.hello)
    weldr.patch_pool({"min_active": 2})
    wishes = [("DELETE", first.path, None), ("POST", first.path + "/drain", None),
              ("POST", first.path + "/maintenance", None), ("PATCH", first.path, {"weight": 0})]
    for method, path, body in wishes:
        answer = weldr.api(method, path, body)
        assert (answer.status, answer.json["code"]) == (409, "would_empty_pool"), (method, path)
        answer = weldr.api(method, path + "?dry_run=true", body)
        assert answer.status == 409
    assert weldr.state(first) == "active"
    assert weldr.api("PATCH", first.path, {"weight": 5}).status == 200
    assert weldr.api("POST", first.path + "/drain?force=true").status == 200
    assert weldr.api("DELETE", first.path).status == 200  # it was of no use any more
    assert weldr.api("DELETE", second.path + "?force=false").status == 409
    assert weldr.api("DELETE", second.path + "?force=1").status == 200


def test_min_active_0_lets_all_go(lab):
    weldr, origin = lab.run(o.hello)
    assert weldr.delete(origin, expect=200)["servers"] == []


def test_down_server_may_go(lab):
    weldr = lab.weldr()
    weldr.patch_pool({"min_active": 1})
    well = lab.origin()
    weldr.add(well)
    answer = weldr.add(lab.dead_origin(), check=FAST)
    dead = answer["servers"][0]["url"]
    weldr.wait_state(dead, "down")
    assert weldr.api("DELETE", well.path).status == 409
    assert weldr.api("DELETE", "/servers/" + answer["servers"][0]["id"]).status == 200


# ---- all down

@pytest.mark.tls("clear-tls")
@pytest.mark.smoke
def test_all_down_fails_open(lab, tmp_path):
    """The checks say no, the servers would answer: requests are spread over all of them."""
    log = tmp_path / "access.log"
    weldr = lab.weldr("--access-log", str(log), workers=2)
    sick = [lab.origin(o.Health(200, then=o.named(name))) for name in ("a", "b")]
    for origin in sick:
        weldr.add(origin, check=FAST)
    assert weldr.stats()["fail_open"] is False
    for origin in sick:
        origin.behave.status = 500
    for origin in sick:
        weldr.wait_state(origin, "down")
    assert weldr.stats()["fail_open"] is True
    assert weldr.wait_log(level="warn", pool="default", servers="2")
    weldr.tell_workers()
    assert {weldr.ask().text for _ in range(20)} == {"a", "b"}
    weldr.patch_pool({"fail_open": False})
    response = weldr.ask()
    assert (response.status, response.get("Weldr-Error")) == (503, "no_server")
    assert weldr.stats()["fail_open"] is False
    weldr.patch_pool({"fail_open": True})
    assert weldr.ask().status == 200
    sick[0].behave.status = 200
    weldr.wait_state(sick[0], "active")
    assert weldr.stats()["fail_open"] is False
    weldr.tell_workers()
    assert {weldr.ask().text for _ in range(10)} == {"a"}
    wait_until(lambda: log.read_text().count("\n") == 32, 10, "all lines of the access log")
    flags = [json.loads(line).get("fail_open", False) for line in log.read_text().splitlines()]
    assert flags.count(True) == 21


@pytest.mark.tls
def test_reads_are_answered_while_weldr_drains(lab):
    gate = o.Gate()
    weldr, origin = lab.run(gate, drain_timeout="20")
    client, = start_slow(weldr, gate)
    with Client(weldr.admin) as asking:
        assert asking.ask(target="/ready").status == 200
        weldr.signal(signal.SIGTERM)
        wait_until(lambda: asking.ask(target="/ready").status == 503, 5, "/ready is 503")
        assert json.loads(asking.ask(target="/servers").text)["servers"][0]["in_flight"] == 1
        assert asking.ask("POST", origin.path + "/drain").status == 503
    gate.open()
    assert client.response().status == 200
    assert weldr.wait_exit(10) == 0
