"""Certificates of members are renewed while the cluster runs, and nobody notices."""

import hashlib
import ssl
import subprocess
import time

from node import CLUSTER_PORT, find_leader, settle
from rawhttp import wait_until
from test_hostile import knock, shake_hands
from writers import Writers, agree

LIFE_S = 8  # a third of it before its end a certificate is renewed
ENV = {"WELDR_TEST_CERTIFICATE": str(LIFE_S)}


def shown(stranger, node):
    """The certificate that it shows to who calls: (its digest, when it ends)."""
    with knock(stranger, node) as sock:
        der = shake_hands(sock, "weldr-join/1").getpeercert(binary_form=True)
    told = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-enddate"], input=der, capture_output=True, check=True).stdout
    return hashlib.sha256(der).hexdigest(), ssl.cert_time_to_seconds(told.decode().strip().partition("=")[2])


def test_renewed_in_time(town):
    nodes = town.cluster(3, env=ENV, spare_n=1)
    stranger = town.fabric.hosts[3]
    leader = find_leader(nodes)
    term = leader.cluster()["term"]
    first = [shown(stranger, node) for node in nodes]
    assert len({digest for digest, _ in first}) == 3 and all(end > time.time() for _, end in first), first
    last = max(end for _, end in first)
    with Writers(nodes) as writers:
        wait_until(lambda: time.time() > last, 2 * LIFE_S, "the first certificates to end")
        writers.wait_more(10)
        now = [shown(stranger, node) for node in nodes]
    assert not {digest for digest, _ in now} & {digest for digest, _ in first}
    assert all(end > time.time() for _, end in now), now
    assert {node.cluster()["term"] for node in nodes} == {term} and leader.cluster()["role"] == "leader"
    writers.judge()
    for node in nodes:
        assert node.weldr.lines(msg="this node's certificate is new") and not node.weldr.lines(msg="this node's certificate can't be renewed")
    # Links that begin now are shown the new ones.
    other = next(node for node in nodes if node is not leader)
    other.restart()
    settle(nodes)
    agree(nodes)
