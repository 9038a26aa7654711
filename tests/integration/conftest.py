"""Fixtures. Every test gets a Lab; its end asserts clean exits, quiet sanitizers and no leaked sockets or processes."""

import errno
import os
import resource
import subprocess
import tempfile

import pytest

import sides
from netns import Namespace
from origins import Origin
from weldr import BIN, TEST_SERVER, Promise, Weldr, clean_environment


def pytest_configure(config):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    Promise.is_wanted = True


def pytest_generate_tests(metafunc):
    wanted = sides.wanted(metafunc.definition)
    if wanted and "lab" in metafunc.fixturenames:
        metafunc.parametrize("lab", wanted, indirect=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    setattr(item, "report_" + report.when, report)
    lab = item.funcargs.get("lab") if hasattr(item, "funcargs") else None
    if report.failed and lab:
        for number, weldr in enumerate(lab.weldrs):
            report.sections.append((f"weldr {number}: {' '.join(weldr.command)}", weldr.log[-6000:]))


CONNECT_MS = 20_000


class Lab:
    """Everything that a test started, so that it can be ended in the right order. `side`: where TLS is spoken (sides.py)."""

    def __init__(self, side="clear"):
        self.side, self.of_clients, self.of_servers = side, sides.of_clients(side), sides.of_servers(side)
        self.weldrs, self.origins, self.namespaces, self.helpers = [], [], [], []

    def weldr(self, *flags, env=None, **more):
        more.setdefault("tls", self.of_clients)
        if self.of_servers:
            env = {**self.of_servers.environment, **(env or {})}
        weldr = Weldr(*flags, env=env, **{**more, "wait": False})
        self.weldrs.append(weldr)
        if more.get("wait", True):
            weldr.wait_ready()
        return weldr

    def origin(self, behave=None, **more):
        more.setdefault("tls", self.of_servers and self.of_servers.server)
        origin = Origin(behave, **more)
        self.origins.append(origin)
        return origin

    def siblings(self, *wanted):
        """Origins at one port of several addresses, each as origin() takes it: the port that is free at one may be taken at another."""
        for _ in range(50):
            made = []
            try:
                for more in wanted:
                    made.append(self.origin(port=made[0].port if made else 0, **more))
                return made
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                for origin in made:
                    origin.stop()
        raise AssertionError("no port is free at all addresses")

    def dead_origin(self):
        """One that refuses every connection, at a port that nobody else gets meanwhile."""
        return self.origin(listen=False)

    def run(self, *behaviours, workers=1, **more):
        """A weldr with one origin for each behaviour, added without health checks; returns weldr, origin…"""
        weldr = self.weldr(workers=workers, **more)
        if self.of_servers:  # else the kernel answers; a handshake needs an origin that has its turn
            weldr.set_timeouts(connect_ms=CONNECT_MS)
        origins = [self.origin(b) for b in behaviours]
        for origin in origins:
            weldr.add(origin)
        return (weldr, *origins)

    def namespace(self, *addresses):
        namespace = Namespace(*addresses)
        self.namespaces.append(namespace)
        return namespace

    def test_server(self, port, **more):
        process = subprocess.Popen([TEST_SERVER, str(port)], env=clean_environment(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **more)
        self.helpers.append(process)
        return process

    def end(self, failed):
        try:
            for weldr in self.weldrs:
                weldr.kill() if failed else self.end_weldr(weldr)
        finally:
            for weldr in self.weldrs:
                if not weldr.stopped:
                    weldr.kill()
            for origin in self.origins:
                origin.end()
            for process in self.helpers:
                process.kill()
                process.wait()
            for namespace in self.namespaces:
                namespace.close()

    def end_weldr(self, weldr):
        for client in weldr.clients:
            client.close()
        for origin in self.origins:
            origin.stop()
        for process in self.helpers:
            process.kill()
        weldr.stop()


@pytest.fixture
def folder():
    """For a data directory, which is made there. It outlives the lab: a weldr writes to it until its end."""
    with tempfile.TemporaryDirectory(prefix="weldr-data-") as path:
        yield os.path.join(path, "node")


@pytest.fixture
def lab(request, folder):
    assert os.access(BIN, os.X_OK), f"no binary at WELDR_BIN={BIN}"
    lab = Lab(getattr(request, "param", "clear"))
    yield lab
    report = getattr(request.node, "report_call", None)
    lab.end(failed=report is None or report.failed)


@pytest.fixture
def weldr(lab):
    """One weldr with one worker and an empty pool."""
    return lab.weldr()
