"""max_requests of a server, over all workers, and the pool's queue of requests that wait for a place."""

import os
import signal
import threading

import origins as o
import pytest
from rawhttp import Client, wait_until
from test_access_log import entries
from test_explain import explain
from test_pools import add_pool, add_server


class Slow:
    """A behaviour that answers when it is let; knows how many it has had at once."""

    def __init__(self):
        self.lock = threading.Condition()
        self.now = self.most = self.all = self.allowed = 0

    def __call__(self, lane, seen):
        with self.lock:
            self.now += 1
            self.all += 1
            self.most = max(self.most, self.now)
            self.lock.notify_all()
            assert self.lock.wait_for(lambda: self.allowed > 0, 60)
            self.allowed -= 1
            self.now -= 1
        o.hello(lane, seen)

    def let(self, count):
        with self.lock:
            self.allowed += count
            self.lock.notify_all()

    def wait_all(self, count):
        with self.lock:
            assert self.lock.wait_for(lambda: self.all >= count, 20), f"{self.all} of {count} came"


def start(lab, limits, workers=2, flags=(), **queue):
    """A weldr, and a slow server for each limit."""
    weldr = lab.weldr(*flags, workers=workers)
    slow = [Slow() for _ in limits]
    for behave, limit in zip(slow, limits):
        weldr.add(lab.origin(behave), max_requests=limit)
    if queue:
        weldr.patch_pool({"queue": queue})
    return (weldr, *slow)


def pool_of(weldr, name="default"):
    return weldr.stats()["pools"][name]


def wait_waiting(weldr, count):
    wait_until(lambda: pool_of(weldr)["waiting"] == count, what=f"{count} wait")


def send(weldr, count, target="/"):
    clients = [weldr.connect() for _ in range(count)]
    for client in clients:
        client.request(target=target)
    return clients


def answers(clients):
    return [client.response().status for client in clients]


@pytest.mark.smoke
@pytest.mark.parametrize("limit", [1, 3])
def test_never_more_than_the_limit(lab, limit):
    weldr, slow = start(lab, [limit])
    clients = send(weldr, 30)
    slow.wait_all(limit)
    wait_waiting(weldr, 30 - limit)
    for done in range(30):
        slow.let(1)
        slow.wait_all(min(done + limit + 1, 30))
    assert answers(clients) == [200] * 30
    assert slow.most == limit
    counts = pool_of(weldr)
    assert (counts["waiting"], counts["queued"], counts["success"]) == (0, 30 - limit, 30)
    assert weldr.servers()[0]["in_flight"] == 0


def test_many_clients_at_full_speed(lab):
    """Workers race for the places: none is ever given twice, nobody is forgotten."""
    lock, now, most = threading.Lock(), [0, 0], [0, 0]

    def behave(which):
        def answer(lane, seen):
            with lock:
                now[which] += 1
                most[which] = max(most[which], now[which])
            # Gone from here before the response is: the next may come as soon as it is read.
            with lock:
                now[which] -= 1
            o.hello(lane, seen)
        return answer
    weldr = lab.weldr(workers=2)
    weldr.add(lab.origin(behave(0)), max_requests=1)
    weldr.add(lab.origin(behave(1)), max_requests=2)
    statuses = []

    def ask():
        with Client(weldr.address) as client:
            for _ in range(20):
                statuses.append(client.ask().status)
    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert statuses == [200] * 1000
    assert most[0] <= 1 and most[1] <= 2
    wait_waiting(weldr, 0)


def test_queue_is_fair_over_workers(lab):
    """A worker leaves places to another one where somebody has waited longer: at most those that were there before
    come before. Now and then a worker that the machine keeps from running is passed over, so a few may be late."""
    weldr, slow = start(lab, [1])
    stop, statuses, overtaken = threading.Event(), [], []

    def ask_on_and_on():
        with Client(weldr.address) as client:
            while not stop.is_set():
                statuses.append(client.ask().status)
    busy = [threading.Thread(target=ask_on_and_on) for _ in range(8)]
    slow.let(1000000)
    for thread in busy:
        thread.start()
    try:
        for _ in range(40):
            before = slow.all
            statuses.append(weldr.ask().status)
            overtaken.append(slow.all - before)
    finally:
        stop.set()
        for thread in busy:
            thread.join(20)
    assert set(statuses) == {200} and slow.most == 1
    assert len([n for n in overtaken if n > 2 * len(busy)]) <= 5, overtaken


def test_ends_of_the_wait(lab, tmp_path):
    path = str(tmp_path / "access.log")
    weldr, slow = start(lab, [1], workers=1, flags=("--access-log", path), requests=2, wait_ms=300)
    first = send(weldr, 1, "/first")
    slow.wait_all(1)
    late = send(weldr, 1, "/late")
    wait_waiting(weldr, 1)
    leaver = send(weldr, 1, "/leaver")[0]
    wait_waiting(weldr, 2)
    full = weldr.ask(target="/full")
    assert (full.status, full.get("Weldr-Error"), full.get("Retry-After")) == (503, "queue_full", "1")
    leaver.reset()
    wait_until(lambda: pool_of(weldr)["waiting"] < 2, what="the client that left is missed")
    timeout = late[0].response()
    assert (timeout.status, timeout.get("Weldr-Error"), timeout.get("Retry-After")) == (503, "queue_timeout", "1")
    slow.let(1)
    assert answers(first) == [200] and slow.all == 1
    counts = pool_of(weldr)
    assert (counts["queue_full"], counts["queue_timeout"], counts["queued"]) == (1, 1, 2)
    results = weldr.stats()["results"]
    assert (results["queue_full"], results["queue_timeout"], results["client_abort"]) == (1, 1, 1)
    wait_until(lambda: len(entries(path)) == 4, what="4 lines")
    lines = {line["target"]: line for line in entries(path)}
    assert {t: e["result"] for t, e in lines.items()} == \
        {"/first": "ok", "/late": "queue_timeout", "/leaver": "client_abort", "/full": "queue_full"}
    assert lines["/first"]["queue_us"] == lines["/full"]["queue_us"] == 0
    assert lines["/late"]["queue_us"] >= 299000 and lines["/late"]["attempts"] == []
    assert lines["/leaver"]["queue_us"] > 0


def test_patch_and_add_wake(lab):
    weldr, slow = start(lab, [1], wait_ms=60000)
    clients = send(weldr, 10)
    slow.wait_all(1)
    wait_waiting(weldr, 9)
    path = weldr.origins[0].path
    assert weldr.api("PATCH", path, {"max_requests": 4}).json["max_requests"] == 4
    slow.wait_all(4)
    wait_waiting(weldr, 6)
    other = Slow()
    weldr.add(lab.origin(other), max_requests=2)
    other.wait_all(2)
    wait_waiting(weldr, 4)
    assert weldr.api("PATCH", path, {"max_requests": 1}).status == 200
    slow.let(3)  # 4 were there: no place yet
    wait_until(lambda: weldr.server(weldr.origins[0])["in_flight"] == 1, what="3 are done")
    wait_waiting(weldr, 4)
    assert slow.all == 4
    assert weldr.api("PATCH", path, {"max_requests": 0}).status == 200
    slow.wait_all(8)
    wait_waiting(weldr, 0)
    slow.let(10)
    other.let(10)
    assert answers(clients) == [200] * 10
    assert other.most == 2


def test_pool_is_deleted(lab):
    weldr = lab.weldr(workers=2)
    add_pool(weldr, "green")
    slow = Slow()
    add_server(weldr, "green", lab.origin(slow), max_requests=1)
    weldr.patch_listener({"default_action": {"forward": [{"pool": "green"}]}})
    clients = send(weldr, 6)
    slow.wait_all(1)
    wait_until(lambda: pool_of(weldr, "green")["waiting"] == 5, what="5 wait")
    weldr.patch_listener({"default_action": {"forward": [{"pool": "default"}]}})
    assert weldr.api("DELETE", "/pools/green").status in (200, 202)
    wait_until(lambda: weldr.stats()["results"]["no_server"] == 5, what="nobody waits for what is gone")
    slow.let(1)
    assert sorted(answers(clients)) == [200] + [503] * 5


def test_killed_worker_gives_its_places_back(lab):
    weldr, slow = start(lab, [2], wait_ms=60000)
    clients = send(weldr, 12)
    slow.wait_all(2)
    wait_waiting(weldr, 10)
    victim = weldr.worker_pids()[0]
    os.kill(victim, signal.SIGKILL)
    weldr.wait_workers(2, not_pids=[victim])
    slow.let(20)
    good = []
    for client in clients:
        try:
            good.append(client.response().status)
        except Exception:  # it was the victim's client
            pass
    assert set(good) <= {200}
    assert slow.most <= 4  # those of the dead one are still being answered
    slow.most = 0
    assert answers(send(weldr, 10)) == [200] * 10
    assert slow.most <= 2
    wait_until(lambda: weldr.servers()[0]["in_flight"] == 0 and pool_of(weldr)["waiting"] == 0, what="all is quiet")


def test_drain_serves_who_waits(lab):
    weldr, slow = start(lab, [1], wait_ms=60000)
    clients = send(weldr, 8)
    slow.wait_all(1)
    wait_waiting(weldr, 7)
    weldr.signal(signal.SIGTERM)
    slow.let(8)
    assert answers(clients) == [200] * 8
    weldr.wait_exit()
    assert slow.most == 1


def test_explain_tells(lab):
    token = "correct-horse-battery-staple"
    weldr = lab.weldr(workers=1, env={"WELDR_ADMIN_TOKEN": token})
    slow = Slow()
    weldr.add(lab.origin(slow), max_requests=1)
    assert explain(weldr, "path=/")["wait"] is None
    first = send(weldr, 1)
    slow.wait_all(1)
    told = explain(weldr, "path=/")
    assert told["wait"]["reason"] == "all servers are at max_requests" and told["wait"]["waiting"] == 0
    assert told["wait"]["outcome"].startswith("waits for a place, after 5000 ms 503 queue_timeout")
    assert (told["servers"][0]["in_flight"], told["servers"][0]["max_requests"]) == (1, 1)
    with weldr.connect() as client:
        client.request(fields=[("X-Weldr-Explain", token)])
        wait_waiting(weldr, 1)
        assert explain(weldr, "path=/")["wait"]["waiting"] == 1
        slow.let(2)
        shown = client.response().get("Weldr-Explain")
    assert 'waited="all servers are at max_requests";us=' in shown
    assert answers(first) == [200]
    weldr.patch_pool({"queue": {"requests": 0}})
    first = send(weldr, 1)
    slow.wait_all(3)
    assert explain(weldr, "path=/")["wait"]["outcome"] == "503 queue_full at once"
    assert weldr.ask().get("Weldr-Error") == "queue_full"
    slow.let(1)
    assert answers(first) == [200]


def test_bad_values_are_named(lab):
    weldr, _ = start(lab, [1], workers=1)
    path = weldr.origins[0].path
    for body in ({"max_requests": -1}, {"max_requests": 1000001}, {"max_requests": "1"}, {"max_requests": 1.5}):
        answer = weldr.api("PATCH", path, body)
        assert (answer.status, answer.json["field"]) == (422, "max_requests"), answer
    for body, field in (({"queue": {"wait_ms": 0}}, "queue.wait_ms"), ({"queue": {"requests": -1}}, "queue.requests"),
                        ({"queue": {"size": 1}}, "queue.size")):
        answer = weldr.api("PATCH", "/pools/default", body)
        assert (answer.status, answer.json["field"]) == (422, field), answer
    assert weldr.api("GET", "/pools/default").json["queue"] == {"requests": 1000, "wait_ms": 5000}
