"""No page of a long list is longer than the limit, those of the servers that have left included."""

import json

import origins as o
import pytest
from rawhttp import Client, wait_until

SERVERS = 150
FIRST_PAGE = 64 * 1024
PAGE = 16 * 1024
ONE_SERVER = 4 * 1024


def chunks(answer):
    """Sizes of the chunks that the body came in."""
    sizes, rest = [], answer.raw_body
    while True:
        line, _, rest = rest.partition(b"\r\n")
        size = int(line, 16)
        if size == 0:
            return sizes
        sizes.append(size)
        rest = rest[size + 2:]


def urls(servers):
    return [server["url"] for server in servers]


@pytest.mark.timeout(240)
def test_draining_servers_come_in_pages_too(lab):
    weldr = lab.weldr(nofile=4096)
    origin = lab.origin(o.stall, host="0.0.0.0")
    port = origin.authority.rsplit(":", 1)[1]
    all_urls = [f"http://127.9.1.{i + 1}:{port}" for i in range(SERVERS)]
    for url in all_urls:
        answer = weldr.api("POST", "/servers", {"url": url, "check": {"type": "none"}}, {"Prefer": "return=minimal"})
        assert answer.status == 201, answer
    clients = [weldr.connect().request() for _ in range(SERVERS)]
    wait_until(lambda: weldr.stats()["in_flight"] == SERVERS, 30, "a request at each server")
    for url in all_urls:
        ip = url[len("http://"):].rsplit(":", 1)[0]
        assert weldr.api("DELETE", f"/servers/{ip}/{port}", headers={"Prefer": "return=minimal"}).status == 202
    with Client(weldr.admin) as api:
        whole = api.ask(target="/servers")
        detail = api.ask(target="/stats/detail")
    assert urls(json.loads(whole.text)["servers"]) == all_urls
    assert {server["state"] for server in json.loads(whole.text)["servers"]} == {"draining"}
    assert [f"http://{s['ip']}:{s['port']}" for s in json.loads(detail.text)] == all_urls
    sizes = chunks(whole)
    assert len(sizes) > 3 and sizes[0] <= FIRST_PAGE + ONE_SERVER and max(sizes[1:]) <= PAGE + ONE_SERVER
    for client in clients:
        client.reset()
    wait_until(lambda: weldr.servers() == [], 30, "all are gone")
