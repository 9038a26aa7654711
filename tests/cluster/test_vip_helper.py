"""The helper of virtual IPs by itself: what it takes, keeps and lets go, whoever dies, hangs or claims what it has."""

import os
import random
import signal
import socket
import subprocess
import time

import pytest
from rawhttp import wait_until
from vip_helper import (BACK_OFF, CAP_NET_ADMIN, CAP_NET_RAW, PATIENCE_S, Helper, Monitor, Wire, addresses, children_of, has, is_running,
                        pack_named, run_ip, wait_gone, wait_there)
from weldr import status_field

VIP, VIP6, OTHER = "10.77.0.200", "fd77:7765::c8", "10.77.0.201"
MAC = "02:00:00:00:00:01"


@pytest.fixture
def lan(town):
    """Two hosts; helpers that are begun by `lan.helper()` end with the test."""
    helpers = []

    class Lan:
        host, client = town.build(2)

        @staticmethod
        def helper(host=None, **more):
            helpers.append(Helper(host or Lan.host, **more))
            return helpers[-1]
    yield Lan
    for helper in helpers:
        helper.close()
        assert "runtime error" not in helper.log and "AddressSanitizer" not in helper.log, helper.log
        assert "may not make" not in helper.log, helper.log


def keep_holding(helper, address, seconds, for_s=0.4, step_s=0.1):
    """As a manager does whose lease goes on; what the host has meanwhile, looked at in each step."""
    seen, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        helper.hold(address, for_s)
        seen.append(has(helper.host, address))
        time.sleep(step_s)
    return seen


@pytest.mark.parametrize("address", [VIP, VIP6])
def test_takes_and_keeps(lan, address):
    """Longer than an address lives without a refresh; with the prefix of a host, on the interface of its subnet."""
    helper = lan.helper()
    helper.configure(address)
    assert helper.wait_heard("link", address) == ("up", "lan0")
    assert not has(lan.host, address)
    assert helper.take(address) == "lan0"
    assert ("lan0", address, 128 if ":" in address else 32) in addresses(lan.host)
    assert all(keep_holding(helper, address, 5.0, for_s=10.0))
    assert not helper.all_heard("dropped")
    helper.drop(address)
    assert helper.wait_heard("dropped", address) == "told"
    assert not has(lan.host, address)


def test_the_end_of_the_lease_drops(lan):
    helper = lan.helper()
    helper.configure(VIP)
    helper.take(VIP, for_s=3.0)
    assert helper.wait_heard("dropped", VIP) == "lease over"
    assert not has(lan.host, VIP)
    helper.take(VIP, for_s=5.0)


def test_the_end_of_the_manager_drops(lan):
    helper = lan.helper()
    helper.configure(VIP, VIP6)
    helper.take(VIP, for_s=9.0)
    helper.take(VIP6, for_s=9.0)
    helper.hang_up()
    wait_gone(lan.host, VIP)
    wait_gone(lan.host, VIP6)
    assert helper.wait_end() == 0


def test_nothing_is_begun_for_nothing(lan):
    """Without an address that is named there is the keeper alone, also when there was one before."""
    helper = lan.helper()
    helper.configure(VIP)
    helper.take(VIP)
    pid = helper.helper_pid()
    helper.configure()
    assert helper.wait_heard("dropped", VIP) == "not named"
    wait_until(lambda: not is_running(pid) and not children_of(helper.process.pid), PATIENCE_S, "the helper to go")
    assert helper.process.poll() is None
    helper.configure(VIP)
    helper.take(VIP)


def test_only_what_is_named(lan):
    monitor = Monitor(lan.host)
    helper = lan.helper()
    helper.configure(VIP)
    helper.hold(OTHER)
    assert helper.wait_heard("dropped", OTHER) == "not named"
    helper.drop(lan.host.ip)
    assert helper.wait_heard("dropped", lan.host.ip) == "not named"
    helper.hold(lan.host.ip, 0.0)
    helper.take(VIP)
    helper.configure(OTHER)
    assert helper.wait_heard("dropped", VIP) == "not named"
    helper.take(OTHER)
    helper.hold(VIP)
    assert helper.wait_heard("dropped", VIP) == "not named"
    assert has(lan.host, lan.host.ip) and not has(lan.host, VIP)
    assert monitor.end() == {VIP, OTHER}


def test_rubbish_touches_nothing(lan):
    """Bytes by chance and good messages with a byte that is another one; two capabilities are all that it has."""
    chance = random.Random(38)
    monitor = Monitor(lan.host)
    helper = lan.helper(capabilities=(CAP_NET_ADMIN, CAP_NET_RAW))
    named = {VIP, VIP6, OTHER}
    good = [bytes([1]) + b"".join(map(pack_named, named)), b"\2" + pack_named(VIP)[:20] + b"\0" * 8, b"\3" + pack_named(VIP6)[:20]]
    helper.configure(*named)
    helper.take(VIP)
    for _ in range(3000):
        raw = bytearray(chance.choice(good))
        if chance.random() < 0.5:
            # Not the addresses of a configure: what it names may be taken.
            raw[chance.randrange(1, len(raw)) if raw[0] != 1 else 1 + 38 * chance.randrange(3) + chance.randrange(20, 38)] ^= 1 << chance.randrange(8)
        else:
            raw = bytearray(chance.randbytes(chance.randrange(1, 200)))
            raw[0] = chance.choice([0, *range(2, 256)])
        wait_until(lambda raw=raw: send(helper, bytes(raw)), PATIENCE_S, "room", step_s=0.001)
        helper.listen()
    helper.configure(*named)
    helper.forget()
    helper.drop(VIP)
    helper.wait_heard("dropped", VIP)
    helper.take(VIP)
    for pid in (helper.process.pid, helper.helper_pid()):
        for kind in ("CapPrm", "CapEff", "CapBnd"):
            assert int(status_field(pid, kind), 16) == 1 << CAP_NET_ADMIN | 1 << CAP_NET_RAW, kind
        assert int(status_field(pid, "CapInh"), 16) == 0 and status_field(pid, "NoNewPrivs") == "1"
    assert monitor.end() <= named


def send(helper, raw):
    try:
        helper.say(raw)
    except BlockingIOError:
        return False
    return True


def test_without_capabilities(lan):
    """It says so, and takes nothing."""
    helper = lan.helper(capabilities=())
    helper.configure(VIP)
    helper.hold(VIP)
    wait_until(lambda: helper.process.poll() is not None or helper.all_heard("dropped", VIP) or not children_of(helper.process.pid),
               PATIENCE_S, "a word")
    assert not has(lan.host, VIP)


# ---- who dies, and who hangs

def test_a_helper_that_is_killed_has_a_successor(lan):
    """It goes on with what was held, without a word of the manager."""
    helper = lan.helper()
    helper.configure(VIP)
    helper.take(VIP, for_s=10.0)
    for _ in range(3):
        first = helper.wait_heard("hello")
        helper.forget()
        os.kill(helper.helper_pid(), signal.SIGKILL)
        assert helper.wait_heard("hello") != first
        helper.wait_heard("held", VIP)
        helper.hold(VIP, 10.0)
        assert has(lan.host, VIP)
        time.sleep(1.1)  # one that dies sooner counts as broken
    helper.drop(VIP)
    assert helper.wait_heard("dropped", VIP) == "told"
    wait_gone(lan.host, VIP)


def test_a_helper_that_dies_at_once_is_forgotten(lan):
    """What it held ends by the kernel's own time, and its successors wait longer and longer."""
    helper = lan.helper()
    helper.configure(VIP)
    helper.take(VIP, for_s=10.0)
    for _ in range(3):
        pid = helper.helper_pid()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda pid=pid: not is_running(pid), PATIENCE_S, "death")
    wait_gone(lan.host, VIP)
    helper.configure(VIP)
    helper.take(VIP)


def test_a_keeper_that_is_killed_has_a_successor(lan):
    helper = lan.helper()
    helper.configure(VIP)
    helper.take(VIP, for_s=10.0)
    first = helper.helper_pid()
    helper.process.kill()
    helper.process.wait()
    second = wait_until(lambda: next(iter(children_of(first)), None), PATIENCE_S, "another keeper")
    lan.host.fabric.keep(first)
    assert all(keep_holding(helper, VIP, 3.0, for_s=10.0))
    os.kill(second, signal.SIGKILL)
    third = wait_until(lambda: next((child for child in children_of(first) if child != second), None), PATIENCE_S, "another helper")
    helper.wait_heard("held", VIP, 2)
    helper.hang_up()
    wait_gone(lan.host, VIP)
    wait_until(lambda: not is_running(first) and not is_running(third), PATIENCE_S, "both to end")


@pytest.mark.parametrize("with_keeper", [False, True])
def test_a_helper_that_is_stopped(lan, with_keeper):
    """Its keeper lets go when the lease is over, or else the kernel; and it takes nothing when it goes on."""
    helper = lan.helper()
    helper.configure(VIP)
    helper.take(VIP, for_s=3.0)
    pid = helper.helper_pid()
    pids = [pid, helper.process.pid] if with_keeper else [pid]
    for one in pids:
        os.kill(one, signal.SIGSTOP)
    helper.hold(VIP, 0.8)  # waits in the socket
    wait_gone(lan.host, VIP)
    time.sleep(5.0)
    monitor = Monitor(lan.host)
    for one in reversed(pids):
        os.kill(one, signal.SIGCONT)
    assert helper.wait_heard("dropped", VIP) == "lease over"
    assert monitor.end() <= {VIP}
    assert not has(lan.host, VIP)
    helper.take(VIP)


def test_all_are_stopped_and_the_manager_dies(lan):
    helper = lan.helper()
    helper.configure(VIP)
    helper.take(VIP, for_s=9.0)
    pid = helper.helper_pid()
    os.kill(pid, signal.SIGSTOP)
    helper.hang_up()
    assert helper.wait_end() == 0
    wait_until(lambda: not is_running(pid), PATIENCE_S, "the helper, woken by its keeper's end")
    wait_gone(lan.host, VIP)


def test_started_twice(lan):
    """The second takes nothing as long as there is the first, and all when that has gone."""
    first, second = lan.helper(), lan.helper()
    first.configure(VIP)
    first.take(VIP, for_s=10.0)
    second.configure(VIP, OTHER)
    second.hold(OTHER, 10.0)
    second.hold(VIP, 10.0)
    assert second.wait_heard("busy") is True
    assert all(keep_holding(first, VIP, 1.0, for_s=10.0))
    assert not has(lan.host, OTHER)
    first.hang_up()
    first.wait_end()
    second.wait_heard("busy", value=False)
    second.hold(OTHER, 10.0)
    second.hold(VIP, 10.0)
    second.wait_heard("held", VIP)
    second.wait_heard("held", OTHER)


def test_what_an_earlier_life_left(lan):
    """Of the named ones, those whose life has an end: what an operator has added stays."""
    for words in (f"{VIP}/32 dev lan0 valid_lft 100 preferred_lft 100", f"{OTHER}/32 dev lan0",
                  "10.77.0.202/32 dev lan0 valid_lft 100 preferred_lft 100", f"{VIP6}/128 dev lan0 valid_lft 100 preferred_lft 100"):
        run_ip(lan.host, "addr", "add", *words.split())
    helper = lan.helper()
    helper.configure(VIP, OTHER, VIP6)
    helper.wait_heard("dropped", VIP)
    helper.wait_heard("dropped", VIP6)
    assert not has(lan.host, VIP) and not has(lan.host, VIP6)
    assert has(lan.host, OTHER) and has(lan.host, "10.77.0.202")


def test_described_otherwise(lan):
    helper = lan.helper()
    helper.configure(VIP)
    helper.take(VIP, for_s=10.0)
    helper.forget()
    helper.configure(pack_named(VIP, "lan0", 24))
    assert helper.wait_heard("dropped", VIP) == "changed"
    helper.wait_heard("held", VIP)
    assert {prefix for _, address, prefix in addresses(lan.host) if address == VIP} == {24}


# ---- the interface

@pytest.mark.parametrize("address", [VIP, VIP6])
def test_removed_by_hand(lan, address):
    helper = lan.helper()
    helper.configure(address)
    helper.take(address, for_s=10.0)
    for _ in range(3):
        run_ip(lan.host, "addr", "del", f"{address}/{128 if ':' in address else 32}", "dev", "lan0")
        helper.hold(address, 10.0)
        wait_there(lan.host, address)
    run_ip(lan.host, "addr", "flush", "dev", "lan0", check=False)  # which gives up when it comes back each time
    wait_there(lan.host, address)
    assert not helper.all_heard("dropped")


@pytest.mark.parametrize("address", [VIP, VIP6])
def test_the_interface_goes_down_and_up(lan, address):
    helper = lan.helper()
    helper.configure(address)
    helper.take(address, for_s=10.0)
    run_ip(lan.host, "link", "set", "lan0", "down")
    assert helper.wait_heard("link", address, value=("down", "lan0"))
    announced_n = len(helper.all_heard("announced"))
    helper.hold(address, 10.0)
    run_ip(lan.host, "link", "set", "lan0", "up")
    helper.wait_heard("link", address, count=2, value=("up", "lan0"))
    helper.wait_heard("announced", address, announced_n + 1)
    wait_there(lan.host, address)


def test_an_interface_that_comes_and_goes(lan):
    """By a name such as a VLAN has."""
    def add():
        run_ip(lan.host, *"tuntap add dev lan0.7 mode tap".split())
        run_ip(lan.host, *"link set lan0.7 up".split())
    helper = lan.helper()
    helper.configure(pack_named("10.99.0.1", "lan0.7"))
    assert helper.wait_heard("link", "10.99.0.1") == ("none", "")
    helper.hold("10.99.0.1", 10.0)
    add()
    assert helper.wait_heard("held", "10.99.0.1") == "lan0.7"
    assert ("lan0.7", "10.99.0.1", 32) in addresses(lan.host)
    run_ip(lan.host, *"link del lan0.7".split())
    assert helper.wait_heard("dropped", "10.99.0.1") == "no interface"
    helper.hold("10.99.0.1", 10.0)
    add()
    helper.wait_heard("held", "10.99.0.1", 2)


# ---- others on the wire

def mac_of_neighbour(host, address):
    def ask():
        family = "-6" if ":" in address else "-4"
        return subprocess.run(["ip", family, "neigh", "show", address], check=True, capture_output=True, text=True).stdout.split()
    words = host.namespace.run_inside(ask)
    return words[words.index("lladdr") + 1] if "lladdr" in words else None


@pytest.mark.parametrize("address", [VIP, VIP6])
def test_announced(lan, address):
    """In each form, five times at first; and who knew the address of another MAC knows it of this one."""
    wire = Wire(lan.client)
    run_ip(lan.client, "neigh", "replace", address, "lladdr", "02:00:00:00:00:77", "dev", "lan0", "nud", "reachable")
    helper = lan.helper()
    helper.configure(address)
    helper.take(address, for_s=10.0)
    wait_until(lambda: mac_of_neighbour(lan.client, address) == MAC, PATIENCE_S, "the neighbour's entry")
    helper.wait_heard("announced", address, value=5)
    forms = ["advertisement of 255 hops, override True"] if ":" in address else ["request", "reply"]
    wait_until(lambda: len(wire.of(address)) >= 5 * len(forms), PATIENCE_S, "announcements")
    assert wire.of(address) == [(MAC, form) for form in forms] * 5
    wire.close()


@pytest.mark.parametrize("address", [VIP, VIP6])
def test_a_stranger_is_told_of_and_answered(lan, address):
    wire = Wire(lan.client)
    helper = lan.helper()
    helper.configure(address)
    helper.take(address, for_s=10.0)
    helper.wait_heard("announced", address, value=5)
    helper.hold(address, 10.0)
    wire.claim(address)
    assert helper.wait_heard("conflict", address) == "02:00:00:00:00:99"
    helper.wait_heard("announced", address, value=6)
    assert has(lan.host, address) and not helper.all_heard("dropped")
    wire.close()


def test_a_stranger_is_given_way_to(lan):
    wire = Wire(lan.client)
    helper = lan.helper()
    helper.configure(pack_named(VIP, policy=BACK_OFF))
    helper.take(VIP, for_s=10.0)
    wire.claim(VIP)
    assert helper.wait_heard("conflict", VIP) == "02:00:00:00:00:99"
    assert helper.wait_heard("dropped", VIP) == "conflict"
    assert not has(lan.host, VIP)
    assert not any(keep_holding(helper, VIP, 1.0))
    helper.drop(VIP)
    helper.take(VIP)
    wire.close()


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_the_will(lan, family):
    """Sent when the manager has died and the address is gone; not when it has none any more."""
    inbox = lan.client.namespace.run_inside(socket.socket, family, socket.SOCK_DGRAM)
    inbox.bind(("", 8688))
    inbox.settimeout(PATIENCE_S)
    to = (lan.client.ip if family == socket.AF_INET else lan.client.ip6, 8688)
    helper = lan.helper()
    helper.will(b"an older one", to)
    helper.configure(VIP)
    helper.take(VIP, for_s=10.0)
    helper.will(b"what is sealed", to, to)
    os.kill(helper.helper_pid(), signal.SIGKILL)  # who comes after it knows it too
    helper.wait_heard("held", VIP, 2)
    helper.hang_up()
    assert inbox.recv(1000) == b"what is sealed"
    assert not has(lan.host, VIP)
    helper.wait_end()
    inbox.close()


def test_a_will_that_was_taken_back(lan):
    inbox = lan.client.namespace.run_inside(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    inbox.bind(("", 8688))
    helper = lan.helper()
    helper.configure(VIP)
    helper.will(b"sealed", (lan.client.ip, 8688))
    helper.take(VIP, for_s=10.0)
    helper.will(b"")
    helper.hang_up()
    assert helper.wait_end() == 0
    wait_gone(lan.host, VIP)
    inbox.settimeout(0.3)
    with pytest.raises(TimeoutError):
        inbox.recv(1000)
    inbox.close()
