"""Statistics: what is counted, where, and that it survives."""

import os
import signal
import threading

import pytest

import origins as o
from rawhttp import Client, Closed, wait_until


def expect_stats(weldr, client, server):
    """Waits until /stats shows these (success, failed) pairs exactly."""
    def both():
        stats = weldr.stats()
        return (tuple(stats["client"][k] for k in ("success", "failed")),
                tuple(stats["server"][k] for k in ("success", "failed")))
    wait_until(lambda: both() == (client, server), 5, f"client {client} server {server}, have {both()}")


@pytest.mark.smoke
def test_shape(weldr):
    """A09, D4: the seed's shape; more keys are allowed."""
    stats = weldr.stats()
    for side in ("client", "server"):
        for key in ("success", "failed"):
            assert stats[side][key] == 0 and isinstance(stats[side][key], int)
    assert weldr.detail() == []


@pytest.mark.smoke
def test_successes_are_counted(lab):
    """A12: below 500 is a success, whoever made the answer."""
    weldr, _ = lab.run(o.in_turn(o.answer(200), o.answer(302), o.answer(404), o.answer(499), o.hello), workers=2)
    for _ in range(20):
        weldr.ask()
    expect_stats(weldr, (20, 0), (20, 0))
    latency = weldr.stats()["latency_us"]
    assert latency["count"] == sum(latency["below"].values()) == 20
    assert latency["sum"] < sum(int(below) * n for below, n in latency["below"].items()) <= 2 * latency["sum"] + 8 * 20


def test_server_errors_are_failures(lab):
    weldr, _ = lab.run(o.in_turn(o.answer(500), o.answer(503), o.answer(599), o.hello))
    for _ in range(5):
        weldr.ask()
    expect_stats(weldr, (2, 3), (2, 3))


@pytest.mark.smoke
def test_no_server_fails_the_client_only(weldr):
    for _ in range(7):
        assert weldr.ask().status == 503
    expect_stats(weldr, (0, 7), (0, 0))


def test_refused_connects_are_failed_attempts(lab):
    weldr = lab.weldr()
    weldr.add(lab.dead_origin())
    for _ in range(4):
        assert weldr.ask().status == 502
    expect_stats(weldr, (0, 4), (0, 4))


def test_retry_counts_both_attempts(lab):
    """Server: attempts at origins; the client saw only successes."""
    weldr = lab.weldr()
    dead = lab.dead_origin()
    good = lab.origin()
    weldr.add(dead)
    weldr.add(good)
    client = weldr.connect()
    for _ in range(10):
        assert client.ask().status == 200
    stats = wait_until(lambda: weldr.stats() if weldr.stats()["client"]["success"] == 10 else None, 5)
    assert stats["client"]["failed"] == 0
    assert stats["server"]["success"] == 10 and 1 <= stats["server"]["failed"] <= 10
    detail = {d["port"]: d for d in weldr.detail()}
    assert detail[str(dead.port)]["failed"] == stats["server"]["failed"]
    assert detail[str(good.port)]["success"] == 10


def test_transport_errors_are_failures(lab):
    weldr, _ = lab.run(o.in_turn(o.reset, o.reset, o.truncated, o.raw(b"garbage\r\n\r\n"), o.hello))
    for _ in range(4):
        try:
            weldr.ask()
        except Closed:
            pass
    expect_stats(weldr, (1, 3), (1, 4))  # the first was tried twice


def test_timeouts_are_failures(lab):
    weldr, _ = lab.run(o.stall)
    weldr.patch_pool({"timeouts": {"response_head_ms": 200}})
    assert weldr.ask().status == 504
    expect_stats(weldr, (0, 1), (0, 1))


def test_own_4xx_answers_are_answers_too(lab):
    weldr, _ = lab.run(o.hello)
    weldr.connect().send(b"garbage\r\n\r\n").response()
    assert weldr.ask("CONNECT", "a:1").status == 405
    expect_stats(weldr, (2, 0), (0, 0))


def test_pipelined_requests_count_each(lab):
    weldr, _ = lab.run(o.hello)
    client = weldr.connect().send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
    for _ in range(50):
        client.response()
    expect_stats(weldr, (50, 0), (50, 0))


def test_health_checks_are_not_traffic(lab):
    weldr = lab.weldr()
    origin = lab.origin()
    weldr.add(origin, check={"interval_ms": 100, "fast_interval_ms": 100})
    wait_until(lambda: len(origin.seen()) > 5, 10, "some probes")
    expect_stats(weldr, (0, 0), (0, 0))


@pytest.mark.smoke
def test_detail(lab):
    """A10: id, ip, port as a string, success, failed; the sums agree with /stats."""
    weldr, good, bad = lab.run(o.hello, o.answer(500), workers=2)
    for _ in range(30):
        weldr.ask()
    wait_until(lambda: sum(d["success"] + d["failed"] for d in weldr.detail()) == 30, 5, "30 in the detail")
    detail = {d["port"]: d for d in weldr.detail()}
    assert set(detail) == {str(good.port), str(bad.port)}
    ids = {s["url"]: s["id"] for s in weldr.servers()}
    for origin, key, other in ((good, "success", "failed"), (bad, "failed", "success")):
        entry = detail[str(origin.port)]
        assert entry["ip"] == "127.0.0.1" and entry["id"] == ids[origin.url]
        assert entry[key] > 0 and entry[other] == 0
    stats = weldr.stats()
    assert stats["server"]["success"] == sum(d["success"] for d in detail.values())
    assert stats["server"]["failed"] == sum(d["failed"] for d in detail.values())


def test_detail_of_a_new_server_starts_at_zero(lab):
    weldr, origin = lab.run(o.hello)
    for _ in range(5):
        weldr.ask()
    wait_until(lambda: weldr.detail()[0]["success"] == 5, 5, "5 successes")
    weldr.delete(origin)
    wait_until(lambda: weldr.detail() == [], 5, "no detail")
    weldr.add(origin)
    assert [(d["success"], d["failed"]) for d in weldr.detail()] == [(0, 0)]
    assert weldr.stats()["server"]["success"] == 5, "the totals stay"


@pytest.mark.smoke
def test_numbers_survive_their_worker(lab):
    """Counters live outside the workers."""
    weldr, _ = lab.run(o.hello, workers=2)
    for _ in range(40):
        weldr.ask()
    expect_stats(weldr, (40, 0), (40, 0))
    old = weldr.worker_pids()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    weldr.wait_workers(2, not_pids=old)
    expect_stats(weldr, (40, 0), (40, 0))
    for _ in range(10):
        weldr.ask()
    expect_stats(weldr, (50, 0), (50, 0))


def test_sums_under_load(lab):
    """Client success + failed = answers given, over all workers, failures included."""
    weldr, *_ = lab.run(o.hello, o.answer(500), o.reset, workers=2)
    answers = [0]
    lock = threading.Lock()

    def load():
        count = 0
        with Client(weldr.address) as client:
            for _ in range(100):
                client.ask()
                count += 1
        with lock:
            answers[0] += count
    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers[0] == 800

    def total():
        stats = weldr.stats()["client"]
        return stats["success"] + stats["failed"]
    wait_until(lambda: total() == 800, 5, f"800 answers, have {total()}")


def test_in_flight_shows_and_goes(lab):
    gate = o.Gate()
    weldr, origin = lab.run(gate)
    clients = [weldr.connect().request() for _ in range(3)]
    wait_until(lambda: weldr.server(origin)["in_flight"] == 3, 5, "three in flight")
    gate.open()
    for client in clients:
        assert client.response().status == 200
    wait_until(lambda: weldr.server(origin)["in_flight"] == 0, 5, "none in flight")
