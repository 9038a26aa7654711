"""The engine of the cluster takes its time: the start, changes and the end wait for it, and only for it."""

import socket

import pytest
from rawhttp import wait_until
from weldr import IS_ASAN

def engine(options):
    return {"WELDR_TEST_ENGINE": "delayed" + options}


def test_flags_come_in_their_order(lab):
    """One after the other, however late each is committed; who is ready has them all."""
    flags = [f"--server=http://127.0.0.1:{port}" for port in range(1, 9)]
    weldr = lab.weldr(*flags, env=engine(":delay=60,refuse=10,lose=20,restore=30"))
    assert weldr.lines(msg="engine of the cluster", name="delayed")
    assert weldr.lines(msg="ready")[0]["servers"] == "8"
    servers = weldr.api("GET", "/servers").json["servers"]
    assert [s["url"] for s in servers] == [f"http://127.0.0.1:{port}" for port in range(1, 9)]


def test_ends_while_it_starts(lab):
    """The engine says nothing for a minute: nobody waits for it."""
    weldr = lab.weldr(env=engine(":delay=60000"), wait=False)
    weldr.wait_log(msg="management API listens")
    weldr.find_addresses()
    assert weldr.api("GET", "/ready").json["status"] == "starting"
    assert weldr.api("GET", "/workers").json
    weldr.stop()


def test_nobody_leads(lab):
    """A change is refused when an election would be over, and says that nothing was done."""
    weldr = lab.weldr(env=engine(":delay=60000"), wait=False)
    weldr.wait_log(msg="management API listens")
    weldr.find_addresses()
    refused = weldr.api("POST", "/servers", {"url": "http://127.0.0.1:1"})
    assert refused.status == 503 and refused.json["code"] == "no_quorum", refused
    assert refused.get("Retry-After") == "1"
    assert weldr.api("GET", "/servers").json["servers"] == []


def test_nobody_can_say_what_became_of_it(lab):
    """The engine takes a change and is heard of no more: the client is told so, and when to look again."""
    start_steps = 4  # taken, committed, handed over and told: the listener of --ip
    weldr = lab.weldr(env=engine(f":delay=0,cut={start_steps + 1}"))
    unknown = weldr.api("POST", "/servers", {"url": "http://127.0.0.1:1"})
    assert unknown.status == 504 and unknown.json["code"] == "outcome_unknown", unknown
    assert unknown.get("Retry-After") == "1"
    assert weldr.lines(msg="change is not confirmed in time")
    assert weldr.api("GET", "/servers").json["servers"] == []
    refused = weldr.api("POST", "/servers", {"url": "127.0.0.1:1"})
    assert refused.status == 422 and refused.get("Retry-After") is None


def test_change_goes_on_without_its_client(lab):
    weldr = lab.weldr(env=engine(":delay=300"))
    body = b'{"url":"http://127.0.0.1:7","check":{"type":"none"}}'
    with socket.create_connection(weldr.admin) as client:
        client.sendall(b"POST /servers HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    wait_until(lambda: weldr.api("GET", "/servers").json["servers"], 10, "the server")


@pytest.mark.smoke
def test_the_release_has_no_such_engine(lab):
    """Builds with tests end with what is malformed; the release does not look."""
    weldr = lab.weldr(env={"WELDR_TEST_ENGINE": "none"}, wait=False)
    if IS_ASAN:
        weldr.wait_log(msg="can't make the cluster's engine")
        weldr.process.wait(15)
        weldr.stop(exit_code=1)
    else:
        weldr.wait_ready()
