"""Slow and hostile clients beside normal ones. Few connections here; `make slow` has 5,000 and measures."""

import pytest

import origins as o
from rawhttp import wait_until
from slowhttp import Attack
from weldr import IS_ASAN, rss_bytes, sockets_of

CONNECTIONS, SECONDS = 100, 6
LARGE = b"x" * 2_000_000
HUGE = b"x" * 1_000_000
BUDGET_BYTES = 1 << 20
# However their bytes come in, so many fit (net/conn_budget.c): what is read below a quarter of the budget fills half of it
# at most, one of 16 KiB comes on top, and the rest has 4 KiB each.
READERS = 100
KERNEL_BYTES = 128 * 1024  # the most that the kernel takes for a client that takes nothing


def sockets(weldr):
    return sum(sockets_of(pid) for pid in weldr.worker_pids())


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.parametrize("mode", ["header", "body", "read"])
def test_slow_clients_do_not_hurt_others(lab, mode):
    """Each slow connection is there, each normal request is answered, and nothing is left of the attack after it."""
    weldr, _ = lab.run(o.by_target({"/large": o.answer(body=LARGE)}, o.echo), workers=2)
    before = sockets(weldr)
    attack = Attack(mode, weldr.address, CONNECTIONS, SECONDS)
    wait_until(lambda: sockets(weldr) >= before + CONNECTIONS, 10, "the slow connections")
    normal = weldr.connect()
    answered = 0
    while attack.is_running:
        assert normal.ask().status == 200
        response = weldr.ask("POST", fields=[("Content-Length", "5")], body=b"hello")
        assert (response.status, response.body) == (200, b"hello")
        answered += 1
    assert attack.wait()["error"] == 0
    assert answered > 10
    normal.close()
    wait_until(lambda: weldr.servers()[0]["in_flight"] == 0, 10, "nothing in flight")


def slow_reader(weldr):
    """Asks for much and takes nothing yet."""
    client = weldr.connect(receive_bytes=4096)
    client.request(target="/huge")
    return client


def read_all(readers):
    for reader in readers:
        assert len(reader.response().body) == len(HUGE)
        reader.close()


@pytest.mark.tls("tls-clear")
@pytest.mark.slow
@pytest.mark.smoke
def test_slow_readers_stay_within_the_budget(lab):
    """limits.queue_bytes bounds what waits for slow readers; others are served meanwhile, and everybody gets all."""
    weldr, _ = lab.run(o.by_target({"/huge": o.answer(body=HUGE)}, o.hello))
    assert weldr.api("PATCH", "/node", {"limits": {"queue_bytes": BUDGET_BYTES}}).status == 200
    normal = weldr.connect()
    for _ in range(20):
        assert normal.ask().status == 200
    pid = weldr.worker_pids()[0]
    before, most = rss_bytes(pid), 0
    readers = []
    for _ in range(READERS):
        readers.append(slow_reader(weldr))
        assert normal.ask().status == 200
        most = max(most, weldr.stats()["queued_bytes"])
    wait_until(lambda: weldr.stats()["bytes"]["out"] > READERS * KERNEL_BYTES // 4, 20, "all are under way")
    wait_until(lambda: weldr.stats()["in_flight"] == READERS, 20, "each request has come and is under way")
    most = max(most, weldr.stats()["queued_bytes"])
    assert weldr.stats()["bytes"]["out"] < 2 * READERS * KERNEL_BYTES
    assert BUDGET_BYTES // 4 < most <= BUDGET_BYTES + READERS * 4096
    if not IS_ASAN:
        assert rss_bytes(pid) - before < 2 * BUDGET_BYTES + READERS * 24 * 1024
    read_all(readers)
    wait_until(lambda: weldr.stats()["queued_bytes"] == 0, 10, "nothing is queued")


@pytest.mark.smoke
def test_newcomers_are_refused_when_the_queues_are_full(lab):
    """Beyond the budget: 503 with Retry-After and its word for new connections, work in progress goes on."""
    weldr, _ = lab.run(o.by_target({"/huge": o.answer(body=HUGE)}, o.hello))
    normal = weldr.connect()
    readers = []
    while weldr.stats()["queued_bytes"] <= BUDGET_BYTES:
        assert len(readers) < 2 * READERS
        readers.append(slow_reader(weldr))
        assert normal.ask().status == 200
    assert weldr.ask().status == 200
    assert weldr.api("PATCH", "/node", {"limits": {"queue_bytes": BUDGET_BYTES}}).status == 200
    refused = weldr.connect().response()
    assert (refused.status, refused.get("Weldr-Error"), refused.get("Retry-After")) == (503, "queues_full", "1")
    assert normal.ask().status == 200
    read_all(readers)
    wait_until(lambda: weldr.stats()["queued_bytes"] == 0, 10, "nothing is queued")
    assert weldr.ask().status == 200
    assert weldr.stats()["results"]["queues_full"] == 1
