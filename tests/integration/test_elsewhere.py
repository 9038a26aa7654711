"""Servers that can't be reached: the request goes on to the next, and what is short of something here is no server's fault."""

import pytest

import origins as o
from rawhttp import wait_until


@pytest.mark.tls("clear-tls")
@pytest.mark.smoke
@pytest.mark.parametrize("attempts", [1, 2])
def test_refusing_servers_fail_no_request(lab, attempts):
    """Two of three refuse. Nothing was sent, so neither retry.attempts nor the budget counts it."""
    weldr, good = lab.run(o.named("good"))
    dead = [lab.dead_origin() for _ in range(2)]
    for origin in dead:
        weldr.add(origin)
    weldr.patch_pool({"eject": {"errors": 0}, "retry": {"attempts": attempts, "budget_percent": 0}})
    for number in range(60):
        answer = weldr.ask() if number % 2 else weldr.ask("POST", fields=[("Content-Length", "4")], body=b"body")
        assert answer.text == "good", (number, answer)
    assert [weldr.server(origin)["failed"] for origin in (good, *dead)][0] == 0
    assert all(weldr.server(origin)["failed"] >= 20 for origin in dead)


def test_ejection_still_sees_what_refuses(lab):
    weldr, *_ = lab.run(o.named("good"), o.named("good"))
    dead = [lab.dead_origin() for _ in range(2)]
    for origin in dead:
        weldr.add(origin)
    weldr.patch_pool({"eject": {"base_ms": 60000}})
    assert {weldr.ask().text for _ in range(60)} == {"good"}
    assert [(weldr.server(origin)["ejected"], weldr.server(origin)["failed"]) for origin in dead] == [(1, 5)] * 2


def test_all_refuse(lab):
    """Each is asked once, and the client has its answer."""
    weldr = lab.weldr()
    dead = [lab.dead_origin() for _ in range(5)]
    for origin in dead:
        weldr.add(origin)
    answer = weldr.ask()
    assert (answer.status, answer.get("Weldr-Error")) == (502, "connect_refused")
    assert [weldr.server(origin)["failed"] for origin in dead] == [1] * 5


# ---- no local port

PORTS = 32


def few_ports(namespace):
    """From now on this namespace has so many ports for connections to one address and port."""
    def write():
        with open("/proc/sys/net/ipv4/ip_local_port_range", "w", encoding="ascii") as file:
            file.write(f"40000 {40000 + PORTS - 1}")
        return True
    namespace.run_inside(write)


def run_inside(lab, *behaviours):
    """weldr and its origins in a namespace of their own."""
    namespace = lab.namespace()
    weldr = lab.weldr(namespace=namespace)
    weldr.patch_pool({"eject": {"errors": 1}})
    origins = [namespace.run_inside(lab.origin, behave) for behave in behaviours]
    for origin in origins:
        weldr.add(origin)
    return (weldr, *origins)


def use_all_ports(weldr, gate):
    """Returns clients that wait for the gate, and one that is connected."""
    clients = [weldr.connect() for _ in range(PORTS + 1)]
    few_ports(weldr.namespace)
    for client in clients[1:]:
        client.request()
    wait_until(lambda: gate.entered == PORTS, 10, "each has a connection to the server")
    return clients[1:], clients[0]


@pytest.mark.tls("clear-tls")
def test_no_port_is_no_fault_of_the_server(lab):
    """All ports are in use by requests to the server: the next is told so, and when they are done all goes on."""
    gate = o.Gate(o.answer(fields=[("Connection", "close")]))
    weldr, origin = run_inside(lab, gate)
    waiting, client = use_all_ports(weldr, gate)
    for _ in range(20):
        answer = client.ask()
        assert (answer.status, answer.get("Weldr-Error"), answer.get("Retry-After")) == (503, "no_port", "1")
    server = weldr.server(origin)
    assert (server["failed"], server["ejections"], server["state"]) == (0, 0, "active")
    assert weldr.stats()["results"]["no_port"] == 20
    gate.open()
    assert {c.response().status for c in waiting} == {200}
    wait_until(lambda: client.ask().status == 200, 10, "ports are free again")
    server = weldr.server(origin)
    assert (server["failed"], server["ejections"]) == (0, 0)


def test_no_port_for_one_server(lab):
    """Ports are counted for each server: with none for one, the others get the requests."""
    gate = o.Gate()
    weldr, full, good = run_inside(lab, gate, o.named("good"))
    weldr.api("PATCH", good.path, {"weight": 0})
    waiting, client = use_all_ports(weldr, gate)
    weldr.api("PATCH", good.path, {"weight": 1})
    assert {client.ask().text for _ in range(20)} == {"good"}
    assert (weldr.server(full)["failed"], weldr.server(full)["ejections"]) == (0, 0)
    gate.open()
    assert {c.response().status for c in waiting} == {200}
