"""The safety oracle: writers that add servers with names of their own and note what they were told; and clients of the proxy.

At the end each node has every server that was acknowledged, none that nobody asked for, that was refused or whose removal was
acknowledged, and all the same.
"""

import collections
import contextlib
import http.client
import itertools
import random
import socket
import threading

import weldr as w
from asker import DONE, REFUSED, UNKNOWN, Asker
from node import PROXY_PORT, SETTLE_S
from rawhttp import wait_until

PROBE_URL = "http://198.51.100.1:{}"  # of no writer
STANDS_BY = {"check": w.NO_CHECK, "weight": 0}  # nobody is there: no visitor is to be sent to it
PAUSE_S = 0.02
REFUSED_PAUSE_S = 0.1
GONE = "gone"
KEEP_N = 300  # servers of each writer


class Crew:
    """Threads that run until stop(), which raises what one of them has raised."""

    def __init__(self):
        self.threads, self.is_over, self.failures = [], threading.Event(), []

    def spawn(self, function, *arguments):
        def body():
            try:
                function(*arguments)
            except BaseException as error:  # handed to who stops them
                self.failures.append(error)
        thread = threading.Thread(target=body, daemon=True)
        self.threads.append(thread)
        thread.start()

    def stop(self):
        self.is_over.set()
        self.wait()

    def wait(self, timeout_s=60):
        """They end by themselves."""
        for thread in self.threads:
            thread.join(timeout_s)
            assert not thread.is_alive(), "a client hangs"
        if self.failures:
            raise self.failures[0]

    def __enter__(self):
        return self

    def __exit__(self, kind, *unused):
        self.is_over.set()
        if kind is None:
            self.stop()


class Writers(Crew):
    """Each writes to any of the nodes each time, and removes its oldest once it has many. told: outcome → urls."""

    numbers = itertools.count()

    def __init__(self, nodes, count=3, seed=1):
        super().__init__()
        self.nodes, self.told, self.lock = nodes, {name: set() for name in (DONE, REFUSED, UNKNOWN, GONE)}, threading.Lock()
        self.acknowledged_n = 0
        for number in range(count):
            self.spawn(self.write, random.Random(seed * 1000 + number))

    @classmethod
    def next_url(cls):
        number = next(cls.numbers)
        return f"http://192.0.2.{number // 60000 + 1}:{number % 60000 + 1}"

    def write(self, chance):
        askers, mine = [Asker(node) for node in self.nodes], collections.deque()
        while not self.is_over.is_set():
            asker = chance.choice(askers)
            if len(mine) < KEEP_N:
                outcome = self.add(asker, mine)
            else:
                outcome = self.remove(asker, mine)
            self.is_over.wait(PAUSE_S if outcome == DONE else REFUSED_PAUSE_S)
        for asker in askers:
            asker.close()

    def add(self, asker, mine):
        url = self.next_url()
        outcome = asker.write("POST", "/servers", {"url": url, **STANDS_BY})
        with self.lock:
            self.told[outcome].add(url)
            self.acknowledged_n += outcome == DONE
        if outcome == DONE:
            mine.append(url)
        return outcome

    def remove(self, asker, mine):
        url = mine[0]
        outcome = asker.write("DELETE", url.replace("http://", "/servers/").replace(":", "/"))
        if outcome != REFUSED:  # else it is still there
            mine.popleft()
            with self.lock:
                self.told[DONE].remove(url)
                self.told[GONE if outcome == DONE else UNKNOWN].add(url)
                self.acknowledged_n += outcome == DONE
        return outcome

    def done_n(self):
        with self.lock:
            return self.acknowledged_n

    @classmethod
    def probe(cls):
        """A server to be added by who looks whether writes are taken."""
        return {"url": PROBE_URL.format(next(cls.numbers) % 60000 + 1), **STANDS_BY}

    def wait_more(self, count=5, timeout_s=SETTLE_S):
        """So many more are acknowledged."""
        wanted = self.done_n() + count
        wait_until(lambda: self.done_n() >= wanted or self.failures, timeout_s, f"{count} more writes to be acknowledged")

    def judge(self, nodes=None):
        """After stop(), once all is well again."""
        nodes = nodes or self.nodes
        agree(nodes)
        asked = set().union(*self.told.values())
        for node in nodes:
            there = {url for url in node.urls() if url.startswith("http://192.0.2.")}
            assert self.told[DONE] <= there, f"{node} has lost {sorted(self.told[DONE] - there)[:5]} of {len(self.told[DONE])}"
            assert there <= asked, f"{node} has invented {sorted(there - asked)[:5]}"
            for outcome in REFUSED, GONE:
                assert not there & self.told[outcome], f"{node} has what was {outcome}: {sorted(there & self.told[outcome])[:5]}"


def is_in_agreement(nodes):
    digests = set().union(*(node.digests() for node in nodes))
    return len(digests) == 1 and len({node.revision() for node in nodes}) == 1


def agree(nodes, timeout_s=SETTLE_S):
    """Every worker of every node has the same, as of the same revision."""
    wait_until(lambda: is_in_agreement(nodes), timeout_s, f"equal digests on {nodes}", step_s=0.1)


class Visitors(Crew):
    """Clients of each node's proxy, inside its host: however the host is cut off, not one request fails, but to who is dead."""

    def __init__(self, nodes):
        super().__init__()
        self.answered = {node: 0 for node in nodes}
        for node in nodes:
            self.spawn(self.visit, node)

    def visit(self, node):
        while not self.is_over.is_set():
            visited = node.weldr
            if visited is None or not visited.proxies:  # it listens once it is ready
                self.is_over.wait(PAUSE_S)
                continue
            try:
                self.stay(node)
            except (OSError, http.client.HTTPException):
                if node.weldr is visited:
                    raise

    def stay(self, node):
        """On one connection, until the end, or until a response says that it closes."""
        address = ("127.0.0.1", PROXY_PORT)
        connection = http.client.HTTPConnection(*address, timeout=20)
        connection.sock = node.host.socket(socket.AF_INET)
        with contextlib.closing(connection):
            connection.sock.settimeout(20)
            connection.sock.connect(address)
            while not self.is_over.is_set():
                connection.request("GET", "/", headers={"Host": "site.example"})
                response = connection.getresponse()
                response.read()
                assert response.status == 200, f"{node}: {response.status}"
                self.answered[node] += 1
                if response.will_close:
                    return
                self.is_over.wait(PAUSE_S)

    def stop(self):
        super().stop()
        assert all(self.answered.values()), self.answered
