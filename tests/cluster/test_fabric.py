"""The hosts and the switch themselves: who can't trust them learns nothing from the other tests here."""

import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from fabric import Fabric
from rawhttp import wait_until
from switch import Links, Silences
from weldr import is_alive

PORT = 7000
FEW_S = 0.3  # nothing comes for so long


class Post:
    """Datagrams from host to host."""

    def __init__(self, host, family=socket.AF_INET):
        self.host, self.address = host, host.ip if family == socket.AF_INET else host.ip6
        self.sock = host.namespace.run_inside(socket.socket, family, socket.SOCK_DGRAM)
        self.sock.bind((self.address, PORT))

    def reaches(self, other, n=1):
        """How many of n arrive; the first that don't end the wait."""
        for i in range(n):
            self.sock.sendto(b"%d" % i, (other.address, PORT))
        got_n = 0
        while got_n < n and select.select([other.sock], [], [], FEW_S)[0]:
            other.sock.recv(100)
            got_n += 1
        return got_n


@pytest.fixture
def fabric():
    fabric = Fabric(3)
    yield fabric
    fabric.close()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_every_host_reaches_every_other(fabric, family):
    posts = [Post(host, family) for host in fabric.hosts]
    for one in posts:
        assert all(one.reaches(other) for other in posts)


def test_cables_are_pulled(fabric):
    a, b, c = (Post(host) for host in fabric.hosts)
    assert a.reaches(b) and b.reaches(a)
    b.host.cut()
    assert not a.reaches(b) and not b.reaches(a) and a.reaches(c) and c.reaches(a)
    b.host.mend()
    assert a.reaches(b) and b.reaches(a)
    b.host.mute()
    assert a.reaches(b) and not b.reaches(a)
    fabric.heal()
    b.host.deafen()
    assert not a.reaches(b) and b.reaches(a)
    b.host.mend()
    a.host.cut_from(b.host)
    assert not a.reaches(b) and not b.reaches(a) and a.reaches(c) and b.reaches(c)
    a.host.mend_from(b.host)
    assert a.reaches(b)


def test_a_rough_line(fabric):
    a, b, c = (Post(host) for host in fabric.hosts)
    assert a.reaches(b) and a.reaches(c)
    b.host.rough(loss=0.2)
    assert 100 < a.reaches(b, 200) < 200 and a.reaches(c, 200) == 200
    b.host.rough(delay_s=0.1)
    begin = time.monotonic()
    assert a.reaches(b, 5) == 5 and time.monotonic() - begin >= 0.1
    fabric.heal()
    assert a.reaches(b, 200) == 200


def test_silences_are_told():
    now = [0.0]
    silences = Silences(lambda: now[0])
    for at, source in (1, 0), (2, 0), (2, 1), (6, 0), (7, 0):
        now[0] = at
        silences.hear(source, 2)
    assert silences.tell() == [[0, 2, 4], [1, 2, 5]], "the one of now counts"
    now[0] = 9
    assert silences.tell() == [[0, 2, 2], [1, 2, 2]], "it begins anew"


def test_who_says_nothing_is_silent(fabric):
    a, b = (Post(host) for host in fabric.hosts[:2])
    assert fabric.silences() == {}
    a.sock.sendto(b"-" * 200, (b.address, PORT))
    wait_until(lambda: (0, 1) in fabric.silences(), 5, "data from the first to the second", step_s=0.01)
    assert b.sock.recv(300) == b"-" * 200
    begin = time.monotonic()
    assert select.select([b.sock], [], [], FEW_S)[0] == []
    assert fabric.silences()[0, 1] >= FEW_S / 2 and time.monotonic() > begin


def test_a_stream_gets_through_loss_whole(fabric):
    a, b = fabric.hosts[:2]
    data, got = random.Random(1).randbytes(1 << 20), b""
    with a.namespace.run_inside(socket.create_server, (a.ip, PORT)) as server, b.socket(socket.AF_INET) as client:
        client.connect((a.ip, PORT))
        a.rough(loss=0.02, delay_s=0.001)
        conn, _ = server.accept()
        sender = threading.Thread(target=client.sendall, args=(data,))
        sender.start()
        with conn:
            conn.settimeout(60)
            while len(got) < len(data):
                got += conn.recv(65536)
        sender.join()
    assert got == data


def test_nothing_stays_when_the_test_is_killed():
    """As by Ctrl-C or the time limit of CI, in the middle of everything."""
    program = ("import os, sys; sys.path[:0] = sys.argv[1:]; from fabric import Fabric; fabric = Fabric(2); "
               "print(fabric.switch.pid, fabric.hosts[0].start('sleep', '1000').pid, flush=True); os.kill(os.getpid(), 9)")
    result = subprocess.run([sys.executable, "-B", "-c", program, *sys.path[:3]], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == -signal.SIGKILL, result
    for pid in map(int, result.stdout.split()):
        wait_until(lambda pid=pid: not is_alive(pid), 20, f"{pid} to end")


def test_links_decide():
    draws = iter([0.5, 0.1])
    links = Links(lambda: next(draws))
    assert links.delay_of(0, 1) == 0
    links.rough(1, 0.2, 0.25)
    links.rough(0, 0, 0.5)
    assert links.delay_of(0, 1) == 0.75
    assert links.delay_of(1, 0) is None, "lost"
    links.heal()
    links.cut(None, 2)
    assert links.delay_of(1, 2) is None and links.delay_of(2, 1) == 0


def test_two_fabrics_side_by_side(fabric):
    other = Fabric(2)
    try:
        here, there = Post(fabric.hosts[0]), [Post(host) for host in other.hosts]
        assert there[0].reaches(there[1]) and not here.reaches(there[1])
    finally:
        other.close()
