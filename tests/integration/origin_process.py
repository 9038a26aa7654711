"""An origin in a process of its own, so that a test can kill it with SIGKILL in the middle of everything.

OriginProcess is the test's side: it keeps the port while the process is dead, and the notes survive each death. Run as a
program this file is the origin itself. It notes every request by its target before it does anything for it, and
answers with a digest of the body that it received, after a moment, so that a kill always finds requests under way.

    /whole/ID     an answer with a length, sent at once
    /sized/ID     an answer with a length, in parts
    /chunked/ID   the same in chunks
"""

import hashlib
import os
import random
import select
import socket
import subprocess
import sys
import tempfile
import time

import origins as o

PARTS, PART_BYTES, PART_GAP_S = 4, 20_000, 0.004


def expected_body(kind, body):
    """What the answer's body must be."""
    digest = hashlib.sha256(body).hexdigest().encode()
    return digest if kind == "whole" else digest + b"p" * (PARTS * PART_BYTES)


class OriginProcess:
    """`notes` has the targets in the order of arrival, over all lives of the process."""

    def __init__(self, name):
        self.name = name
        self.file = tempfile.NamedTemporaryFile(prefix=f"weldr-origin-{name}-")
        # Bound and never listening: nobody else gets this port while the process is dead, and connects are refused.
        self.keeper = socket.socket()
        self.keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.keeper.bind(("127.0.0.1", 0))
        self.port = self.keeper.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), self.name, str(self.port), self.file.name],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert select.select([self.process.stdout], [], [], o.DEADLINE_S)[0], "the origin does not listen"
        assert self.process.stdout.readline() == b"listens\n"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    @property
    def notes(self):
        with open(self.file.name, encoding="ascii") as file:
            return file.read().split()

    def stop(self):
        if self.process.poll() is None:
            self.kill()
        self.keeper.close()


def main(name, port, notes_path):
    notes = os.open(notes_path, os.O_WRONLY | os.O_APPEND)
    field = b"X-Origin: " + name.encode() + b"\r\n"

    def behave(lane, seen):
        os.write(notes, seen.target.encode() + b"\n")
        kind = seen.target.split("/")[1]
        body = expected_body(kind, lane.read_body(seen))
        seen.body = seen.raw_body = b""
        time.sleep(random.uniform(0.005, 0.025))
        if kind == "whole":
            lane.send(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n" % (field, len(body)) + body)
            return
        is_chunked = kind == "chunked"
        framing = b"Transfer-Encoding: chunked" if is_chunked else b"Content-Length: %d" % len(body)
        lane.send(b"HTTP/1.1 200 OK\r\n" + field + framing + b"\r\n\r\n")
        for at in range(0, len(body), PART_BYTES):
            part = body[at:at + PART_BYTES]
            lane.send(b"%x\r\n%s\r\n" % (len(part), part) if is_chunked else part)
            time.sleep(PART_GAP_S)
        if is_chunked:
            lane.send(b"0\r\n\r\n")

    o.Origin(behave, port=port)
    print("listens", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
