"""Many servers that take connections and never answer: who answers is checked on time all the same."""

import selectors
import socket
import threading
import time

import pytest

import origins as o
from rawhttp import wait_until

EACH_SECOND = {"interval_ms": 1000, "path": "/health"}
LIMIT_S = 12.0  # three checks take 3 s; behind hung servers, 5 s each, three times 5 s at least


class Hung:
    """Accepts on each loopback address and never says a word."""

    def __init__(self):
        self.listener = socket.create_server(("0.0.0.0", 0), backlog=4096)
        self.listener.setblocking(False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.open_n, self.most_n, self.stopped = 0, 0, False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped:
            for key, _ in self.selector.select(0.2):
                if key.fileobj is self.listener:
                    self.accept()
                else:
                    self.read(key.fileobj)

    def accept(self):
        try:
            lane, _ = self.listener.accept()
        except BlockingIOError:
            return
        lane.setblocking(False)
        self.selector.register(lane, selectors.EVENT_READ)
        self.open_n += 1
        self.most_n = max(self.most_n, self.open_n)

    def read(self, lane):
        try:
            if lane.recv(4096):
                return
        except OSError:
            pass
        self.selector.unregister(lane)
        lane.close()
        self.open_n -= 1

    def urls(self, count):
        port = self.listener.getsockname()[1]
        return [f"http://127.1.{i // 250}.{i % 250 + 1}:{port}" for i in range(count)]

    def stop(self):
        self.stopped = True
        self.thread.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()


@pytest.fixture
def hung():
    hung = Hung()
    yield hung
    hung.stop()


def add_all(weldr, urls):
    """Without the list of all servers in each response."""
    for url in urls:
        body = {"url": url, "check": {**EACH_SECOND, "fast_interval_ms": 1000}}
        assert weldr.api("POST", "/servers", body, headers={"Prefer": "return=minimal"}).status == 201


def last_check(weldr, origin):
    return weldr.api("GET", origin.path).json["last_check"]


def state(weldr, origin):
    return weldr.api("GET", origin.path).json["state"]


def seconds_until_down(weldr, origin):
    died = time.monotonic()
    origin.stop()
    wait_until(lambda: state(weldr, origin) == "down", 60, "the server is down")
    return time.monotonic() - died


def wait_down(weldr, count):
    wait_until(lambda: sum(s["state"] == "down" for s in weldr.servers()) >= count, 90, f"{count} are down", step_s=0.5)


@pytest.mark.parametrize("nofile,count", [(None, 600), (256, 300)], ids=["enough", "short"])
def test_hung_servers_hold_nobody_up(lab, hung, nofile, count):
    """G4: with descriptors for all, and without."""
    weldr = lab.weldr(nofile=nofile)
    origins = [lab.origin(o.Health()) for _ in range(3)]
    for origin in origins:
        weldr.add(origin, check=EACH_SECOND)
    add_all(weldr, hung.urls(count))
    wait_until(lambda: all(last_check(weldr, origin) for origin in origins), 10, "a check of each")
    # While most of them were never checked …
    assert seconds_until_down(weldr, origins[0]) < LIMIT_S
    # … and when most of them are known to be hung.
    wait_down(weldr, count // 2)
    assert seconds_until_down(weldr, origins[1]) < LIMIT_S
    started = time.monotonic()
    assert state(weldr, origins[2]) == "active"
    assert time.monotonic() - started < 5, "nor the API"
    if nofile:
        assert hung.most_n <= nofile * 3 // 4
    else:
        assert hung.most_n > 500


def test_new_server_is_tried_beside_hung_ones(lab, hung):
    """One that comes later is judged, though hung ones wait for their turns."""
    weldr = lab.weldr(nofile=256)
    add_all(weldr, hung.urls(300))
    wait_until(lambda: hung.most_n >= 64, 30, "many checks at once")
    wait_down(weldr, 300)
    origin = lab.origin(o.Health())
    weldr.add(origin, check=EACH_SECOND)
    wait_until(lambda: last_check(weldr, origin), 10, "its first check")
