"""Virtual IPs: each on one node at a time whatever happens to its holder, and soon on another one."""

import collections
import datetime
import math
import os
import random
import signal
import statistics
import time

import pytest
from clocks import CAN_STEP
from fabric import DEVICE
from holders import Client, Watch
from lateness import Lateness
from node import find_leader, settle
from rawhttp import wait_until
from weldr import session_members, status_field
from writers import Visitors

RUNS = int(os.environ.get("VIP_RUNS", "1"))
SEQUENCES = int(os.environ.get("VIP_SEQUENCES", "2"))
PROFILES = os.environ.get("CLUSTER_PROFILES", "fast").split()
HOUR_S = 3600
STEPPED_S = 4.5  # longer than a lease and any election timer of profile wan
PART_S, PARTINGS = 0.5, 5  # that long who ends waits for others to have its addresses (VIPS_HERE_PART_MS)
KNOWN_S = 1.0  # four heartbeats of profile wan
SAVED_S = 1.5  # of profile fast, after a death
SETTLED_N = 50  # requests of a second: who has just begun is believed to be dead only when its lease is over (raft_testament.c)
IS_MEASURED = "FIGURES" in os.environ
VIP, VIP6 = "10.77.0.100", "fd77:7765::100"
MANY = [f"10.77.0.{100 + n}" for n in range(5)]
# Seconds without an answer for a client: median, longest.
LIMITS_S = {("fast", "cut"): (0.9, 1.2), ("fast", "kill"): (0.2, 0.2), ("fast", "move"): (0.1, 0.1), ("lan", "cut"): (2.0, 2.0)}


# ---- what is done to a holder

def helpers_of(node):
    """The processes that have its addresses."""
    return [pid for pid in session_members(node.weldr.pid) if status_field(pid, "Name").startswith("weldr-vip")]


def cut(town, node):
    node.host.cut()


def mute(town, node):
    node.host.mute()


def deafen(town, node):
    node.host.deafen()


def lose_some(town, node):
    node.host.rough(loss=0.2)


def kill(town, node):
    node.kill()


def kill_helper(town, node):
    for pid in helpers_of(node)[-1:]:
        os.kill(pid, signal.SIGKILL)


def kill_both(town, node):
    for pid in helpers_of(node):
        os.kill(pid, signal.SIGKILL)
    node.kill()


def freeze(town, pids):
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(5)  # so the issue says
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def freeze_manager(town, node):
    freeze(town, [node.weldr.pid])


def freeze_helper(town, node):
    freeze(town, helpers_of(node)[-1:])


def freeze_both(town, node):
    freeze(town, [node.weldr.pid, *helpers_of(node)[-1:]])


def move(town, node):
    others = [other for other in town.nodes if other is not node and other.is_running]
    others[0].change("POST", f"/vips/{VIP}/move", {"to": others[0].id}, again=(409, 503, 504))


def transfer(town, node):
    others = [other for other in town.nodes if other is not node and other.is_running]
    others[0].change("POST", "/cluster/transfer", again=(409, 503, 504))


def step_ahead(town, node):
    step(node, HOUR_S)


def step_back(town, node):
    step(node, -HOUR_S)


def step(node, step_s):
    node.clock.step(step_s)
    node.clock.assert_seen(node)


STEPS = [step_ahead, step_back] if CAN_STEP else []
FAULTS = [cut, mute, deafen, lose_some, kill, kill_helper, kill_both, freeze_manager, freeze_helper, freeze_both, *STEPS, move, transfer]


def mend(town, nodes):
    town.fabric.heal()
    for node in nodes:
        node.host.rough()
        if node.clock:
            node.clock.step(0)
        if not node.is_running:
            node.start()
    settle(nodes)


# ---- a town with addresses

def describe(node, address, **more):
    node.change("PUT", f"/vips/{address}", {"interface": DEVICE, **more})


def start(town, profile="fast", addresses=(VIP,), spare_n=1, has_clocks=False):
    nodes = town.cluster(3, "--cluster-profile", profile, spare_n=spare_n, has_clocks=has_clocks)
    for address in addresses:
        describe(nodes[0], address)
    if VIP6 in addresses:  # a listener that is bound before the address is there
        nodes[0].change("POST", "/listeners", {"name": "six", "addresses": [f"[{VIP6}]:8080"]})
    return nodes


def wait_held(watch, addresses):
    """Each by one node, as the kernel says."""
    wait_until(lambda: all(watch.holder(address) for address in addresses), 60, f"{addresses} to be held", step_s=0.01)


def seconds_of(line):
    """The time of a line of the log, since 1970."""
    return datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00")).timestamp()


def client_host(town):
    return town.fabric.hosts[-1]


# ---- one address

def test_one_node_has_it_and_says_so(town):
    nodes = start(town)
    with Watch(nodes, [VIP]) as watch, Client(client_host(town), VIP) as client:
        wait_held(watch, [VIP])
        holder = watch.holder(VIP)
        wait_until(lambda: client.last, 30, "the client to be answered")
        for node in nodes:
            wait_until(lambda node=node: node.get(f"/vips/{VIP}")["holder"] == holder.id, 30, f"{node} to know the holder")
        assert holder.get(f"/vips/{VIP}")["announcements"] > 0
        nodes[0].change("DELETE", f"/vips/{VIP}")
        wait_until(lambda: not watch.holders[VIP], 30, "it to be gone")


def test_commands_follow_it(town, tmp_path):
    """--on-active and --on-passive hear where it is and why, and how they ended is an event."""
    told = tmp_path / "told"
    command = f'echo "$WELDR_STATE $WELDR_VIP $WELDR_NODE $WELDR_CAUSE" >>{told}; exit 3'
    nodes = town.cluster(3, "--cluster-profile", "fast", "--on-active", command, "--on-passive", command)
    describe(nodes[0], VIP)
    with Watch(nodes, [VIP]) as watch:
        wait_held(watch, [VIP])
        first = watch.holder(VIP)
        move(town, first)
        wait_until(lambda: watch.holder(VIP) not in (None, first), 30, "another one to have it", step_s=0.01)
        second = watch.holder(VIP)
        # On a busy machine a lease may run out meanwhile: then it is told more often.
        expected = {("active", first.id), ("passive", first.id), ("active", second.id)}

        def heard():
            lines = [line.split() for line in told.read_text(encoding="utf-8").splitlines()] if told.exists() else []
            assert all(len(line) == 4 and line[1] == VIP for line in lines), lines
            return expected <= {(state, node) for state, _, node, _ in lines}
        wait_until(heard, 30, f"{expected} to be told")
        for node, state in (first, "active"), (first, "passive"), (second, "active"):
            wait_until(lambda node=node, state=state: (state, "exit code 3", VIP) in [(event["to"], event["reason"], event["address"])
                       for event in node.get("/events?kind=vip_command")["events"]], 30, f"the event {state} of {node}")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_never_on_two(town, fault):
    nodes = start(town, has_clocks=fault in STEPS)
    with Watch(nodes, [VIP]) as watch:
        wait_held(watch, [VIP])
        fault(town, watch.holder(VIP))
        wait_held(watch, [VIP])
        mend(town, nodes)
        wait_held(watch, [VIP])


def test_a_stranger_to_the_holder_is_cut_off(town):
    """The holder keeps it, and nobody else gets it meanwhile or when that one is back."""
    nodes = start(town)
    with Watch(nodes, [VIP]) as watch:
        wait_held(watch, [VIP])
        holder = watch.holder(VIP)
        other = next(node for node in nodes if node is not holder)
        other.host.cut()
        wait_until(lambda: not other.cluster()["quorum"]["has"], 30, "it to be alone")
        mend(town, nodes)
        assert {holders for _, _, holders in watch.log if holders} == {frozenset([holder])}


def lead(nodes, wanted):
    find_leader(nodes).change("POST", "/cluster/transfer", {"to": wanted.id}, again=(409, 503, 504))
    wait_until(lambda: find_leader(nodes) is wanted and {node.leader_id() for node in nodes} == {wanted.id}, 30, f"{wanted} to lead")


def test_an_election_of_who_was_started_anew_takes_one_round(town):
    """The vote for it is not told to the process before, which led once: that would cost another election timer."""
    nodes = start(town, "wan")
    with Watch(nodes, [VIP]) as watch:
        stands, voter, last = sorted(nodes, key=lambda node: node.id)  # of those who hear of a dead leader the first one stands
        lead(nodes, stands)
        lead(nodes, last)
        stands.restart()
        settle(nodes)
        assert find_leader(nodes) is last
        wait_held(watch, [VIP])
        if watch.holder(VIP) is not last:  # who holds has a helper that tells of its death
            last.change("POST", f"/vips/{VIP}/move", {"to": last.id}, again=(409, 503, 504))
        wait_until(lambda: watch.holder(VIP) is last, 30, "the leader to hold it")
        begun = time.monotonic()
        wait_until(lambda: time.monotonic() > begun + KNOWN_S, 30, "it to be known, by what it says, to who was started anew")
        gone, term, begun = last.id, last.cluster()["term"], time.monotonic()
        last.kill()

        def have_leader():
            """Both know the same new one."""
            leaders = {node.leader_id() for node in (stands, voter)}
            return len(leaders) == 1 and not leaders & {gone, None}
        wait_until(have_leader, 30, "another one to lead", step_s=0.01)
        print(f"\nelected after {time.monotonic() - begun:.2f} s")
        assert stands.cluster()["role"] == "leader" and stands.cluster()["term"] == term + 1
        last.start()
        settle(nodes)


def parting(log):
    """What a leader that was told to end had let go when another one led, and after how many seconds that was; never: inf."""
    told = next(at for at, line in enumerate(log) if line["msg"] == "shutting down")
    led = next((at for at, line in enumerate(log) if at > told and line["msg"] == "another member leads"), None)
    released = {line["address"] for line in log[told:led] if line["msg"] == "VIP released"}
    return released, math.inf if led is None else seconds_of(log[led]) - seconds_of(log[told])


def test_who_ends_gives_its_addresses_away_before_the_lead(town):
    """Else the next leader would move them, after a hold-off. A busy machine may need more than the time for it: once more."""
    nodes = start(town, addresses=MANY)
    with Watch(nodes, MANY) as watch:
        for _ in range(PARTINGS):
            wait_until(lambda: set(watch.holders.values()) == {frozenset([node]) for node in nodes}, 60, "each to have some")
            leader = find_leader(nodes)
            mine = {address for address in MANY if watch.holder(address) is leader}
            leader.stop()
            released, took_s = parting(leader.past[-1].lines(role="manager"))
            is_in_time = took_s < PART_S
            assert not is_in_time or mine <= released, f"it had {mine}, and had let go {released} when another one led, after {took_s} s"
            leader.start()
            settle(nodes)
            if is_in_time:
                break
        else:
            pytest.fail("the machine is too busy for that")
        wait_held(watch, MANY)


@pytest.mark.parametrize("fault", STEPS, ids=[fault.__name__ for fault in STEPS])
def test_a_step_of_the_wall_clock_moves_nothing(town, fault):
    """Neither an address nor the lead; the node serves, and it makes and is made links anew. A slow profile: a busy machine elects none."""
    nodes = start(town, "wan", has_clocks=True)
    with Watch(nodes, [VIP]) as watch, Client(client_host(town), VIP) as client, Visitors(nodes) as visitors:
        wait_held(watch, [VIP])
        holder, leader = watch.holder(VIP), find_leader(nodes)
        wait_until(lambda: client.last, 30, "the client to be answered")
        terms = {node.cluster()["term"] for node in nodes}
        for node in nodes:
            fault(town, node)
            begun = time.monotonic()
            wait_until(lambda begun=begun: time.monotonic() > begun + STEPPED_S and client.has_asked_since(begun + STEPPED_S), 30,
                       "the client to be answered for longer than a lease and an election")
            node.add(f"http://192.0.2.1:{node.host.number + 1}", weight=0)
            node.clock.step(0)
        assert {node.cluster()["term"] for node in nodes} == terms and {node.leader_id() for node in nodes} == {leader.id}
        assert [holders for _, _, holders in watch.log] == [frozenset([holder])], watch.log
        visitors.stop()
        fault(town, holder)
        for node in nodes:
            node.restart()
            settle(nodes)
        holder.clock.assert_seen(holder)
        wait_held(watch, [VIP])


if not CAN_STEP:  # a static program's clock can't be stepped, and a test that is skipped counts as failed
    del test_a_step_of_the_wall_clock_moves_nothing


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_a_random_sequence(town, seed):
    nodes, chance = start(town, addresses=[VIP, MANY[1]], has_clocks=bool(STEPS)), random.Random(seed)
    with Watch(nodes, [VIP, MANY[1]]) as watch:
        wait_held(watch, [VIP, MANY[1]])
        done = []
        for _ in range(4):
            fault = chance.choice(FAULTS)
            if fault in (move, transfer) or chance.random() < 0.5:  # those two need who agrees
                mend(town, nodes)
                wait_held(watch, [VIP, MANY[1]])
            done.append(fault.__name__)
            holder = watch.holder(VIP)
            fault(town, holder if holder and holder.is_running else chance.choice([node for node in nodes if node.is_running]))
        mend(town, nodes)
        wait_held(watch, [VIP, MANY[1]])
        print(f"seed {seed}: {', '.join(done)}")


# ---- how long nobody answers

@pytest.mark.parametrize("address", [VIP, VIP6])
@pytest.mark.parametrize("fault", [cut, kill, move], ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("profile", PROFILES)
def test_how_long_nobody_answers(town, profile, fault, address):
    nodes = start(town, profile, [VIP, address] if fault is move else [address])
    times = []
    with Watch(nodes, [address]) as watch, Client(client_host(town), address) as client:
        for _ in range(RUNS):
            wait_held(watch, [address])
            asked_n = client.asked_n
            wait_until(lambda asked_n=asked_n: client.asked_n > asked_n + SETTLED_N and client.has_asked_since(time.monotonic() - 0.1), 30,
                       "the client to be answered", step_s=0.01)
            client.begin()
            holder = watch.holder(address)
            if fault is move:
                others = [node for node in nodes if node is not holder]
                others[0].change("POST", f"/vips/{address}/move", {"to": others[0].id}, again=(409, 503))
            else:
                fault(town, holder)
            wait_until(lambda holder=holder: watch.holder(address) not in (None, holder), 60, "another one to have it", step_s=0.01)
            wait_until(lambda now=time.monotonic(): client.has_asked_since(now), 30, "the client to be answered", step_s=0.01)
            times.append(client.longest_s)
            mend(town, nodes)
    times.sort()
    print(f"\n{profile} {fault.__name__} {address}: nobody answered for {' '.join(f'{t:.2f}' for t in times)} s")
    median_s, longest_s = LIMITS_S.get((profile, fault.__name__), (60, 60))
    assert not IS_MEASURED or (statistics.median(times) <= median_s and times[-1] <= longest_s), times


# ---- several addresses

def who_takes_over(town, victim):
    """The processes that have a part in it, the one that looks among them."""
    living = [node for node in town.nodes if node is not victim]
    return [os.getpid(), town.fabric.switch.pid, *(pid for node in living for pid in [node.weldr.pid, *helpers_of(node)])]


@pytest.mark.parametrize("addresses_n", [2, 3, 5])
def test_several_are_spread_and_few_move(town, addresses_n):
    """Each node dies once: then each address is held once by one that lives, soon, and few have moved."""
    addresses, times = MANY[:addresses_n], []
    nodes = start(town, addresses=addresses)
    with Watch(nodes, addresses) as watch:
        most = -(-addresses_n // 3)

        def spread():
            """{address: its holder}, with as many on each as may be at the most; None: not yet."""
            held = {address: watch.holder(address) for address in addresses}
            count = collections.Counter(held.values())
            return held if None not in count and max(count.values()) <= most else None
        for victim in nodes * RUNS:
            before = wait_until(spread, 60, "them to be spread")
            living = [frozenset([node]) for node in nodes if node is not victim]
            lateness, died = Lateness(who_takes_over(town, victim)), time.monotonic()
            victim.kill()

            def is_saved(holders, living=living):
                return all(holders[address] in living for address in addresses)
            wait_until(lambda is_saved=is_saved, died=died: time.monotonic() > died + SAVED_S and is_saved(watch.holders), 60, "the others to have them")
            times.append((watch.seconds_until(is_saved, died), lateness.seconds()))
            moved = [address for address in addresses if watch.holder(address) is not before[address]]
            assert len(moved) <= most, (moved, most)
            victim.start()
            settle(nodes)
    print(f"\n{addresses_n} addresses: held again after {' '.join(f'{took_s:.2f}' for took_s, _ in times)} s, "
          f"the machine was late by {' '.join(f'{late_s:.2f}' for _, late_s in times)} s")
    assert all(took_s is not None and took_s <= SAVED_S + late_s for took_s, late_s in times), times
