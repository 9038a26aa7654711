"""1,000 changes a second to 100 readers, ten of which take nothing: memory is bounded, and those ten can go on later.

EVENTS_READERS, EVENTS_CHANGES and EVENTS_RATE say how many; the run of the issue is 100, 10000 and 1000.
"""

import os
import selectors
import socket
import threading
import time

from event_stream import EventStream
from rawhttp import Client, wait_until
from weldr import IS_ASAN, rss_bytes

READERS = int(os.environ.get("EVENTS_READERS", "100"))
STUCK = READERS // 10
CHANGES = int(os.environ.get("EVENTS_CHANGES", "10000"))
RATE = int(os.environ.get("EVENTS_RATE", "0"))  # 0: as fast as it goes
GROWTH_BYTES = (64 if IS_ASAN else 24) * 1024 * 1024  # the ring is 4 MiB, and each of the stuck has a piece in its queue
# What is freed under ASan is kept, up to 256 MiB of it: that would hide what grows.
SMALL_QUARANTINE = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=8"}
CHANGE = b"".join(b"PATCH /servers/127.0.0.1/9 HTTP/1.1\r\nHost: localhost\r\nPrefer: return=minimal\r\nContent-Length: 12\r\n\r\n"
                  b'{"weight":%d}' % weight for weight in (2, 1))
ASK = b"GET /events?kind=server_changed HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"


class Crowd(threading.Thread):
    """Counts what each reader gets, all in one thread."""

    def __init__(self, weldr, n):
        super().__init__()
        self.selector, self.counts, self.tails, self.ended = selectors.DefaultSelector(), [0] * n, [b""] * n, 0
        for i in range(n):
            sock = open_stream(weldr)
            sock.setblocking(False)
            self.selector.register(sock, selectors.EVENT_READ, i)
        self.is_over = threading.Event()

    def run(self):
        while not self.is_over.is_set():
            for key, _ in self.selector.select(0.2):
                data = key.fileobj.recv(1 << 18)
                if not data:
                    self.ended += 1
                    self.selector.unregister(key.fileobj)
                    continue
                data = self.tails[key.data] + data
                self.counts[key.data] += data.count(b"\nevent: server_changed\n")
                self.tails[key.data] = data[-20:]

    def close(self):
        self.is_over.set()
        self.join()
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()


def open_stream(weldr, receive_bytes=None):
    sock = socket.socket()
    if receive_bytes:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    sock.connect(weldr.admin)
    sock.sendall(ASK)
    return sock


def make_changes(weldr, n, rate):
    """Ten at a time, no faster than told; the seconds that it took."""
    started = time.monotonic()
    with Client(weldr.admin) as client:
        for done in range(10, n + 1, 10):
            client.send(CHANGE * 5)
            assert all(client.response().status == 200 for _ in range(10))
            while rate and time.monotonic() - started < done / rate:
                time.sleep(0.001)
    return time.monotonic() - started


def read_to_end(sock):
    sock.settimeout(20)
    text = b""
    try:
        while data := sock.recv(1 << 16):
            text += data
    except ConnectionResetError:
        pass
    return text


def test_stuck_readers_are_cut_off_and_go_on(lab):
    weldr = lab.weldr(nofile=4096, env=SMALL_QUARANTINE)
    weldr.add("http://127.0.0.1:9")
    crowd = Crowd(weldr, READERS - STUCK)
    crowd.start()
    try:
        stuck = [open_stream(weldr, receive_bytes=4096) for _ in range(STUCK)]
        before = rss_bytes(weldr.pid)
        took_s = make_changes(weldr, CHANGES, RATE)
        wait_until(lambda: min(crowd.counts) >= CHANGES, 60, "all others have all")
        grown = rss_bytes(weldr.pid) - before
        print(f"{CHANGES} changes in {took_s:.1f} s to {READERS} readers: memory grew by {grown / 1048576:.1f} MiB")
        assert crowd.counts == [CHANGES] * (READERS - STUCK) and crowd.ended == 0
        assert grown < GROWTH_BYTES
        assert weldr.log.count('msg="server changed"') == CHANGES, "none is held back"
        # The rest until the stuck ones are too far behind.
        def are_cut():
            make_changes(weldr, 200, 0)
            return weldr.log.count('msg="reader of events is cut off"') == STUCK
        wait_until(are_cut, 60, "the stuck ones are cut off")
    finally:
        crowd.close()
    resume = read_word(read_to_end(stuck[0]))
    with EventStream(weldr, {"since": resume, "kind": "server_changed"}) as stream:
        first = stream.next()
        assert first.kind == "server_changed", f"nothing is missing: {first}"
        assert int(first.id.split("-")[1]) == int(resume.split("-")[1]) + 1
    for sock in stuck:
        sock.close()


def read_word(text):
    """The last event: why, and where to go on."""
    assert b"event: overrun\n" in text, text[-400:]
    word = text.split(b"event: overrun\ndata: ")[1].split(b"\n")[0]
    assert b"half of all events" in word
    return word.split(b'"since":"')[1].split(b'"')[0].decode()
