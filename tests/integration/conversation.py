"""A conversation that clients of other people have with Weldr over TLS: the programs in clients/ have it, and print what they got.

    GET /hello, POST /echo with 300,000 bytes, GET /large, and GET /hello twenty times more: "HELLO SHA256 SHA256 20"
"""

import hashlib
import json
import os
import pathlib
import subprocess

import origins as o
from rawhttp import wait_until
from sides import secure

CLIENTS = pathlib.Path(__file__).with_name("clients")
LARGE = os.urandom(100_000) * 50
ECHO = b"e" * 300_000
BY_TARGET = {"/echo": o.echo, "/large": o.answer(body=LARGE)}
REQUESTS = 23
RIGHT = f"hello {hashlib.sha256(ECHO).hexdigest()} {hashlib.sha256(LARGE).hexdigest()} 20"


class Talk:
    """A Weldr that speaks TLS to clients, with a server for the conversation, and what its access log says of it."""

    def __init__(self, lab, folder, *flags, **more):
        self.log = folder / "access.log"
        self.weldr = lab.weldr("--access-log", str(self.log), *flags, tls=secure(), **more)
        self.weldr.add(lab.origin(o.by_target(BY_TARGET)))
        self.authority, self.port = secure().root.path, self.weldr.address[1]

    def url(self, name="localhost"):
        return f"https://{name}:{self.port}"

    def lines(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def assert_served(self, count=REQUESTS):
        """All requests came over TLS, and none went wrong."""
        wait_until(lambda: len(self.lines()) >= count, 10, f"{count} lines")
        lines = self.lines()
        assert len(lines) == count and {line["status"] for line in lines} == {200}, lines
        assert {line["tls_version"] for line in lines} <= {"TLSv1.2", "TLSv1.3"}, lines
        return lines


def run(*command, env=None, is_right=True, timeout_s=60, **more):
    """A program to its end, which must be a good one. Proxies and authorities of this machine are none of ours."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    done = subprocess.run([str(word) for word in command], env={**environment, **(env or {})}, capture_output=True,
                          timeout=timeout_s, check=False, **({} if "input" in more else {"stdin": subprocess.DEVNULL}), **more)
    assert not is_right or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


def said(*command, **more):
    return run(*command, **more).stdout.decode().strip()
