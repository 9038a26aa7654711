#!/usr/bin/env python3
"""bench.py: Weldr beside nginx and haproxy on this machine, as `make bench` runs it.

One worker of each proxy pinned to core 0; the canned origin and the load generator on core 1. All
proxies are up at once on ports of their own and are measured in turn (A B C, A B C, ...), so that a
disturbance meets all of them; medians are shown. The figure to compare is the processor time of the
proxy per request: all its processes, from /proc/PID/task/TID/schedstat. Requests per second and
latency say little on a machine that also runs the load.

Writes build/bench.json. Needs no privileges and leaves nothing behind.
"""
import argparse
import contextlib
import getpass
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build")
PROXY_CORE, LOAD_CORE = "0", "1"
READY_SECONDS = 10
WARM_UP_SECONDS = 0.5
SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])

# name: connections of the load, bytes of the answer, what it is
WORKLOADS = {
    "W1": (64, 12, "keep-alive GET of 12 bytes, 64 connections"),
    "W2": (256, 1024, "keep-alive GET of 1 KiB, 256 connections"),
    "W3": (32, 65536, "keep-alive GET of 64 KiB, 32 connections"),
}

NGINX_CONFIG = """
{user}
worker_processes 1;
daemon off;
pid {work}/nginx.pid;
error_log stderr error;
events {{
    worker_connections 4096;
    multi_accept on;
}}
http {{
    access_log off;
    client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
    keepalive_requests 1000000000;
    upstream origin {{
        server 127.0.0.1:{origin};
        keepalive 256;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_buffer_size 16k;
            proxy_buffers 16 32k;
            proxy_busy_buffers_size 64k;
            proxy_max_temp_file_size 0;
        }}
    }}
}}
"""

HAPROXY_CONFIG = """
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option forwardfor
    http-reuse always
listen bench
    bind 127.0.0.1:{port}
    server origin 127.0.0.1:{origin} pool-max-conn -1
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def write_config(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def weldr_command(_, port, origin):
    return [
        os.path.join(BUILD, "weldr"), "--workers", "1", "--log-level", "error",
        "--ip", f"127.0.0.1:{port}", "--admin-ip", f"127.0.0.1:{free_port()}",
        "--server", f"http://127.0.0.1:{origin}",
    ]


def nginx_command(work, port, origin):
    user = f"user {getpass.getuser()};" if os.getuid() == 0 else ""
    text = NGINX_CONFIG.format(user=user, work=work, port=port, origin=origin)
    path = write_config(os.path.join(work, "nginx.conf"), text)
    return ["nginx", "-p", work, "-e", "stderr", "-c", path]


def haproxy_command(work, port, origin):
    text = HAPROXY_CONFIG.format(port=port, origin=origin)
    return ["haproxy", "-db", "-q", "-f", write_config(os.path.join(work, "haproxy.cfg"), text)]


PROXIES = {"weldr": weldr_command, "nginx": nginx_command, "haproxy": haproxy_command}


def find_program(command):
    return shutil.which(command[0], path=SBIN)


class Runner:
    """Starts processes in sessions of their own and ends all of them, whatever happens."""

    def __init__(self, work):
        self.work = work
        self.processes = []

    def start(self, core, command):
        program = find_program(command)
        process = subprocess.Popen(
            ["taskset", "-c", core, program, *command[1:]], stdin=subprocess.DEVNULL,
            start_new_session=True, cwd=self.work)
        self.processes.append(process)
        return process

    def stop_all(self):
        for process in reversed(self.processes):
            signal_group(process.pid, signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                pass
            signal_group(process.pid, signal.SIGKILL)
            process.wait()


def signal_group(group, number):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def is_answering(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: bench.example\r\nConnection: close\r\n\r\n")
            return client.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def wait_for(name, process, port):
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if is_answering(port):
            return
        time.sleep(0.02)
    raise SystemExit(f"bench: {name} does not answer")


def descendants(pid):
    """The process and all that it started, read from /proc."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{task}/children", encoding="ascii") as file:
                    found += [int(word) for word in file.read().split()]
    return found


def cpu_ns(pid):
    total = 0
    for process in descendants(pid):
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{process}/task"):
                with open(f"/proc/{process}/task/{task}/schedstat", encoding="ascii") as file:
                    total += int(file.read().split()[0])
    return total


def run_load(port, workload, seconds):
    connections, body_bytes, _ = WORKLOADS[workload]
    load = os.path.join(BUILD, "bench", "load")
    output = subprocess.run(
        ["taskset", "-c", LOAD_CORE, load, str(port), str(connections), str(seconds), str(body_bytes)],
        check=True, capture_output=True, text=True).stdout
    return json.loads(output)


def measure(pid, port, workload, seconds):
    before = cpu_ns(pid)
    result = run_load(port, workload, seconds)
    used_ns = cpu_ns(pid) - before
    if result["bad"] or not result["requests"]:
        raise SystemExit(f"bench: wrong answers: {result}")
    return {
        "requests_per_s": result["requests"] / result["seconds"],
        "cpu_us": used_ns / 1000 / result["requests"],
        "p50_us": result["p50_us"],
        "p99_us": result["p99_us"],
    }


def start_proxies(runner, names, origin):
    started = {}
    for name in names:
        port = free_port()
        process = runner.start(PROXY_CORE, PROXIES[name](runner.work, port, origin))
        wait_for(name, process, port)
        started[name] = (process.pid, port)
    return started


def start_origin(runner, workload):
    port = free_port()
    command = [os.path.join(BUILD, "bench", "origin"), str(port), str(WORKLOADS[workload][1])]
    wait_for("origin", runner.start(LOAD_CORE, command), port)
    return port


def run_workload(workload, names, rounds, seconds):
    """All samples: name -> list of measurements, one a round."""
    samples = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as work:
        runner = Runner(work)
        try:
            proxies = start_proxies(runner, names, start_origin(runner, workload))
            for _, port in proxies.values():
                run_load(port, workload, WARM_UP_SECONDS)
            for _ in range(rounds):
                for name, (pid, port) in proxies.items():
                    samples[name].append(measure(pid, port, workload, seconds))
        finally:
            runner.stop_all()
    return samples


def medians(samples):
    return {
        name: {key: statistics.median(sample[key] for sample in rows) for key in rows[0]}
        for name, rows in samples.items()
    }


def print_table(workload, rows):
    print(f"{workload}: {WORKLOADS[workload][2]}")
    print(f"{'proxy':10}{'requests/s':>12}{'CPU us/req':>12}{'p50 us':>9}{'p99 us':>9}{'weldr/it':>10}")
    weldr = rows.get("weldr")
    for name, row in rows.items():
        ratio = f"{weldr['cpu_us'] / row['cpu_us']:.2f}" if weldr else "-"
        print(f"{name:10}{row['requests_per_s']:12.0f}{row['cpu_us']:12.2f}{row['p50_us']:9.0f}"
              f"{row['p99_us']:9.0f}{ratio:>10}")


def find_names(wanted):
    names = []
    for name in wanted:
        command = PROXIES[name](tempfile.gettempdir(), 0, 0) if name == "weldr" else [name]
        if find_program(command):
            names.append(name)
        else:
            print(f"bench: no {name} on this machine (tools/deps bench)", file=sys.stderr)
    return names


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--workload", choices=WORKLOADS, action="append")
    parser.add_argument("--proxy", choices=PROXIES, action="append")
    return parser.parse_args()


def main():
    arguments = read_arguments()
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("bench: needs two cores")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    names = find_names(arguments.proxy or PROXIES)
    report = {}
    for workload in arguments.workload or ["W1"]:
        samples = run_workload(workload, names, arguments.rounds, arguments.seconds)
        report[workload] = {"medians": medians(samples), "samples": samples}
        print_table(workload, report[workload]["medians"])
    with open(os.path.join(BUILD, "bench.json"), "w", encoding="utf-8") as file:
        json.dump(report, file, indent=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
