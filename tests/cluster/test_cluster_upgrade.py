"""`weldr cluster upgrade`: all nodes of a cluster get another Weldr, one after the other, steered from one of them."""

import json
import os
import signal
import stat
import subprocess
import time

import pytest

import heirs
import weldr as w
from fabric import DEVICE
from holders import Client, Watch
from node import API_PORT, PROXY_PORT, find_leader, settle
from rawhttp import wait_until
from writers import Visitors, Writers, agree

LIMIT_S = 300.0
VIP = "10.77.0.100"
VERSION = w.run_weldr("--version").stdout.split()[1]


@pytest.fixture(autouse=True)
def orphans():
    heirs.take_orphans()


def roll(node, *flags, binary=w.BIN):
    """The command, by the API of that node."""
    return w.run_weldr("cluster", "upgrade", "--binary", binary, "--api", f"http://127.0.0.1:{API_PORT}", *flags,
                       namespace=node.host.namespace, timeout_s=LIMIT_S)


def state(node, of=None):
    return node.get(f"/cluster/members/{(of or node).id}/upgrade")


def follow(nodes):
    """The harness goes on with the processes that are there now."""
    for node in nodes:
        pid = state(node)["pid"]
        if pid == node.weldr.pid:
            continue
        before = heirs.follow(node.weldr, pid)
        node.host.fabric.drop(before.pid)
        node.host.fabric.keep(node.weldr.pid)
        assert heirs.end_of(before) == 0
        wait_until(lambda: not heirs.owes_predecessor(node.weldr), 20, "the successor to hear of the end")


def program(town, text, name="weldr"):
    """An executable file that nobody else could have put there, with this behaviour."""
    path = os.path.join(town.folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, stat.S_IRWXU)
    return path


def pids(nodes):
    return [state(node)["pid"] for node in nodes]


def test_all_nodes_under_load(town):
    """Writers and clients at each node go on, on connections of before and on new ones, and so does one at a virtual IP."""
    nodes = town.cluster(3, "--cluster-profile", "fast", spare_n=1)
    nodes[0].change("PUT", f"/vips/{VIP}", {"interface": DEVICE})
    steered_from = next(node for node in nodes if node is not find_leader(nodes))
    before = pids(nodes)
    with Watch(nodes, [VIP]) as watch, Client(town.fabric.hosts[3], VIP) as client:
        wait_until(lambda: watch.holder(VIP) and client.last, 30, "it to be held", step_s=0.01)
        own = [Client(node.host, node.host.ip) for node in nodes]
        with Writers(nodes) as writers, Visitors(nodes):
            writers.wait_more()
            asked = [one.asked_n for one in own]
            result = roll(steered_from, "--again")
            writers.wait_more()
            wait_until(lambda: all(one.asked_n > n for one, n in zip(own, asked)), 30, "all clients to go on")
            follow(nodes)
        for one in own:
            one.stop()
        assert result.returncode == 0, result
        # Moves cut nothing, but who is in time is the machine's affair: a client that waits for 100 ms only may miss one a move.
        moves_n = sum(len(holders) == 1 for _, _, holders in watch.log)
        assert client.failed_n <= moves_n, (client.failed_n, watch.log)
    assert [one.failed_n for one in own] == [0, 0, 0]
    writers.judge()
    settle(nodes)
    agree(nodes)
    assert all(old != new for old, new in zip(before, pids(nodes)))
    lines = result.stdout.splitlines()
    steps = [line.split()[2].rstrip(",") for line in lines if line.startswith(("1/3", "2/3", "3/3"))]
    assert sorted(steps) == sorted(node.id for node in nodes)
    assert f"weldr {VERSION} runs on 3 of 3 nodes" in lines[-1]


class Wrk:
    """As many requests as one thread of wrk gets answers to, at one address, until stop(): not one may fail."""

    def __init__(self, host, address):
        self.process = subprocess.Popen(["wrk", "-t1", "-c8", f"-d{int(LIMIT_S)}s", "--timeout", "20s", f"http://{address}:{PROXY_PORT}/"],
                                        stdout=subprocess.PIPE, text=True, preexec_fn=host.namespace.enter)

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        text, _ = self.process.communicate(timeout=30)
        assert "requests in" in text and "Socket errors" not in text and "Non-2xx" not in text, text
        return int(text.split(" requests in")[0].split()[-1])


def test_wrk_at_each_node(town):
    """Some thousand requests a second on connections that stay: they are told to go on elsewhere behind a response, and no sooner."""
    nodes = town.cluster(3, "--cluster-profile", "fast", spare_n=1)
    clients = [Wrk(town.fabric.hosts[3], node.host.ip) for node in nodes]
    wait_until(lambda: all(node.get("/stats")["requests"] > 100 for node in nodes), 30, "the load")
    result = roll(nodes[0], "--again")
    before = [node.get("/stats")["requests"] for node in nodes]
    wait_until(lambda: all(node.get("/stats")["requests"] > n + 100 for node, n in zip(nodes, before)), 30, "the load to go on")
    numbers = [client.stop() for client in clients]
    assert result.returncode == 0 and min(numbers) > 200, (result, numbers)
    follow(nodes)


def test_a_witness_too(town):
    hosts = town.build(3)
    first, second = [town.node(host, "--cluster-profile", "fast") for host in hosts[:2]]
    witness = town.node(hosts[2], "--cluster-profile", "fast", "--witness")
    nodes = [first, second, witness]
    first.start()
    second.join(first)
    witness.join(first)
    settle(nodes)
    before = pids(nodes)
    result = roll(first, "--again")
    assert result.returncode == 0 and f"node {witness.id}, witness" in result.stdout, result
    assert not set(before) & set(pids(nodes))
    follow(nodes)
    settle(nodes)


def test_members_that_are_older(town):
    """It is found out before anything begins."""
    nodes = town.cluster(3, "--cluster-profile", "fast", env={"WELDR_TEST_LEVEL": "4"})
    before = [node.weldr.pid for node in nodes]
    result = roll(nodes[0], "--again")
    assert result.returncode == 1 and "a member runs a Weldr that does not know of this" in result.stderr, result
    assert [node.weldr.pid for node in nodes] == before and all(node.weldr.process.poll() is None for node in nodes)
    answer = nodes[0].api("GET", f"/cluster/members/{nodes[1].id}/upgrade")
    assert answer.status == 503, answer


def test_the_leader_is_the_last_and_the_own_node_before_it(town):
    nodes = town.cluster(3, "--cluster-profile", "wan")
    leader = find_leader(nodes)
    own, other = [node for node in nodes if node is not leader]
    result = roll(own, "--again", "--json")
    follow(nodes)
    assert result.returncode == 0, result
    told = json.loads(result.stdout)
    assert told["version"] == VERSION and told["skipped"] == told["remaining"] == [] and told["failed"] is told["error"] is None
    assert sorted(told["upgraded"]) == sorted(node.id for node in nodes)
    steps = [line.split()[2].rstrip(",") for line in result.stderr.splitlines() if line.startswith(("1/3", "2/3", "3/3"))]
    assert steps == [other.id, own.id, leader.id]
    settle(nodes)


def test_nothing_is_to_be_done(town):
    """They run that version already."""
    nodes = town.cluster(3, "--cluster-profile", "fast")
    before = pids(nodes)
    result = roll(nodes[1])
    assert result.returncode == 0 and "nothing is to be done" in result.stdout, result
    assert pids(nodes) == before
    assert w.run_weldr("cluster", "upgrade").returncode == 2, "without --binary"


def refused(town, nodes, binary, why):
    before = pids(nodes)
    result = roll(nodes[1], "--again", binary=binary)
    assert result.returncode == 1 and why in result.stderr and "no node was upgraded" in result.stderr, result
    assert pids(nodes) == before
    assert [state(node)["phase"] for node in nodes] == ["idle"] * len(nodes)
    assert [node.ask() for node in nodes] == [200] * len(nodes)


def test_a_program_that_is_no_weldr_to_upgrade_to(town):
    """Each is found out before anything has begun on any node."""
    nodes = town.cluster(3, "--cluster-profile", "fast")
    refused(town, nodes, os.path.join(town.folder, "none"), "No such file or directory")
    refused(town, nodes, program(town, "echo bash 5.2\n"), "it does not say that it is a Weldr")
    refused(town, nodes, program(town, "exit 3\n"), "it ends with exit code 3")
    refused(town, nodes, program(town, "echo weldr 0.0.9\n"), "level 0")
    refused(town, nodes, program(town, "echo weldr 0.0.9; echo level 1\n"), "it could not read what is agreed on")
    anybodys = program(town, f'echo weldr 9.9.9; echo level {state(nodes[0])["level"]}\n')
    os.chmod(anybodys, 0o777)
    refused(town, nodes, anybodys, "others than root and weldr's user may write to it")
    # Not the same everywhere: each host says another name.
    refused(town, nodes, program(town, f'echo weldr 0.9.$$; echo level {state(nodes[0])["level"]}\n'), "there the file is version 0.9.")


def test_a_program_that_does_not_start(town):
    """It stops at the first node, which goes on as it was."""
    nodes = town.cluster(3, "--cluster-profile", "fast")
    level = state(nodes[0])["level"]
    binary = program(town, f'[ "$1" = --version ] && {{ echo weldr 9.9.9; echo level {level}; exit 0; }}\nexit 1\n')
    with Visitors(nodes):
        refused(town, nodes, binary, "it ended with exit code 1 before it was ready")
    failed = [state(node)["failed"] for node in nodes]
    assert sorted(failed) == [0, 0, 1]
    ill = nodes[failed.index(1)]
    assert "exit code 1" in state(nodes[0], ill)["failure"]
    result = roll(nodes[0], "--again")
    follow(nodes)
    assert result.returncode == 0, "the failure of before is in nobody's way"


def test_a_node_that_is_down(town):
    nodes = town.cluster(3, "--cluster-profile", "fast")
    down = next(node for node in nodes if node is not find_leader(nodes))
    down_id = down.id
    rest = [node for node in nodes if node is not down]
    before = pids(rest)
    down.kill()
    wait_until(lambda: find_leader(rest), 30, "one to lead")
    began = time.monotonic()
    result = roll(rest[0], "--again")
    assert result.returncode == 1 and f"node {down_id}: " in result.stderr and "no node was upgraded" in result.stderr, result
    assert time.monotonic() - began < 120
    assert pids(rest) == before
    down.start()
    settle(nodes)
    assert roll(rest[0], "--again").returncode == 0
    follow(nodes)


def test_broken_off_in_between(town):
    """Whoever steers it is killed: all nodes serve, and the same command goes on."""
    nodes = town.cluster(3, "--cluster-profile", "fast")
    before = pids(nodes)
    process = subprocess.Popen([w.BIN, "cluster", "upgrade", "--again", "--binary", w.BIN, "--api", f"http://127.0.0.1:{API_PORT}"],
                               stdout=subprocess.PIPE, text=True, env=w.clean_environment(), preexec_fn=nodes[1].host.namespace.enter)
    with process.stdout:
        for line in process.stdout:
            if line.startswith("2/3"):
                break
    process.kill()
    process.wait()
    for node in nodes:
        wait_until(lambda: node.api("GET", "/ready").status == 200 and state(node)["phase"] == "idle", 60, "it to serve")
    assert pids(nodes) != before and set(pids(nodes)) & set(before)
    follow(nodes)
    result = roll(nodes[1], "--again")
    assert result.returncode == 0, result
    follow(nodes)
    settle(nodes)


def test_by_the_api(town):
    """What the command does, step by step, and what is refused."""
    nodes = town.cluster(3, "--cluster-profile", "fast")
    one, other = nodes[0], nodes[1]
    one_id, other_id = one.id, other.id
    path = f"/cluster/members/{other_id}/upgrade"
    assert one.api("POST", f"{path}/check", {"binary": w.BIN}).json == {"version": VERSION, "level": state(one)["level"]}
    answer = one.api("POST", f"{path}/check", {"binary": "weldr"})
    assert (answer.status, answer.json["code"]) == (409, "upgrade_failed") and "absolute" in answer.json["detail"], answer
    assert one.api("POST", f"{path}/check", {"file": "weldr"}).status == 422
    for id_ in ("0000000000000001", "nobody"):
        for method, more in (("GET", ""), ("POST", ""), ("POST", "/check")):
            assert one.api(method, f"/cluster/members/{id_}/upgrade{more}").status == 404
    begun = one.change("POST", path, {"binary": w.BIN}, status=(202,))
    assert begun.json["id"] == other_id and begun.json["pid"] == other.weldr.pid and begun.json["phase"] == "started"

    def is_over():
        answer = one.api("GET", path)
        return answer.status == 200 and answer.json["pid"] != other.weldr.pid and answer.json["phase"] == "idle"

    wait_until(is_over, 60, "the other one to be upgraded")
    assert one.get(path)["done"] == 1
    follow(nodes)
    assert [line["member"] for line in other.weldr.lines(msg="upgrade is asked for by another member")] == [one_id]


def test_a_cluster_of_one(town):
    """Its VIPs stay where they are."""
    node = town.alone()
    before = node.weldr.pid
    result = roll(node, "--again")
    assert result.returncode == 0 and "runs on 1 of 1 nodes" in result.stdout, result
    follow([node])
    assert node.weldr.pid != before
