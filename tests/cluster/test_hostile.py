"""Who is no member gets nowhere at the cluster's port, however many come."""

import contextlib
import itertools
import multiprocessing
import os
import random
import selectors
import socket
import ssl
import time

import pytest
import tls_files as t
from asker import DONE, Asker
from node import CLUSTER_PORT, find_leader
from priority import ELSEWHERE, place
from rawhttp import wait_until
from writers import Crew, Writers

HALF_OPEN = int(os.environ.get("HALF_OPEN", "200"))
COMMITS = int(os.environ.get("HOSTILE_COMMITS", "20"))
IS_MEASURED = "FIGURES" in os.environ  # nobody else needs the processors
PATIENCE_S = 20


def knock(host, node):
    sock = host.socket(socket.AF_INET)
    sock.settimeout(PATIENCE_S)
    sock.connect((node.host.ip, CLUSTER_PORT))
    return sock


def is_closed(sock):
    """Whatever it says before."""
    with contextlib.suppress(ConnectionError):
        while sock.recv(65536):
            pass
    return True


def shake_hands(sock, protocol, pair=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    if pair:
        context.load_cert_chain(pair.chain_path, pair.key_path)
    return context.wrap_socket(sock, server_hostname="member.weldr.internal")


@pytest.fixture
def crowd(town):
    """Three members, and the host of somebody else."""
    nodes = town.cluster(3, spare_n=1)
    return nodes, town.fabric.hosts[3]


def test_plain_text_and_wrong_certificates(crowd):
    nodes, stranger = crowd
    other = t.authority().issue("member.weldr.internal")
    with Writers(nodes) as writers:
        for data in b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\0" * 100, os.urandom(4096), b"\x16\x03\x01\xff\xff" + b"a" * 70000:
            with knock(stranger, nodes[0]) as sock:
                with contextlib.suppress(ConnectionError):
                    sock.sendall(data)
                assert is_closed(sock)
        for protocol in "weldr-raft/1", "weldr-ctl/1":
            for pair in None, other:
                with knock(stranger, nodes[0]) as sock, contextlib.suppress(ssl.SSLError, ConnectionError):
                    secure = shake_hands(sock, protocol, pair)
                    secure.sendall(b"\0" * 200)
                    secure.settimeout(PATIENCE_S)
                    assert secure.recv(1) == b""
        with knock(stranger, nodes[0]) as sock, contextlib.suppress(ssl.SSLError, ConnectionError):
            secure = shake_hands(sock, "weldr-join/1")
            secure.sendall(b"\xff\xff\xff\x7f\x01" + b"a" * 1000)  # a message of 2 GB
            secure.settimeout(PATIENCE_S)
            while secure.recv(65536):
                pass
        writers.wait_more()
        assert len(nodes[0].cluster()["members"]) == 3
    writers.judge()


class Siege(Crew):
    """Somebody who keeps count connections open that say nothing, a new one for each that is closed, and others that make noise."""

    def __init__(self, stranger, nodes, count):
        super().__init__()
        self.stranger, self.nodes, self.closed_n, self.noise_n = stranger, nodes, 0, 0
        self.spawn(self.keep_silent, count)
        self.spawn(self.make_noise, random.Random(13))

    def keep_silent(self, count):
        node_of = itertools.cycle(self.nodes)
        with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:
            while not self.is_over.is_set():
                while len(selector.get_map()) < count:
                    with contextlib.suppress(ConnectionError):  # the node may be away
                        sock = stack.enter_context(knock(self.stranger, next(node_of)))
                        selector.register(sock, selectors.EVENT_READ)
                for key, _ in selector.select(0.1):
                    is_closed(key.fileobj)
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    self.closed_n += 1

    def make_noise(self, chance):
        """Plain and below TLS: bytes, lengths that are too large, and first words that are almost right."""
        while not self.is_over.is_set():
            with contextlib.suppress(OSError), knock(self.stranger, chance.choice(self.nodes)) as sock:
                if chance.random() < 0.3:
                    sock.sendall(chance.choice([b"\x16\x03\x01\xff\xff", b"\x16\x03\x01\x02\x00", b"weldr-hi", b""]) + chance.randbytes(2000))
                    is_closed(sock)
                    continue
                secure = shake_hands(sock, chance.choice(["weldr-raft/1", "weldr-ctl/1", "weldr-join/1"]))
                length = chance.choice([0, 1, 68, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, chance.getrandbits(32)])
                hello = b"weldr-hi\1\0" + chance.randbytes(58)
                secure.sendall(chance.choice([hello, length.to_bytes(4, "little") + b"\1" + hello]))
                is_closed(secure)
            self.noise_n += 1


def commit_times(nodes):
    """Seconds of each of so many changes, in order of length."""
    asker, times = Asker(find_leader(nodes)), []
    for number in range(COMMITS):
        begin = time.monotonic()
        assert asker.write("PATCH", "/servers/198.51.100.77/80", {"meta": {"value": str(number)}}) == DONE
        times.append(time.monotonic() - begin)
    asker.close()
    return sorted(times)


def besiege(stranger, nodes, closed_n):
    """In a process and a session of its own, which get what the nodes leave of the processors."""
    os.setsid()
    os.nice(ELSEWHERE)
    place(os.getpid(), ELSEWHERE)
    siege = Siege(stranger, nodes, HALF_OPEN)
    while True:
        closed_n.value = siege.closed_n
        time.sleep(0.1)


@contextlib.contextmanager
def siege_from_elsewhere(stranger, nodes):
    """Who attacks does so with processors of its own; here it must not have those of the nodes, nor this interpreter."""
    closed_n = multiprocessing.Value("L", 0)
    process = multiprocessing.get_context("fork").Process(target=besiege, args=(stranger, nodes, closed_n), daemon=True)
    process.start()
    try:
        wait_until(lambda: closed_n.value > HALF_OPEN, 60, "all of them to be refused once")
        yield
        assert process.is_alive()
    finally:
        process.kill()
        process.join()


def test_half_open_ones(crowd):
    """A member comes in through the crowd, however long that stays, and commits take their time as ever."""
    nodes, stranger = crowd
    leader = find_leader(nodes)
    leader.add("http://198.51.100.77:80")
    calm = commit_times(nodes)
    with Writers(nodes) as writers, Siege(stranger, nodes, HALF_OPEN) as siege:
        wait_until(lambda: siege.closed_n > HALF_OPEN, 60, "all of them to be refused once")
        other = next(node for node in nodes if node is not leader)
        other.restart()
        wait_until(lambda: other.cluster()["quorum"]["has"], 30, "it to be back")
        writers.wait_more(10)
    with siege_from_elsewhere(stranger, nodes):
        loud = commit_times(nodes)
    writers.judge()
    p99 = [1000 * times[len(times) * 99 // 100] for times in (calm, loud)]
    print(f"\n{COMMITS} commits: p99 {p99[0]:.1f} ms, with {HALF_OPEN} half-open ones and noise {p99[1]:.1f} ms")
    assert not IS_MEASURED or p99[1] <= 2 * p99[0], p99
