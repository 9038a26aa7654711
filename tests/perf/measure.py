"""Counts the instructions that a worker spends on each row of rows.py, with callgrind.

Weldr runs under callgrind, the manager and its one worker. One thread here plays the client and the origin, one step
after the other, and takes the next step only when the worker sleeps; what is larger than LARGE_BYTES is sent while the worker
is stopped, so that it never sees a part. So the worker does the same in each run, however busy the machine. A change of the
pool begins and ends a batch of requests: callgrind writes a dump of what it has counted whenever the worker enters MARK. A row's count is the
least of its batches, less what the change itself costs: what a slow machine adds, timers that run out meanwhile, is no part of it.

What code runs depends on the processor. callgrind shows a program one of few processors, up to one with AVX2; of what
is left glibc is held to what each x86-64 has (PLAIN_GLIBC), and the level of Weldr's own scanner is read from the profile.
"""
import fcntl
import http.client
import os
import re
import select
import signal
import socket
import statistics
import struct
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "integration"))
import weldr  # noqa: E402
from rows import ROWS  # noqa: E402

# Entered once for each change of a pool in a worker, by way of a table, so never inlined; the compiler may add to a name.
MARK = "apply_pool*"
# The scanner's functions for field values say which level was measured: codec/h1_scan.c takes the best that the processor has.
LEVELS = {"plain": "value_plain", "sse4.2": "value_sse", "avx2": "value_avx2"}
# Names of glibc's functions that PLAIN_GLIBC should have kept away.
STRAY = re.compile(r"^c?fn=\([0-9]+\) (__[a-z]+_(?:avx|evex|ssse3|sse4)\w*|__[a-z]+_erms\b)", re.MULTILINE)
PLAIN_GLIBC = "glibc.cpu.hwcaps=" + ",".join("-" + name for name in (
    "AVX2", "AVX", "AVX_Fast_Unaligned_Load", "BMI1", "BMI2", "LZCNT", "MOVBE", "ERMS", "FSRM", "SSSE3", "SSE4_1", "SSE4_2",
    "Fast_Unaligned_Load", "Fast_Unaligned_Copy", "Fast_Rep_String", "Fast_Copy_Backward"))
BATCHES_N, REQUESTS_N = 5, 10
# The first row is played often enough for the worker to trust the origin's connection with a POST (LIMIT_PROVEN_N).
TRUST_N, WARM_UP_N = 110, 5
LARGE_BYTES = 16384
SIOCOUTQ = 0x5411
DEADLINE_S = 60.0
RECEIVE_BYTES = 1 << 20

WRAPPER = """#!/bin/sh
exec valgrind -q --tool=callgrind --vgdb=no --trace-children=yes '--dump-before={mark}' \\
    '--callgrind-out-file={work}/profile.%p' '{binary}' "$@"
"""


class Unmeasurable(Exception):
    """Nothing was measured, and why."""


def is_whole(data):
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        return False
    if b"transfer-encoding: chunked" in head.lower():
        return body.endswith(b"0\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
    return len(body) >= (int(length[1]) if length else 0)


def receive_message(sock):
    data = b""
    while not is_whole(data):
        part = sock.recv(RECEIVE_BYTES)
        if not part:
            raise Unmeasurable(f"the worker closed a connection after {data[:200]!r}")
        data += part
    return data


def prepare(sock):
    sock.settimeout(DEADLINE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def wait_for(predicate, otherwise):
    end = time.monotonic() + DEADLINE_S
    while not predicate():
        if time.monotonic() > end:
            raise Unmeasurable(otherwise)
        time.sleep(0.0001)


def unsent_bytes(sock):
    """What the peer's kernel has not acknowledged."""
    return struct.unpack("i", fcntl.ioctl(sock, SIOCOUTQ, bytes(4)))[0]


class Stage:
    """Weldr under callgrind between a client and an origin."""

    def __init__(self, work, binary, level):
        self.work = work
        self.client = self.lane = None
        self.change_n = 0
        self.listener = prepare(socket.create_server(("127.0.0.1", 0)))
        wrapper = os.path.join(work, "weldr")
        with open(wrapper, "w", encoding="utf-8") as file:
            file.write(WRAPPER.format(mark=MARK, work=work, binary=binary))
        os.chmod(wrapper, 0o755)
        weldr.BIN = wrapper
        # PERF_CPU_LEVEL is read by weldr-old-cpu only.
        # callgrind writes its profile from within the worker.
        self.weldr = weldr.Weldr("--user", "root", "--seccomp", "off", env={"GLIBC_TUNABLES": PLAIN_GLIBC, "PERF_CPU_LEVEL": level or ""})
        self.worker = self.weldr.worker_pids()[0]
        self.weldr.add(f"http://127.0.0.1:{self.listener.getsockname()[1]}")

    def close(self):
        for sock in (self.client, self.lane, self.listener):
            if sock:
                sock.close()
        if not self.weldr.stopped:
            self.weldr.kill()

    def state(self):
        with open(f"/proc/{self.worker}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0]

    def settle(self):
        """Waits until the worker has done all that there was to do."""
        wait_for(lambda: self.state() == "S", "the worker does not come to rest")

    def send(self, sock, data):
        if len(data) < LARGE_BYTES:
            sock.sendall(data)
            return
        os.kill(self.worker, signal.SIGSTOP)
        try:
            wait_for(lambda: self.state() == "T", "the worker does not stop")
            sock.sendall(data)
            wait_for(lambda: unsent_bytes(sock) == 0, "the worker's socket does not take a whole message")
        finally:
            os.kill(self.worker, signal.SIGCONT)

    def dumps(self):
        pattern = re.compile(rf"profile\.{self.worker}\.([0-9]+)$")
        return {int(m[1]): name for name in os.listdir(self.work) if (m := pattern.match(name))}

    def mark(self):
        """Ends a batch and begins the next; returns what the worker did since the mark before, and for how many instructions."""
        before = self.dumps()
        self.change_n += 1
        self.weldr.patch_pool({"timeouts": {"connect_ms": 1000 + self.change_n % 2}})
        self.settle()
        fresh = self.dumps().keys() - before.keys()
        if len(fresh) != 1:
            raise Unmeasurable(f"{len(fresh)} dumps for a change of the pool: is {MARK} still entered once for each?")
        with open(os.path.join(self.work, self.dumps()[fresh.pop()]), encoding="utf-8", errors="replace") as file:
            profile = file.read()
        if stray := STRAY.search(profile):
            raise Unmeasurable(f"GLIBC_TUNABLES did not keep glibc from {stray[1]}")
        return profile, int(re.search(r"^(?:totals|summary): ([0-9]+)", profile, re.MULTILINE)[1])

    def take_request(self):
        """The origin's part; a worker that opens a second connection to it does more than the script says."""
        sources = [self.lane or self.listener, self.listener]
        ready = select.select(sources, [], [], DEADLINE_S)[0]
        if self.lane is None and ready:
            self.lane = prepare(self.listener.accept()[0])
        elif self.lane not in ready:
            raise Unmeasurable("the request did not come on the idle connection to the origin")
        receive_message(self.lane)

    def play(self, row):
        if self.client is None:
            self.client = prepare(socket.create_connection(self.weldr.address, DEADLINE_S))
            self.settle()
        self.send(self.client, row.request)
        self.take_request()
        self.settle()
        self.send(self.lane, row.answer)
        got = receive_message(self.client)
        if not got.startswith(b"HTTP/1.1 200 "):
            raise Unmeasurable(f"the worker answered {got[:200]!r}")
        self.settle()
        if row.is_alone:
            self.leave()

    def leave(self):
        """Waits for the worker's end of the connection too: else its closing may be counted with the next row."""
        self.client.shutdown(socket.SHUT_WR)
        if self.client.recv(1) != b"":
            raise Unmeasurable("the worker sent more than its answer")
        self.client.close()
        self.client = None
        self.settle()

    def batch(self, row, requests_n):
        for _ in range(requests_n):
            self.play(row)
        return self.mark()


def level_of(profile):
    """The best level of which a function ran; those of a better level call the ones below for the rest."""
    ran = [level for level, name in LEVELS.items() if re.search(rf"^c?fn=\([0-9]+\) {name}\b", profile, re.MULTILINE)]
    if not ran:
        raise Unmeasurable(f"none of {', '.join(LEVELS.values())} ran: which scanner was it?")
    return ran[-1]


def play_script(stage):
    """(level, {row: instructions a request})."""
    stage.batch(ROWS["get"], TRUST_N)
    for row in ROWS.values():
        profile, _ = stage.batch(row, WARM_UP_N)
    changes, batches = [], {name: [] for name in ROWS}
    for _ in range(BATCHES_N):
        stage.batch(ROWS["get"], 1)  # connects, for a row that is not about that
        changes.append(stage.mark()[1])
        for name, row in ROWS.items():
            batches[name].append(stage.batch(row, REQUESTS_N)[1])
    change = statistics.median(changes)
    return level_of(profile), {name: round((min(counts) - change) / REQUESTS_N)
                               for name, counts in batches.items()}


def measure(work, binary, level=None):
    """As play_script, for a binary at the best level of this machine or, if it is weldr-old-cpu, at the one named."""
    stage = None
    try:
        stage = Stage(work, binary, level)
        return play_script(stage)
    except (OSError, AssertionError, http.client.HTTPException) as error:
        raise Unmeasurable(f"{type(error).__name__}: {error}") from error
    finally:
        if stage:
            stage.close()
