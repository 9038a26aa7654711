"""GET /events: every change of the pool and who asked, every transition; as a stream, and by polling."""

import os
import re
import signal

import origins as o
import pytest
from event_stream import EventStream
from rawhttp import Client, wait_until
from weldr import NO_CHECK, now

ID = re.compile(r"[0-9a-f]+-\d+")
AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def poll(weldr, query=""):
    answer = weldr.api("GET", "/events" + query)
    assert answer.status == 200, answer
    return answer.json


def kinds(events):
    return [e["kind"] for e in events]


@pytest.mark.smoke
def test_a_change_is_told_with_who_asked(lab):
    weldr = lab.weldr()
    with EventStream(weldr) as stream:
        weldr.add("http://127.0.0.1:9")
        event = stream.until("server_added")[-1]
    assert event["server"] == "http://127.0.0.1:9" and event["pool"] == "default"
    assert event["server_id"] == weldr.servers()[0]["id"]
    assert event["by"]["address"].startswith("127.0.0.1:") and event["by"]["token"] is None
    assert event["revision"] == weldr.stats()["revision"]
    assert AT.fullmatch(event["at"]) and ID.fullmatch(event.id) and event["id"] == event.id
    assert event["kind"] == event.kind
    assert weldr.wait_log(msg="server added", by=event["by"]["address"])


def test_every_kind_of_change(lab):
    weldr = lab.weldr()
    rule = {"priority": 5, "conditions": {"path": ["/x"]}, "action": {"fixed": {"status": 404}}}
    with EventStream(weldr) as stream:
        weldr.add("http://127.0.0.1:9")
        path = "/servers/127.0.0.1/9"
        assert weldr.api("PATCH", path, {"weight": 3}).status == 200
        assert weldr.api("POST", "/pools", {"name": "blue"}).status == 201
        assert weldr.api("PATCH", "/pools/blue", {"fail_open": False}).status == 200
        assert weldr.api("DELETE", "/pools/blue").status in (200, 204)
        made = weldr.api("POST", "/listeners/default/rules", rule)
        if made.status == 201:
            assert weldr.api("DELETE", made.headers["Location"]).status in (200, 204)
        weldr.patch_listener({"limits": {"fields": 99}})
        weldr.patch_node({"log_level": "info"})
        assert weldr.api("DELETE", path).status in (200, 202)
        seen = [e.kind for e in stream.until("server_drained")]
    assert made.status == 201, made
    assert [k for k in seen if not k.startswith("worker_")] == [
        "server_added", "server_changed", "pool_added", "pool_changed", "pool_removed", "rule_added", "rule_removed",
        "listener_changed", "node_changed", "server_removed", "server_state", "server_drained"]


def test_polling_goes_on_where_it_was(lab):
    weldr = lab.weldr()
    first = poll(weldr)
    assert first["gap"] is None
    assert poll(weldr, f"?since={first['next']}") == {"gap": None, "events": [], "next": first["next"]}
    for port in range(1, 6):
        weldr.add(f"http://127.0.0.1:{port}")
    two = poll(weldr, f"?since={first['next']}&limit=2")
    assert [e["server"][-1] for e in two["events"]] == ["1", "2"]
    assert two["next"] == two["events"][-1]["id"]
    rest = poll(weldr, f"?since={two['next']}")
    assert [e["server"][-1] for e in rest["events"]] == ["3", "4", "5"]
    assert [e["server"][-1] for e in poll(weldr, "?limit=2&kind=server_added")["events"]] == ["4", "5"]
    everything = poll(weldr, "?since=0")["events"]
    assert {"worker_started", "listener_changed", "worker_running"} <= set(kinds(everything)[:3])
    assert everything[-1] == rest["events"][-1]


def test_a_stream_resumes(lab):
    """With since, and with the field that a browser sends of itself, which counts more."""
    weldr = lab.weldr()
    with EventStream(weldr) as stream:
        weldr.add("http://127.0.0.1:1")
        stream.until("server_added")
        resume = stream.last_id
    for port in (2, 3):
        weldr.add(f"http://127.0.0.1:{port}")
    for more in ({"query": {"since": resume}}, {"last_id": resume}, {"query": {"since": "0"}, "last_id": resume}):
        with EventStream(weldr, **more) as stream:
            assert [stream.next()["server"][-1] for _ in range(2)] == ["2", "3"]


def test_a_reader_that_heard_nothing_knows_where_it_was(lab):
    weldr = lab.weldr()
    with EventStream(weldr, {"since": poll(weldr)["next"], "kind": "pool_added"}) as stream:
        weldr.add("http://127.0.0.1:1")
        assert weldr.api("POST", "/pools", {"name": "blue"}).status == 201
        assert stream.next()["pool"] == "blue"
        assert stream.last_id == poll(weldr)["next"]


def test_filters(lab):
    weldr = lab.weldr()
    before = poll(weldr)["next"]
    assert weldr.api("POST", "/pools", {"name": "blue"}).status == 201
    ids = []
    for path, port in (("/servers", 1), ("/pools/blue/servers", 2)):
        made = weldr.api("POST", path, {"url": f"http://127.0.0.1:{port}", "check": NO_CHECK})
        assert made.status == 201, made
    ids = [poll(weldr, f"?since={before}&kind=server_added")["events"][i]["server_id"] for i in (0, 1)]

    def found(query):
        return [(e["kind"], e.get("server", "")[-1:]) for e in poll(weldr, f"?since={before}&{query}")["events"]]
    assert found("pool=blue") == [("pool_added", ""), ("server_added", "2")]
    assert found("kind=server_added,pool_added") == [("pool_added", ""), ("server_added", "1"), ("server_added", "2")]
    for server in ("127.0.0.1:1", "http%3A%2F%2F127.0.0.1%3A1", ids[0]):
        assert found("server=" + server) == [("server_added", "1")]
    assert found("pool=blue&server=" + ids[0]) == []


@pytest.mark.parametrize("query, field", [("kind=nothing", "kind"), ("since=yesterday", "since"), ("limit=0", "limit"),
                                          ("limit=1001", "limit"), ("pool=%zz", "pool"), ("server=%00", "server")])
def test_bad_questions(weldr, query, field):
    for accept in ("application/json", "text/event-stream"):
        answer = weldr.api("GET", "/events?" + query, headers={"Accept": accept})
        assert (answer.status, answer.json["field"]) == (422, field), answer


def test_a_since_of_an_earlier_life_is_a_gap(lab):
    weldr = lab.weldr()
    old = "1-5"
    told = poll(weldr, "?since=" + old)
    assert told["gap"] == "restarted" and kinds(told["events"])[0] == "worker_started"
    with EventStream(weldr, {"since": old}) as stream:
        gap = stream.next()
        assert (gap.kind, gap["reason"], gap["lost"]) == ("gap", "restarted", None)
        assert stream.next().kind == "worker_started"


def test_what_the_ring_has_no_more_is_a_gap(lab):
    """A change of the node is cheap: it makes no revision."""
    weldr = lab.weldr()
    first = poll(weldr)["next"]
    with Client(weldr.admin) as client:
        body = b'{"log_level": "error"}'
        ask = b"PATCH /node HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        for _ in range(170):
            client.send(ask * 100)
            assert all(client.response().status == 200 for _ in range(100))
    told = poll(weldr, f"?since={first}&limit=1000")
    assert told["gap"] == "overrun" and len(told["events"]) == 1000
    with EventStream(weldr, {"since": first}) as stream:
        gap = stream.next()
        assert (gap.kind, gap["reason"]) == ("gap", "overrun") and gap["lost"] > 0
        assert stream.next().id == told["events"][0]["id"]


def test_workers_are_told_of(lab):
    weldr = lab.weldr()
    pid = weldr.worker_pids()[0]
    with EventStream(weldr, {"kind": "worker_started,worker_running,worker_ended"}) as stream:
        os.kill(pid, signal.SIGKILL)
        ended, started, running = (stream.next() for _ in range(3))
    assert (ended.kind, ended["pid"], ended["worker"], ended["reason"]) == ("worker_ended", pid, 0, "it was killed")
    assert (started.kind, running.kind) == ("worker_started", "worker_running")
    assert started["pid"] == running["pid"] != pid and ended["by"] is None


def test_a_drain_ends_streams_in_order(lab):
    """The last event says so, and where to go on."""
    weldr, origin = lab.run(o.stall)
    with weldr.connect() as client, EventStream(weldr) as stream:
        client.request()
        wait_until(lambda: weldr.stats()["in_flight"] == 1, 5, "the request is in flight")
        os.kill(weldr.pid, signal.SIGTERM)
        event = stream.until("end")[-1]
        assert "shutting down" in event["reason"] and ID.fullmatch(event["since"])
        assert stream.next() is None
        assert weldr.process.poll() is None, "it drains still"
        client.reset()
        assert weldr.wait_exit(15) == 0
        weldr.stopped = True


def test_a_reader_that_leaves_is_forgotten(lab):
    """Whether it says goodbye or not: so many places there are for all."""
    weldr = lab.weldr(nofile=4096)
    for _ in range(3):
        crowd = [EventStream(weldr) for _ in range(256)]
        assert all(s.response.status == 200 for s in crowd)
        with EventStream(weldr) as late:
            assert late.response.status == 503 and late.response.headers["Retry-After"] == "1"
            assert b"too_many_streams" in late.response.read()
        for stream in crowd:
            stream.close()

        def has_room():
            with EventStream(weldr) as again:
                return again.response.status == 200
        wait_until(has_room, 10, "a place is free")
        wait_until(lambda: weldr.api("POST", "/servers", {"url": "http://127.0.0.1:9"}).status in (200, 201), 5, "it lives")


def test_a_quiet_stream_lives(lab):
    """A comment every 15 s, and no time-out of the API ends it."""
    weldr = lab.weldr()
    with EventStream(weldr, timeout_s=20) as stream:
        started = now()
        assert stream.response.readline().startswith(b"id: ")
        assert stream.response.readline() == b"\n"
        assert stream.response.readline().startswith(b":")
        assert 14 < now() - started < 18


def test_changes_are_never_rate_limited_in_the_log(lab):
    weldr = lab.weldr()
    count = 60
    with Client(weldr.admin) as client:
        for port in range(1, count + 1):
            body = b'{"url": "http://127.0.0.1:%d", "check": {"type": "none"}}' % port
            client.send(b"POST /servers HTTP/1.1\r\nHost: localhost\r\nPrefer: return=minimal\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            assert client.response().status == 201
    assert len(weldr.lines(msg="server added")) == count
    assert not [line for line in weldr.lines(msg="server added") if "suppressed" in line]
