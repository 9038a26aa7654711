"""The helper of virtual IPs, driven as its manager does: by messages over a socket pair (src/wire/vip_message.h)."""

import ctypes
import os
import select
import signal
import socket
import struct
import subprocess
import time

import weldr as w
from rawhttp import wait_until
from weldr import BIN, clean_environment

CONFIGURE, HOLD, DROP, WILL, HELLO, HELD, DROPPED, CONFLICT, ANNOUNCED, LINK, BUSY, PART = range(1, 13)
NAMES = {HELLO: "hello", HELD: "held", DROPPED: "dropped", CONFLICT: "conflict", ANNOUNCED: "announced", LINK: "link", BUSY: "busy"}
WHY = ["told", "lease over", "not named", "changed", "manager gone", "no interface", "conflict", "failed"]
LINKS = ["none", "down", "up"]
HOLD_POLICY, BACK_OFF = 0, 1
CAP_NET_ADMIN, CAP_NET_RAW = 12, 13
CHANNEL_FD = 3
PR_SET_CHILD_SUBREAPER = 36
# What a busy machine takes at the most for what takes milliseconds.
PATIENCE_S = 60.0 if w.IS_ASAN else 20.0
LIBC = ctypes.CDLL(None, use_errno=True)


def boot_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def pack_address(text, port=0):
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    return struct.pack("<I", int(family) << 16 | port) + socket.inet_pton(family, text).ljust(16, b"\0")


def unpack_address(raw):
    family = struct.unpack("<I", raw[:4])[0] >> 16
    return socket.inet_ntop(family, raw[4:20] if family == socket.AF_INET6 else raw[4:8])


def pack_name(text):
    return text.encode().ljust(16, b"\0")


def pack_named(address, interface="", prefix=None, policy=HOLD_POLICY):
    prefix = prefix or (128 if ":" in address else 32)
    return pack_address(address) + bytes([prefix, policy]) + pack_name(interface)


def read_message(raw):
    """(name of the type, address or None, what else there is)."""
    kind, rest = NAMES[raw[0]], raw[1:]
    if kind == "hello":
        return kind, None, struct.unpack("<Q", rest)[0]
    if kind == "busy":
        return kind, None, bool(rest[0])
    address, rest = unpack_address(rest[:20]), rest[20:]
    if kind == "held":
        return kind, address, rest.rstrip(b"\0").decode()
    if kind == "dropped":
        return kind, address, WHY[rest[0]]
    if kind == "conflict":
        return kind, address, rest.hex(":")
    if kind == "announced":
        return kind, address, struct.unpack("<Q", rest)[0]
    return kind, address, (LINKS[rest[0]], rest[1:].rstrip(b"\0").decode())


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


def keep_only(*capabilities):
    """Of a process that is about to be executed: the others are in no set any more."""
    for number in range(41):
        if number not in capabilities and LIBC.prctl(24, number, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "PR_CAPBSET_DROP")


class Helper:
    """One keeper with its helper, on a host; this process is its manager."""

    def __init__(self, host, capabilities=None, env=None):
        self.host, self.heard, self.named = host, [], []
        self.end, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.end.setblocking(False)

        def prepare():
            host.namespace.enter()
            if capabilities is not None:
                keep_only(*capabilities)
            os.dup2(theirs.fileno(), CHANNEL_FD)
            os.set_inheritable(CHANNEL_FD, True)
        self.process = subprocess.Popen([BIN, "vip-helper"], preexec_fn=prepare, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        close_fds=False, env=clean_environment(env))
        theirs.close()
        host.fabric.keep(self.process.pid)

    # ---- what the manager says

    def say(self, raw):
        self.end.send(raw)

    def configure(self, *named):
        self.named = [entry if isinstance(entry, bytes) else pack_named(entry) for entry in named]
        self.say(bytes([CONFIGURE]) + b"".join(self.named))

    def hold(self, address, for_s=5.0):
        self.say(bytes([HOLD]) + pack_address(address) + struct.pack("<Q", boot_ns() + int(for_s * 1e9)))

    def drop(self, address):
        self.say(bytes([DROP]) + pack_address(address))

    def part(self, address):
        self.say(bytes([PART]) + pack_address(address))

    def obey_all(self, unnamed):
        """Returns when all that was said has been heard: by an address that is not named."""
        n = len(self.all_heard("dropped", unnamed))
        self.drop(unnamed)
        assert self.wait_heard("dropped", unnamed, n + 1) == "not named"

    def will(self, text, *to):
        self.say(bytes([WILL]) + struct.pack("<HH", len(to), len(text)) + b"".join(pack_address(*one) for one in to) + text)

    def hang_up(self):
        self.end.close()

    # ---- what it hears

    def listen(self):
        while select.select([self.end], [], [], 0)[0]:
            raw = self.end.recv(4096)
            if not raw:
                return
            self.heard.append(read_message(raw))

    def all_heard(self, kind, address=None):
        self.listen()
        return [more for a_kind, an_address, more in self.heard if a_kind == kind and (address is None or an_address == address)]

    def wait_heard(self, kind, address=None, count=1, value=None):
        def enough():
            found = [more for more in self.all_heard(kind, address) if value is None or more == value]
            return len(found) >= count and found[-1:]
        return wait_until(enough, PATIENCE_S, f"{kind} of {address}, {count} times, {value}", step_s=0.005)[0]

    def forget(self):
        self.listen()
        self.heard = []

    def take(self, address, for_s=5.0):
        """Named already; returns when it is held."""
        self.forget()
        self.hold(address, for_s)
        return self.wait_heard("held", address)

    # ---- processes

    def helper_pid(self):
        return wait_until(lambda: next(iter(children_of(self.process.pid)), None), PATIENCE_S, "a helper", step_s=0.002)

    def read_log(self):
        """What it has logged since it was asked last."""
        text = b""
        while select.select([self.process.stderr], [], [], 0)[0]:
            more = os.read(self.process.stderr.fileno(), 65536)
            text += more
            if not more:
                break
        return text.decode(errors="replace")

    def wait_end(self):
        self.process.wait(PATIENCE_S)
        self.host.fabric.drop(self.process.pid)
        return self.process.returncode

    def close(self):
        self.end.close()
        try:
            self.process.send_signal(signal.SIGCONT)
            self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            self.log = self.process.stderr.read().decode(errors="replace")
            self.process.stderr.close()
            self.host.fabric.drop(self.process.pid)


# ---- what the kernel says

def run_ip(host, *words, check=True):
    host.namespace.run_inside(lambda: subprocess.run(["ip", *words], check=check))


def addresses(host):
    """{(interface, address, prefix)} of a host."""
    def ask():
        output = subprocess.run(["ip", "-o", "addr"], check=True, capture_output=True, text=True).stdout
        return {(words[1].split("@")[0], *words[3].split("/")) for words in map(str.split, output.splitlines())}
    return {(interface, address, int(prefix)) for interface, address, prefix in host.namespace.run_inside(ask)}


def has(host, address):
    return any(an_address == address for _, an_address, _ in addresses(host))


def wait_gone(host, address):
    wait_until(lambda: not has(host, address), PATIENCE_S, f"{address} to go", step_s=0.005)


def wait_there(host, address):
    wait_until(lambda: has(host, address), PATIENCE_S, f"{address} to come", step_s=0.005)


class Monitor:
    """All changes of a host's addresses, as the kernel tells them."""

    def __init__(self, host):
        self.process = host.namespace.run_inside(lambda: subprocess.Popen(
            ["ip", "-o", "monitor", "address"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True))
        host.fabric.keep(self.process.pid)
        self.host = host
        # It listens when it hears this.
        wait_until(self.hears_probe, PATIENCE_S, "ip monitor")

    def hears_probe(self):
        for verb in ("add", "del"):
            run_ip(self.host, "addr", verb, "127.9.9.9/32", "dev", "lo")
        return select.select([self.process.stdout], [], [], 0.05)[0]

    def end(self):
        """The addresses that were touched; those that the kernel makes itself don't count."""
        self.process.terminate()
        lines = self.process.communicate()[0].splitlines()
        self.host.fabric.drop(self.process.pid)
        words = [line.removeprefix("Deleted ").split() for line in lines]
        touched = {words[3].split("/")[0] for words in words if len(words) > 3}
        return {address for address in touched if address != "127.9.9.9" and not address.startswith("fe80:")}


# ---- the wire

class Wire:
    """What a host on the same switch hears of claims: [(address, MAC, which form)], in order."""

    def __init__(self, host):
        self.sock = host.namespace.run_inside(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.setblocking(False)
        self.host, self.claims = host, []

    def listen(self):
        while select.select([self.sock], [], [], 0)[0]:
            frame = self.sock.recv(2048)
            kind, body = frame[12:14], frame[14:]
            if kind == b"\x08\x06":
                form = {1: "request", 2: "reply"}[body[7]]
                if body[14:18] == body[24:28]:
                    self.claims.append((socket.inet_ntoa(body[14:18]), body[8:14].hex(":"), form))
            elif kind == b"\x86\xdd" and body[6] == 58 and body[40] == 136:
                override = bool(body[44] & 0x20)
                address = socket.inet_ntop(socket.AF_INET6, body[48:64])
                self.claims.append((address, body[66:72].hex(":"), f"advertisement of {body[7]} hops, override {override}"))
        return self.claims

    def of(self, address):
        return [(mac, form) for an_address, mac, form in self.listen() if an_address == address]

    def claim(self, address, mac="02:00:00:00:00:99"):
        """As a stranger of this MAC."""
        raw = bytes.fromhex(mac.replace(":", ""))
        if ":" in address:
            target = socket.inet_pton(socket.AF_INET6, address)
            head = b"\x60\0\0\0\0\x20\x3a\xff" + target + socket.inet_pton(socket.AF_INET6, "ff02::1")
            body = bytes([136, 0, 0, 0, 0x20, 0, 0, 0]) + target + b"\2\1" + raw
            frame = bytes.fromhex("333300000001") + raw + b"\x86\xdd" + head + body
        else:
            ip = socket.inet_aton(address)
            frame = b"\xff" * 6 + raw + b"\x08\x06" + b"\0\1\x08\0\6\4\0\2" + raw + ip + raw + ip
        self.sock.send(frame) if self.sock.getsockname()[0] == "lan0" else self.sock.sendto(frame, ("lan0", 0))

    def close(self):
        self.sock.close()
