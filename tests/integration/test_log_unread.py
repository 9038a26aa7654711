"""A log that nobody reads: Weldr loses lines and counts them, but never waits for its reader."""

import os
import re
import select
import socket
import termios

import pytest

from weldr import parse_line, split_address

REQUESTS = 1500
START_S = 30.0
COLOUR = re.compile(r"\x1b\[\d*m")


class Reader:
    """The reading end of a descriptor that Weldr is given; reads only when it is told to."""

    def __init__(self, kind):
        if kind in ("terminal", "stopped"):
            self.ours, self.given = os.openpty()
        elif kind == "pipe":
            self.ours, self.given = os.pipe()
        else:
            ours, given = socket.socketpair()
            self.ours, self.given = ours.detach(), given.detach()
        self.text = ""

    def read_some(self, timeout_s):
        if select.select([self.ours], [], [], timeout_s)[0]:
            self.text += COLOUR.sub("", os.read(self.ours, 65536).decode("latin-1"))
            return True
        return False

    def until(self, word):
        while word not in self.text:
            assert self.read_some(START_S), self.text[-2000:]

    def addresses(self, message):
        found = [line for line in self.text.splitlines() if message in line]
        return [split_address(parse_line(line)["address"]) for line in found]

    def close(self):
        os.close(self.ours)
        os.close(self.given)


@pytest.fixture
def reader():
    readers = []

    def make(kind):
        readers.append(Reader(kind))
        return readers[-1]
    yield make
    for one in readers:
        one.close()


def answers(origin_body):
    def behave(lane, seen):
        lane.read_body(seen)
        lane.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(origin_body), origin_body))
    return behave


def flood(weldr, origin):
    """Everything goes on, in the manager and in the worker, while each request makes lines."""
    weldr.add(origin)
    with weldr.connect() as client:
        for _ in range(REQUESTS):
            assert client.ask("GET", "/").status == 200
    for _ in range(REQUESTS // 5):
        assert weldr.api("GET", "/servers").status == 200
    weldr.delete(origin)


@pytest.mark.parametrize("kind", ["terminal", "stopped", "pipe", "socket"])
def test_unread_log_stops_nothing(lab, reader, kind):
    log = reader(kind)
    weldr = lab.weldr("--log-level", "trace", wait=False, stderr=log.given)
    log.until("ready ")
    weldr.proxies, weldr.apis = log.addresses("proxy listens"), log.addresses("management API listens")
    if kind == "stopped":
        termios.tcflow(log.given, termios.TCOOFF)  # as Ctrl-S does
    flood(weldr, lab.origin(answers(b"hello")))
    if kind == "stopped":
        termios.tcflow(log.given, termios.TCOON)
    while "log lines are lost" not in log.text:
        log.read_some(0.02)
        assert weldr.api("GET", "/").status == 200
    while log.read_some(0.2):
        pass
    weldr.signal(15)
    while weldr.process.poll() is None:
        log.read_some(0.05)
    assert weldr.process.returncode == 0
    assert re.search(r"log lines are lost.*lines=\d+", log.text)


@pytest.mark.parametrize("kind", ["terminal", "pipe", "socket"])
def test_unread_access_log_stops_nothing(lab, reader, kind):
    lines = reader(kind)
    weldr = lab.weldr("--access-log", "stdout", stdout=lines.given)
    flood(weldr, lab.origin(answers(b"hello")))
    assert weldr.wait_log(msg="access log lines are lost") or weldr.stats()["access_log_lost"] > 0
