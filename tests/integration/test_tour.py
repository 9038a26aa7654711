"""The five-minute tour: what a newcomer does first."""

import os
import subprocess

import pytest

from origins import named
from weldr import TEST_SERVER, clean_environment
from rawhttp import Client, wait_until


@pytest.mark.smoke
def test_tour_with_curl_commands(lab):
    """Must hold 2: empty pool 503, add by curl 201, the very next request answers."""
    origin = lab.origin(named("Hello World"))
    weldr = lab.weldr(workers=4)
    assert weldr.ask().status == 503
    added = weldr.api("POST", "/servers", '{"url":"%s"}' % origin.url,
                      headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert added.status == 201
    assert weldr.ask().body == b"Hello World"
    weldr.delete(origin)
    assert weldr.ask().status == 503


@pytest.mark.smoke
@pytest.mark.slow
def test_add_request_delete_1000_times(lab):
    """Must hold 2: with 4 workers, a fresh connection each: never a stale worker."""
    origin = lab.origin()
    weldr = lab.weldr(workers=4)
    weldr.origins.append(origin)
    for turn in range(1000):
        weldr.add(origin)
        assert weldr.ask(target=f"/{turn}").status == 200, f"turn {turn} after add"
        weldr.delete(origin)
        gone = weldr.ask(target=f"/{turn}")
        assert (gone.status, gone.get("Weldr-Error")) == (503, "no_server"), f"turn {turn} after delete"
    assert weldr.servers() == []
    assert len(origin.seen(method="GET")) == 1000


def test_every_worker_answers_right_after_add(lab):
    """The 201 means applied in every worker: connections opened before it, on all workers, answer too."""
    origin = lab.origin()
    weldr = lab.weldr(workers=4)
    clients = [weldr.connect() for _ in range(40)]
    for client in clients:
        assert client.ask().status == 503
    weldr.add(origin)
    for client in clients:
        assert client.ask().status == 200
    weldr.delete(origin)
    for client in clients:
        assert client.ask().status == 503


@pytest.mark.smoke
def test_demo_origin_serves_hello_and_large(lab):
    """B05: `/` = Hello World, `/large` about 93 kB of text, else 404; through the proxy the same (B06, X21)."""
    process = lab.test_server(0, stderr=subprocess.PIPE)
    port = int(process.stderr.readline().rsplit(b":", 1)[1])
    with Client(("127.0.0.1", port)) as direct:
        small = direct.ask(target="/")
        large = direct.ask(target="/large")
        huge = direct.ask(target="/huge")
        missing = direct.ask(target="/missing")
    assert small.status == 200 and small.text.strip() == "Hello World"
    assert large.status == 200 and 90000 < len(large.body) < 100000
    assert large.get("Content-Type", "").startswith("text/")
    assert (huge.status, len(huge.body)) == (200, 1_000_000)
    assert missing.status == 404
    weldr = lab.weldr()
    weldr.add(f"http://127.0.0.1:{port}")
    assert weldr.ask(target="/").body == small.body
    assert weldr.ask(target="/large").body == large.body
    assert weldr.ask(target="/huge").body == huge.body
    assert weldr.ask(target="/missing").status == 404
    head = weldr.ask("HEAD", "/large")
    assert head.status == 200 and head.get("Content-Length") == str(len(large.body))


def test_demo_origin_answers_whole_requests(lab):
    """Nothing of an answer before the end of the request's body, in either framing; then the next one."""
    process = lab.test_server(0, stderr=subprocess.PIPE)
    port = int(process.stderr.readline().rsplit(b":", 1)[1])
    for framing, body in (("Content-Length: 5", b"hello"), ("Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n")):
        with Client(("127.0.0.1", port)) as direct:
            direct.send(f"POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n")
            direct.send(body[:-1])
            assert direct.stays_silent(0.2)
            direct.send(body[-1:] + b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert direct.response().text == "Hello World"
            assert direct.response().status == 200


def test_demo_origin_default_port_all_addresses(lab):
    """B05: port 12345 by default, on all addresses, IPv4 and IPv6."""
    namespace = lab.namespace("10.77.0.1")
    process = subprocess.Popen([TEST_SERVER], env=clean_environment(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, preexec_fn=namespace.enter)
    lab.helpers.append(process)
    for host in ("127.0.0.1", "::1", "10.77.0.1"):
        wait_until(lambda h=host: can_connect(12345, h, namespace.socket), 10, f"test-server on {host}")
        with Client((host, 12345), make_socket=namespace.socket) as client:
            assert client.ask().text.strip() == "Hello World"


def test_demo_origin_is_not_the_proxy():
    """Two binaries: the demo origin is a program of its own, not a mode of weldr."""
    assert os.access(TEST_SERVER, os.X_OK)
    result = subprocess.run([TEST_SERVER, "no-port"], capture_output=True, text=True, timeout=10, check=False,
                            stdin=subprocess.DEVNULL)
    assert result.returncode != 0


def can_connect(port, host="127.0.0.1", make_socket=None):
    try:
        Client((host, port), make_socket=make_socket, deadline_s=2).close()
        return True
    except OSError:
        return False
