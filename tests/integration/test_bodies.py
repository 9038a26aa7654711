"""Bodies: every framing, both ways, streamed, bounded, byte-exact."""

import hashlib
import os
import threading
import time

import pytest

import origins as o
from rawhttp import Client, wait_until
from weldr import IS_ASAN, rss_bytes

pytestmark = pytest.mark.tls  # with TLS on both sides, too
BLOCK = os.urandom(1 << 20)
BIG_BYTES = (64 << 20) if IS_ASAN else (1 << 30)
MIB = 1 << 20


def big_blocks(total):
    """A stream of that many bytes in which no two MiB are equal."""
    for number in range(total // MIB):
        yield number.to_bytes(8, "big") + BLOCK[8:]


def digest_of(total):
    digest = hashlib.blake2b()
    for block in big_blocks(total):
        digest.update(block)
    return digest.hexdigest()


# ---- request bodies

@pytest.mark.smoke
def test_length_body_is_echoed(lab):
    """X02."""
    weldr, origin = lab.run(o.echo)
    client = weldr.connect()
    for size in (0, 1, 5, 1000, 16384, 65536, 1000000):
        body = os.urandom(size)
        response = client.ask("POST", fields=[("Content-Length", str(size))], body=body)
        assert (response.status, response.body) == (200, body), size
        assert origin.last().get("Content-Length") == str(size)
        assert not origin.last().has("Transfer-Encoding")


@pytest.mark.smoke
@pytest.mark.parametrize("size", [10, 1000, 16000, 60000])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_body_that_comes_with_the_head(lab, framing, size):
    """Head and body in one segment, and a connection to the origin has to be made first: nothing is lost meanwhile."""
    weldr, origin = lab.run(o.echo)
    body = bytes(n % 255 + 1 for n in range(size))
    if framing == "length":
        response = weldr.ask("POST", fields=[("Content-Length", str(size))], body=body)
    else:
        response = weldr.ask("POST", fields=[("Transfer-Encoding", "chunked")], body=b"%x\r\n%s\r\n0\r\n\r\n" % (size, body))
    assert origin.last().body == body
    assert response.body == body


@pytest.mark.smoke
@pytest.mark.parametrize("chunks", [
    b"5\r\nhello\r\n0\r\n\r\n",
    b"0\r\n\r\n",
    b"1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n",
    b"a\r\n0123456789\r\n5\r\nhello\r\n0\r\n\r\n",
    b"4000\r\n" + b"x" * 0x4000 + b"\r\n5\r\nhello\r\n0\r\n\r\n",
], ids=["hello", "empty", "three", "hex", "large"])
def test_chunks_are_relayed_byte_exact(lab, chunks):
    """X03: the chunk framing in is the chunk framing out, both ways."""
    weldr, origin = lab.run(o.echo)
    response = weldr.ask("POST", fields=[("Transfer-Encoding", "chunked")], body=chunks)
    assert origin.last().raw_body == chunks
    assert origin.last().all("Transfer-Encoding") == ["chunked"]
    assert not origin.last().has("Content-Length")
    assert response.raw_body == chunks


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_chunks_in_odd_pieces(lab, size):
    """However the bytes arrive, the relayed framing is the same."""
    weldr, origin = lab.run(o.echo)
    chunks = b"5\r\nhello\r\nb\r\n, big world\r\n0\r\n\r\n"
    client = weldr.connect().request("POST", fields=[("Transfer-Encoding", "chunked")])
    for at in range(0, len(chunks), size):
        client.send(chunks[at:at + size])
        time.sleep(0.002)
    assert client.response().raw_body == chunks
    assert origin.last().raw_body == chunks


def test_chunk_extensions_do_not_harm(lab):
    weldr, origin = lab.run(o.echo)
    response = weldr.ask("POST", fields=[("Transfer-Encoding", "chunked")], body=b"5;a=b;c=\"d\"\r\nhello\r\n0;x\r\n\r\n")
    assert (response.status, response.body) == (200, b"hello")
    assert origin.last().body == b"hello"


def test_trailers_pass(lab):
    """RFC 9110 section 6.5: those of the request reach the origin; TE is said anew when Connection names it."""
    weldr, origin = lab.run(o.echo)
    chunks = b"5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n"
    response = weldr.ask("POST", fields=[("Transfer-Encoding", "chunked"), ("Trailer", "X-Sum"), ("TE", "trailers"),
                                         ("Connection", "TE")], body=chunks)
    assert response.body == b"hello"
    assert origin.last().raw_body == chunks
    assert origin.last().get("TE") == "trailers" and origin.last().get("Connection") == "TE"
    assert origin.last().get("Trailer") == "X-Sum" and not response.has("Trailer")


def test_request_body_streams(lab):
    """The origin has the first part while the client still holds the rest."""
    arrived = threading.Event()

    def watch(lane, seen):
        assert lane.exactly(5) == b"first"
        arrived.set()
        assert lane.exactly(5) == b"-last"
        seen.has_body = True
        o.hello(lane, seen)
    weldr, _ = lab.run(watch)
    client = weldr.connect().request("POST", fields=[("Content-Length", "10")], body=b"first")
    assert arrived.wait(5), "the first part must not wait for the whole body"
    client.send(b"-last")
    assert client.response().body == b"hello"


@pytest.mark.smoke
def test_expect_continue(lab):
    """The client waits for 100 before it sends the body."""
    weldr, origin = lab.run(o.wants_continue)
    client = weldr.connect()
    for _ in range(2):
        client.request("POST", fields=[("Content-Length", "4"), ("Expect", "100-continue")])
        assert client.head().status == 100
        client.send(b"body")
        response = client.response()
        assert (response.status, response.body) == (200, b"body")
    assert origin.last().body == b"body"


def test_expect_continue_refused_by_origin(lab):
    """A final answer instead of 100: the client gets it and never sends the body."""
    def refuse(lane, seen):
        lane.send(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        raise o.Gone("as planned")
    weldr, _ = lab.run(refuse)
    client = weldr.connect().request("POST", fields=[("Content-Length", "4"), ("Expect", "100-continue")])
    assert client.response(keep_interim=True).status == 417


def test_expect_continue_with_empty_pool(weldr):
    client = weldr.connect().request("POST", fields=[("Content-Length", "4"), ("Expect", "100-continue")])
    assert client.response(keep_interim=True).status == 503


@pytest.mark.smoke
def test_early_answer_reaches_the_client(lab):
    """The origin answers while the client is still sending: its answer is not lost."""
    weldr, _ = lab.run(o.early_answer)
    client = weldr.connect().request("POST", fields=[("Content-Length", str(50 * MIB))])
    stop = threading.Event()

    def feed():
        try:
            for _ in range(50):
                if stop.is_set():
                    return
                client.sock.sendall(BLOCK)
        except OSError:
            pass
    sender = threading.Thread(target=feed)
    sender.start()
    response = client.response()
    stop.set()
    assert (response.status, response.body) == (413, b"big")
    client.close()
    sender.join()


# ---- response bodies

@pytest.mark.smoke
def test_chunked_response_byte_exact(lab):
    chunks = b"5\r\nhello\r\n0\r\n\r\n"
    weldr, _ = lab.run(o.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks))
    client = weldr.connect()
    for _ in range(3):
        response = client.ask()
        assert response.raw_body == chunks and not response.has("Content-Length")


def test_response_dripped_byte_by_byte(lab):
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    weldr, _ = lab.run(o.pieces([bytes([b]) for b in whole], gap_s=0.001))
    response = weldr.ask()
    assert response.raw_body == b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"


def test_response_in_odd_pieces_with_length(lab):
    body = os.urandom(50000)
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + body
    weldr, _ = lab.run(o.pieces([whole[a:a + 3333] for a in range(0, len(whole), 3333)], gap_s=0.002))
    assert weldr.ask().body == body


@pytest.mark.smoke
def test_server_sent_events_stream(lab):
    """X04: the first bytes are forwarded long before the body ends."""
    go_on = threading.Event()

    def events(lane, seen):
        lane.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        lane.send(b"8\r\ndata: 1\n\r\n")
        go_on.wait(10)
        lane.send(b"8\r\ndata: 2\n\r\n0\r\n\r\n")
    weldr, _ = lab.run(events)
    client = weldr.connect().request()
    response = client.head()
    assert client.until(b"\r\n") == b"8"
    assert client.exactly(10) == b"data: 1\n\r\n"
    go_on.set()
    client.chunked(response)
    assert response.body == b"data: 2\n"


def test_head_is_forwarded_before_the_body(lab):
    gate = o.BodyGate(first=b"")
    weldr, _ = lab.run(gate)
    client = weldr.connect().request()
    response = client.head()
    assert response.status == 200
    gate.open()
    assert client.body(response).body == b"-rest"


@pytest.mark.smoke
def test_body_until_close(lab):
    """X05."""
    body = os.urandom(300000)
    weldr, _ = lab.run(o.until_close(body))
    client = weldr.connect()
    response = client.ask()
    assert response.body == body
    assert response.has("Transfer-Encoding") or client.is_closed()


def test_body_until_close_for_a_1_0_client(lab):
    weldr, _ = lab.run(o.until_close(b"until the end"))
    client = weldr.connect().request(version="HTTP/1.0")
    response = client.head()
    assert not response.has("Transfer-Encoding")
    assert client.to_close() == b"until the end"


@pytest.mark.parametrize("status,fields", [
    (204, []), (304, []), (304, [("Content-Length", "5000"), ("ETag", '"x"')])], ids=["204", "304", "304-length"])
def test_answers_without_body(lab, status, fields):
    weldr, _ = lab.run(o.in_turn(o.answer(status, b"", fields), o.hello))
    client = weldr.connect()
    response = client.ask()
    assert response.status == status and response.body == b""
    assert response.all("ETag") == [v for n, v in fields if n == "ETag"]
    assert client.ask().body == b"hello", "the next answer starts where it should"


def test_early_hints_are_relayed(lab):
    """1xx before the final answer reach an HTTP/1.1 client, and never an HTTP/1.0 one."""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
    weldr, _ = lab.run(o.raw(hints + hints + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    client = weldr.connect().request()
    for _ in range(2):
        interim = client.head()
        assert interim.status == 103 and interim.get("Link") == "</style.css>"
    assert client.response().body == b"ok"
    old = weldr.connect().request(version="HTTP/1.0")
    response = old.head()
    assert response.status == 200


def test_large_answer_with_many_clients(lab):
    """X21 with 16 clients at once."""
    body = os.urandom(93000)
    weldr, _ = lab.run(o.answer(body=body), workers=2)
    wrong = []

    def load():
        with Client(weldr.address) as client:
            for _ in range(10):
                if client.ask(target="/large").body != body:
                    wrong.append(1)
    threads = [threading.Thread(target=load) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# ---- size does not matter

def paced_read(client, total, digest, pace):
    """Reads `total` bytes in MiB steps; pace() says when to rest, so that the reader is far slower than the writer."""
    got = 0
    while got < total:
        data = client.exactly(min(MIB, total - got))
        digest.update(data)
        got += len(data)
        pace(got)
    return got


def make_pace(total):
    """Rests so that the whole takes a while whatever the machine: the writer could go more than ten times faster."""
    seconds = 3.0 if IS_ASAN else 8.0
    start = time.monotonic()

    def pace(got):
        ahead = start + seconds * got / total - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
    return pace


def assert_small_growth(weldr, pid, before, most):
    """Under ASan the quarantine is included: with TLS it fills, as OpenSSL frees its buffers after each turn."""
    grown, asan_bytes = most - before, (48 + (256 if weldr.tls else 0)) * MIB
    assert grown < (asan_bytes if IS_ASAN else 2 * MIB), f"worker {pid} grew by {grown} bytes"


class RssWatch:
    """Samples the resident size of a worker while a transfer runs."""

    def __init__(self, weldr):
        self.weldr, pid = weldr, weldr.worker_pids()[0]
        self.pid, self.before, self.most = pid, rss_bytes(pid), 0
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.done.wait(0.05):
            self.most = max(self.most, rss_bytes(self.pid))

    def end(self):
        self.done.set()
        self.thread.join()
        self.most = max(self.most, rss_bytes(self.pid))
        assert_small_growth(self.weldr, self.pid, self.before, self.most)


@pytest.mark.smoke
@pytest.mark.slow
def test_huge_download_to_a_slow_reader(lab):
    """Must hold 5: right bytes, and the worker does not grow: the slow reader stops the fast writer."""
    def send_big(lane, seen):
        if seen.target != "/big":
            o.hello(lane, seen)
            return
        lane.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BIG_BYTES)
        for block in big_blocks(BIG_BYTES):
            lane.send(block)
    weldr, _ = lab.run(send_big)
    assert weldr.ask().status == 200
    watch = RssWatch(weldr)
    client = weldr.connect().request(target="/big")
    response = client.head()
    assert response.get("Content-Length") == str(BIG_BYTES)
    digest = hashlib.blake2b()
    paced_read(client, BIG_BYTES, digest, make_pace(BIG_BYTES))
    watch.end()
    assert digest.hexdigest() == digest_of(BIG_BYTES)


@pytest.mark.smoke
@pytest.mark.slow
def test_huge_upload_to_a_slow_origin(lab):
    """Must hold 5, the other way."""
    digest = hashlib.blake2b()

    def take_big(lane, seen):
        seen.has_body = True
        got, pace = 0, make_pace(BIG_BYTES)
        while got < BIG_BYTES:
            data = lane.exactly(MIB)
            digest.update(data)
            got += len(data)
            pace(got)
        lane.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
    weldr, _ = lab.run(o.by_target({"/big": take_big}))
    assert weldr.ask().status == 200
    watch = RssWatch(weldr)
    client = weldr.connect(deadline_s=60).request("PUT", "/big", fields=[("Content-Length", str(BIG_BYTES))])
    for block in big_blocks(BIG_BYTES):
        client.send(block)
    assert client.response().body == b"done"
    watch.end()
    assert digest.hexdigest() == digest_of(BIG_BYTES)


def test_slow_reader_stops_the_writer(lab):
    """Back-pressure reaches the origin: it cannot send more than the queues and kernel buffers between hold."""
    sent = [0]

    def flood(lane, seen):
        lane.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + BLOCK[:65536] + b"\r\n"
        for _ in range(2000):
            lane.send(chunk)
            sent[0] += 65536
        lane.send(b"0\r\n\r\n")
    weldr, _ = lab.run(flood)
    client = weldr.connect(receive_bytes=65536).request()
    client.head()

    def is_still():
        before = sent[0]
        time.sleep(0.3)
        return before == sent[0] > 0
    wait_until(is_still, 10, "the origin is stopped by a reader who does not read")
    assert sent[0] < 40 * MIB


def test_stopped_reader_does_not_stop_others(lab):
    weldr, _ = lab.run(o.by_target({"/big": o.answer(body=BLOCK * 30)}))
    stopped = weldr.connect(receive_bytes=65536).request(target="/big")
    stopped.head()
    for _ in range(50):
        assert weldr.ask().body == b"hello"


def test_many_slow_readers_stay_bounded(lab):
    """50 readers who do not read: what the worker holds for each is bounded."""
    weldr, _ = lab.run(o.by_target({"/big": o.answer(body=BLOCK * 16)}))
    assert weldr.ask().status == 200
    pid = weldr.worker_pids()[0]
    before = rss_bytes(pid)
    clients = [weldr.connect(receive_bytes=16384) for _ in range(50)]
    for client in clients:
        client.request(target="/big")
        client.head()
    held = []

    def is_still():
        held.append(weldr.stats()["queued_bytes"])
        return held[-1] > 0 and held[-8:] == [held[-1]] * 8
    wait_until(is_still, 20, "all are held up", step_s=0.05)
    grown = rss_bytes(pid) - before
    assert grown < (120 if IS_ASAN else 20) * MIB, f"{grown / 50} bytes a reader"
