"""Answers of servers that are odd and well-formed, and 1xx without end."""

import os

import pytest

import origins as o
from rawhttp import wait_until
from weldr import cpu_ticks

pytestmark = pytest.mark.tls  # with TLS on both sides, too

FAST = {"path": "/health", "interval_ms": 200, "fast_interval_ms": 100, "timeout_ms": 5000, "failures": 2, "passes": 2}
PROCESSING = b"HTTP/1.1 102 Processing\r\n\r\n"


def endless_info(lane, seen):
    while True:
        lane.send(PROCESSING * 2000)


@pytest.mark.parametrize("status", (600, 799, 999))
def test_status_of_600_and_more_passes_and_counts_as_failed(lab, status):
    weldr, origin = lab.run(o.answer(status, b"odd", reason="Odd"))
    response = weldr.ask()
    assert (response.status, response.reason, response.body) == (status, "Odd", b"odd")
    assert not response.has("Weldr-Error")
    wait_until(lambda: weldr.api("GET", "/stats").json["client"]["failed"] == 1, 10, "the client's answer counted as failed")
    stats = weldr.api("GET", "/stats").json
    assert stats["server"]["failed"] == 1 and stats["server"]["success"] == 0
    assert weldr.server(origin)["ejections"] == 0


def test_endless_info_is_a_bad_answer(lab):
    """C3: 869 MB went to the client in 3 s."""
    weldr, _ = lab.run(endless_info)
    client = weldr.connect()
    client.request()
    for _ in range(64):
        assert client.head().status == 102
    response = client.response()
    assert (response.status, response.get("Weldr-Error")) == (502, "origin_bad_answer")


def test_endless_info_fails_a_check(lab):
    """C3: 40 such servers took 96 % of the manager."""
    weldr = lab.weldr()
    servers = [lab.origin(endless_info) for _ in range(10)]
    for server in servers:
        weldr.add(server, check=FAST)
    for server in servers:
        weldr.wait_state(server, "down")
    shown = weldr.server(servers[0])
    assert shown["last_check"]["error"] == "too many 1xx responses"
    assert shown["last_check"]["ms"] < FAST["timeout_ms"] / 2
    used_s = cpu_ticks(weldr.pid) / os.sysconf("SC_CLK_TCK")
    assert used_s < 10, used_s


def test_some_info_before_the_answer_to_a_check(lab):
    weldr = lab.weldr()
    server = lab.origin(o.raw(PROCESSING * 64 + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    weldr.add(server, check=FAST)
    wait_until(lambda: (weldr.server(server).get("last_check") or {}).get("ok"), 20, "a check that passes")


def test_a_check_takes_a_status_of_600_and_more_for_a_failure(lab):
    weldr = lab.weldr()
    server = lab.origin(o.answer(999, b"odd"))
    weldr.add(server, check=FAST)
    weldr.wait_state(server, "down")
    assert weldr.server(server)["last_check"] == {**weldr.server(server)["last_check"], "ok": False, "status": 999}
