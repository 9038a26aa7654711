"""kill -9 of an origin under load: only what can't be sent again fails, with the right word, and /stats has counted the same.

ORIGIN_KILLS (environment) says how often at least; the default is small, with 300 each way to fail occurs a hundred times.
"""

import collections
import json
import os
import random
import threading

import pytest

from origin_process import OriginProcess, expected_body
from rawhttp import Client, Closed, wait_until

KILLS = int(os.environ.get("ORIGIN_KILLS", "8"))
CLIENTS = 16
LIMIT_S = 60 + KILLS * 5
REPLAY_BYTES = 64 << 10 # the pool's default
# Method, version, kind of answer, body bytes from and to. What is to be sent again with its body comes more often.
REQUESTS = [
    ("GET", "HTTP/1.1", "whole", 0, 0),
    ("GET", "HTTP/1.1", "sized", 0, 0),
    ("GET", "HTTP/1.1", "chunked", 0, 0),
    ("GET", "HTTP/1.0", "chunked", 0, 0), # the client sees the end of the body by the close alone
    ("POST", "HTTP/1.1", "whole", 0, 0), # nothing but its method forbids to send it again
    ("POST", "HTTP/1.1", "whole", 1, 2000),
    ("POST", "HTTP/1.1", "chunked", 1, 2000),
    ("POST", "HTTP/1.1", "whole", REPLAY_BYTES + 1, 400_000),
    *[("PUT", "HTTP/1.1", "whole", 1, REPLAY_BYTES)] * 4,
    ("PUT", "HTTP/1.1", "whole", REPLAY_BYTES + 1, 400_000),
]


class Asked:
    """One request and what came of it: "whole", "broken" or the word of Weldr's answer."""

    def __init__(self, number, rng):
        self.method, self.version, self.kind, low, high = rng.choice(REQUESTS)
        self.target = f"/{self.kind}/{number}"
        self.body_bytes = rng.randint(low, high)
        self.origin, self.end, self.status = None, None, 0

    @property
    def may_be_sent_twice(self):
        return self.method in ("GET", "PUT") and self.body_bytes <= REPLAY_BYTES

    @property
    def allowed_ends(self):
        """An answer that is sent at once can't be cut; one in parts can, and is not asked for again."""
        ends = {"whole"} if self.kind == "whole" else {"whole", "broken"}
        return ends if self.may_be_sent_twice else ends | {"origin_reset"}

    def ask(self, client, body):
        """Returns whether the connection can be used again."""
        fields = [("Content-Length", str(len(body)))] if self.method != "GET" else []
        try:
            client.request(self.method, self.target, fields, body, self.version)
        except OSError:
            pass # the answer may be there although the body was not wanted any more
        try:
            response = client.response(self.method)
        except (Closed, ConnectionError):
            self.end = "broken"
            return False
        self.status, self.end = response.status, response.get("Weldr-Error", "whole")
        self.origin = response.get("X-Origin")
        if self.end == "whole":
            assert (self.status, response.body) == (200, expected_body(self.kind, body)), (self, response)
        return self.version == "HTTP/1.1" and response.get("Connection", "").lower() != "close"

    def __repr__(self):
        return f"<{self.method} {self.version} {self.target} {self.body_bytes} bytes: {self.end} {self.status}>"


class Load:
    """Clients that ask without pause until they are told to stop."""

    def __init__(self, weldr):
        self.weldr, self.is_over = weldr, False
        self.asked, self.errors = [[] for _ in range(CLIENTS)], []
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        rng, client = random.Random(number), None
        try:
            while not self.is_over:
                client = client or Client(self.weldr.address)
                asked = Asked(f"{number}-{len(self.asked[number])}", rng)
                if not asked.ask(client, rng.randbytes(asked.body_bytes)):
                    client = client.close()
                self.asked[number].append(asked)
        except Exception as error: # told by the main thread
            self.errors.append(repr(error))
        finally:
            if client:
                client.close()

    def wait_for_others(self):
        """Until every client has begun a request after now: then none has seen what was before."""
        before = [len(asked) for asked in self.asked]
        wait_until(lambda: self.errors or all(len(a) > n + 1 for a, n in zip(self.asked, before)), LIMIT_S, "requests")
        assert not self.errors, self.errors[:3]

    def stop(self):
        self.is_over = True
        for thread in self.threads:
            thread.join()

    @property
    def all(self):
        return [asked for of_client in self.asked for asked in list(of_client)]

    def has_ended_in_every_way(self, notes):
        """What can't be sent again has failed, and what can has reached two servers, a body too."""
        seen = {(a.method, a.end, notes[a.target]) for a in self.all}
        return seen >= {("GET", "broken", 1), ("POST", "origin_reset", 1), ("PUT", "origin_reset", 1),
                        ("GET", "whole", 2), ("PUT", "whole", 2)}


@pytest.fixture
def origins():
    processes = [OriginProcess(name) for name in ("one", "two", "three")]
    yield processes
    for process in processes:
        process.stop()


def notes_of(origins):
    """How often each target has reached a server."""
    return collections.Counter(target for origin in origins for target in origin.notes)


def kill_in_turn(load, origins):
    """Returns how many were killed. No request lives through two deaths: then two attempts are always enough."""
    killed_n = 0
    while killed_n < KILLS or (killed_n < 10 * KILLS and not load.has_ended_in_every_way(notes_of(origins))):
        origin = origins[killed_n % len(origins)]
        origin.kill()
        killed_n += 1
        load.wait_for_others()
        before = len(origin.notes)
        origin.start()
        wait_until(lambda p=origin, n=before: len(p.notes) > n + 10 or load.errors, 30, "back in rotation")
        load.wait_for_others()
    return killed_n


def judge_each(asked, notes):
    """What a client may see, and how often a request may have reached a server."""
    assert [a for a in asked if a.end not in a.allowed_ends] == []
    assert [a for a in asked if a.end == "origin_reset" and a.status != 502] == []
    for a in asked:
        most = 2 if a.may_be_sent_twice else 1
        least = 1 if a.end in ("whole", "broken") else 0
        assert least <= notes[a.target] <= most, (a, notes[a.target])
    assert set(notes) <= {a.target for a in asked}


def judge_log(asked, path):
    """The access log tells of each request what its client has seen. Returns the number of attempts."""
    with open(path, encoding="ascii") as file:
        told = {entry["target"]: entry for entry in map(json.loads, file)}
    assert len(told) == len(asked)
    for a in asked:
        entry, status = told[a.target], a.status or 200
        assert (entry["result"], entry["status"]) == ("ok" if a.end == "whole" else "origin_reset", status), (a, entry)
    return sum(len(entry["attempts"]) for entry in told.values())


def judge_counters(weldr, asked, attempts_n):
    """Every number of /stats and /stats/detail is the one that the clients have counted."""
    whole = [a for a in asked if a.end == "whole"]
    failed_n = len(asked) - len(whole)
    stats = weldr.stats()
    assert stats["client"] == {"success": len(whole), "failed": failed_n}
    assert stats["requests"] == len(asked) and stats["in_flight"] == 0
    assert {word: n for word, n in stats["results"].items() if n} == {"ok": len(whole), "origin_reset": failed_n}
    assert stats["client_aborts"] == stats["bad_requests"] == 0
    assert stats["server"] == {"success": len(whole), "failed": failed_n + stats["retries"]}
    assert attempts_n == len(asked) + stats["retries"]
    detail = weldr.detail()
    assert sum(server["failed"] for server in detail) == stats["server"]["failed"]
    return {server["port"]: server["success"] for server in detail}


@pytest.mark.slow
@pytest.mark.smoke
@pytest.mark.timeout(LIMIT_S + 60)
def test_kill_origin(lab, origins, tmp_path):
    path = str(tmp_path / "access.log")
    weldr = lab.weldr("--access-log", path, workers=2)
    weldr.patch_pool({"eject": {"base_ms": 200, "max_ms": 200}})
    for origin in origins:
        weldr.add(origin.url)
    load = Load(weldr)
    try:
        killed_n = kill_in_turn(load, origins)
    finally:
        load.stop()
    assert load.errors == []
    asked = load.all
    notes = notes_of(origins)
    assert load.has_ended_in_every_way(notes), f"{killed_n} kills"
    ends = collections.Counter(f"{a.method} {a.end}" for a in asked)
    print(f"{killed_n} kills, {len(asked)} requests: {dict(ends)}")
    judge_each(asked, notes)
    with open(path, "rb") as file:
        wait_until(lambda: file.seek(0) == 0 and file.read().count(b"\n") >= len(asked), 10, "a line for each request")
    successes = judge_counters(weldr, asked, judge_log(asked, path))
    answered = collections.Counter(a.origin for a in asked if a.end == "whole")
    assert successes == {str(origin.port): answered[origin.name] for origin in origins}
