"""Issue 15, systemd: the unit of the package under a systemd that runs, as process 1 of a machine (machine.py).

Must hold 6 is here what systemd makes of the messages: integration/test_notify.py looks at the messages themselves.
"""

import json
import re

import pytest

from machine import wait_until
from traffic import ORIGIN

DROP_INS = "/etc/systemd/system/weldr.service.d"
CONTRIB = "/usr/share/doc/weldr/contrib"
SETTINGS = "WELDR_WORKERS=2\nWELDR_IP=127.0.0.1:80\nWELDR_ACCESS_LOG=/var/log/weldr/access.log\nWELDR_DRAIN_TIMEOUT=20s\n"
NET_BIND_SERVICE, NET_ADMIN, NET_RAW = 1 << 10, 1 << 12, 1 << 13


class Service:
    """weldr.service in a machine, with the package installed, and a server at port 9101 that answers at /slow after 4 s."""

    def __init__(self, box):
        self.box = box
        box.run("mount", "--make-rshared", "/")  # as process 1 does outside of containers: credentials come by a mount
        box.run("systemctl", "log-target", "journal")
        self.origin = box.start_beside("/usr/bin/python3", "-c", ORIGIN)
        assert self.origin.stdout.readline() == "up\n"

    def install(self, deb):
        self.box.put_text("/etc/default/weldr", SETTINGS)
        path = self.box.put(deb)
        self.box.run("dpkg", "-i", "--force-confold", path)
        self.wait_active()
        self.describe()

    def describe(self):
        self.call("POST", "/servers", {"url": "http://127.0.0.1:9101"})

    def systemctl(self, *words):
        return self.box.run("systemctl", *words)

    def show(self, name, unit="weldr.service"):
        return self.box.run("systemctl", "show", "-p", name, "--value", unit).strip()

    def main(self):
        return self.show("MainPID")

    def wait_active(self, but=None):
        wait_until(lambda: self.show("ActiveState") == "active" and self.main() not in ("0", but) and self.is_ready(), 60,
                   "the service to be active")

    def upgrade(self):
        """Until the process of before has ended."""
        before = self.main()
        self.systemctl("kill", "--signal=USR2", "--kill-who=main", "weldr")
        wait_until(lambda: self.main() not in ("0", before), 30, "another main process")
        wait_until(lambda: before not in self.processes(), 30, "the old one to end")
        assert self.show("ActiveState") == "active" and self.processes()[self.main()] == "manager"

    def is_ready(self):
        return self.curl("-sf", "http://127.0.0.1:8687/ready").returncode == 0

    def drop_in(self, text, name="test"):
        self.box.run("mkdir", "-p", DROP_INS)
        self.box.put_text(f"{DROP_INS}/{name}.conf", text)
        self.systemctl("daemon-reload")

    def restart(self):
        before = self.main()
        self.systemctl("restart", "weldr")
        self.wait_active(but=before)

    def curl(self, *words):
        return self.box.run_beside("curl", *words)

    def ask(self, path="/", port=80):
        return self.curl("-s", "-m", "30", "-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{port}{path}").stdout

    def call(self, method, path, body=None, token=None):
        words = ["-s", "-X", method, "-w", "\n%{http_code}", f"http://127.0.0.1:8687{path}"]
        words += ["-d", json.dumps(body)] if body is not None else []
        words += ["-H", f"Authorization: Bearer {token}"] if token else []
        text, status = self.curl(*words).stdout.rsplit("\n", 1)
        return int(status), text

    def load(self, seconds):
        """New connections all the time."""
        return self.box.start_beside("wrk", "-t1", "-c8", f"-d{seconds}s", "--timeout", "20s", "-H", "Connection: close",
                                     "http://127.0.0.1:80/")

    def journal(self, *words):
        return self.box.run("journalctl", "--no-pager", "-o", "cat", *words)

    def processes(self):
        """Of the unit's control group: process, and what it is."""
        group = self.show("ControlGroup")
        pids = self.box.read(f"/sys/fs/cgroup{group}/cgroup.procs").split()
        roles = {}
        for pid in pids:
            words = self.box.try_run("cat", f"/proc/{pid}/cmdline").stdout.split("\0")
            roles[pid] = next((w for w in words[1:2] if w in ("worker", "vip-helper")), "manager")
        return roles

    def held(self, pid, kind="CapEff"):
        return int(re.search(rf"{kind}:\s*(\w+)", self.box.read(f"/proc/{pid}/status")).group(1), 16)


@pytest.fixture(name="service")
def make_service(service_box, deb):
    service = Service(service_box)
    service.install(deb)
    yield service
    said = service.journal("_PID=1") + service.journal("-u", "weldr")
    for bad in ("reception only permitted", "Cannot find unit for notify message", "unprivileged process", "a bug"):
        assert bad not in said, said[-4000:]


def assert_all_good(load):
    report = load.communicate(timeout=120)[0]
    assert int(re.search(r"(\d+) requests in", report).group(1)) > 100, report
    assert "Non-2xx" not in report and "Socket errors" not in report, report


def test_it_is_active_when_it_serves(service):
    assert service.show("Type") == "notify" and service.show("SubState") == "running"
    assert service.show("StatusText") == "serves with 2 workers"
    assert service.ask() == "200"
    roles = service.processes()
    assert sorted(roles.values()) == ["manager", "worker", "worker"], roles
    assert roles[service.main()] == "manager"
    for pid, role in roles.items():
        assert service.held(pid) == (NET_BIND_SERVICE if role == "manager" else 0)
        assert "(deleted)" not in service.box.run("readlink", f"/proc/{pid}/exe")
    assert service.box.run("stat", "-c", "%U %a", "/var/lib/weldr").split() == ["weldr", "700"]


def test_it_is_closed(service):
    """As systemd rates the unit that runs; --threshold takes tenths."""
    service.box.run("systemd-analyze", "verify", "--man=no", "weldr.service")
    rated = service.box.run("systemd-analyze", "security", "--no-pager", "--threshold=20", "weldr.service")
    assert "Overall exposure level" in rated


def test_reload(service):
    log = "/var/log/weldr/access.log"
    before = service.main()
    service.box.run("mv", log, log + ".1")
    service.systemctl("reload", "weldr")
    wait_until(lambda: service.box.exists(log) and service.show("SubState") == "running", 20, "the log to be opened again")
    assert service.main() == before and service.show("NRestarts") == "0"


def test_an_upgrade_names_another_main_process(service):
    """The service stays what it is, systemd waits for signs of life of the new process alone, and nobody is refused."""
    service.drop_in("[Service]\nWatchdogSec=4\n")
    service.restart()
    since = service.show("ActiveEnterTimestampMonotonic")
    load = service.load(25)
    for _ in range(2):
        service.upgrade()
    assert_all_good(load)  # and a watchdog's time is over
    assert service.show("NRestarts") == "0" and service.show("ActiveEnterTimestampMonotonic") == since
    assert service.show("Result") == "success" and service.ask() == "200"


def test_one_that_hangs_is_started_again(service):
    service.drop_in("[Service]\nWatchdogSec=3\nTimeoutAbortSec=5\n")
    service.restart()
    before = service.main()
    service.box.run("sh", "-c", f"kill -STOP {before}")
    service.wait_active(but=before)
    assert service.show("NRestarts") == "1"
    assert "Watchdog timeout" in service.journal("_PID=1", "-u", "weldr")
    assert service.ask() == "200" and before not in service.processes()


def test_one_that_is_killed_is_started_again(service):
    before = service.main()
    service.box.run("sh", "-c", f"kill -KILL {before}")
    service.wait_active(but=before)
    assert service.show("NRestarts") == "1" and service.ask() == "200"


@pytest.mark.parametrize("upgrades", [0, 1])
def test_a_stop_waits_for_requests(service, upgrades):
    """Also when the main process is another one than that which systemd has started."""
    for _ in range(upgrades):
        service.upgrade()
    slow = service.box.start_beside("curl", "-s", "-w", "%{http_code}", "-o", "/dev/null", "http://127.0.0.1:80/slow")
    wait_until(lambda: json.loads(service.call("GET", "/stats")[1])["in_flight"] == 1, 10, "the request to be in flight")
    service.systemctl("stop", "weldr")
    assert slow.communicate(timeout=10)[0] == "200"
    assert service.show("Result") == "success" and service.show("ExecMainStatus") == "0"
    assert service.show("NRestarts") == "0" and service.show("ActiveState") == "inactive"


def test_a_bad_flag_is_not_tried_again(service):
    service.box.put_text("/etc/default/weldr", SETTINGS + "WELDR_METRICS_IP=nowhere\n")
    assert service.box.try_run("systemctl", "restart", "weldr").returncode != 0
    assert service.show("ActiveState") == "failed" and service.show("ExecMainStatus") == "2"
    assert service.show("NRestarts") == "0"


def use_socket(service, change=lambda text: text):
    text = service.box.read(f"{CONTRIB}/weldr.socket")
    service.box.put_text("/etc/systemd/system/weldr.socket", change(text.replace("[::]:80", "127.0.0.1:80")))
    service.drop_in("[Service]\nCapabilityBoundingSet=\nAmbientCapabilities=\n", "socket")
    service.systemctl("stop", "weldr")
    service.systemctl("start", "weldr.socket")


@pytest.mark.parametrize("change", ["one queue", "two queues"])
def test_the_socket_unit(service, change):
    """It starts Weldr by the first connection, is used without any capability, and lives through restarts and upgrades."""
    line = "ListenStream=127.0.0.1:80\n"
    use_socket(service, (lambda text: text) if change == "one queue" else
               lambda text: text.replace(line, line * 2).replace("#ReusePort", "ReusePort"))
    assert service.show("ActiveState") == "inactive"
    assert service.ask() == "200", "it was started for this one, who waited"
    service.wait_active()
    assert not any(service.held(pid) for pid in service.processes())
    assert "a listening socket was passed" in service.journal("-u", "weldr")
    load = service.load(20)
    for _ in range(2):
        service.restart()
    service.upgrade()
    assert_all_good(load)
    service.systemctl("stop", "weldr.socket", "weldr")
    assert service.ask() == "000"


def test_a_socket_of_the_api(service):
    """In a unit of its own: a name is that of all sockets in a unit."""
    service.box.put_text("/etc/systemd/system/weldr-admin.socket",
                         "[Socket]\nListenStream=127.0.0.1:9687\nFileDescriptorName=admin\nService=weldr.service\n")
    service.systemctl("daemon-reload")
    service.systemctl("stop", "weldr")
    service.systemctl("start", "weldr-admin.socket")
    service.systemctl("start", "weldr")
    assert service.curl("-sf", "http://127.0.0.1:9687/ready").returncode == 0
    assert service.curl("-s", "http://127.0.0.1:8687/ready").returncode == 7, "nobody listens there"


def test_credentials(service):
    service.systemctl("stop", "weldr")
    service.box.run("rm", "-r", "/var/lib/weldr/node")
    service.box.run("sh", "-c", "umask 077; mkdir /etc/weldr-secrets; echo a-secret >/etc/weldr-secrets/token; head -c 32 /dev/urandom >/etc/weldr-secrets/key")
    service.box.put_text("/etc/default/weldr", SETTINGS + "WELDR_ADMIN_TOKEN_REQUIRED=yes\n")
    service.drop_in("[Service]\nLoadCredential=weldr.admin-token:/etc/weldr-secrets/token\nLoadCredential=weldr.node-key:/etc/weldr-secrets/key\n")
    service.systemctl("start", "weldr")
    for _ in range(2):
        assert service.call("GET", "/servers")[0] == 401
        assert service.call("GET", "/servers", token="a-secret")[0] == 200
        service.upgrade()
    assert service.box.exists("/var/lib/weldr/node") and not service.box.exists("/var/lib/weldr/node/node.key")


def test_virtual_ips(service):
    """Without the drop-in it says what it lacks; with it one process has the capabilities for addresses."""
    for words in (("link", "add", "front", "type", "veth", "peer", "name", "back"), ("link", "set", "front", "up"),
                  ("link", "set", "back", "up"), ("addr", "add", "10.77.0.1/24", "dev", "front")):
        assert service.box.run_beside("ip", *words).returncode == 0
    assert service.call("PUT", "/vips/10.77.0.100", {"interface": "front"})[0] in (200, 201)
    vip = json.loads(service.call("GET", "/vips/10.77.0.100")[1])
    assert vip["state"] == "unassigned" and vip["why"], vip
    service.box.run("install", "-D", "-m", "644", f"{CONTRIB}/weldr-vips.conf", f"{DROP_INS}/vips.conf")
    service.systemctl("daemon-reload")
    service.restart()
    wait_until(lambda: json.loads(service.call("GET", "/vips/10.77.0.100")[1])["state"] == "held", 30, "the address to be held")
    assert "10.77.0.100" in service.box.run_beside("ip", "addr", "show", "front").stdout
    for pid, role in service.processes().items():
        wanted = {"manager": NET_BIND_SERVICE, "worker": 0, "vip-helper": NET_ADMIN | NET_RAW}[role]
        assert service.held(pid) == wanted, (role, service.held(pid))
    rated = service.box.run("systemd-analyze", "security", "--no-pager", "--threshold=20", "weldr.service")
    assert "Overall exposure level" in rated
    service.systemctl("stop", "weldr")
    assert "10.77.0.100" not in service.box.run_beside("ip", "addr", "show", "front").stdout
