"""Long lists come page by page: clients that don't read cost little, and the pool may change meanwhile."""

import json
import os
import socket
import threading

import pytest
from rawhttp import Client, wait_until
from test_api_pressure import connections
from weldr import IS_ASAN

SERVERS = int(os.environ.get("LIST_SERVERS", "1500"))
STUCK = int(os.environ.get("LIST_STUCK", "100"))


def rss_bytes(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) * 1024


def url(i, port=9):
    return f"http://127.9.{i // 250}.{i % 250 + 1}:{port}"


def fill(weldr, n, port=9):
    with Client(weldr.admin) as api:
        for i in range(n):
            body = json.dumps({"url": url(i, port), "check": {"type": "none"}})
            answer = api.ask("POST", "/servers", body=body.encode(),
                             fields=[("Content-Length", str(len(body))), ("Prefer", "return=minimal")])
            assert answer.status == 201, answer


@pytest.fixture
def crowded(lab):
    weldr = lab.weldr(nofile=8192)
    fill(weldr, SERVERS)
    return weldr


def urls(document):
    return [server["url"] for server in document["servers"]]


@pytest.mark.timeout(300)
@pytest.mark.smoke
def test_long_list_is_whole(crowded):
    answer = crowded.api("GET", "/servers")
    assert answer.get("Transfer-Encoding") == "chunked" and answer.get("Content-Length") is None
    assert urls(answer.json) == [url(i) for i in range(SERVERS)]
    assert list(answer.json) == ["servers", "total", "links"] and answer.json["total"] == SERVERS and answer.json["links"][1]["rel"] == "add"
    detail = crowded.api("GET", "/stats/detail")
    assert len(detail.json) == SERVERS and detail.json[-1]["ip"] == url(SERVERS - 1)[7:-2]
    head = crowded.api("HEAD", "/servers")
    assert head.status == 200
    with Client(crowded.admin) as old:
        text = old.ask(target="/servers", version="HTTP/1.0").text
    assert urls(json.loads(text)) == [url(i) for i in range(SERVERS)]
    added = crowded.api("POST", "/servers", {"url": "http://127.0.0.1:9", "check": {"type": "none"}})
    assert added.status == 201 and added.json["servers"][0]["url"] == "http://127.0.0.1:9"
    assert (len(added.json["servers"]), added.json["total"]) == (1, SERVERS + 1) and len(added.data) < 3000
    gone = crowded.api("DELETE", "/servers/127.0.0.1/9")
    assert (gone.status, gone.json["servers"], gone.json["total"]) == (200, [], SERVERS)


@pytest.mark.timeout(300)
def test_short_list_has_its_length(lab):
    weldr = lab.weldr()
    fill(weldr, 5)
    answer = weldr.api("GET", "/servers")
    assert answer.get("Transfer-Encoding") is None and int(answer.get("Content-Length")) == len(answer.text)


@pytest.mark.timeout(300)
@pytest.mark.smoke
def test_clients_that_do_not_read_cost_little(crowded):
    crowded.api("GET", "/servers")
    before = rss_bytes(crowded.pid)
    stuck = []
    for _ in range(STUCK):
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(crowded.admin)
        peer.sendall(b"GET /servers HTTP/1.1\r\nHost: localhost\r\n\r\n")
        stuck.append(peer)
    assert len(crowded.api("GET", "/servers").json["servers"]) == SERVERS
    most = rss_bytes(crowded.pid)
    print(f"{STUCK} stuck clients of {SERVERS} servers: {most - before} bytes more, {most} in all")
    assert IS_ASAN or most - before < STUCK * 48 * 1024 + 4 * 1024 * 1024
    for peer in stuck:
        peer.close()


@pytest.mark.timeout(300)
def test_list_is_valid_while_the_pool_changes(crowded):
    """What stays is shown once; nothing is shown twice."""
    stop = threading.Event()

    def change():
        i = 0
        while not stop.is_set():
            i = (i + 7) % (SERVERS // 2)
            crowded.api("DELETE", f"/servers/127.9.{i // 250}.{i % 250 + 1}/9?drain=0", headers={"Prefer": "return=minimal"})
            crowded.api("POST", "/servers", {"url": url(SERVERS + i), "check": {"type": "none"}},
                        {"Prefer": "return=minimal"})

    changer = threading.Thread(target=change)
    changer.start()
    try:
        for _ in range(15):
            with Client(crowded.admin, receive_bytes=4096) as slow:
                shown = urls(json.loads(slow.ask(target="/servers").text))
            assert len(shown) == len(set(shown))
            assert {url(i) for i in range(SERVERS // 2, SERVERS)} <= set(shown)
    finally:
        stop.set()
        changer.join()


@pytest.mark.timeout(300)
def test_a_client_that_leaves_in_the_middle(crowded):
    for _ in range(20):
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(crowded.admin)
        peer.sendall(b"GET /servers HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert peer.recv(1000).startswith(b"HTTP/1.1 200")
        peer.close()
    assert len(crowded.api("GET", "/servers").json["servers"]) == SERVERS
    wait_until(lambda: connections(crowded) == 0, 15, "all are gone")
