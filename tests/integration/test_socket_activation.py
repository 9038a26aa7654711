"""Issue 15, systemd: listening sockets that a supervisor has opened (sd_listen_fds(3)) are Weldr's listeners, over restarts and upgrades."""

import os
import re
import signal
import socket
import tempfile

import pytest

import heirs
import origins as o
from load import Load
from passing import Passed, listener, text_of
from rawhttp import HOST, Client, wait_until
from weldr import ask_http, status_field

EPOLLIN, EPOLLEXCLUSIVE, EPOLLET = 1, 1 << 28, 1 << 31
REQUEST = f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


@pytest.fixture(name="web")
def make_web():
    sock = listener()
    yield sock
    sock.close()


@pytest.fixture(name="siblings")
def make_siblings():
    """Three sockets of one address."""
    socks = [listener(siblings=True)]
    for _ in range(2):
        socks.append(listener(port=socks[0].getsockname()[1], siblings=True))
    yield socks
    for sock in socks:
        sock.close()


def environment_of(pid):
    with open(f"/proc/{pid}/environ", "rb") as file:
        return {entry.split(b"=", 1)[0].decode() for entry in file.read().split(b"\0")}


def sockets_at(pid, sock):
    """How many of its descriptors are this socket."""
    return links_of(pid).count(f"socket:[{os.fstat(sock.fileno()).st_ino}]")


def open_in(pid, sock):
    """Connections of the worker to this port."""
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    port = f"{sock.getsockname()[1]:04X}"
    inodes = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(":" + port) and row[3] == "01"}
    return len([link for link in links_of(pid) if link in inodes])


def links_of(pid):
    links = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except OSError:  # closed meanwhile
            pass
    return links


def ask_all(weldr, count=30):
    """Fresh connections, of which each socket and worker gets some."""
    for _ in range(count):
        assert weldr.ask().status == 200


def test_who_came_before_the_start_is_served(lab, web):
    client = Client(web.getsockname())
    client.send(REQUEST)
    origin = lab.origin(o.hello)
    weldr = lab.weldr("--server", origin.url, ip=text_of(web), passed=Passed(web))
    assert client.response().status == 200
    client.close()
    assert weldr.lines(msg="a listening socket was passed", address=text_of(web), name="web")
    assert weldr.ask().status == 200
    assert not [name for pid in weldr.worker_pids() for name in environment_of(pid) if name.startswith("LISTEN_")]


def test_workers_share_a_socket(lab, web):
    """One queue for all: each gets its part of those who stay, one that dies takes nobody along, and those who leave close nothing."""
    weldr = lab.weldr(ip=text_of(web), passed=Passed(web), workers=3)
    weldr.add(lab.origin(o.hello))
    clients = [weldr.connect() for _ in range(30)]
    for client in clients:
        assert client.ask().status == 200
    assert min(open_in(pid, web) for pid in weldr.worker_pids()) >= 5
    for client in clients:
        client.close()
    worker = weldr.worker_pids()[0]
    os.kill(worker, signal.SIGKILL)
    ask_all(weldr)
    weldr.wait_workers(3, not_pids=[worker])
    ask_all(weldr)
    for n in (1, 4, 2):
        weldr.patch_node({"workers": n})
        weldr.wait_workers(n)
        ask_all(weldr)
        assert sockets_at(weldr.pid, web) == 1 + n, "its own, and one for each worker"


def test_one_worker_is_woken_for_a_connection(lab, web):
    """As the kernel shows what each of them waits for; that the others sleep on can't be seen on a machine that is busy."""
    weldr = lab.weldr(ip=text_of(web), passed=Passed(web), workers=3)
    wait_until(lambda: all(watched(pid, web) for pid in weldr.worker_pids()), 10, "all workers to accept")
    for pid in weldr.worker_pids():
        assert watched(pid, web) == [EPOLLIN | EPOLLEXCLUSIVE]


def watched(pid, sock):
    """For which events of this socket the process waits."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as file:
            rows = re.findall(r"tfd:\s*(\d+) events:\s*(\w+)", file.read())
        for target, events in rows:
            if os.readlink(f"/proc/{pid}/fd/{target}") == f"socket:[{os.fstat(sock.fileno()).st_ino}]":
                found.append(int(events, 16) & (EPOLLIN | EPOLLET | EPOLLEXCLUSIVE))
    return found


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_each_of_several_sockets_is_served(lab, siblings, workers):
    """Also those that no worker has: the kernel goes on giving connections to them."""
    early = [Client(siblings[0].getsockname()) for _ in range(20)]
    for client in early:
        client.send(REQUEST)
    origin = lab.origin(o.hello)
    weldr = lab.weldr("--server", origin.url, ip=text_of(siblings[0]), passed=Passed(*siblings), workers=workers)
    for client in early:
        assert client.response().status == 200
        client.close()
    ask_all(weldr)
    heirs.take_orphans()
    heirs.upgrade(weldr)
    ask_all(weldr)
    weldr.patch_node({"workers": 5 - workers})
    weldr.wait_workers(5 - workers)
    ask_all(weldr)


def test_an_upgrade_carries_them_over(lab, web, folder):
    """Used or not, and twice; nobody who asks meanwhile is refused."""
    heirs.take_orphans()
    spare = listener()
    weldr = lab.weldr("--data-dir", folder, ip=text_of(web), passed=Passed(web, spare, names=["web", "spare"]), workers=2,
                      env={"WELDR_EPHEMERAL": ""})
    weldr.add(lab.origin(o.hello))
    load = Load(weldr, clients=4)
    for _ in range(2):
        heirs.upgrade(weldr)
        assert not [name for name in environment_of(weldr.pid) if name.startswith("LISTEN_")]
    load.end()
    assert load.good and not load.bad and not load.cut, (load.bad[:3], load.cut[:3])
    assert sockets_at(weldr.pid, web) == 3
    answer = weldr.api("POST", "/listeners", {"name": "spare", "addresses": [text_of(spare)]})
    assert answer.status == 201, answer
    assert ask_at(weldr, spare) == 200
    spare.close()


def ask_at(weldr, sock):
    with weldr.connect(address=sock.getsockname()) as client:
        return client.ask().status


def test_one_that_nobody_uses_waits_for_its_listener(lab, web):
    weldr = lab.weldr(passed=Passed(web))
    assert weldr.lines(msg="a socket that was passed is not used yet: no listener has its address", address=text_of(web), name="web")
    weldr.add(lab.origin(o.hello))
    client = Client(web.getsockname())
    client.send(REQUEST)
    body = {"name": "late", "addresses": [text_of(web)]}
    assert weldr.api("POST", "/listeners", body).status == 201
    assert client.response().status == 200
    client.close()
    again = weldr.api("POST", "/listeners", {**body, "name": "second"})
    assert again.status == 409 or again.json["code"] == "address_in_use", again
    assert weldr.api("DELETE", "/listeners/late").status == 200
    client = Client(web.getsockname())  # it is the supervisor's, and listens still
    client.send(REQUEST)
    wait_until(lambda: weldr.api("POST", "/listeners", body).status == 201, 5, "the listener to be made again")
    assert client.response().status == 200
    client.close()


def test_nobody_is_refused_in_a_restart(lab, web):
    """The whole of it: an end, a pause, another start; who comes in the pause waits."""
    origin = lab.origin(o.hello)
    first = lab.weldr("--server", origin.url, ip=text_of(web), passed=Passed(web), workers=2)
    assert first.ask().status == 200
    first.signal(signal.SIGTERM)
    assert first.wait_exit() == 0
    clients = [Client(web.getsockname()) for _ in range(20)]
    for client in clients:
        client.send(REQUEST)
    second = lab.weldr("--server", origin.url, ip=text_of(web), passed=Passed(web), workers=2)
    for client in clients:
        assert client.response().status == 200
        client.close()
    assert second.ask().status == 200


def test_a_low_port_without_a_capability(lab):
    heirs.take_orphans()
    namespace = lab.namespace()
    web = listener(port=80, make_socket=namespace.socket)
    weldr = lab.weldr(ip="127.0.0.1:80", passed=Passed(web), namespace=namespace, user=(65534, 65534), workers=2)
    assert int(status_field(weldr.pid, "CapEff"), 16) == 0
    assert weldr.ask().status == 503
    heirs.upgrade(weldr)
    weldr.patch_node({"workers": 3})
    weldr.wait_workers(3)
    assert weldr.ask().status == 503
    refused = weldr.api("POST", "/listeners", {"name": "other", "addresses": ["127.0.0.1:81"]})
    assert refused.json["code"] == "address_denied", refused
    web.close()


def test_the_api_at_a_socket_of_its_name(lab, web):
    """Its address is the socket's, the default one is nobody's then, and no listener may have it."""
    heirs.take_orphans()
    admin = listener()
    passed = Passed(web, admin, names=["web", "admin"])
    weldr = lab.weldr(ip=text_of(web), admin_ip=None, passed=passed)
    assert weldr.apis == [admin.getsockname()]
    for _ in range(2):
        assert weldr.api("GET", "/ready").status == 200
        answer = weldr.api("POST", "/listeners", {"name": "other", "addresses": [text_of(admin)]})
        assert answer.json["code"] == "address_in_use", answer
        heirs.upgrade(weldr)
    admin.close()


def test_the_api_by_its_address(lab):
    heirs.take_orphans()
    admin, metrics = listener(), listener()
    weldr = lab.weldr("--metrics-ip", text_of(metrics), admin_ip=text_of(admin), passed=Passed(admin, metrics, names=None))
    for _ in range(2):
        assert weldr.api("GET", "/ready").status == 200
        assert ask_http(metrics.getsockname(), "GET", "/metrics").status == 200
        heirs.upgrade(weldr)
    assert not weldr.lines(msg="a socket that was passed is not used yet: no listener has its address")
    admin.close()
    metrics.close()


def test_what_is_meant_for_another_process_is_left_alone(lab, web):
    weldr = lab.weldr(passed=Passed(web), env={"LISTEN_PID": "1"})
    assert not weldr.lines(msg="a listening socket was passed")
    assert not [name for pid in weldr.worker_pids() for name in environment_of(pid) if name.startswith("LISTEN_")]


def refusal(lab, passed, **env):
    """What a start says that fails."""
    weldr = lab.weldr(passed=passed, env=env, wait=False)
    assert weldr.wait_exit() == 2, weldr.log
    weldr.stopped = True
    return weldr.log


def test_what_is_no_listener_is_refused(lab, web):
    idle = socket.socket()
    with tempfile.TemporaryFile() as file, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, \
            socket.socket(socket.AF_UNIX) as local, idle, web:
        for bad, reason in ((file, "is no socket"), (datagrams, "is no TCP socket"), (idle, "does not listen; a socket unit needs Accept=no"),
                            (local, "is of another family than IPv4 and IPv6"), (None, "is not open")):
            text = refusal(lab, Passed(web, bad, names=["web", "bad"]))
            assert f'error: LISTEN_FDS: descriptor 4, named "bad", {reason}' in text, text


def test_variables_that_make_no_sense_are_refused(lab, web):
    assert "error: LISTEN_FDS: must be a number" in refusal(lab, Passed(web), LISTEN_FDS="all")
    assert "error: LISTEN_PID: must be the id" in refusal(lab, Passed(web), LISTEN_PID="me")
    assert "error: LISTEN_FDNAMES: must have a name" in refusal(lab, Passed(web, names=["a", "b"]))


def test_two_sockets_for_the_api_are_refused(lab, siblings):
    weldr = lab.weldr(passed=Passed(*siblings, names=["admin"] * 3), wait=False)
    assert weldr.wait_exit() == 2
    assert weldr.lines(msg="can't listen", address=text_of(siblings[0]),
                       error="more than one socket was passed for it, and the API takes one")
    weldr.stopped = True
