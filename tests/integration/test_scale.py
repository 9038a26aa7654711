"""Issue 4, change at scale: many servers come and go one by one, and everything still adds up. All are one origin, which
listens on every address of 127.0.0.0/8."""

import http.client
import json
import subprocess

import pytest

from rawhttp import wait_until
from weldr import NO_CHECK, judge

SERVERS = 2000
MINIMAL = {"Prefer": "return=minimal"}


def host(number):
    return f"127.1.{number // 250}.{number % 250 + 1}"


class Api:
    """Requests on one connection: 4,000 changes are quick."""

    def __init__(self, weldr):
        self.connection = http.client.HTTPConnection(*weldr.admin, timeout=20)

    def ask(self, method, path, body=None):
        self.connection.request(method, path, body=json.dumps(body) if body else None, headers=MINIMAL)
        answer = self.connection.getresponse()
        judge(method, path, answer.status, answer.headers.get, answer.read().decode())
        return answer.status

    def add(self, numbers, port):
        for number in numbers:
            assert self.ask("POST", "/servers", {"url": f"http://{host(number)}:{port}", "check": NO_CHECK}) == 201

    def remove(self, numbers, port):
        for number in numbers:
            assert self.ask("DELETE", f"/servers/{host(number)}/{port}") in (202, 204)


def start_origin(lab):
    """Its port."""
    return int(lab.test_server(0, stderr=subprocess.PIPE).stderr.readline().rsplit(b":", 1)[1])


def ask_each(weldr, count):
    """One request for each server, whose turns come one after the other."""
    client = weldr.connect()
    for _ in range(count):
        assert client.ask().status == 200
    client.close()


@pytest.mark.slow
def test_thousands_of_servers_come_and_go(lab):
    port = start_origin(lab)
    weldr = lab.weldr(workers=1)
    api = Api(weldr)
    api.add(range(3), port)
    ask_each(weldr, 3)
    api.add(range(3, SERVERS), port)
    ask_each(weldr, SERVERS)
    detail = weldr.detail()
    assert [d["success"] for d in detail] == [2] * 3 + [1] * (SERVERS - 3) and not any(d["failed"] for d in detail)
    assert weldr.stats()["server"] == {"success": SERVERS + 3, "failed": 0}
    api.remove(range(1, SERVERS, 2), port)
    ask_each(weldr, SERVERS // 2)
    wait_until(lambda: len(weldr.detail()) == SERVERS // 2, 10, "the odd ones to go")
    assert [(d["ip"], d["success"]) for d in weldr.detail()] == [
        (host(i), 3 if i < 3 else 2) for i in range(0, SERVERS, 2)]
    api.remove(range(0, SERVERS, 2), port)
    wait_until(lambda: weldr.detail() == [], 10, "all to go")
    assert weldr.ask().status == 503
    assert len({(w["applied_index"], w["digest"]) for w in weldr.workers()}) == 1


def test_checks_are_spread(lab):
    """H16: what is added in one go is checked at once, and then all over the interval, not all together again."""
    origin = lab.origin(host="0.0.0.0")
    flags = [part for i in range(100) for part in ("--server", f"http://{host(i)}:{origin.port}")]
    lab.weldr(*flags, workers=1)
    wait_until(lambda: len(origin.seen()) >= 100, 20, "the first check of each")
    wait_until(lambda: len(origin.seen()) >= 106, 20, "a second check of some, long before the interval of 30 s is over")
