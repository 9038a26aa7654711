"""Counters go on over a restart of the manager with the same data directory."""

import os
import signal

import origins as o
import pytest
from rawhttp import wait_until
from test_health_restart import kill

GROWS = ("requests", "bytes", "results", "retries", "client", "server", "tls_failures", "latency_us")


def sums(weldr):
    """What only grows, of all that GET /stats and /stats/detail count."""
    stats = weldr.stats()
    gauges = ("in_flight", "waiting", "open")
    named = {kind: {name: {word: n for word, n in numbers.items() if word not in gauges} for name, numbers in stats[kind].items()}
             for kind in ("pools", "listeners")}
    detail = [{key: entry[key] for key in ("id", "success", "failed")} for entry in weldr.detail()]
    connections = {key: stats["connections"][key] for key in ("client", "server")}
    return {**{key: stats[key] for key in GROWS}, **named, "connections": connections, "detail": detail,
            "counting_since": stats["counting_since"]}


def counters(weldr):
    """Samples of GET /metrics that count up, of the node and of what is described."""
    text = weldr.api("GET", "/metrics").data.decode()
    own = ("weldr_worker_", "process_")
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if line and line[0] != "#" and not line.startswith(own)]
    return {name: value for name, value in lines if "_total" in name or "_bucket" in name or "_sum" in name or "_count" in name}


def path_of(folder):
    return os.path.join(folder, "counters")


def end(weldr):
    """A clean stop; its origins go on."""
    weldr.signal(signal.SIGTERM)
    assert weldr.wait_exit(20) == 0
    weldr.stopped = True
    weldr.assert_no_dirt()


def ended(weldr):
    """Nothing of a request is still to be counted, and none of a connection."""
    wait_until(lambda: weldr.stats()["in_flight"] == 0 and weldr.stats()["connections"]["client_open"] == 0, 20, "all is counted")
    return weldr


@pytest.fixture
def start(lab, folder):
    def start(*flags):
        return lab.weldr("--data-dir", folder, *flags)
    return start


def test_clean_stop(lab, start):
    """All that grows is the same in the next life, and goes on; what was removed is not told of, the node's sums keep it."""
    weldr, gone = start(), lab.origin()
    weldr.add(lab.origin(), expect=201)
    rule = weldr.api("POST", "/listeners/default/rules", {"priority": 1, "conditions": {"path_prefix": "/old"},
                                                          "action": {"fixed": {"status": 404}}})
    assert rule.status == 201, rule
    for target in ("/", "/old", "/", "/nothing"):
        weldr.ask(target=target)
    weldr.add(gone)
    assert [weldr.ask().status for _ in range(4)] == [200] * 4
    weldr.delete(gone, query="?wait=drained&timeout=20s")
    before, metrics = sums(ended(weldr)), counters(weldr)
    assert before["requests"] == 8 and any("weldr_rule_requests_total" in name and value == "1" for name, value in metrics.items())
    end(weldr)
    again = start()
    assert sums(again) == before
    assert counters(again) == metrics
    assert again.lines(msg="counters go on from earlier runs")
    assert again.ask().status == 200
    assert sums(ended(again))["requests"] == 9


def test_what_ends_while_it_drains(lab, start, folder):
    """A request that is in flight at SIGTERM counts when it has ended; not twice, when a successor had the directory by then."""
    gate = o.BodyGate()
    weldr, origin = start("--drain-timeout", "30s"), lab.origin(gate)
    weldr.add(origin)
    client = weldr.connect().request()
    response = client.head()
    weldr.signal(signal.SIGTERM)
    weldr.wait_log(msg="a successor may have the data directory")
    gate.open()
    assert client.body(response).body == b"first-rest"
    client.close()
    assert weldr.wait_exit(20) == 0
    weldr.stopped = True
    second = start("--drain-timeout", "30s")
    assert (second.stats()["requests"], second.stats()["client"]["success"]) == (1, 1)
    gate.__init__()
    client = second.connect().request()
    response = client.head()
    second.signal(signal.SIGTERM)
    second.wait_log(msg="a successor may have the data directory")
    third = start()
    assert third.stats()["requests"] == 2
    gate.open()
    assert client.body(response).body == b"first-rest"
    client.close()
    assert second.wait_exit(20) == 0
    second.stopped = True
    assert third.ask().status == 200
    end(third)
    fourth = start()
    assert (fourth.stats()["requests"], fourth.stats()["client"]["success"]) == (3, 2), "each once, without the one that ended meanwhile"


def noted(folder):
    """The numbers of the node, as the file has them."""
    with open(path_of(folder), encoding="ascii") as file:
        lines = file.read().splitlines()
    return dict(pair.split("=") for pair in lines[1].split(" ")[3:])


def test_kill(lab, start, folder):
    """What was shown is written soon, and is there after a kill -9: who draws rates sees no counter that went back."""
    weldr = start()
    weldr.add(lab.origin())
    assert [weldr.ask().status for _ in range(5)] == [200] * 5
    before = sums(ended(weldr))
    shown = {"count.requests": 5, "count.client_success": before["client"]["success"], "end.OK": before["results"]["ok"],
             "count.client_connections": before["connections"]["client"], "count.server_success": before["server"]["success"],
             "count.server_connections": before["connections"]["server"], "count.client_bytes_out": before["bytes"]["out"],
             "latency.0": before["latency_us"]["count"], "latency.1": before["latency_us"]["sum"]}
    wait_until(lambda: os.path.exists(path_of(folder)) and {key: int(noted(folder).get(key, 0)) for key in shown} == shown, 20,
               "all of it is written")
    kill(weldr)
    again = start()
    assert sums(again) == before


def test_damaged(lab, start, folder):
    """A damaged file refuses no start: it moves aside, one line says so, and counting begins at 0."""
    weldr = start()
    weldr.add(lab.origin())
    assert weldr.ask().status == 200
    end(weldr)
    with open(path_of(folder), "r+b") as file:
        file.seek(30)
        file.write(b"x")
    again = start()
    assert again.stats()["requests"] == 0
    assert len(again.lines(level="warn", file="counters", kept="counters.aside")) == 1
    assert os.path.exists(path_of(folder) + ".aside")
    assert again.ask().status == 200
    end(again)
    third = start()
    assert third.stats()["requests"] == 1
    assert third.lines(level="warn") == []
