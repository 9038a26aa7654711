"""Runs the real binary and looks at it from outside: ports, log, API, processes, descriptors, memory.

WELDR_BIN names the binary, WELDR_TEST_SERVER the demo origin, WELDR_BUILD says "asan" or "release".
"""

import ctypes
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

import rawhttp
from rawhttp import HOST, Client, wait_until
from sides import Address

BIN = os.environ.get("WELDR_BIN", "weldr")
TEST_SERVER = os.environ.get("WELDR_TEST_SERVER", "test-server")
BUILD = os.environ.get("WELDR_BUILD", "release")
IS_ASAN = BUILD == "asan"
START_S = 30.0 if IS_ASAN else 15.0
LIBC = ctypes.CDLL(None, use_errno=True)
PR_CAPBSET_DROP = 24
ADDRESS_CAPABILITIES = {"net_admin": 12, "net_raw": 13}
PIDFD_GETFD = 438  # the same on every architecture

DIRT = re.compile(r"AddressSanitizer|runtime error|LeakSanitizer|UndefinedBehavior|MUST failed|MUST\(")
PAIR = re.compile(r'([A-Za-z_][A-Za-z0-9_.-]*)=("(?:[^"\\]|\\.)*"|\S*)')
NO_CHECK = {"type": "none"}


def parse_line(line):
    """A log line as a dict; quotes removed."""
    pairs = {}
    for key, value in PAIR.findall(line):
        if value.startswith('"'):
            value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        pairs[key] = value
    return pairs


def clean_environment(extra=None):
    """Our environment without any setting of the caller, WELDR_ or whom to trust, but for the engine of the cluster that the suite
    runs with. Nothing is kept, unless a flag names a --data-dir."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WELDR_", "SSL_CERT_")) or k == "WELDR_TEST_ENGINE"}
    environment["WELDR_EPHEMERAL"] = "yes"
    environment.update(extra or {})
    return environment


def split_address(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in ("Z", "X")
    except OSError:
        return False


def is_vip_helper(pid):
    """The keeper of virtual IPs, which a manager with the capabilities for it has beside its workers."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().split(b"\0")[1:2] == [b"vip-helper"]
    except OSError:
        return False


def child_pids(pid):
    """The workers of a manager."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return [int(p) for p in file.read().split() if not is_vip_helper(p)]
    except OSError:
        return []


def session_members(session):
    """The living processes of a session."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as file:
                parts = file.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(parts[3]) == session and parts[0] not in ("Z", "X"):
            found.append(int(name))
    return found


def status_field(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
        for line in file:
            if line.startswith(name + ":"):
                return line.split(":", 1)[1].strip()
    raise KeyError(name)


def rss_bytes(pid):
    return int(status_field(pid, "VmRSS").split()[0]) * 1024


def borrow(pid, fd):
    """A copy of another process's descriptor."""
    pidfd = os.pidfd_open(pid)
    try:
        got = LIBC.syscall(PIDFD_GETFD, pidfd, fd, 0)
    finally:
        os.close(pidfd)
    if got < 0:
        raise OSError(ctypes.get_errno(), f"pidfd_getfd {pid} {fd}")
    return socket.socket(fileno=got)


def borrow_sockets(pid):
    """A copy of each socket of another process, closed when the next one is asked for."""
    for fd in sorted(int(name) for name in os.listdir(f"/proc/{pid}/fd")):
        if os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:"):
            with borrow(pid, fd) as sock:
                yield sock


def sockets_of(pid):
    """How many sockets a process holds."""
    count = 0
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            try:
                count += os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:")
            except OSError:
                pass
    except OSError:
        return 0
    return count


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        parts = file.read().rsplit(")", 1)[1].split()
    return int(parts[11]) + int(parts[12])


class Answer:
    """What the management API said."""

    def __init__(self, status, headers, data):
        self.status, self.headers, self.data = status, headers, data
        self.text = data.decode("utf-8", "replace")

    def get(self, name, default=None):
        return self.headers.get(name, default)

    @property
    def json(self):
        return json.loads(self.text)

    def __repr__(self):
        return f"<Answer {self.status} {self.text[:300]}>"


class Promise:
    """The contract of the binary, read from a weldr of its own when the first response is to be judged.

    Only pytest wants it (conftest.py): tools that measure have neither the time nor a second weldr beside theirs.
    """

    lock, contract, is_loading, is_wanted = threading.RLock(), None, False, False

    @classmethod
    def load(cls):
        from contract import Contract  # has a module of Debian's that other interpreters lack

        cls.is_loading = True  # what this asks is not judged
        weldr = Weldr()
        try:
            cls.contract = Contract(weldr.api("GET", "/openapi.json").json)
            weldr.stop()
        finally:
            weldr.kill()
            cls.is_loading = False

    @classmethod
    def get(cls):
        """None: it is not wanted, or is being read, by this very thread."""
        if cls.contract is None and cls.is_wanted:
            with cls.lock:
                if cls.contract is None and not cls.is_loading:
                    cls.load()
        return cls.contract


def judge(method, target, status, fields, text, body=None):
    """Is it what the document of the API says? fields(name): of the response; what does not come from the API is passed over."""
    contract = Promise.get() if fields("X-Weldr-Revision") is not None else None
    if contract is not None:
        contract.judge(method, target, status, fields, text, body)


rawhttp.judge = judge


def ask_http(address, method, path, body=None, headers=None, make_socket=None, timeout_s=20.0):
    """One API request on a connection of its own; its response is held against the document of the API."""
    connection = http.client.HTTPConnection(address[0], address[1], timeout=timeout_s)
    if make_socket:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        connection.sock = make_socket(family)
        connection.sock.settimeout(timeout_s)
        connection.sock.connect(address)
    if body is not None and not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        response = connection.getresponse()
        answer = Answer(response.status, response.headers, response.read())
        judge(method, path, answer.status, answer.get, answer.text, body)
        return answer
    finally:
        connection.close()


def forbid_addresses():
    """No test may change what addresses the machine has: what is started from here on can't (CAP_NET_ADMIN, CAP_NET_RAW)."""
    for capability in ADDRESS_CAPABILITIES.values():
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # fails where there is none to give up


class Weldr:
    """One running weldr. `ip` and `admin_ip` may be None for the defaults, a string, or several strings. The API knows the
    name that rawhttp's clients ask for, and is shown `token`. tls (sides.Secure): `ip` is of a listener that speaks TLS.
    cores: it runs in this folder and may leave core files there. user: (uid, gid) that it runs as. may_hold: it may hold
    virtual IPs; in a namespace it may in any case. passed (passing.Passed): listening sockets that it is given."""

    def __init__(self, *flags, ip="127.0.0.1:0", admin_ip="127.0.0.1:0", workers=1, env=None, namespace=None,
                 drain_timeout="5", nofile=None, wait=True, admin_host=HOST, token=None, tls=None,
                 stdout=subprocess.DEVNULL, stderr=None, cores=None, user=None, may_hold=False, passed=None):
        command = [os.path.abspath(BIN) if cores and os.path.exists(BIN) else BIN]
        self.tls, self.listener = tls, "https" if tls else "default"
        for flag, values, word in (("--ip", ip, ",tls" if tls else ""), ("--admin-ip", admin_ip, "")):
            for value in [values] if isinstance(values, str) else values or []:
                command += [flag, value + word]
        command += tls.flags if tls else ()
        if admin_host is not None:
            command += ["--admin-host", admin_host]
        if workers is not None:
            command += ["--workers", str(workers)]
        if drain_timeout is not None:
            command += ["--drain-timeout", drain_timeout]
        self.command = command + list(flags)
        if passed:
            self.command, env = passed.command(self.command), {**passed.environment, **(env or {})}
        self.namespace, self.nofile, self.cores, self.token, self.user = namespace, nofile, cores, token, user
        self.may_hold = may_hold
        self.clients, self.origins = [], []
        self.proxies, self.apis = [], []
        self.stopped, self.told_to_end, self.told_n = False, False, 0
        self.log_file = tempfile.NamedTemporaryFile(prefix="weldr-log-", suffix=".txt")
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr or self.log_file,
            env=clean_environment(env), start_new_session=True, preexec_fn=self.prepare, cwd=cores,
            pass_fds=passed.fds if passed else ())
        self.pid = self.session = self.process.pid
        self.socket_counts = {}
        if wait:
            self.wait_ready()

    def prepare(self):
        if self.nofile:
            import resource
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.nofile, self.nofile))
        if self.cores:
            import resource
            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        if self.namespace:
            self.namespace.enter()
        elif not self.may_hold:
            forbid_addresses()
        if self.user:
            os.setgroups([])
            os.setgid(self.user[1])
            os.setuid(self.user[0])

    # ---- log

    @property
    def log(self):
        with open(self.log_file.name, encoding="utf-8", errors="replace") as file:
            return file.read()

    def lines(self, **wanted):
        """The parsed log lines that have all these values."""
        parsed = [parse_line(line) for line in self.log.splitlines()]
        return [p for p in parsed if all(p.get(k) == v for k, v in wanted.items())]

    def wait_log(self, timeout_s=15.0, **wanted):
        return wait_until(lambda: self.lines(**wanted), timeout_s, f"log line {wanted}")

    def wait_ready(self):
        def is_ready():
            if self.process.poll() is not None:
                raise AssertionError(f"weldr ended with {self.process.returncode} before it was ready:\n{self.log}")
            return self.lines(msg="ready")
        wait_until(is_ready, START_S, "msg=ready in the log")
        self.find_addresses()
        if self.namespace is None and self.apis[0][0] == "127.0.0.1":
            self.socket_counts = {pid: sockets_of(pid) for pid in self.worker_pids()}

    def find_addresses(self):
        self.proxies = [split_address(p["address"]) for p in self.lines(msg="proxy listens")]
        if self.tls:
            self.proxies = [Address.secure(address, self.tls.client) for address in self.proxies]
        self.apis = [split_address(p["address"]) for p in self.lines(msg="management API listens") if "address" in p]
        assert self.apis and (self.proxies or "this node is a witness" in self.log), self.log

    @property
    def address(self):
        return self.proxies[0]

    @property
    def admin(self):
        return self.apis[0]

    # ---- management API

    def api(self, method, path, body=None, headers=None, admin=None):
        maker = self.namespace.socket if self.namespace else None
        if self.token:
            headers = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return ask_http(admin or self.admin, method, path, body, headers, make_socket=maker)

    def add(self, origin, expect=201, check=NO_CHECK, **more):
        """Adds an Origin (or a URL); without health checks unless the test asks for them."""
        body = {"url": origin if isinstance(origin, str) else origin.url, **more}
        if check is not None:
            body["check"] = check
        answer = self.api("POST", "/servers", body)
        assert answer.status == expect, answer
        if not isinstance(origin, str) and origin not in self.origins:
            self.origins.append(origin)
        return answer.json

    def delete(self, origin, expect=(200, 202), query=""):
        """200: nothing is left of it; 202: requests are still in flight."""
        answer = self.api("DELETE", origin.path + query)
        assert answer.status in (expect if isinstance(expect, tuple) else (expect,)), answer
        return answer.json

    def servers(self):
        return self.api("GET", "/servers").json["servers"]

    def server(self, origin):
        url = origin if isinstance(origin, str) else origin.url
        return next((s for s in self.servers() if s["url"] == url), None)

    def state(self, origin):
        server = self.server(origin)
        return server["state"] if server else None

    def wait_state(self, origin, state, timeout_s=15.0):
        return wait_until(lambda: self.state(origin) == state, timeout_s, f"{origin} {state}")

    def stats(self):
        return self.api("GET", "/stats").json

    def detail(self):
        return self.api("GET", "/stats/detail").json

    def workers(self):
        return self.api("GET", "/workers").json["workers"]

    def worker_pids(self):
        return [w["pid"] for w in self.workers()]

    def wait_workers(self, count, timeout_s=20.0, not_pids=()):
        """Waits until `count` workers run and none of them is one of not_pids."""
        def good():
            workers = self.workers()
            running = [w for w in workers if w["state"] == "running" and w["pid"] not in not_pids]
            return running if len(running) == count == len(workers) else None
        return wait_until(good, timeout_s, f"{count} running workers")

    def patch_pool(self, change, expect=200):
        answer = self.api("PATCH", "/pools/default", change)
        assert answer.status == expect, answer
        return answer.json

    def patch_listener(self, change, name=None, expect=200):
        answer = self.api("PATCH", f"/listeners/{name or self.listener}", change)
        assert answer.status == expect, answer
        return answer.json

    def patch_node(self, change, expect=200):
        answer = self.api("PATCH", "/node", change)
        assert answer.status == expect, answer
        return answer.json

    def set_timeouts(self, **timeouts):
        """Each where it belongs: those of clients to the listener, those of servers to the pool."""
        of_clients = {key: ms for key, ms in timeouts.items() if key.startswith("client_")}
        of_servers = {key: ms for key, ms in timeouts.items() if not key.startswith("client_")}
        if of_clients:
            self.patch_listener({"timeouts": of_clients})
        if of_servers:
            self.patch_pool({"timeouts": of_servers})

    def tell_workers(self):
        """Every worker knows what the manager knows by now: they hear all in order, and a change is answered when all have
        confirmed it. The manager marks a server first and tells the workers then."""
        self.told_n += 1
        self.patch_pool({"drain_ms": 300000 - self.told_n})

    # ---- proxy

    @property
    def scheme(self):
        """What its clients speak at the addresses of --ip."""
        return "https" if self.tls else "http"

    def connect(self, **more):
        if self.namespace:
            more.setdefault("make_socket", self.namespace.socket)
        client = Client(more.pop("address", self.address), **more)
        self.clients.append(client)
        return client

    def ask(self, method="GET", target="/", **more):
        """One request on a fresh connection."""
        client = self.connect()
        try:
            return client.ask(method, target, **more)
        finally:
            client.close()
            self.clients.remove(client)

    # ---- ending

    def signal(self, number):
        self.told_to_end = self.told_to_end or number in (signal.SIGTERM, signal.SIGINT)
        os.kill(self.pid, number)

    def wait_exit(self, timeout_s=30.0):
        return self.process.wait(timeout_s)

    def assert_no_dirt(self):
        found = [line for line in self.log.splitlines() if DIRT.search(line)]
        assert not found, "\n".join(found[:5]) + "\n" + self.log[-8000:]

    def bound_n(self):
        """Addresses at which each worker listens."""
        return sum(len(listener["bound"]) for listener in self.api("GET", "/listeners").json["listeners"])

    def assert_no_leaked_sockets(self):
        """Without clients and origins a worker holds the sockets it started with, and one for each address of a listener."""
        if not self.socket_counts:
            return
        bound_n = self.bound_n()
        for pid, before in self.socket_counts.items():
            before += bound_n
            if is_alive(pid):
                wait_until(lambda p=pid, b=before: sockets_of(p) <= b, 10.0,
                           f"worker {pid} back to {before} sockets, has {sockets_of(pid)}")

    def stop(self, exit_code=0):
        """SIGTERM; asserts the exit code, silence of the sanitizers and that no process stays."""
        if self.stopped:
            return
        for client in self.clients:
            client.close()
        for origin in self.origins:
            origin.stop()
        # A process that was told to end before may be past its API, and is not asked any more.
        if self.process.poll() is None and not self.told_to_end:
            self.assert_no_leaked_sockets()
            self.signal(signal.SIGTERM)
        code = self.wait_exit()
        self.stopped = True
        if exit_code is not None:
            assert code == exit_code, f"exit code {code}\n{self.log[-8000:]}"
        wait_until(lambda: not session_members(self.session), 10.0, "no process left")
        self.assert_no_dirt()

    def kill(self):
        """For the end of a failed test: nothing is asserted."""
        self.stopped = True
        for pid in session_members(self.session):
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.process.wait(10)


def run_weldr(*arguments, env=None, timeout_s=20.0, nofile=None, namespace=None, stdin=subprocess.DEVNULL):
    """Runs the binary to its end; for flags that are refused, --version and --help."""
    def prepare():
        if nofile:
            import resource
            resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))
        if namespace:
            namespace.enter()
    return subprocess.run([BIN, *arguments], capture_output=True, text=True, timeout=timeout_s, check=False,
                          env=clean_environment(env), stdin=stdin, preexec_fn=prepare)


def now():
    return time.monotonic()
