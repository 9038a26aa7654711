"""Full disks among three nodes: what is acknowledged stays, requests go on, and all is well again without a restart."""

import errno
import os

import pytest

from node import SETTLE_S, find_leader
from rawhttp import wait_until
from weldr import NO_CHECK
from writers import agree

DISK = "128m"
CHANGES, SERVERS, KEYS = 14, 200, 32  # 1.6 MB each: more than the log has allocated ahead
SMALL_DISKS = {"leader": (0,), "follower": (1,), "two": (0, 1)}  # by number of the node; the first one leads


def fill(node, turn):
    servers = [{"url": f"http://192.0.2.1:{port}", "check": NO_CHECK, "meta": {f"k{k}": f"{turn:250}" for k in range(KEYS)}}
               for port in range(1, SERVERS + 1)]
    return node.api("PUT", "/pools/long/servers", {"servers": servers})


def fill_up(disk):
    """The file that takes all the room there is."""
    path = os.path.join(disk, "filler")
    with open(path, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
    return path


def last_turn(node):
    """Of what it has."""
    servers = node.get("/pools/long/servers?limit=1")["servers"]
    return int(servers[0]["meta"]["k0"])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("which", SMALL_DISKS)
def test_full_disks(town, which):
    """One of three stops nobody; with two there are no acknowledgements, and nothing that was acknowledged is lost."""
    with town.small_disk(DISK) as one, town.small_disk(DISK) as two:
        disks = {number: f"{disk}/node" for number, disk in zip(SMALL_DISKS[which], (one, two))}
        nodes = town.cluster(3, folders=disks)
        assert find_leader(nodes) is nodes[0]
        nodes[0].change("POST", "/pools", {"name": "long", "check": NO_CHECK})
        fillers = [fill_up(os.path.dirname(folder)) for folder in disks.values()]
        for number in disks:
            nodes[number].weldr.wait_log(msg="the disk of the data directory is nearly full")
        may_be, refused = {None}, set()
        for turn in range(CHANGES):
            answer = fill(nodes[2], turn)
            if answer.status == 200:
                may_be = {turn}
            else:
                refused.add((answer.status, answer.json["code"]))
                may_be |= {turn} if answer.status == 504 else set()
            assert [node.ask() for node in nodes] == [200, 200, 200], turn
        # A slow machine may be without a leader for a while, which is no matter of disks.
        assert refused - {(503, "no_quorum"), (504, "outcome_unknown")} == ({(507, "no_space")} if which == "two" else set()), refused
        assert last_turn(nodes[2]) in may_be
        for filler in fillers:
            os.unlink(filler)
        wait_until(lambda: fill(nodes[0], CHANGES).status == 200, SETTLE_S, "changes are taken again")
        for number in disks:
            nodes[number].weldr.wait_log(msg="the disk of the data directory has room again")
        agree(nodes)
        assert [last_turn(node) for node in nodes] == [CHANGES] * 3
