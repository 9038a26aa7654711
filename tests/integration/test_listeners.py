"""Listeners: made while workers run, their sockets handed over; refused by the kernel, nothing changes; removed, they drain."""

import os
import signal
import socket
import threading

import origins as o
import pytest
from failures import is_problem
from ports import Port
from rawhttp import Client, wait_until


def add_listener(weldr, name, *addresses, **more):
    answer = weldr.api("POST", "/listeners", {"name": name, "addresses": list(addresses), **more})
    assert answer.status == 201, answer
    return answer.json


def names(weldr):
    return [listener["name"] for listener in weldr.api("GET", "/listeners").json["listeners"]]


def is_refused(address):
    with socket.socket() as sock:
        return sock.connect_ex(address) != 0


def ask(weldr, address, **more):
    with Client(address) as client:
        return client.ask(**more)


@pytest.mark.smoke
def test_life_of_a_listener(lab):
    weldr, _ = lab.run(o.hello)
    port = Port()
    shown = weldr.api("GET", "/listeners/default").json
    assert shown["bound"] == [{"address": f"127.0.0.1:{weldr.address[1]}", "state": "open", "error": None}]
    answer = weldr.api("POST", "/listeners", {"name": "two", "addresses": [port.text]})
    assert (answer.status, answer.get("Location")) == (201, "/listeners/two")
    assert answer.json["bound"] == [{"address": port.text, "state": "open", "error": None}]
    assert answer.json["default_action"] == {"forward": [{"pool": "default", "weight": 1}]}
    # 201: every worker accepts there.
    assert ask(weldr, port.address).status == 200
    assert names(weldr) == ["default", "two"]
    changed = weldr.api("PATCH", "/listeners/two", {"limits": {"head_bytes": 600}})
    assert (changed.status, changed.json["limits"]["head_bytes"]) == (200, 600)
    long = [("X-A", "b" * 600)]
    assert ask(weldr, port.address, fields=long).status == 431
    assert weldr.ask(fields=long).status == 200  # it is of that listener
    counts = weldr.stats()["listeners"]
    assert counts["two"]["connections"] == 2 and counts["two"]["requests"] >= 1 and counts["default"]["success"] == 1
    assert weldr.api("DELETE", "/listeners/two").json == {"removed": "/listeners/two"}
    wait_until(lambda: is_refused(port.address), 5, "nobody listens there")
    assert names(weldr) == ["default"] and "two" not in weldr.stats()["listeners"]
    is_problem(weldr.api("GET", "/listeners/two"), 404, "not_found")
    is_problem(weldr.api("DELETE", "/listeners/two"), 404, "not_found")
    assert weldr.ask().status == 200


def test_refusals_change_nothing(weldr):
    taken = Port()
    taken.keeper.listen(1)
    free = Port()
    problem = is_problem(weldr.api("POST", "/listeners", {"name": "two", "addresses": [free.text, taken.text]}),
                         409, "address_in_use", "addresses[1]")
    assert taken.text in problem["detail"]
    assert names(weldr) == ["default"]
    wait_until(lambda: is_refused(free.address), 5, "the first was let go again")
    is_problem(weldr.api("POST", "/listeners", {"name": "two", "addresses": ["192.0.2.1:8080"]}), 422,
               "address_not_available", "addresses[0]")
    own = f"127.0.0.1:{weldr.address[1]}"
    assert "listener default" in is_problem(
        weldr.api("POST", "/listeners", {"name": "two", "addresses": [own]}), 409, "address_in_use")["detail"]
    admin = f"127.0.0.1:{weldr.admin[1]}"
    is_problem(weldr.api("POST", "/listeners", {"name": "two", "addresses": [admin]}), 409, "address_in_use")
    is_problem(weldr.api("POST", "/listeners", {"name": "default", "addresses": [free.text]}), 409, "exists", "name")
    is_problem(weldr.api("POST", "/listeners", {"addresses": [free.text]}), 422, "missing_field", "name")
    for wrong in ("8080", "localhost:80", "127.0.0.1:70000", 5):
        is_problem(weldr.api("POST", "/listeners", {"name": "two", "addresses": [wrong]}), 422, "invalid_value",
                   "addresses[0]")
    is_problem(weldr.api("POST", "/listeners", {"name": "two", "addresses": [free.text],
                                                "default_action": {"forward": [{"pool": "none"}]}}), 422,
               "invalid_value", "default_action.forward[0].pool")
    is_problem(weldr.api("DELETE", "/listeners/default"), 409, "required")
    problem = is_problem(weldr.api("PATCH", "/listeners/default", {"timeouts": {"connect_ms": 5}}), 422, "moved",
                         "timeouts.connect_ms")
    assert "/pools" in problem["detail"]
    assert names(weldr) == ["default"]
    wait_until(lambda: is_refused(free.address), 5, "nobody listens there")
    add_two = weldr.api("POST", "/listeners?dry_run=true", {"name": "two", "addresses": [free.text]})
    assert add_two.json == {"dry_run": True, "change": "add listener"}
    wait_until(lambda: is_refused(free.address), 5, "what was tried was let go again")


def test_a_server_is_no_listener(lab):
    """Requests would go round, whichever was there first."""
    weldr = lab.weldr()
    port = Port()
    weldr.add(f"http://{port.text}")
    is_problem(weldr.api("POST", "/listeners", {"name": "two", "addresses": [port.text]}), 422, "own_address",
               "addresses[0]")
    other = Port()
    add_listener(weldr, "two", other.text)
    is_problem(weldr.api("POST", "/servers", {"url": f"http://{other.text}"}), 422, "own_address", "url")


def test_addresses_change_while_it_serves(lab):
    """PATCH of the addresses: new ones open, old ones close, those that stay are not touched."""
    weldr, _ = lab.run(o.hello, workers=2)
    ports = [Port() for _ in range(3)]
    add_listener(weldr, "two", ports[0].text, ports[1].text)
    kept = Client(ports[1].address)
    assert kept.ask().status == 200
    answer = weldr.api("PATCH", "/listeners/two", {"addresses": [ports[1].text, ports[2].text]})
    assert {b["address"] for b in answer.json["bound"]} == {ports[1].text, ports[2].text}
    assert ask(weldr, ports[2].address).status == 200
    assert ask(weldr, ports[1].address).status == 200
    assert kept.ask().status == 200
    kept.close()
    wait_until(lambda: is_refused(ports[0].address), 5, "it listens there no more")


def test_put_is_the_upsert(weldr):
    port = Port()
    answer = weldr.api("PUT", "/listeners/two", {"addresses": [port.text], "limits": {"hops": 3}})
    assert (answer.status, answer.json["limits"]["hops"]) == (201, 3)
    shown = weldr.api("GET", "/listeners/two").json
    shown["limits"]["fields"] = 50
    answer = weldr.api("PUT", "/listeners/two", shown)
    assert (answer.status, answer.json["limits"]["fields"], answer.json["limits"]["hops"]) == (200, 50, 3)
    answer = weldr.api("PUT", "/listeners/two", {"addresses": [port.text]})
    assert (answer.status, answer.json["limits"]["fields"], answer.json["limits"]["hops"]) == (200, 100, 10)
    assert not is_refused(port.address)


def test_the_same_address_again(weldr):
    """Whoever removes a listener can have its address at once."""
    port = Port()
    text = port.text
    for _ in range(10):
        add_listener(weldr, "two", text)
        assert weldr.api("DELETE", "/listeners/two").status == 200


def test_removed_while_requests_run(lab):
    """It drains: what runs there ends well, its connections close behind the response."""
    gate = o.Gate()
    weldr, _ = lab.run(gate)
    port = Port()
    add_listener(weldr, "two", port.text)
    busy = Client(port.address)
    busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    wait_until(lambda: gate.entered == 1, 5, "the request is at the server")
    assert weldr.api("DELETE", "/listeners/two").status == 200
    wait_until(lambda: is_refused(port.address), 5, "nobody listens there")
    gate.open()
    response = busy.response()
    assert response.status == 200
    busy.close()
    wait_until(lambda: weldr.stats()["connections"]["client_open"] == 0, 5, "its connections are gone")


@pytest.mark.smoke
def test_a_replaced_worker_gets_all(lab):
    """Sockets outlive a worker, those too that were made after it had started."""
    weldr, _ = lab.run(o.hello, workers=2)
    ports = [Port() for _ in range(3)]
    for i, port in enumerate(ports):
        add_listener(weldr, f"extra-{i}", port.text)
    before = weldr.worker_pids()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    weldr.wait_workers(2, not_pids=before)
    for port in ports:
        for _ in range(8):
            assert ask(weldr, port.address).status == 200


def test_others_serve_for_a_dead_worker(lab):
    """stand_in: connections at the sockets of a slot without a worker go to the others, at every listener."""
    weldr, _ = lab.run(o.hello, workers=2)
    port = Port()
    add_listener(weldr, "two", port.text)
    pid = weldr.worker_pids()[0]
    os.kill(pid, signal.SIGSTOP)
    weldr.wait_log(msg="others serve for a worker")
    for _ in range(20):
        assert ask(weldr, port.address).status == 200
    os.kill(pid, signal.SIGCONT)
    weldr.wait_workers(2)


def test_no_request_fails_while_listeners_come_and_go(lab):
    weldr, _ = lab.run(o.hello, workers=2)
    failures, ended = [], threading.Event()

    def load():
        while not ended.is_set():
            try:
                if weldr.ask().status != 200:
                    failures.append("status")
            except (OSError, AssertionError) as error:
                failures.append(error)
    thread = threading.Thread(target=load)
    thread.start()
    try:
        for i in range(20):
            port = Port()
            add_listener(weldr, f"l{i}", port.text)
            with Client(port.address) as client:
                assert client.ask().status == 200
            assert weldr.api("DELETE", f"/listeners/l{i}").status == 200
    finally:
        ended.set()
        thread.join()
    assert not failures, failures[:3]


def test_proxy_protocol_is_of_the_listener(lab):
    """--ip A:P,proxy beside others makes a listener of its own; it can be changed at run time."""
    weldr = lab.weldr("--ip", "127.0.0.1:0,proxy")
    origin = lab.origin(o.hello)
    weldr.add(origin)
    assert names(weldr) == ["default", "proxy"]
    assert weldr.api("GET", "/listeners/proxy").json["proxy_protocol"] is True
    assert weldr.ask().status == 200
    with Client(weldr.proxies[1]) as client:
        client.send("PROXY TCP4 192.0.2.7 127.0.0.1 5 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.response().status == 200
    assert "192.0.2.7" in origin.last().get("X-Forwarded-For")
    weldr.patch_listener({"proxy_protocol": True})
    with Client(weldr.address) as client:
        client.send("PROXY TCP4 192.0.2.8 127.0.0.1 5 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.response().status == 200
    assert "192.0.2.8" in origin.last().get("X-Forwarded-For")


def test_wrong_methods(weldr):
    for method, path, allowed in (("DELETE", "/listeners", {"GET", "POST"}),
                                  ("POST", "/listeners/default", {"GET", "PATCH", "PUT", "DELETE"}),
                                  ("PATCH", "/listeners/default/rules", {"GET", "POST"})):
        answer = weldr.api(method, path)
        is_problem(answer, 405, "method_not_allowed")
        assert {m.strip() for m in answer.get("Allow").split(",")} >= allowed
    assert weldr.api("OPTIONS", "/listeners/default").status == 204
    assert weldr.api("HEAD", "/listeners").text == ""
