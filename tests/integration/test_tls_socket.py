"""The TLS end that the tests use themselves: what it must tell apart, it does."""

import contextlib
import hashlib
import os
import socket
import ssl
import struct
import threading

import pytest

from tls_files import authority, trusting
from tls_socket import Cut, Failed, ask_server, serve_client

MANY = os.urandom(4_000_000)


def serving(pair):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.chain_path, pair.key_path)
    return context


@contextlib.contextmanager
def two(versions=None):
    """A client and a server that have greeted each other."""
    root = authority()
    near, far = socket.socketpair()
    for one in (near, far):
        one.settimeout(20)
    server = serve_client(far, serving(root.issue("a.test")))
    greeting = threading.Thread(target=server.handshake)
    greeting.start()
    context = trusting(root)
    if versions:
        context.maximum_version = versions
    client = ask_server(near, context, "a.test")
    greeting.join()
    with contextlib.closing(client), contextlib.closing(server):
        yield client, server


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_one_half_ends_and_the_other_goes_on(version):
    with two(version) as (client, server):
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert (server.recv(100), server.recv(100)) == (b"question", b"")
        server.sendall(b"answer")
        server.close()
        assert (client.recv(4), client.recv(100), client.recv(100)) == (b"answ", b"er", b"")
        assert client.version == ("TLSv1.2" if version == ssl.TLSVersion.TLSv1_2 else "TLSv1.3")


def test_an_end_without_close_notify_is_a_cut():
    with two() as (client, server):
        server.sendall(b"half")
        server.cut()
        assert client.recv(100) == b"half"
        with pytest.raises(Cut):
            client.recv(100)


def test_who_is_to_reset_says_no_bye():
    with two() as (client, server):
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        server.close()
        with pytest.raises(ConnectionError):
            client.recv(100)


def test_a_record_that_was_tampered_with_is_refused():
    with two() as (client, server):
        server.sock.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        with pytest.raises(Failed) as failed:
            client.recv(100)
        assert "MAC" in failed.value.reason or "DECRYPTION" in failed.value.reason


def test_an_unknown_authority_is_refused():
    near, far = socket.socketpair()
    server = serve_client(far, serving(authority("other").issue("a.test")))
    failures = []

    def greet():
        try:
            server.handshake()
        except Failed as failed:
            failures.append(failed)
    greeting = threading.Thread(target=greet)
    greeting.start()
    with pytest.raises(Failed) as failed:
        ask_server(near, trusting(authority()), "a.test")
    greeting.join()
    near.close()
    far.close()
    assert failed.value.reason == "CERTIFICATE_VERIFY_FAILED"
    assert [f.reason for f in failures] == ["TLSV1_ALERT_UNKNOWN_CA"]


def test_both_speak_at_once():
    """More than the kernel keeps, both ways: a thread reads while another one writes."""
    with two() as (client, server):
        got = {}

        def read(name, one):
            data = b""
            while len(data) < len(MANY):
                data += one.recv(1 << 20)
            got[name] = hashlib.sha256(data).digest()
        threads = [threading.Thread(target=read, args=("client", client)), threading.Thread(target=read, args=("server", server)),
                   threading.Thread(target=client.sendall, args=(MANY,)), threading.Thread(target=server.sendall, args=(MANY,))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert got == {"client": hashlib.sha256(MANY).digest(), "server": hashlib.sha256(MANY).digest()}


def test_what_a_peer_does_not_take_goes_later():
    with two() as (client, server):
        client.settimeout(0.05)
        sent = 0
        with pytest.raises(TimeoutError):
            while True:
                sent += client.send(MANY[sent:sent + 100_000])
        got = b""
        client.settimeout(20)
        rest = threading.Thread(target=client.sendall, args=(MANY[sent:],))
        rest.start()
        while len(got) < len(MANY):
            got += server.recv(1 << 20)
        rest.join()
        assert got == MANY
