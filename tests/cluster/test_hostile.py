"""Who is no member gets nowhere at the cluster's port, however many come."""

import contextlib
import os
import socket
import ssl

import pytest
import tls_files as t
from node import CLUSTER_PORT
from rawhttp import wait_until
from writers import Writers

HALF_OPEN = int(os.environ.get("HALF_OPEN", "200"))
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


def test_half_open_ones(crowd):
    """None of them says a word; members reach each other meanwhile, and afterwards all of them are gone."""
    nodes, stranger = crowd
    with Writers(nodes) as writers, contextlib.ExitStack() as stack:
        socks = [stack.enter_context(knock(stranger, nodes[n % 3])) for n in range(HALF_OPEN)]
        writers.wait_more(10)
        nodes[2].restart()  # a member comes in through the crowd
        wait_until(lambda: nodes[2].cluster()["quorum"]["has"], 30, "it to be back")
        for sock in socks:
            assert is_closed(sock)
        writers.wait_more()
    writers.judge()
