"""A virtual IP that is moved on purpose: nobody who asks at it notices more than that a connection ends behind a response."""

import contextlib
import os
import re
import socket
import subprocess
import tempfile

import pytest
from fabric import DEVICE
from holders import Watch
from node import PROXY_PORT, settle
from rawhttp import wait_until
from writers import Crew

VIP, VIP6 = "10.77.0.100", "fd77:7765::100"
MOVES = int(os.environ.get("PLANNED_MOVES", "3"))
PACE = "function delay() return math.random(5, 15) end\n"  # 20 clients: 2,000 requests a second, where the processors allow
CLIENT_S = 20  # nobody waits for so long: a client that does not hear is a failure


class Wrk:
    """wrk at the address until stop(): its report, in which nothing may have failed. is_kept: or a connection for each request."""

    def __init__(self, host, address, is_kept=True):
        self.pace = tempfile.NamedTemporaryFile("w", suffix=".lua")
        self.pace.write(PACE)
        self.pace.flush()
        headers = [] if is_kept else ["-H", "Connection: close"]
        target = f"[{address}]" if ":" in address else address
        self.process = host.start("wrk", "-t1", "-c20", "-d600s", "--timeout", f"{CLIENT_S}s", "-s", self.pace.name, *headers,
                                  f"http://{target}:{PROXY_PORT}/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.host = host

    def stop(self):
        """(requests, requests a second)"""
        self.process.send_signal(2)
        text, _ = self.process.communicate(timeout=60)
        self.host.fabric.drop(self.process.pid)
        self.pace.close()
        assert "Socket errors" not in text and "Non-2xx" not in text, text
        return int(re.search(r"(\d+) requests in", text).group(1)), float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))


def ask(host, address):
    with contextlib.closing(host.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)) as sock:
        sock.settimeout(CLIENT_S)
        sock.connect((address, PROXY_PORT))
        sock.sendall(b"GET / HTTP/1.1\r\nHost: site.example\r\n\r\n")
        data = sock.recv(4096)
        assert data.startswith(b"HTTP/1.1 200"), data


def is_reached(host, address):
    try:
        ask(host, address)
    except OSError:
        return False
    return True


class Callers(Crew):
    """Each with a new connection for each request: all are answered."""

    def __init__(self, host, address, n=4):
        super().__init__()
        self.host, self.address, self.answered_n = host, address, 0
        for _ in range(n):
            self.spawn(self.run)

    def run(self):
        while not self.is_over.is_set():
            ask(self.host, self.address)
            self.answered_n += 1
            self.is_over.wait(0.005)


def start(town, address):
    nodes = town.cluster(3, "--cluster-profile", "fast", spare_n=1)
    nodes[0].change("PUT", f"/vips/{address}", {"interface": DEVICE})
    if address == VIP6:
        nodes[0].change("POST", "/listeners", {"name": "six", "addresses": [f"[{VIP6}]:{PROXY_PORT}"]})
    return nodes


def move(nodes, watch, address):
    """To the next node. Returns it."""
    wait_until(lambda: watch.holder(address), 60, "it to be held")
    old = watch.holder(address)
    new = nodes[(nodes.index(old) + 1) % len(nodes)]
    old.change("POST", f"/vips/{address}/move", {"to": new.id}, again=(409, 503))
    wait_until(lambda: watch.holder(address) is new, 30, "it to be there")
    return new


@pytest.mark.parametrize("address", [VIP, VIP6])
def test_no_request_fails(town, address):
    nodes = start(town, address)
    host = town.fabric.hosts[-1]
    with Watch(nodes, [address]) as watch:
        wait_until(lambda: watch.holder(address), 60, "it to be held")
        wait_until(lambda: is_reached(host, address), 60, "it to be reached")
        with Callers(host, address) as callers:
            loads = [Wrk(host, address), Wrk(host, address, is_kept=False)]
            for _ in range(MOVES):
                before = callers.answered_n
                move(nodes, watch, address)
                wait_until(lambda before=before: callers.failures or callers.answered_n > before + 50, 60, "callers to be answered there")
                assert not callers.failures, callers.failures
        for what, load in zip(("kept", "new"), loads):
            requests, pace = load.stop()
            print(f"{address}: {MOVES} moves, {what} connections: {requests} requests, {pace:.0f} a second")
            assert requests > 100
        print(f"{address}: {callers.answered_n} callers")


def test_what_is_under_way_is_finished_first(town):
    """A response that takes its time is whole, says that it is the last, and the address goes then."""
    nodes = start(town, VIP)
    host = town.fabric.hosts[-1]
    with Watch(nodes, [VIP]) as watch:
        wait_until(lambda: watch.holder(VIP), 60, "it to be held")
        old = watch.holder(VIP)
        with contextlib.closing(host.socket(socket.AF_INET)) as sock:
            sock.settimeout(CLIENT_S)
            sock.connect((VIP, PROXY_PORT))
            sock.sendall(b"POST / HTTP/1.1\r\nHost: site.example\r\nContent-Length: 2\r\n\r\na")
            mover = Crew()
            mover.spawn(move, nodes, watch, VIP)
            wait_until(lambda: old.get(f"/vips/{VIP}")["why"] == "another node is to have it", 30, "it to part")
            assert watch.holder(VIP) is old
            sock.sendall(b"b")
            response = b""
            while data := sock.recv(4096):
                response += data
            assert response.startswith(b"HTTP/1.1 200") and b"\r\nconnection: close\r\n" in response.lower(), response
            mover.wait()
        assert watch.holder(VIP) is not old
    settle(nodes)
