"""Sessions outlive the workers that made them, and certificates are replaced under load: no request fails.

TLS_RESUMPTIONS=10000 and TLS_REPLACEMENTS=200 (environment, `make sizes`) make the whole of it; `pytest -s` shows the figures.
"""

import json
import os
import signal
import ssl
import threading

import pytest

import origins as o
from ports import Port
from rawhttp import Client, Closed, wait_until
from sides import Address, secure
from tls_files import authority, trusting
from wrk import Wrk

RESUMPTIONS = int(os.environ.get("TLS_RESUMPTIONS", "400"))
REPLACEMENTS = int(os.environ.get("TLS_REPLACEMENTS", "20"))
WORKERS = 4
RESTARTS = max(5, RESUMPTIONS // 500)
HANDSHAKES_MAX = 200  # after each replacement
LIMIT_S = 60 + RESUMPTIONS / 20 + REPLACEMENTS


def restart_a_worker(weldr, number):
    before = weldr.worker_pids()
    os.kill(before[number % WORKERS], signal.SIGKILL)
    weldr.wait_workers(WORKERS, not_pids=[before[number % WORKERS]])


class Restarts:
    """kill -9 of a worker each time that so many more have come, in a thread of its own: nobody waits for the next worker."""

    def __init__(self, weldr, visitors):
        self.weldr, self.visitors, self.error = weldr, visitors, None
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            for number in range(RESTARTS):
                wait_until(lambda n=number: sum(v.came_n for v in self.visitors) >= (n + 0.5) * RESUMPTIONS / RESTARTS, LIMIT_S, "visits")
                restart_a_worker(self.weldr, number)
        except BaseException as error:
            self.error = error

    def join(self):
        self.thread.join()
        if self.error:
            raise self.error


class Visitor:
    """A client that comes again and again, on a connection each, and shows what it got the last time."""

    def __init__(self, address, version):
        context = trusting(secure().root)
        context.minimum_version = context.maximum_version = version
        self.context, self.session = context, None
        self.address = Address.secure(address, context)
        self.came_n = self.resumed_n = self.broken_n = 0

    def come(self):
        try:
            with Client(self.address, session=self.session) as client:
                assert client.ask().status == 200
                self.came_n += 1
                self.resumed_n += client.sock.is_resumed
                self.session = client.sock.session
        except (ConnectionError, Closed):  # with its worker
            self.broken_n += 1


    def is_known_at(self, address):
        """Whether a session from elsewhere is resumed there."""
        before, self.address = self.resumed_n, Address.secure(address, self.context)
        self.come()
        return self.resumed_n > before


def resumed_by(log):
    """How many workers did, as far as the log has come: a worker that is killed takes along its last lines."""
    lines = log.read_text().split("\n")[:-1]
    return len({line["worker"] for line in map(json.loads, lines) if line["tls_resumed"]})


@pytest.mark.smoke
@pytest.mark.timeout(LIMIT_S + 60)
def test_sessions_outlive_workers(lab, tmp_path):
    """Any worker resumes what any other one began, also those that started since."""
    log = tmp_path / "access.log"
    weldr = lab.weldr("--access-log", str(log), workers=WORKERS, tls=secure())
    weldr.add(lab.origin())
    visitors = [Visitor(weldr.address, version) for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)]
    restarts = Restarts(weldr, visitors)
    while any(visitor.came_n < RESUMPTIONS / 2 for visitor in visitors):
        for visitor in visitors:
            visitor.come()
    restarts.join()
    figures = [(visitor.came_n, visitor.resumed_n, visitor.broken_n) for visitor in visitors]
    print(f"{RESTARTS} workers killed; came, resumed, broken off with 1.2 and 1.3: {figures}")
    for visitor in visitors:
        assert visitor.resumed_n >= 0.99 * (visitor.came_n - 1), figures  # the first one had nothing to show
    assert sum(visitor.broken_n for visitor in visitors) <= RESTARTS, figures  # one at a time is open
    wait_until(lambda: resumed_by(log) == WORKERS, 10, "each worker has resumed sessions")
    weldr.socket_counts = {}  # of workers that are no more


def test_sessions_outlive_a_restart(lab, tmp_path):
    """Those of TLS 1.3, whose keys follow from one that is kept; of TLS 1.2 a kept key would open what was recorded."""
    flags, address, origin = ("--data-dir", str(tmp_path / "node")), Port(), lab.origin()
    first = lab.weldr(*flags, ip=address.text, tls=secure())
    first.add(origin)
    old, new = (Visitor(first.address, version) for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3))
    for visitor in (old, new):
        visitor.come()
        assert visitor.is_known_at(first.address)
    first.signal(signal.SIGTERM)
    assert first.wait_exit(20) == 0
    first.stopped = True
    second = lab.weldr(*flags, ip=address.text, tls=secure())
    assert new.is_known_at(second.address)
    assert not old.is_known_at(second.address)
    assert old.is_known_at(second.address)


def clients_of_workers(weldr, wait_for=None):
    """How many connections each worker has; wait_for: as soon as they are so many."""
    def count():
        counts = [worker["connections"] for worker in weldr.workers()]
        return counts if wait_for in (None, sum(counts)) else None
    return wait_until(count, 20, f"{wait_for} connections")


def assert_all_show(weldr, pair, others):
    """New clients come until each worker has one more; to all of them this certificate is shown. others: connections of before."""
    before, clients = clients_of_workers(weldr, others), []
    try:
        while not all(now > then for now, then in zip(clients_of_workers(weldr), before)):
            assert len(clients) < HANDSHAKES_MAX, (before, clients_of_workers(weldr))
            for _ in range(WORKERS):
                clients.append(Client(weldr.address, name="renewed.test"))
                assert clients[-1].sock.peer_der() == pair.der
    finally:
        for client in clients:
            client.close()
    return len(clients)


@pytest.mark.smoke
@pytest.mark.timeout(LIMIT_S + 60)
def test_certificates_are_replaced_under_load(lab):
    """No request fails, and each handshake after the response has the new certificate, whichever worker makes it."""
    pairs = [authority().issue("localhost", "renewed.test", again=n) for n in range(1, 4)]
    weldr = lab.weldr(workers=WORKERS, tls=secure())
    weldr.add(lab.origin(o.echo))
    assert weldr.api("POST", "/certificates", pairs[-1].body(name="renewed")).status == 201
    change = {"tls": {"certificates": ["renewed"]}}
    weldr.patch_listener(change)
    wrk, handshakes = Wrk((weldr.address[1],), ["GET", "POST"], 1, LIMIT_S, url="https://localhost:%d/"), 0
    try:
        for number in range(REPLACEMENTS):
            pair = pairs[number % len(pairs)]
            assert weldr.api("PUT", "/certificates/renewed", pair.body()).status == 200
            handshakes += assert_all_show(weldr, pair, wrk.connections)
        wrk.let_end()
        wrk.assert_none_failed()
        print(f"{REPLACEMENTS} replacements, {handshakes} handshakes in {WORKERS} workers, beside {wrk.counts}")
    finally:
        wrk.stop()


@pytest.mark.smoke
@pytest.mark.parametrize("how", ["half a hello", "hello", "burst"])
def test_a_worker_dies_in_handshakes(lab, how):
    """Those of others succeed, as before, and so do all that come behind."""
    weldr = lab.weldr(workers=2, tls=secure())
    weldr.add(lab.origin())
    hello = client_hello()
    before = weldr.worker_pids()
    halves = [Client(tuple(weldr.address)) for _ in range(20 if how != "burst" else 200)]
    for half in halves:
        half.send(hello[:50] if how == "half a hello" else hello)
    if how == "hello":
        assert all(half.sock.recv(1) for half in halves), "the server's part of the handshake"
    os.kill(before[0], signal.SIGKILL)
    weldr.wait_workers(2, not_pids=before[:1])
    assert all(weldr.ask().status == 200 for _ in range(20))
    for half in halves:
        half.close()
    weldr.socket_counts = {}  # of workers that are no more


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    engine = secure().client.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        engine.do_handshake()
    return outgoing.read()


# ---- certificates of any shape

MANY = [f"name-{n}.many.test" for n in range(63)] + ["*.many.test"]


def asked(weldr, name, root):
    """The certificate that a client gets who asks for this name and trusts this root."""
    with Client(Address.secure(tuple(weldr.address), trusting(root)), name=name) as client:
        assert client.ask().status == 200
        return client.sock.peer_der()


@pytest.mark.smoke
def test_64_names(lab):
    weldr, pair = lab.weldr(tls=secure()), authority().issue(*MANY)
    weldr.add(lab.origin())
    assert len(weldr.api("POST", "/certificates", pair.body()).json["names"]) == 64
    for name in (MANY[0], MANY[62], "any.many.test"):
        assert asked(weldr, name, authority()) == pair.der
    assert asked(weldr, "localhost", authority()) == secure().pair.der


def deep(depth):
    issuer = authority("deep")
    for number in range(depth - 2):
        issuer = issuer.intermediate(f"deep {number}")
    return issuer


@pytest.mark.smoke
def test_chain_of_10(lab):
    """Leaf, eight intermediates and the root, which is left out of what is sent."""
    weldr, issuer = lab.weldr(tls=secure()), deep(10)
    weldr.add(lab.origin())
    pair = issuer.issue("deep.test")
    assert pair.chain.count("BEGIN CERTIFICATE") == 9
    blocks = pair.chain.split("-----END CERTIFICATE-----\n")[:-1]
    shuffled = "".join(block + "-----END CERTIFICATE-----\n" for block in reversed(blocks))
    assert weldr.api("POST", "/certificates", {"chain": shuffled, "key": pair.key}).status == 201
    assert asked(weldr, "deep.test", issuer) == pair.der


@pytest.mark.smoke
def test_rsa_of_4096_bits_with_bom_and_crlf(lab):
    weldr, pair = lab.weldr(tls=secure()), authority().issue("rsa.test", key="rsa4096")
    weldr.add(lab.origin())
    body = {"chain": "\ufeff" + pair.chain.replace("\n", "\r\n"), "key": "\ufeff" + pair.key.replace("\n", "\r\n")}
    shown = weldr.api("POST", "/certificates", body)
    assert (shown.status, shown.json["key_type"], shown.json["key_bits"]) == (201, "rsa", 4096)
    assert asked(weldr, "rsa.test", authority()) == pair.der


# ---- ends without a word

@pytest.mark.smoke
def test_a_request_without_close_notify_is_not_whole(lab):
    """Half a body and a FIN: the server must not take it for all."""
    weldr = lab.weldr(tls=secure())
    origin = lab.origin(o.echo)
    weldr.add(origin)
    client = Client(weldr.address).request("POST", fields=[("Content-Length", "10")], body=b"half")
    wait_until(lambda: origin.seen(), 10, "the request")
    client.sock.cut()
    wait_until(lambda: weldr.stats()["results"]["client_abort"] == 1 and origin.open_lanes == 0, 10, "broken off on both sides")


@pytest.mark.smoke
def test_plain_http_at_a_tls_port_is_told_so(lab):
    weldr = lab.weldr(tls=secure())
    with Client(tuple(weldr.address)) as client:
        answer = client.ask()
        assert answer.status == 400 and "https" in answer.text.lower(), answer
        assert client.is_closed()
