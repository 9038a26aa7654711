"""The load generator and the origin of `make bench` over TLS: what the figures of W9 rest on."""

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import threading

import pytest

from test_bench import PROGRAMS, free_port, run_load, start  # noqa: F401 (fixtures; bench/ is in the path from there)
from weldr import clean_environment

import certificates  # from bench/

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BULK_BYTES = 1_000_000  # more than the load generator reads at once


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return certificates.make(str(tmp_path_factory.mktemp("bench")), "P-256")


class Server:
    """Responds over TLS as often as a client asks, and counts handshakes: (all, resumed)."""

    def __init__(self, pair, tickets=2, version=ssl.TLSVersion.TLSv1_3, says_bye=True):
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(pair.certificate, pair.key)
        self.context.num_tickets = tickets
        self.context.maximum_version = version
        self.says_bye = says_bye
        self.all_n = self.resumed_n = 0
        self.ciphers = set()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection = self.socket.accept()[0]
            with contextlib.suppress(OSError), self.context.wrap_socket(connection, server_side=True) as client:
                self.serve(client)

    def serve(self, client):
        self.all_n += 1
        self.resumed_n += client.session_reused
        self.ciphers.add((client.version(), client.cipher()[0]))
        while request := client.recv(4096):
            client.sendall(ANSWER)
            if b"Connection: close" in request:
                if self.says_bye:
                    client.setblocking(False)  # the load generator says none
                    with contextlib.suppress(ssl.SSLWantReadError):
                        client.unwrap()
                return


def play(more_than, run):
    """run(seconds), for longer and longer until a busy machine has come to more requests than that. Returns its last result."""
    seconds = 0.2
    while True:
        result = run(seconds)
        if result["bad"] > 0 or result["requests"] > more_than:
            return result
        seconds *= 2


def test_requests_of_one_connection_share_a_handshake(pair):
    server = None

    def run(seconds):
        nonlocal server
        server = Server(pair)
        return run_load(port=server.port, connections=1, seconds=seconds, answer=2, tls=1)
    result = play(1, run)
    assert result["bad"] == 0, result
    assert (server.all_n, server.resumed_n) == (1, 0)
    assert server.ciphers == {("TLSv1.3", "TLS_AES_128_GCM_SHA256")}


@pytest.mark.parametrize("resume", [0, 1])
def test_with_close_each_request_is_a_handshake_whole_or_resumed(pair, resume):
    server = None

    def run(seconds):
        nonlocal server
        server = Server(pair)
        return run_load(port=server.port, connections=1, seconds=seconds, answer=2, tls=1, close=1, resume=resume)
    result = play(2, run)
    assert result["bad"] == 0, result
    assert server.all_n >= result["requests"]
    # The last connection may have been cut off between the handshake and the counting of it.
    assert server.resumed_n == 0 if resume == 0 else server.resumed_n >= server.all_n - 1


def test_a_session_that_is_not_resumed_counts_as_bad(pair):
    """The server's second context can't read the tickets of its first one."""
    first, second = Server(pair), Server(pair)

    def serve(client):
        Server.serve(first, client)
        first.context = second.context
    first.serve = serve
    result = run_load(port=first.port, connections=1, seconds=0.5, answer=2, tls=1, close=1, resume=1)
    assert result["bad"] == 1 and result["reason"] == "a connection broke while sending", result


def test_a_server_that_gives_no_ticket_counts_as_bad(pair):
    result = run_load(port=Server(pair, tickets=0).port, connections=1, seconds=0.5, answer=2, tls=1, close=1, resume=1)
    assert result["bad"] == 1 and result["reason"] == "a connection broke while sending", result


@pytest.mark.parametrize("settings", [{"version": ssl.TLSVersion.TLSv1_2}, {"says_bye": False}], ids=["version", "end"])
def test_other_tls_counts_as_bad(pair, settings):
    """An older version; an end that may be somebody else's."""
    result = run_load(port=Server(pair, **settings).port, connections=1, seconds=0.3, answer=2, tls=1, close=1)
    assert result["bad"] == 1, result


def test_an_origin_in_clear_counts_as_bad(start):  # noqa: F811
    result = run_load(port=start("origin", answer=2), connections=1, seconds=0.1, answer=2, tls=1)
    assert result["bad"] == 1, result


@pytest.mark.parametrize("words", [{"answer": 12}, {"answer": BULK_BYTES}, {"answer": 12, "post": BULK_BYTES},
                                   {"answer": 12, "pipeline": 16}], ids=["small", "large", "post", "pipelined"])
def test_the_origin_responds_over_tls(start, pair, words):  # noqa: F811
    port = start("origin", answer=words["answer"], certificate=pair.certificate, key=pair.key)
    result = play(3, lambda seconds: run_load(port=port, connections=3, seconds=seconds, tls=1, **words))
    assert result["bad"] == 0, result


def test_an_origin_without_its_key_does_not_start(free_port, pair, tmp_path):  # noqa: F811
    command = [os.path.join(PROGRAMS, "origin"), f"port={free_port()}", "answer=1", f"certificate={pair.certificate}",
               f"key={tmp_path}/none"]
    result = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    assert result.returncode == 2 and "none" in result.stderr


def test_a_bench_certificate_is_believed_by_who_has_it(start, pair):  # noqa: F811
    """As Weldr, nginx and haproxy do in W9d."""
    port = start("origin", answer=2, certificate=pair.certificate, key=pair.key)
    context = ssl.create_default_context(cafile=pair.certificate)
    for name in (certificates.NAME, "127.0.0.1"):
        with socket.create_connection(("127.0.0.1", port), 30) as raw, context.wrap_socket(raw, server_hostname=name):
            pass


def test_flood_can_be_played():
    """What it finds is the machine's: only that something was found is asserted."""
    flood = os.path.join(os.path.dirname(certificates.__file__), "flood.py")
    result = subprocess.run([sys.executable, flood, "--build", os.path.dirname(PROGRAMS), "--seconds", "1", "--connections", "8",
                             "--proxy", "weldr"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120,
                            env=clean_environment(), check=False)
    row = result.stdout.splitlines()[-1].replace(",", "").split()
    assert row[0] == "weldr" and len(row) == 7, result.stdout + result.stderr
    assert all(int(figure) > 0 for figure in row[1:])
