"""An address that a listener has just let go can be had again at once, though workers take a moment to close it."""

import os

import origins as o
import pytest
from rawhttp import Client
from test_leaving import in_background
from test_listeners import Port, add_listener
from test_pools import is_problem
from weldr import borrow_sockets

ROUNDS = int(os.environ.get("ADDRESS_ROUNDS", "40"))


@pytest.mark.smoke
def test_removed_and_wanted_again(lab):
    weldr, _ = lab.run(o.hello, workers=4)
    port = Port()
    for i in range(ROUNDS):
        add_listener(weldr, f"two-{i % 3}", port.text)
        with Client(port.address) as client:
            assert client.ask().status == 200
            assert weldr.api("DELETE", f"/listeners/two-{i % 3}").status == 200


def hold(weldr, address):
    """A copy of a worker's listening socket there: as if the worker took its time to close it."""
    pid, = weldr.worker_pids()
    for sock in borrow_sockets(pid):
        try:
            if sock.getsockname() == address:
                return os.dup(sock.fileno())  # no socket object: that would make all copies block
        except OSError:
            pass
    raise AssertionError("no such socket")


def add_two(weldr, port):
    return weldr.api("POST", "/listeners", {"name": "two", "addresses": [port.text]})


def test_waits_for_a_worker_that_takes_its_time(lab):
    weldr, _ = lab.run(o.hello)
    port = Port()
    add_listener(weldr, "one", port.text)
    held = hold(weldr, port.address)
    assert weldr.api("DELETE", "/listeners/one").status == 200
    thread, result = in_background(lambda: add_two(weldr, port))
    assert weldr.wait_log(msg="request is put off")
    os.close(held)
    thread.join(10)
    assert result[0].status == 201, result
    with Client(port.address) as client:
        assert client.ask().status == 200


def test_does_not_wait_for_ever(lab):
    """Who holds it may be somebody else by now."""
    weldr, _ = lab.run(o.hello)
    port = Port()
    add_listener(weldr, "one", port.text)
    held = hold(weldr, port.address)
    assert weldr.api("DELETE", "/listeners/one").status == 200
    is_problem(add_two(weldr, port), 409, "address_in_use", "addresses[0]")
    assert [one["name"] for one in weldr.api("GET", "/listeners").json["listeners"]] == ["default"]
    os.close(held)
