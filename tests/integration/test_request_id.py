"""X-Request-Id: one id for the server, the client and the access log."""

import json
import re

import pytest

import origins as o
from rawhttp import wait_until

MADE = re.compile(r"[0-9a-f]{32}")


def ids(response):
    return response.all("X-Request-Id")


@pytest.mark.smoke
def test_made_id_goes_both_ways(lab):
    weldr, origin = lab.run(o.hello)
    client = weldr.connect()
    for n in range(20):
        response = client.ask(target=f"/{n}")
        assert len(ids(response)) == 1 and MADE.fullmatch(ids(response)[0])
        assert ids(response) == origin.last(f"/{n}").all("X-Request-Id")
    assert len({seen.get("X-Request-Id") for seen in origin.seen()}) == 20


def test_the_clients_id_goes_both_ways(lab):
    weldr, origin = lab.run(o.hello)
    assert ids(weldr.ask(target="/mine", fields=[("X-Request-Id", "mine-42")])) == ["mine-42"]
    assert origin.last("/mine").all("X-Request-Id") == ["mine-42"]


@pytest.mark.parametrize("fields", ([("X-Request-Id", "")], [("Connection", "x-request-id"), ("X-Request-Id", "gone")]),
                         ids=("empty", "named by Connection"))
def test_what_is_no_id_is_replaced(lab, fields):
    weldr, origin = lab.run(o.hello)
    got = ids(weldr.ask(fields=fields))
    assert len(got) == 1 and MADE.fullmatch(got[0]) and origin.last().all("X-Request-Id") == got


def test_of_several_ids_the_first_counts(lab):
    weldr, origin = lab.run(o.hello)
    fields = [("X-Request-Id", ""), ("X-Request-Id", "one"), ("X-Request-Id", "two"), ("X-Request-Id", "one")]
    assert ids(weldr.ask(fields=fields)) == ["one"]
    assert origin.last().all("X-Request-Id") == ["one"]


@pytest.mark.parametrize("sent", (["theirs"], ["theirs", "more"], [""]))
def test_the_servers_own_id_is_replaced(lab, sent):
    """The id that the log has is the one that a client can tell."""
    weldr, origin = lab.run(o.answer(fields=[("X-Request-Id", value) for value in sent]))
    assert ids(weldr.ask()) == origin.last().all("X-Request-Id")


@pytest.mark.smoke
def test_answers_of_weldrs_own(lab):
    weldr = lab.weldr()
    response = weldr.ask(fields=[("X-Request-Id", "mine")])
    assert response.status == 503 and ids(response) == ["mine"]
    response = weldr.ask()
    assert response.status == 503 and MADE.fullmatch(ids(response)[0])
    for bad in (b"garbage\r\n\r\n", b"GET / HTTP/1.1\r\nX-Request-Id: unread\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"):
        response = weldr.connect().send(bad).response()
        assert response.status == 400 and len(ids(response)) == 1 and MADE.fullmatch(ids(response)[0])


def test_failed_attempts_have_the_id_of_the_answer(lab):
    """One id for all attempts of a request."""
    weldr = lab.weldr()
    seen = []

    def die(lane, request):
        seen.append(request.get("X-Request-Id"))
        lane.reset()
    for _ in range(2):
        weldr.add(lab.origin(die))
    response = weldr.ask()
    assert response.status == 502 and len(seen) == 2 and set(seen) == set(ids(response))


@pytest.mark.parametrize("status", (204, 304, 404, 500))
def test_every_status(lab, status):
    weldr, origin = lab.run(o.raw(b"HTTP/1.1 %d X\r\n%s\r\n" % (status, b"" if status in (204, 304) else b"Content-Length: 0\r\n")))
    assert ids(weldr.ask()) == origin.last().all("X-Request-Id")


def test_head_and_upgrade(lab):
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Request-Id: other\r\n\r\n"
    weldr, origin = lab.run(o.by_target({"/head": o.hello, "/up": o.raw(switch)}))
    assert ids(weldr.ask("HEAD", "/head")) == origin.last("/head").all("X-Request-Id")
    client = weldr.connect()
    client.request(target="/up", fields=[("Connection", "Upgrade"), ("Upgrade", "echo")])
    assert ids(client.head()) == origin.last("/up").all("X-Request-Id")


def test_informational_answers_have_none(lab):
    weldr, _ = lab.run(o.raw(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    client = weldr.connect()
    client.request()
    assert client.head().fields == []
    assert len(ids(client.head())) == 1


def test_switched_off(lab):
    weldr, origin = lab.run(o.by_target({"/plain": o.hello, "/own": o.answer(fields=[("X-Request-Id", "theirs")])}))
    assert weldr.api("GET", "/listeners/default").json["request_id_to_client"] is True
    weldr.patch_listener({"request_id_to_client": False})
    weldr.tell_workers()
    assert ids(weldr.ask(target="/plain")) == [] and MADE.fullmatch(origin.last("/plain").get("X-Request-Id"))
    assert ids(weldr.ask(target="/own")) == ["theirs"]
    weldr.delete(origin)
    assert ids(weldr.ask()) == []
    assert ids(weldr.connect().send(b"garbage\r\n\r\n").response()) == []


def test_access_log_has_the_same(lab, tmp_path):
    log = tmp_path / "access.log"
    weldr, origin = lab.run(o.hello)
    logged = lab.weldr("--access-log", str(log))
    logged.add(origin)
    cases = [[], [("X-Request-Id", "mine")], [("X-Request-Id", "one"), ("X-Request-Id", "two")],
             [("Connection", "x-request-id"), ("X-Request-Id", "gone")], [("X-Request-Id", "")]]
    got = [ids(logged.ask(fields=fields)) for fields in cases]
    got.append(ids(logged.connect().send(b"garbage\r\n\r\n").response()))
    wait_until(lambda: log.exists() and log.read_text().count("\n") == len(got), 10, "a line for each")
    assert [[json.loads(line)["request_id"]] for line in log.read_text().splitlines()] == got
