"""A wall clock of a node's own: clock_step.c, in all of its processes, adds what a file says to the machine's."""

import contextlib
import email.utils
import os
import struct
import time

import weldr as w

LIBRARY = os.path.join(os.path.dirname(os.path.abspath(w.BIN)), "tests", "cluster", "clock-step.so")
PT_INTERP = 3


def has_loader(path):
    """Libraries can be put into this program: it is linked dynamically (the release build isn't)."""
    with open(path, "rb") as file:
        head = file.read(64)
        assert head[:5] == b"\x7fELF\x02", path
        at, size, count = *struct.unpack_from("<Q", head, 32), *struct.unpack_from("<HH", head, 54)
        file.seek(at)
        table = file.read(size * count)
    return any(struct.unpack_from("<I", table, size * i)[0] == PT_INTERP for i in range(count))


CAN_STEP = os.access(w.BIN, os.R_OK) and has_loader(w.BIN)


class Clock:
    """What a node that is to have one is started with; `env` for it."""

    def __init__(self, path):
        assert os.access(LIBRARY, os.R_OK), f"no {LIBRARY}: built with -Dtests=true"
        self.path, self.step_s = path, 0
        with open(path, "wb") as file:
            file.write(struct.pack("=q", 0))
        os.chmod(path, 0o644)
        options = os.environ.get("ASAN_OPTIONS", "")  # ASan wants to be the first library
        self.env = {"LD_PRELOAD": LIBRARY, "CLOCK_STEP_FILE": path, "ASAN_OPTIONS": options + ":verify_asan_link_order=0"}

    def step(self, step_s):
        """From the machine's clock, at once for all processes of the node."""
        with open(self.path, "r+b", buffering=0) as file:
            file.write(struct.pack("=q", step_s))
        self.step_s = step_s

    def assert_seen(self, node):
        """All of its processes have it, and the manager goes by it."""
        for pid in w.session_members(node.weldr.session):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/maps", encoding="ascii") as file:
                assert self.path in file.read(), f"process {pid} of {node} has the machine's clock"
        shown = email.utils.parsedate_to_datetime(node.api("GET", "/node").get("Date")).timestamp()
        assert abs(shown - time.time() - self.step_s) < 60, f"{node} has {shown - time.time():.0f} s instead of {self.step_s}"
