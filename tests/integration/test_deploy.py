"""A deploy under load: servers are drained by the API, restarted and added again, and no client notices.

Two kinds of clients ask at the same time, DEPLOY_REQUESTS (environment) each: our own, which compares every byte, and wrk.
The numbers are small here; DEPLOY_REQUESTS=100000 makes the whole of it.
"""

import collections
import os
import random
import threading
import time

import pytest

import origins as o
from rawhttp import Client, Closed, wait_until
from wrk import Wrk

REQUESTS = int(os.environ.get("DEPLOY_REQUESTS", "4000"))
CLIENTS = 8
LIMIT_S = 60 + REQUESTS / 100


class Load:
    """Clients that ask without pause, each on a connection of its own, and wrk beside them.

    Both go on until `total` requests are answered and let_end() was called.
    """

    def __init__(self, weldr, methods, total=REQUESTS):
        self.weldr, self.methods = weldr, methods
        self.total, self.taken, self.may_end = total, 0, False
        self.lock = threading.Lock()
        self.good, self.failed = 0, []
        self.asked = collections.Counter()
        self.end_at = time.monotonic() + LIMIT_S
        self.wrk = Wrk(weldr.address, methods, total, LIMIT_S)
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    @property
    def is_over(self):
        return not any(thread.is_alive() for thread in self.threads) and self.wrk.is_over

    def let_end(self):
        self.may_end = True
        self.wrk.let_end()

    def take(self):
        with self.lock:
            if (self.may_end and self.taken >= self.total) or time.monotonic() >= self.end_at:
                return False
            self.taken += 1
            return True

    def ask(self, client, method, body):
        """What is wrong with the answer, or None."""
        fields = [("Content-Length", str(len(body)))] if body else []
        response = client.ask(method, "/deploy", fields=fields, body=body)
        if response.status != 200:
            return f"{response.status} {response.get('Weldr-Error')}"
        if response.body != body:
            return f"{len(response.body)} bytes instead of {len(body)}"
        return "close" if response.get("Connection", "").lower() == "close" else None

    def run(self, number):
        rng = random.Random(number)
        client, good, asked = None, 0, collections.Counter()
        while self.take():
            method = rng.choice(self.methods)
            asked[method] += 1
            body = b"" if method == "GET" else bytes([65 + number]) * rng.choice([1, 300, 20_000])
            try:
                client = client or Client(self.weldr.address)
                wrong = self.ask(client, method, body)
            except (Closed, OSError) as error:
                wrong = str(error)
            good += wrong in (None, "close")
            if wrong:
                client = client and client.close()
            if wrong not in (None, "close"):
                with self.lock:
                    self.failed.append((method, wrong))
        if client:
            client.close()
        with self.lock:
            self.good += good
            self.asked += asked

    def join(self):
        for thread in self.threads:
            thread.join()

    def assert_none_failed(self):
        self.join()
        assert self.failed == [], f"{len(self.failed)} failed, the first: {self.failed[:5]}"
        assert self.good == self.taken >= self.total, f"{self.good} of {self.total} within {LIMIT_S} s"
        self.wrk.assert_none_failed()
        self.good += self.wrk.counts["answered"]
        self.asked.update({method: self.wrk.counts[method] for method in ("GET", "POST", "PUT")})
        print(f"{self.good} good, none failed: {dict(self.asked)}; wrk: {self.wrk.counts}")

    def stop(self):
        """For the end of a failed test."""
        self.end_at = 0
        self.join()
        self.wrk.stop()


@pytest.fixture
def load():
    """Makes a Load that does not outlive its test."""
    loads = []

    def start(*arguments):
        loads.append(Load(*arguments))
        return loads[-1]
    yield start
    for one in loads:
        one.stop()


def echo(lane, seen):
    """Keeps no body: there are many."""
    o.echo(lane, seen)
    seen.body = seen.raw_body = b""


def posts_at(origins):
    return sum(len(origin.seen(method="POST")) for origin in origins)


def restart(weldr, origin):
    """As a deploy does it: out of the pool, wait until it is drained, new version, back into the pool."""
    answer = weldr.api("DELETE", origin.path)
    assert answer.status in (200, 202), answer
    wait_until(lambda: weldr.server(origin) is None, 30, "drained")
    wait_until(lambda: origin.open_lanes == 0, 5, "a drained server has no connection left")
    served = len(origin.requests)
    origin.stop()
    origin.restart()
    weldr.add(origin)
    return served


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.timeout(LIMIT_S + 60)
def test_rolling_restart(lab, load):
    """Three origins restarted in turn while GET, PUT and POST are under way: none fails."""
    weldr, *origins = lab.run(echo, echo, echo, workers=2)
    load = load(weldr, ("GET", "POST", "GET", "PUT"))
    restarts_n = 0
    wait_until(lambda: all(len(origin.requests) > 0 for origin in origins), 20, "all have requests")
    while not load.is_over:
        for origin in origins:
            assert restart(weldr, origin) > 0
            restarts_n += 1
            before = len(origin.requests)
            wait_until(lambda p=origin, n=before: len(p.requests) > n + 10 or load.is_over, 20, "back in rotation")
        load.let_end()
    load.assert_none_failed()
    print(f"{restarts_n} restarts")
    assert posts_at(origins) == load.asked["POST"], "each POST once"
    stats = wait_until(lambda: weldr.stats() if weldr.stats()["client"]["success"] >= load.good else None, 5, "counted")
    assert stats["client"]["failed"] == 0


def hangs_up(lane, seen):
    """Keep-alive of 1 to 20 requests, and then a close without a word right behind the answer."""
    echo(lane, seen)
    if lane.served >= 1 + random.Random(lane.id).randrange(20):
        raise o.Gone("as planned")


def is_bored(lane, seen):
    """Closes a connection that has been idle for some milliseconds: often just as the next request is sent."""
    lane.sock.settimeout(o.DEADLINE_S)
    echo(lane, seen)
    lane.sock.settimeout(0.001 * (1 + lane.id % 7))


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.timeout(LIMIT_S + 60)
@pytest.mark.parametrize("behave,methods", [
    pytest.param(hangs_up, ("GET",), id="hangs_up-GET"),
    pytest.param(hangs_up, ("GET", "PUT"), id="hangs_up-PUT"),
    pytest.param(hangs_up, ("GET", "POST"), id="hangs_up-POST"),
    pytest.param(is_bored, ("GET",), id="is_bored-GET"),
    pytest.param(is_bored, ("GET", "PUT"), id="is_bored-PUT"),
])
def test_origins_that_close(lab, load, behave, methods):
    """Connections that origins end after 1 to 20 requests never become a client's error."""
    weldr, *origins = lab.run(behave, behave, behave, workers=2)
    load = load(weldr, methods)
    load.let_end()
    load.assert_none_failed()
    assert all(origin.accepted > 10 for origin in origins), "connections were closed"
    assert posts_at(origins) == load.asked["POST"], "each POST once"
