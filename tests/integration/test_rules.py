"""Rules of a listener: where they stand, what they refuse, and that requests go where they say."""

import collections
import os
import threading

import origins as o
import pytest
from failures import is_problem
from ports import Port
from rawhttp import Client, wait_until
from test_listeners import add_listener
from test_pools import add_pool, add_server

RULES = "/listeners/default/rules"
TO_DEFAULT = {"forward": [{"pool": "default"}]}
SPLIT_N = int(os.environ.get("WELDR_SPLIT_N", "2000"))


def add_rule(weldr, priority, conditions, action, path=RULES):
    answer = weldr.api("POST", path, {"priority": priority, "conditions": conditions, "action": action})
    assert answer.status == 201, answer
    return answer.json


def priorities(weldr, path=RULES):
    return [rule["priority"] for rule in weldr.api("GET", path).json["rules"]]


@pytest.mark.smoke
def test_life_of_a_rule(weldr):
    assert weldr.api("GET", RULES).json == {"rules": [], "links": [{"rel": "self", "href": RULES, "method": "GET"},
                                                                    {"rel": "add", "href": RULES, "method": "POST"}]}
    body = {"priority": 20, "conditions": {"path_prefix": "/a", "host": "*.shop.example"}, "action": TO_DEFAULT}
    answer = weldr.api("POST", RULES, body)
    assert (answer.status, answer.get("Location")) == (201, f"{RULES}/20")
    rule = answer.json
    assert rule["conditions"] == body["conditions"] and rule["listener"] == "default"
    assert rule["action"] == {"forward": [{"pool": "default", "weight": 1}]}
    assert weldr.api("GET", f"{RULES}/20").json == rule == weldr.api("GET", f"{RULES}/{rule['id']}").json
    add_rule(weldr, 10, {}, TO_DEFAULT)
    assert priorities(weldr) == [10, 20]
    changed = weldr.api("PATCH", f"{RULES}/20", {"priority": 5})
    assert (changed.status, changed.json["priority"], changed.json["id"]) == (200, 5, rule["id"])
    assert changed.json["conditions"] == body["conditions"]
    assert priorities(weldr) == [5, 10]
    assert weldr.api("GET", "/listeners/default").json["rules"] == 2
    assert weldr.api("DELETE", f"{RULES}/{rule['id']}").json == {"removed": f"{RULES}/5"}
    assert weldr.api("DELETE", f"{RULES}/10").status == 200
    assert priorities(weldr) == []
    is_problem(weldr.api("GET", f"{RULES}/10"), 404, "not_found")


def test_put_is_the_upsert(weldr):
    answer = weldr.api("PUT", f"{RULES}/7", {"action": TO_DEFAULT})
    assert (answer.status, answer.json["priority"]) == (201, 7)
    rule_id = answer.json["id"]
    answer = weldr.api("PUT", f"{RULES}/7", {"priority": 7, "conditions": {"path": "/x"}, "action": TO_DEFAULT})
    assert (answer.status, answer.json["id"], answer.json["conditions"]) == (200, rule_id, {"path": "/x"})
    shown = answer.json
    shown["conditions"] = {"path": "/y"}
    answer = weldr.api("PUT", f"{RULES}/{rule_id}", shown)
    assert (answer.status, answer.json["conditions"]) == (200, {"path": "/y"})
    is_problem(weldr.api("PUT", f"{RULES}/7", {"priority": 8, "action": TO_DEFAULT}), 422, "read_only", "priority")
    is_problem(weldr.api("PUT", f"{RULES}/r-99", {"action": TO_DEFAULT}), 404, "not_found")
    assert priorities(weldr) == [7]


def test_refusals(weldr):
    add_rule(weldr, 10, {}, TO_DEFAULT)
    is_problem(weldr.api("POST", RULES, {"priority": 10, "action": TO_DEFAULT}), 409, "exists", "priority")
    is_problem(weldr.api("POST", RULES, {"action": TO_DEFAULT}), 422, "missing_field", "priority")
    is_problem(weldr.api("POST", RULES, {"priority": 11}), 422, "missing_field", "action")
    is_problem(weldr.api("POST", RULES, {"priority": 0, "action": TO_DEFAULT}), 422, "invalid_value", "priority")
    is_problem(weldr.api("POST", RULES, {"priority": 11, "action": {"forward": [{"pool": "none"}]}}), 422,
               "invalid_value", "action.forward[0].pool")
    is_problem(weldr.api("POST", RULES, {"priority": 11, "conditions": {"colour": "red"}, "action": TO_DEFAULT}), 422,
               "unknown_key", "conditions.colour")
    is_problem(weldr.api("POST", RULES, "{"), 400, "invalid_json")
    is_problem(weldr.api("POST", "/listeners/none/rules", {"priority": 1, "action": TO_DEFAULT}), 404, "not_found")
    is_problem(weldr.api("GET", "/listeners/none/rules"), 404, "not_found")
    is_problem(weldr.api("GET", f"{RULES}/x"), 404, "not_found")
    assert priorities(weldr) == [10]


@pytest.mark.smoke
def test_requests_go_where_the_rules_say(lab):
    weldr, _ = lab.run(o.named("default"))
    green = lab.origin(o.named("green"))
    add_pool(weldr, "green")
    add_server(weldr, "green", green)
    add_rule(weldr, 10, {"path_prefix": "/green"}, {"forward": [{"pool": "green"}]})
    add_rule(weldr, 20, {"path": "/old"}, {"redirect": {"status": 301, "path": "/new"}})
    add_rule(weldr, 30, {"path": "/stop"}, {"fixed": {"status": 418, "type": "text/plain", "body": "short"}})
    assert weldr.ask(target="/green/a").body == b"green"
    assert weldr.ask(target="/greens").body == b"default"
    moved = weldr.ask(target="/old")
    assert moved.status == 301 and moved.get("Location").endswith("/new")
    fixed = weldr.ask(target="/stop")
    assert (fixed.status, fixed.body, fixed.get("Content-Type")) == (418, b"short", "text/plain")
    assert weldr.api("DELETE", f"{RULES}/10").status == 200  # 200: no worker follows it any more
    assert weldr.ask(target="/green/a").body == b"default"
    counts = weldr.stats()["listeners"]["default"]
    assert (counts["redirects"], counts["fixed"]) == (1, 1)


class Load:
    """Keep-alive clients that ask one after another until they are stopped; who answered is counted."""

    def __init__(self, weldr, address, clients=4):
        self.weldr, self.address = weldr, address
        self.counts, self.failures = collections.Counter(), []
        self.asked_n = [0] * clients
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(n,)) for n in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        client = Client(self.address)
        while not self.ended.is_set():
            self.asked_n[number] += 1
            try:
                response = client.ask()
                good = response.status == 200
            except (OSError, AssertionError) as error:
                response, good = error, False
            with self.lock:
                if good:
                    self.counts[response.body] += 1
                else:
                    self.failures.append(repr(response))
            if not good:
                client.close()
                client = Client(self.address)
        client.close()

    def total(self):
        with self.lock:
            return sum(self.counts.values())

    def take(self, n):
        """The next n answers and who gave them."""
        with self.lock:
            before = self.counts.copy()
        wait_until(lambda: self.total() >= sum(before.values()) + n, 120, f"{n} answers")
        with self.lock:
            return self.counts - before

    def settle(self):
        """What was asked before has been answered: each client asks anew."""
        before = list(self.asked_n)
        wait_until(lambda: all(now > then for now, then in zip(self.asked_n, before)), 120, "each asks anew")

    def end(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()


def test_blue_green_under_load(lab):
    """The issue's line 4: a listener, a pool, a rule of 90:10, then 0:100, the old pool removed; no request fails."""
    weldr = lab.weldr(workers=2)
    blue, green = lab.origin(o.named("blue")), lab.origin(o.named("green"))
    add_pool(weldr, "blue")
    add_server(weldr, "blue", blue)
    weldr.patch_listener({"default_action": {"forward": [{"pool": "blue"}]}})
    load = Load(weldr, weldr.address)
    try:
        assert set(load.take(200)) == {b"blue"}
        port = Port()
        add_listener(weldr, "two", port.text)
        add_pool(weldr, "green")
        add_server(weldr, "green", green)
        add_rule(weldr, 10, {}, {"forward": [{"pool": "blue", "weight": 90}, {"pool": "green", "weight": 10}]})
        got = load.take(SPLIT_N)
        share = got[b"green"] / sum(got.values())
        assert abs(share - 0.10) <= 0.01, (share, got)
        answer = weldr.api("PATCH", f"{RULES}/10", {
            "action": {"forward": [{"pool": "blue", "weight": 0}, {"pool": "green", "weight": 100}]}})
        assert answer.status == 200
        load.settle()
        assert set(load.take(500)) == {b"green"}
        weldr.patch_listener({"default_action": {"forward": [{"pool": "green"}]}})
        assert weldr.api("PATCH", f"{RULES}/10", {"action": {"forward": [{"pool": "green"}]}}).status == 200
        assert weldr.api("DELETE", "/pools/blue").status == 200
        load.take(500)
        assert weldr.api("DELETE", "/listeners/two").status == 200
        load.take(100)
    finally:
        load.end()
    assert not load.failures, load.failures[:5]
