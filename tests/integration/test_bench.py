"""The programs of `make bench` do what its figures rest on."""

import contextlib
import os
import random
import socket
import subprocess
import threading

import pytest

from rawhttp import wait_until
from weldr import BIN

PROGRAMS = os.path.join(os.path.dirname(os.path.abspath(BIN)), "bench")
BULK_BYTES = 20_000_000  # more than the kernel keeps for one that does not read


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def is_open(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


@pytest.fixture
def start():
    """Starts one of the programs on a free port, which it returns."""
    processes = []

    def start_program(name, **words):
        port = free_port()
        command = [os.path.join(PROGRAMS, name), f"port={port}", *(f"{k}={v}" for k, v in words.items())]
        processes.append(subprocess.Popen(command))
        wait_until(lambda: is_open(port), 30.0, f"{name} listens")
        return port
    yield start_program
    for process in processes:
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        process.kill()
        process.wait()


def read_all(connection):
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def move(sender, receiver, data):
    """All of it at once against a receiver that first takes nothing, so that the relay has to keep some; then a FIN."""
    def send():
        sender.sendall(data)
        sender.shutdown(socket.SHUT_WR)
    thread = threading.Thread(target=send)
    thread.start()
    thread.join(0.3)
    assert read_all(receiver) == data
    thread.join()


def test_relay_moves_every_byte_both_ways_and_passes_fins(start):
    with socket.create_server(("127.0.0.1", 0)) as origin:
        relay = start("relay", origin=origin.getsockname()[1])
        origin.accept()[0].close()  # from the look whether the relay listens
        with socket.create_connection(("127.0.0.1", relay), 60) as client, origin.accept()[0] as server:
            server.settimeout(60)
            move(client, server, random.Random(1).randbytes(BULK_BYTES))
            move(server, client, random.Random(2).randbytes(BULK_BYTES))


def test_relay_closes_the_client_whose_origin_is_not_there(start):
    relay = start("relay", origin=free_port())
    with socket.create_connection(("127.0.0.1", relay), 30) as client:
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(1) == b""
