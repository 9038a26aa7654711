"""Where a workload is played: the origin, all contestants at once, and the load against one at a time."""
import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import time

import certificates
import contestants
import machine

READY_SECONDS = 60
LOAD_EXTRA_SECONDS = 60
SETTLE_SECONDS = 3
WARM_IDLE_REQUESTS_SECONDS = 0.3


class Failed(Exception):
    """A figure can't be had: somebody did not start, or an answer was wrong."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def signal_group(group, number):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def connect(port, is_tls):
    client = socket.create_connection(("127.0.0.1", port), 1)
    if not is_tls:
        return client
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(client, server_hostname=certificates.NAME)


def is_answering(port, is_tls):
    try:
        with connect(port, is_tls) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: bench.example\r\nConnection: close\r\n\r\n")
            return client.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def clean_environment(trusted=None):
    """Ours, without a setting for some other Weldr. trusted: the certificate of an origin with TLS."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WELDR_")}
    return environment if trusted is None else {**environment, "SSL_CERT_FILE": trusted.certificate}


class Stage:
    """A context: on leaving it every process that it started has ended, whatever happened."""

    def __init__(self, build, workload, names, connections, cores):
        self.build, self.workload, self.connections, self.cores = build, workload, connections, cores
        self.names = names
        self.front = self.back = None  # certificates.Pair, where there is TLS
        self.processes = []
        self.running = {}  # name: (process, port)
        self.softirq = machine.softirq_threads(cores[0])

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            self.work = undo.enter_context(tempfile.TemporaryDirectory(prefix="weldr-bench-"))
            undo.callback(self.stop_all)
            kind = self.workload.certificate
            pair = None if kind is None else certificates.make(self.work, kind)
            self.front = pair if self.workload.front else None
            self.back = pair if self.workload.back else None
            origin = self.start_origin()
            setting = contestants.Setting(self.build, self.work, origin, free_port(), self.most_connections(),
                                          self.cores, self.front, self.back)
            for name in self.names:
                port = free_port()
                command = contestants.CONTESTANTS[name](setting, port)
                process = self.start(contestants.cores_of(name, setting), command)
                self.wait_for(name, process, port, self.front is not None)
                contestants.PREPARE.get(name, lambda _: None)(setting)
                self.running[name] = (process, port)
            self.undo = undo.pop_all()
        return self

    def __exit__(self, *_):
        self.undo.close()

    def most_connections(self):
        """What peers are told to be ready for: some more than there will be."""
        return max(4096, self.connections + 100)

    def start(self, core, command):
        process = subprocess.Popen(
            ["taskset", "-c", core, *command], stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.work,
            env=clean_environment(self.back))
        self.processes.append(process)
        return process

    def start_origin(self):
        port = free_port()
        command = [
            os.path.join(self.build, "bench", "origin"), f"port={port}", f"answer={self.workload.answer_bytes}",
            f"everywhere={int('weldr-servers' in self.names)}", f"cc={machine.CONGESTION}",
        ]
        if self.back:
            command += [f"certificate={self.back.certificate}", f"key={self.back.key}"]
        self.wait_for("origin", self.start(self.cores[1], command), port, self.back is not None)
        return port

    def wait_for(self, name, process, port, is_tls):
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            if is_answering(port, is_tls):
                return
            time.sleep(0.02)
        raise Failed(f"{self.workload.name}: {name} does not answer")

    def stop_all(self):
        for process in reversed(self.processes):
            signal_group(process.pid, signal.SIGTERM)
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
            signal_group(process.pid, signal.SIGKILL)
            process.wait()

    def load_command(self, port, seconds, **more):
        words = {"port": port, "connections": self.connections, "seconds": seconds, "cc": machine.CONGESTION,
                 "answer": self.workload.answer_bytes, "tls": int(self.front is not None), **self.workload.load, **more}
        load = os.path.join(self.build, "bench", "load")
        return ["taskset", "-c", self.cores[1], load, *(f"{name}={value}" for name, value in words.items())]

    def check(self, name, result):
        if result["bad"] or not result["requests"]:
            raise Failed(f"{self.workload.name}: {name}: {result['bad']} errors, {result['requests']} answers"
                         f"{': ' if result['reason'] else ''}{result['reason']}")
        return result

    def run_load(self, name, seconds, **more):
        command = self.load_command(self.running[name][1], seconds, **more)
        try:
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
                                    timeout=seconds + LOAD_EXTRA_SECONDS).stdout
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise Failed(f"{self.workload.name}: {name}: {error}") from error
        return self.check(name, json.loads(output))

    def empty_log(self):
        """Lines are for writing, not for keeping: some hundred bytes a request soon fill a disk."""
        with contextlib.suppress(FileNotFoundError):
            os.truncate(os.path.join(self.work, contestants.LOG_FILE), 0)

    def measure(self, name, seconds, warm_up):
        """One sample of a workload that takes time."""
        processes = machine.descendants(self.running[name][0].pid)
        clocks = processes + self.softirq
        result = self.run_load(name, seconds, warm=warm_up, clocks=",".join(map(str, clocks)))
        return {
            "requests": result["requests"],
            "errors": result["bad"],
            "requests_per_s": result["requests"] / result["seconds"],
            "cpu_us": sum(result["cpu_ns"]) / 1000 / result["requests"],
            "softirq_us": sum(result["cpu_ns"][len(processes):]) / 1000 / result["requests"],
            "missed": result["missed"],
            "p50_us": result["p50_us"],
            "p99_us": result["p99_us"],
            "p999_us": result["p999_us"],
        }

    def settled_memory(self, pid):
        """Memory when it has stopped to change: a proxy may give some back after a while."""
        deadline = time.monotonic() + SETTLE_SECONDS
        before, after = -1, machine.memory_bytes(pid)
        while before != after and time.monotonic() < deadline:
            time.sleep(0.25)
            before, after = after, machine.memory_bytes(pid)
        return after, machine.memory_bytes(pid, "Private_Dirty")

    def measure_idle(self, name):
        """One sample of W8: what the memory grows by, for each connection."""
        process, port = self.running[name]
        # What is there once, however many connections there are, is touched before the first look.
        self.run_load(name, WARM_IDLE_REQUESTS_SECONDS, connections=64)
        base = self.settled_memory(process.pid)
        with subprocess.Popen(self.load_command(port, 0, hold=1), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as load:
            try:
                result = self.check(name, json.loads(load.stdout.readline() or "{}") or
                                    {"bad": 0, "requests": 0, "reason": "the load generator ended"})
                full = self.settled_memory(process.pid)
            finally:
                load.stdin.close()
        return {
            "requests": result["requests"],
            "errors": result["bad"],
            "bytes": (full[0] - base[0]) / self.connections,
            "private_dirty_bytes": (full[1] - base[1]) / self.connections,
            "base_bytes": base[0],
        }


def play(build, workload, names, connections, cores, rounds, seconds, warm_up):
    """All samples of a workload: name -> list of them, one a round. W8 has one: a second look at a
    process that has had the connections before would find their memory already there."""
    samples = {name: [] for name in names}
    with Stage(build, workload, names, connections, cores) as stage:
        if workload.is_idle:
            return {name: [stage.measure_idle(name)] for name in names}
        for _ in range(rounds):
            for name in names:
                samples[name].append(stage.measure(name, seconds, warm_up))
            stage.empty_log()
    return samples
