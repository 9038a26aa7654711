"""PATCH /node {"workers": N}: more and fewer worker processes while clients come and go."""

import os
import threading

import origins as o
import pytest
from rawhttp import Client, Closed, wait_until
from test_listeners import Port, add_listener
from test_pools import is_problem


class Load:
    """Clients that ask without a pause: some on one connection as long as it lasts, some on a new one each time."""

    def __init__(self, address, keeping=3, coming=3):
        self.address, self.stop = address, threading.Event()
        self.counts, self.failures = [0] * (keeping + coming), []
        self.threads = [threading.Thread(target=self.run, args=(i, i < keeping)) for i in range(keeping + coming)]
        for thread in self.threads:
            thread.start()

    def run(self, i, keeps):
        client = None
        while not self.stop.is_set():
            try:
                is_fresh = client is None
                client = client or Client(self.address)
                try:
                    response = client.ask()
                except (Closed, ConnectionError):
                    if is_fresh:
                        raise
                    client.close()  # an idle one may be closed while it asks (RFC 9112 section 9.5): once more
                    client = Client(self.address)
                    response = client.ask()
                assert response.status == 200, response
                self.counts[i] += 1
                if not keeps or response.get("Connection") == "close":
                    client.close()
                    client = None
            except Exception as error:  # told by end()
                self.failures.append(repr(error))
                client = None
        if client is not None:
            client.close()

    def passes(self, n):
        before = list(self.counts)
        wait_until(lambda: all(now >= then + n for now, then in zip(self.counts, before)), 30, f"{n} more of each")

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        assert self.failures == []
        return sum(self.counts)


def workers(weldr):
    return [worker["state"] for worker in weldr.api("GET", "/workers").json["workers"]]


@pytest.mark.smoke
@pytest.mark.timeout(180)
def test_nobody_is_failed(lab):
    weldr, _ = lab.run(o.hello, workers=1)
    port = Port()
    add_listener(weldr, "two", port.text)
    loads = [Load(weldr.address), Load(port.address)]
    for load in loads:
        load.passes(20)
    for n in (4, 2, 3, 1, 2):
        node = weldr.patch_node({"workers": n})
        assert node["workers"] == n
        assert workers(weldr)[:n] == ["running"] * n
        for load in loads:
            load.passes(20)
        health = weldr.api("GET", "/health").json
        assert health["of"] == n and health["workers"] == n, health
        wait_until(lambda n=n: workers(weldr) == ["running"] * n, 15, "those that are too many have gone")
    total = sum(load.end() for load in loads)
    stats = weldr.stats()
    assert stats["client"]["failed"] == 0, stats
    # What those counted that have left stays in the sums; a client may have asked once more on a closed connection.
    assert stats["client"]["success"] >= total


def test_long_request_ends_well(lab):
    gate = o.Gate()
    weldr, _ = lab.run(gate, workers=3)
    clients = [weldr.connect().request() for _ in range(24)]
    wait_until(lambda: gate.entered == len(clients), 10, "all at the server")
    weldr.patch_node({"workers": 1})
    assert workers(weldr) == ["running", "draining", "draining"]
    gate.open()
    assert {client.response().status for client in clients} == {200}
    wait_until(lambda: workers(weldr) == ["running"], 15, "they have left")
    for client in clients:
        client.close()


def test_those_that_take_too_long_are_cut_off(lab):
    weldr, _ = lab.run(o.stall, workers=2, drain_timeout="1")
    clients = [weldr.connect().request() for _ in range(16)]
    wait_until(lambda: weldr.stats()["in_flight"] == len(clients), 10, "all at the server")
    weldr.patch_node({"workers": 1})
    wait_until(lambda: workers(weldr) == ["running"], 15, "it has left")
    for client in clients:
        client.reset()


def test_back_while_it_drains(lab):
    """A slot is wanted again before its old process has ended: the new one follows it."""
    gate = o.Gate()
    weldr, _ = lab.run(gate, workers=2)
    clients = [weldr.connect().request() for _ in range(16)]
    wait_until(lambda: gate.entered == len(clients), 10, "all at the server")
    weldr.patch_node({"workers": 1})
    weldr.patch_node({"workers": 2})
    gate.open()
    assert {client.response().status for client in clients} == {200}
    wait_until(lambda: workers(weldr) == ["running", "running"], 15, "it is back")
    assert weldr.ask().status == 200


def test_killed_ones_come_back_and_removed_ones_do_not(lab):
    weldr, _ = lab.run(o.hello, workers=1)
    weldr.patch_node({"workers": 3})
    old = weldr.worker_pids()
    os.kill(old[2], 9)
    wait_until(lambda: workers(weldr) == ["running"] * 3 and weldr.worker_pids()[2] != old[2], 15, "a successor")
    weldr.patch_node({"workers": 2})
    wait_until(lambda: workers(weldr) == ["running"] * 2, 15, "the third has left")
    for _ in range(50):
        assert weldr.ask().status == 200


def test_listener_made_with_more_or_fewer(lab):
    weldr, _ = lab.run(o.hello, workers=1)
    ports = [Port() for _ in range(3)]
    for n, port in zip((3, 1, 4), ports):
        weldr.patch_node({"workers": n})
        add_listener(weldr, f"with-{n}", port.text)
    for port in ports:
        for _ in range(20):
            with Client(port.address) as client:
                assert client.ask().status == 200
    for n in (3, 1, 4):
        assert weldr.api("DELETE", f"/listeners/with-{n}").status == 200


def test_numbers(lab):
    weldr = lab.weldr(workers=2)
    for bad in (-1, 257, "2", 1.5, []):
        is_problem(weldr.api("PATCH", "/node", {"workers": bad}), 422, "invalid_value", "workers")
    assert weldr.api("GET", "/node").json["workers"] == 2
    assert weldr.patch_node({"workers": 0})["workers"] == len(os.sched_getaffinity(weldr.process.pid))
    assert weldr.api("PATCH", "/node?dry_run=true", {"workers": 7}).status == 200
    assert weldr.api("GET", "/node").json["workers"] != 7
