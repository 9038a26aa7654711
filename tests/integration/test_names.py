"""Servers given by name: looked up by the manager, every address used, again at the TTL, and a failing resolver takes nothing away."""
import os
import signal
import socket
import struct
import threading

import origins as o
import pytest
from rawhttp import wait_until


A, AAAA = 1, 28


class NameServer:
    """Answers A and AAAA queries from a dict that the test changes; a name that is not in it does not exist. Queries of
    a type in `silent` get no answer."""

    def __init__(self, **names):
        self.names, self.ttl_s, self.queries_n, self.silent = names, 1, 0, set()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            query, peer = self.socket.recvfrom(512)
            if not query:
                return
            self.queries_n += 1
            answer = self.answer(query)
            if answer:
                self.socket.sendto(answer, peer)

    def answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += query[at] + 1
        question = query[12:at + 5]
        kind = struct.unpack(">H", query[at + 1:at + 3])[0]
        if kind in self.silent:
            return None
        addresses = self.names.get(labels[0])
        family = {A: socket.AF_INET, AAAA: socket.AF_INET6}.get(kind)
        records = [socket.inet_pton(family, a) for a in addresses or [] if (":" in a) == (kind == AAAA)]
        code = 0x8180 if addresses else 0x8183
        return query[:2] + struct.pack(">HHHHH", code, 1, len(records), 0, 0) + question + b"".join(
            struct.pack(">HHHIH", 0xc00c, kind, 1, self.ttl_s, len(r)) + r for r in records)

    def stop(self):
        self.socket.sendto(b"", self.socket.getsockname())
        self.thread.join()
        self.socket.close()


@pytest.fixture
def names(request):
    server = NameServer()
    yield server
    server.stop()


def twins(lab, behave=None):
    """Two origins on one port of two addresses."""
    return lab.siblings({"behave": behave or o.named("one"), "host": "127.0.0.2"},
                        {"behave": behave or o.named("two"), "host": "127.0.0.3"})


def url(origin, name="app"):
    return f"http://{name}.weldr.test:{origin.port}"


def addresses(document):
    return [entry["address"] for entry in document["addresses"]]


@pytest.mark.smoke
def test_server_by_name(lab, names):
    """X17: identity is the name; the path of the API has it too."""
    origin = lab.origin(o.named("one"), host="127.0.0.2")
    names.names["app"] = ["127.0.0.2"]
    weldr = lab.weldr("--resolver", names.address)
    server = weldr.add(url(origin, "App"))["servers"][0]
    assert server["url"] == url(origin)
    wait_until(lambda: weldr.ask().status == 200, 5, "the name is resolved")
    path = f"/servers/app.weldr.test/{origin.port}"
    assert server["links"][0]["href"] == path
    document = weldr.api("GET", path).json
    assert addresses(document) == [f"127.0.0.2:{origin.port}"]
    assert (document["state"], document["reason"]) == ("active", None)
    weldr.add(url(origin), expect=200)
    assert weldr.api("DELETE", path).json["servers"] == []
    assert weldr.ask().status == 503


def test_all_addresses_are_used(lab, names):
    """Two requests at once need two lanes: one to each address."""
    one, two = twins(lab, behave=o.stall)
    names.names["app"] = ["127.0.0.3", "127.0.0.2"]
    weldr = lab.weldr("--resolver", names.address)
    weldr.add(url(one))
    wait_until(lambda: len(weldr.api("GET", "/servers").json["servers"][0]["addresses"]) == 2, 5, "resolved")
    weldr.tell_workers()
    clients = [weldr.connect().request() for _ in range(2)]
    wait_until(lambda: len(one.seen()) == 1 and len(two.seen()) == 1, 5, "each has one")
    for client in clients:
        client.close()


def test_resolved_again(lab, names):
    """At the TTL; the next requests go to the new address."""
    one, two = twins(lab)
    names.names["app"] = ["127.0.0.2"]
    weldr = lab.weldr("--resolver", names.address)
    weldr.add(url(one))
    wait_until(lambda: weldr.ask().text == "one", 5, "the first address")
    names.names["app"] = ["127.0.0.3"]
    wait_until(lambda: weldr.ask().text == "two", 10, "the second address")
    assert addresses(weldr.api("GET", "/servers").json["servers"][0]) == [f"127.0.0.3:{two.port}"]
    assert {weldr.ask().text for _ in range(50)} == {"two"}


def test_failing_resolver_keeps_the_last_answer(lab, names):
    one, _ = twins(lab)
    names.names["app"] = ["127.0.0.2"]
    weldr = lab.weldr("--resolver", names.address)
    weldr.add(url(one))
    wait_until(lambda: weldr.ask().status == 200, 5, "the name is resolved")
    del names.names["app"]
    wait_until(lambda: weldr.lines(msg="name can't be resolved"), 10, "the log says so")
    assert weldr.ask().text == "one"
    server = weldr.api("GET", "/servers").json["servers"][0]
    assert server["state"] == "active" and server["reason"]
    names.names["app"] = ["127.0.0.2"]
    wait_until(lambda: weldr.lines(msg="name is resolved again"), 10, "the log says so")
    assert weldr.api("GET", "/servers").json["servers"][0]["reason"] is None


def test_unknown_name_is_down(lab, names):
    weldr = lab.weldr("--resolver", names.address)
    weldr.add("http://nobody.weldr.test:1")
    wait_until(lambda: weldr.lines(msg="name can't be resolved"), 10, "the log says so")
    server = weldr.api("GET", "/servers").json["servers"][0]
    assert (server["state"], server["addresses"]) == ("down", [])
    assert server["reason"]
    assert weldr.ask().status == 503


def test_new_worker_knows_the_addresses(lab, names):
    one, _ = twins(lab)
    names.names["app"] = ["127.0.0.2"]
    names.ttl_s = 60
    weldr = lab.weldr("--resolver", names.address)
    weldr.add(url(one))
    wait_until(lambda: weldr.ask().status == 200, 5, "the name is resolved")
    os.kill(weldr.workers()[0]["pid"], signal.SIGKILL)
    wait_until(lambda: weldr.workers()[0]["restarts"] == 1, 5, "another worker")
    assert weldr.ask().text == "one"


def test_checked_at_its_address(lab, names):
    one, _ = twins(lab)
    names.names["app"] = ["127.0.0.2"]
    weldr = lab.weldr("--resolver", names.address)
    weldr.add(url(one), check={"interval_ms": 100, "fast_interval_ms": 100})
    server = wait_until(lambda: next((s for s in weldr.api("GET", "/servers").json["servers"]
                                      if s["last_check"]), None), 5, "a check")
    assert server["last_check"]["ok"], server


def test_localhost_by_the_hosts_file(lab):
    origin = lab.origin(o.named("one"))
    weldr = lab.weldr()
    weldr.add(f"http://localhost:{origin.port}")
    wait_until(lambda: weldr.ask().status == 200, 10, "localhost is resolved")


def test_bad_resolver_is_a_usage_error(lab):
    weldr = lab.weldr("--resolver", "not-an-address", wait=False)
    assert weldr.process.wait(10) == 2
    assert "--resolver" in weldr.log
    weldr.stopped = True
