"""Who calls a virtual IP while it moves: the helper of the node that it leaves sends the first packets on to the one that has it."""

import ctypes
import re
import socket
import struct
import subprocess
import time

import pytest
from rawhttp import wait_until
from vip_helper import PATIENCE_S, Helper, Wire, has, run_ip

PORT, CALLS_N = 8080, 20
UNNAMED = "192.0.2.99"
SO_ATTACH_FILTER = 26
PACKET_HOST = 0
FIN, SYN, RST, ACK = 1, 2, 4, 16
ROUNDS_N = 20
RETRANSMISSION_S = 1.0  # of a SYN, RFC 6298
WAIT_S = 1.0  # STRAY_WAIT_NS


def listen(host, is_deaf=False):
    """On all addresses. A deaf one has the kernel leave alone who calls, as workers do that begin no connections any more."""
    sock = host.socket(socket.AF_INET6)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind(("::", PORT))
    if is_deaf:
        code = ctypes.create_string_buffer(struct.pack("<HBBI", 6, 0, 0, 0))  # BPF_RET 0
        sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("@HP", 1, ctypes.addressof(code)))
    sock.listen(128)
    sock.setblocking(False)
    return sock


class Syns:
    """First packets of connections that a host has got: [(MAC of the sender, address called, port of the caller)], in order."""

    def __init__(self, host):
        self.sock = host.namespace.run_inside(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.sock.setblocking(False)
        self.seen, self.marks = [], set()

    def read(self, frame):
        kind, body = frame[12:14], frame[14:]
        if kind == b"\x08\x00":
            protocol, address, rest = body[9], socket.inet_ntop(socket.AF_INET, body[16:20]), body[4 * (body[0] & 15):]
        elif kind == b"\x86\xdd":
            protocol, address, rest = body[6], socket.inet_ntop(socket.AF_INET6, body[24:40]), body[40:]
        else:
            return
        if protocol == socket.IPPROTO_TCP and rest[13] & 0x12 == 2:
            self.seen.append((frame[6:12].hex(":"), address, int.from_bytes(rest[:2], "big")))
        elif protocol == socket.IPPROTO_UDP:
            self.marks.add(rest[8:])

    def all(self):
        while True:
            try:
                frame, (_, _, packet_type, _, _) = self.sock.recvfrom(2048)
            except BlockingIOError:
                return self.seen
            if packet_type == PACKET_HOST:
                self.read(frame)

    def wait(self, address, n):
        wait_until(lambda: len({port for _, called, port in self.all() if called == address}) >= n, PATIENCE_S,
                   f"{n} calls of {address}", step_s=0.002)

    def wait_mark(self, source, target, text):
        """All that the source has sent to this host before has come when this returns."""
        with source.namespace.run_inside(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(text, (target, 9))
        wait_until(lambda: self.all() is not None and text in self.marks, PATIENCE_S, "the mark")

    def close(self):
        self.sock.close()


def call(host, address, n):
    socks = []
    for _ in range(n):
        sock = host.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        sock.setblocking(False)
        sock.connect_ex((address, PORT))
        socks.append(sock)
    return socks


def is_connected(sock):
    try:
        sock.getpeername()
        return True
    except OSError:
        return False


def retransmissions(host):
    def read():
        counts = {}
        for name in "snmp", "netstat":
            with open(f"/proc/thread-self/net/{name}", encoding="ascii") as file:
                lines = [line.split() for line in file]
            for names, values in zip(lines[::2], lines[1::2]):
                counts |= {names[0] + key: int(value) for key, value in zip(names[1:], values[1:])}
        return counts["Tcp:RetransSegs"], counts["TcpExt:TCPSynRetrans"]
    return host.namespace.run_inside(read)


class Lan:
    """Two hosts with helpers, and a client. By the switch of the tests, or by a bridge, where the kernel hands on packets whose
    checksums are not made yet, as it does between virtual machines."""

    def __init__(self, town, wire):
        self.old, self.new, self.client, hub = town.build(4)
        self.net, self.device, self.mac = 77, "lan0", "02:00:00:00:00:%02x"
        if wire == "bridge":
            self.net, self.device, self.mac = 79, "eth1", "02:00:00:00:01:%02x"
            self.build_bridge(hub)
        self.vips = f"10.{self.net}.0.200", f"fd{self.net}:7765::c8"
        self.helpers = {host: Helper(host, env={"WELDR_LOG_LEVEL": "debug"}) for host in (self.old, self.new)}
        self.log = ""  # of the old host's
        for helper in self.helpers.values():
            helper.configure(*self.vips)

    def build_bridge(self, hub):
        run_ip(hub, *"link add br0 type bridge".split())
        run_ip(hub, *"link set br0 up".split())
        for host in self.old, self.new, self.client:
            port, number, fd = f"port{host.number}", host.number + 1, host.namespace.fd
            words = f"link add {port} type veth peer name {self.device} netns /proc/self/fd/{fd}".split()
            hub.namespace.run_inside(lambda words=words, fd=fd: subprocess.run(["ip", *words], check=True, pass_fds=[fd]))
            run_ip(hub, *f"link set {port} master br0 up".split())
            run_ip(host, *f"link set {self.device} address {self.mac_of(host)} up".split())
            run_ip(host, *f"addr add 10.{self.net}.0.{number}/24 dev {self.device}".split())
            run_ip(host, *f"addr add fd{self.net}:7765::{number:x}/64 dev {self.device} nodad".split())

    def mac_of(self, host):
        return self.mac % (host.number + 1)

    def ip_of(self, host, like):
        return f"fd{self.net}:7765::{host.number + 1:x}" if ":" in like else f"10.{self.net}.0.{host.number + 1}"

    def lead_to(self, host, address):
        """The client knows the address as this host's."""
        run_ip(self.client, *f"neigh replace {address} lladdr {self.mac_of(host)} dev {self.device} nud reachable".split())

    def part(self, address):
        """The old host is about to give it up; it keeps calls when this returns."""
        helper = self.helpers[self.old]
        helper.part(address)
        helper.obey_all(UNNAMED)

    def drop(self, host, address):
        helper = self.helpers[host]
        helper.forget()
        helper.drop(address)
        assert helper.wait_heard("dropped", address) == "told"

    def wait_told(self, n):
        """What the old host's helper tells at the end of the n-th move: (packets kept, sent on)."""
        def told():
            self.log += self.helpers[self.old].read_log()
            return re.findall(r"its way.* kept=(\d+) lost=0 sent_on=(\d+)", self.log)
        return tuple(map(int, wait_until(lambda: len(told()) >= n and told(), PATIENCE_S, f"the end of move {n}")[n - 1]))

    def end(self):
        for helper in self.helpers.values():
            helper.close()
            log = self.log + helper.log
            assert "runtime error" not in log and "AddressSanitizer" not in log, log
            assert "may not make" not in log and "can't keep" not in log, log


@pytest.fixture(params=["switch", "bridge"])
def lan(town, request):
    lan = Lan(town, request.param)
    yield lan
    lan.end()


@pytest.fixture
def switched(town):
    lan = Lan(town, "switch")
    yield lan
    lan.end()


def try_in_time(body):
    """Again as long as it says that it took too long to prove anything."""
    for n in range(ROUNDS_N):
        if body(n):
            return
    raise AssertionError("this machine is too slow for what is to be shown")


# ---- calls as clients make them

def is_moved_in_time(lan, address, is_ordered):
    """One planned move with calls before and after the address has gone. False: the machine was so slow that it proves nothing."""
    own = lan.ip_of(lan.old, address)
    at_old, at_new = Syns(lan.old), Syns(lan.new)
    began, counts = time.monotonic(), retransmissions(lan.client)
    lan.part(address)
    others = call(lan.client, own, 2)
    socks = call(lan.client, address, CALLS_N // 2)
    at_old.wait(address, CALLS_N // 2)
    at_old.wait(own, 2)
    lan.drop(lan.old, address)
    socks += call(lan.client, address, CALLS_N // 2)
    at_old.wait(address, CALLS_N)
    lan.helpers[lan.new].take(address)
    wait_until(lambda: all(map(is_connected, socks)), PATIENCE_S, "the calls to be answered", step_s=0.002)
    is_in_time = time.monotonic() - began < RETRANSMISSION_S * 0.9
    if is_in_time:
        wanted = [(lan.mac_of(lan.old), address, sock.getsockname()[1]) for sock in socks]
        assert retransmissions(lan.client) == counts
        assert (at_new.all() if is_ordered else sorted(at_new.all())) == (wanted if is_ordered else sorted(wanted))
    for closed in [*others, *socks, at_old, at_new]:
        closed.close()
    return is_in_time


@pytest.mark.parametrize("family", [4, 6])
def test_no_call_is_lost(lan, family):
    """Nor repeated: all that came to the old host goes to the new one, each once and in order. Calls of other addresses do not."""
    address = lan.vips[family == 6]
    listeners = [listen(lan.old, is_deaf=True), listen(lan.new)]

    def move(n):
        lan.helpers[lan.old].take(address, for_s=9.0)
        lan.lead_to(lan.old, address)
        is_done = is_moved_in_time(lan, address, lan.device == "lan0")  # two processors hand on what goes by the bridge
        lan.drop(lan.new, address)
        told = lan.wait_told(n + 1)
        assert told == (CALLS_N, CALLS_N) or not is_done
        return is_done
    try_in_time(move)
    for listener in listeners:
        listener.close()


# ---- calls made by hand

def make_syn(lan, address, number, flags=SYN, protocol=socket.IPPROTO_TCP, to=None):
    """From the client to the old host, or by another MAC; nothing on the way looks at its checksums."""
    tcp = struct.pack(">HHIIBBHHH", 1000 + number, PORT, number, 0, 0x50, flags, 1000, 0, 0)
    macs = bytes.fromhex((to or lan.mac_of(lan.old)).replace(":", "") + lan.mac_of(lan.client).replace(":", ""))
    if ":" in address:
        return macs + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(tcp), protocol, 64) + socket.inet_pton(
            socket.AF_INET6, lan.ip_of(lan.client, address)) + socket.inet_pton(socket.AF_INET6, address) + tcp
    return macs + b"\x08\x00" + struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, protocol, 0) + socket.inet_aton(
        lan.ip_of(lan.client, address)) + socket.inet_aton(address) + tcp


class Hand:
    """Sends frames from the client, claims the address for the new host, and says what that one has been sent by the old one."""

    def __init__(self, lan, address):
        self.lan, self.address = lan, address
        self.wire, self.claims, self.at_old, self.at_new = Wire(lan.client), Wire(lan.new), Syns(lan.old), Syns(lan.new)
        self.marks_n = 0
        lan.helpers[lan.old].take(address, for_s=9.0)

    def send(self, *frames):
        """The old host has them when this returns."""
        for frame in frames:
            self.wire.sock.sendto(frame, ("lan0", 0))
        self.mark(self.lan.client, self.lan.old, self.at_old)

    def call(self, *numbers):
        self.send(*[make_syn(self.lan, self.address, number) for number in numbers])

    def mark(self, source, target, tap):
        self.marks_n += 1
        tap.wait_mark(source, self.lan.ip_of(target, "."), b"mark %d" % self.marks_n)

    def claim(self):
        """As the new host does; the old one has it when this returns."""
        self.claims.claim(self.address, self.lan.mac_of(self.lan.new))
        self.mark(self.lan.new, self.lan.old, self.at_old)

    def passed(self):
        """What the new host has got of the old one, when that one's helper has gone once around: [number]."""
        for _ in range(2):
            self.lan.helpers[self.lan.old].obey_all(UNNAMED)
        self.mark(self.lan.old, self.lan.new, self.at_new)
        assert all(mac == self.lan.mac_of(self.lan.old) and address == self.address for mac, address, _ in self.at_new.seen)
        return [port - 1000 for _, _, port in self.at_new.seen]

    def close(self):
        for closed in self.wire, self.claims, self.at_old, self.at_new:
            closed.close()


@pytest.fixture(params=[4, 6])
def hand(switched, request):
    hand = Hand(switched, switched.vips[request.param == 6])
    yield hand
    hand.close()


def test_what_is_kept_and_until_when(hand):
    """First packets to the address and to this host alone; what comes later is sent on at once, for a second."""
    lan, address = hand.lan, hand.address
    other = lan.vips[0 if ":" in address else 1]
    lan.helpers[lan.old].hold(other, 9.0)
    lan.helpers[lan.old].wait_heard("held", other)

    def move(n):
        hand.at_new.seen.clear()
        if n > 0:
            lan.helpers[lan.old].take(address, for_s=9.0)
        hand.call(1)  # nobody parts yet
        lan.part(address)
        hand.call(2, 3)
        hand.send(make_syn(lan, other, 4), make_syn(lan, lan.ip_of(lan.old, address), 5))
        hand.send(*[make_syn(lan, address, 6, flags) for flags in (SYN | ACK, ACK, RST, SYN | RST, SYN | FIN)])
        hand.send(make_syn(lan, address, 7, protocol=socket.IPPROTO_UDP), make_syn(lan, address, 8) + bytes(300))
        hand.send(make_syn(lan, address, 9, to="ff:ff:ff:ff:ff:ff"))
        hand.claim()  # it is here still
        assert hand.passed() == []
        began = time.monotonic()
        lan.drop(lan.old, address)
        hand.call(10)
        assert hand.passed() == []
        hand.claim()
        first = hand.passed()
        hand.call(11, 12)
        second = hand.passed()
        is_in_time = time.monotonic() - began < WAIT_S * 0.9
        told = lan.wait_told(n + 1)
        assert not is_in_time or (first, second, told) == ([2, 3, 10], [2, 3, 10, 11, 12], (5, 5))
        hand.call(13)
        assert 13 not in hand.passed()
        return is_in_time
    try_in_time(move)


def expect_nothing(hand, kept_n):
    """The address is gone, or about to go, and the new host takes it: it is sent nothing."""
    if has(hand.lan.old, hand.address):
        hand.lan.drop(hand.lan.old, hand.address)
    hand.claim()
    hand.call(9)
    assert hand.passed() == []
    assert hand.lan.wait_told(1) == (kept_n, 0)


def test_nobody_takes_it(hand):
    hand.lan.part(hand.address)
    hand.call(1, 2)
    hand.lan.drop(hand.lan.old, hand.address)
    assert hand.lan.wait_told(1) == (2, 0)
    expect_nothing(hand, 2)


def test_its_lease_goes_on(hand):
    """While the workers finish: each hold until a later time, which changes nothing."""
    helper = hand.lan.helpers[hand.lan.old]

    def move(n):
        hand.at_new.seen.clear()
        if n > 0:
            helper.take(hand.address)
        hand.lan.part(hand.address)
        hand.call(1)
        helper.hold(hand.address, 6.0)
        hand.call(2)
        began = time.monotonic()
        hand.lan.drop(hand.lan.old, hand.address)
        hand.claim()
        passed = hand.passed()
        is_in_time = time.monotonic() - began < WAIT_S * 0.9
        assert passed == [1, 2] or not is_in_time
        return is_in_time
    try_in_time(move)


def test_it_stays_after_all(hand):
    """What was kept is old when it is to move again."""
    hand.lan.part(hand.address)
    hand.call(1)
    hand.lan.part(hand.address)
    assert hand.lan.wait_told(1) == (1, 0)
    hand.call(2)
    hand.lan.drop(hand.lan.old, hand.address)
    assert hand.lan.wait_told(2) == (1, 0)


def test_it_comes_back(hand):
    hand.lan.part(hand.address)
    hand.call(1)
    hand.lan.drop(hand.lan.old, hand.address)
    hand.lan.helpers[hand.lan.old].take(hand.address)
    expect_nothing(hand, 1)


@pytest.mark.parametrize("is_gone", [False, True])
def test_it_is_not_described_any_more(hand, is_gone):
    helper, others = hand.lan.helpers[hand.lan.old], [vip for vip in hand.lan.vips if vip != hand.address]
    hand.lan.part(hand.address)
    hand.call(1)
    if is_gone:
        hand.lan.drop(hand.lan.old, hand.address)
    helper.configure(*others)
    wait_until(lambda: not has(hand.lan.old, hand.address), PATIENCE_S, "the address to go")
    expect_nothing(hand, 1)


def test_the_lease_ends(hand):
    """Nobody has said that the address is another's: it was not a planned move."""
    helper = hand.lan.helpers[hand.lan.old]
    helper.hold(hand.address, 2.0)
    hand.lan.part(hand.address)
    hand.call(1)
    assert helper.wait_heard("dropped", hand.address) == "lease over"
    expect_nothing(hand, 1)


def test_the_manager_dies(hand):
    helper = hand.lan.helpers[hand.lan.old]
    hand.lan.part(hand.address)
    hand.call(1)
    hand.lan.drop(hand.lan.old, hand.address)
    helper.hang_up()
    assert hand.lan.wait_told(1) == (1, 0)
    hand.claim()
    helper.wait_end()
    hand.mark(hand.lan.old, hand.lan.new, hand.at_new)
    assert hand.at_new.seen == []


def test_only_what_is_held(switched):
    """Of what is not named or not here no packet is looked at."""
    helper = switched.helpers[switched.old]

    def packet_sockets():
        with open("/proc/thread-self/net/packet", encoding="ascii") as file:
            return len(file.readlines())
    helper.take(switched.vips[0])
    n = switched.old.namespace.run_inside(packet_sockets)
    for address in (switched.ip_of(switched.old, "."), UNNAMED, switched.vips[1]):
        helper.part(address)
    assert helper.wait_heard("dropped", switched.ip_of(switched.old, ".")) == "not named"
    helper.obey_all(UNNAMED)
    assert switched.old.namespace.run_inside(packet_sockets) == n
    switched.part(switched.vips[0])
    assert switched.old.namespace.run_inside(packet_sockets) == n + 1
