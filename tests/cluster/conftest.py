"""Fixtures: a Town is the hosts of one test with the nodes on them; its end asserts clean exits and quiet sanitizers, and that
nothing of it stays, also when the test failed or was broken off."""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile

import pytest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# The harness of the integration tests: Weldr, clients, namespaces.
sys.path.insert(1, os.path.join(TESTS, "integration"))

from clocks import Clock  # noqa: E402
from fabric import Fabric  # noqa: E402
from node import ORIGIN_URL, Node, settle  # noqa: E402
from weldr import BIN, Promise  # noqa: E402


def pytest_configure(config):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    Promise.is_wanted = True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    setattr(item, "report_" + report.when, report)
    town = item.funcargs.get("town") if hasattr(item, "funcargs") else None
    if report.failed and town:
        for node in town.nodes:
            for number, log in enumerate(node.logs):
                report.sections.append((f"{node}, start {number}", log[-6000:]))


class Town:
    def __init__(self):
        self.fabric, self.nodes = None, []
        self.folder = tempfile.mkdtemp(prefix="weldr-cluster-")

    def build(self, hosts_n):
        self.fabric = Fabric(hosts_n)
        return self.fabric.hosts

    def node(self, host, *flags, **more):
        folder = more.pop("folder", None) or os.path.join(self.folder, f"node{host.number}")
        node = Node(host, folder, *flags, **more)
        self.nodes.append(node)
        return node

    def alone(self, *flags, **more):
        """One node on a host of its own, running."""
        return self.node(self.build(1)[0], *flags, is_alone=True, **more).start()

    def cluster(self, nodes_n, *flags, spare_n=0, env=None, folders=None, has_clocks=False):
        """So many nodes by one join each, all of it agreed on; hosts for spare_n more are there. folders: by number of the node.
        has_clocks: each has a wall clock of its own."""
        hosts = self.build(nodes_n + spare_n)
        nodes = [self.node(host, *flags, env=env, folder=(folders or {}).get(host.number),
                           clock=Clock(os.path.join(self.folder, f"clock{host.number}")) if has_clocks else None) for host in hosts[:nodes_n]]
        for node in nodes:
            node.run_origin()
        nodes[0].start()
        nodes[0].add(ORIGIN_URL)
        for node in nodes[1:]:
            node.join(nodes[0])
            settle(nodes[:nodes.index(node) + 1])
        return nodes

    @contextlib.contextmanager
    def small_disk(self, size):
        """A folder with room for so much."""
        folder = tempfile.mkdtemp(prefix="disk-", dir=self.folder)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
        try:
            yield folder
        finally:  # who is still there keeps it, and it goes with the last
            subprocess.run(["umount", "-l", folder], check=True)

    def resize(self, folder, size):
        subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)

    def end(self, failed):
        try:
            for node in self.nodes:
                node.kill() if failed else node.stop()
            for node in [] if failed else self.nodes:
                for weldr in node.past:
                    weldr.assert_no_dirt()
        finally:
            if self.fabric:
                self.fabric.close()
            if failed and "NEMESIS_KEEP" in os.environ:
                print(f"what the nodes stored is kept in {self.folder}")
            else:
                shutil.rmtree(self.folder)


@pytest.fixture
def town(request):
    assert os.access(BIN, os.X_OK), f"no binary at WELDR_BIN={BIN}"
    town = Town()
    yield town
    report = getattr(request.node, "report_call", None)
    town.end(failed=report is None or report.failed)
