"""A scrape of many servers that have all had requests: made in slices, others are served in between, and memory is bounded."""

import os

import pytest

import origins as o
from exposition import Exposition, scrape
from rawhttp import Client, wait_until
from test_api_stream import fill, url
from weldr import IS_ASAN, status_field

SERVERS = int(os.environ.get("METRICS_SERVERS", "1500"))
# The most that api_pages.c makes in one turn of the loop, and what one server may add to it.
FIRST_BYTES, PAGE_BYTES, ONE_SERVER_BYTES = 64 * 1024, 16 * 1024, 4 * 1024
MOST_MEMORY_BYTES = 2 << 20
LAST_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def own_bytes(pid):
    """Without what it shares with the workers: the segment of the counters."""
    return int(status_field(pid, "RssAnon").split()[0]) * 1024


def cpu_s(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e9


@pytest.fixture
def busy(lab):
    """Every server has had a request; all of them are one origin, which listens at all addresses."""
    weldr = lab.weldr(nofile=8192)
    origin = lab.origin(o.raw(LAST_ANSWER, close=True), host="0.0.0.0")
    fill(weldr, SERVERS, origin.port)
    with weldr.connect() as client:
        for _ in range(SERVERS):
            assert client.ask().status == 200
    wait_until(lambda: weldr.stats()["in_flight"] == 0, 10, "all are over")
    return weldr, [url(i, origin.port) for i in range(SERVERS)]


def begin(weldr, client, *fields):
    client.request("GET", "/metrics", fields)
    response = client.head()
    assert response.status == 200 and response.get("Transfer-Encoding") == "chunked"
    return response


def chunks_of(data):
    """Of a chunked body; rawhttp's own reader is made for small ones."""
    at, chunks = 0, []
    while True:
        end = data.index(b"\r\n", at)
        size = int(data[at:end], 16)
        chunks.append(data[end + 2:end + 2 + size])
        at = end + 2 + size + 2
        if size == 0:
            assert at == len(data)
            return chunks[:-1]


@pytest.mark.timeout(300)
@pytest.mark.smoke
def test_a_scrape_comes_in_slices(busy):
    """No turn of the manager's loop makes more than a page, however many servers there are."""
    weldr, wanted = busy
    before_s = cpu_s(weldr.pid)
    with Client(weldr.admin) as client:
        begin(weldr, client, ("Connection", "close"))
        chunks = chunks_of(client.to_close())
    print(f"{cpu_s(weldr.pid) - before_s:.3f} s of the manager for {sum(map(len, chunks))} bytes")
    seen = Exposition(b"".join(chunks).decode())
    for family in ("head", "total"):
        counts = seen.all(f"weldr_server_{family}_seconds_count")
        assert [labels["server"] for labels, _ in counts] == wanted and all(n >= 1 for _, n in counts)
    assert seen.sum("weldr_server_success_total") == SERVERS
    assert FIRST_BYTES <= len(chunks[0]) <= FIRST_BYTES + ONE_SERVER_BYTES
    assert max(map(len, chunks[1:])) <= PAGE_BYTES + ONE_SERVER_BYTES and len(chunks) > SERVERS // 8


@pytest.mark.timeout(300)
@pytest.mark.smoke
def test_a_scrape_under_way_holds_little_memory(busy):
    """Twenty of them that are not read: each has one page and what the kernel takes. Others are answered meanwhile."""
    weldr, _ = busy
    assert scrape(weldr).sum("weldr_server_success_total") == SERVERS
    before = own_bytes(weldr.pid)
    clients = [Client(weldr.admin, receive_bytes=4096) for _ in range(20)]
    for client in clients:
        begin(weldr, client)
    most = 0
    for _ in range(50):
        assert clients[0].fill(4096) > 0
        assert weldr.api("GET", "/health").status == 200
        most = max(most, own_bytes(weldr.pid))
    print(f"{most - before} bytes more for {len(clients)} scrapes of {SERVERS} servers")
    assert IS_ASAN or most - before < MOST_MEMORY_BYTES
    for client in clients:
        client.close()
