"""What the benchmark asks of the machine: a network of its own, cores, descriptors, and its meters."""
import contextlib
import os
import platform
import resource
import shutil
import socket
import subprocess
import sys

CONGESTION = "cubic"
INSIDE = "WELDR_BENCH_INSIDE"
SPARE_DESCRIPTORS = 1000
DESCRIPTORS = 65536
LOOPBACK_ROUTES = ("127.0.0.0/8", "127.0.0.1")
SYSTEM_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/local/sbin"])


def find_program(name):
    return shutil.which(name, path=SYSTEM_PATH)


def run_quietly(command):
    try:
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              check=False).returncode == 0
    except OSError:
        return False


def enter_namespace():
    """Starts this program again in a network namespace of its own, if that can be had, or returns."""
    if INSIDE in os.environ or not find_program("unshare") or not find_program("ip"):
        return
    for flags in (["--net"], ["--user", "--map-root-user", "--net"]):
        command = [find_program("unshare"), *flags]
        if run_quietly([*command, find_program("ip"), "link", "set", "lo", "up"]):
            os.environ[INSIDE] = "1"
            sys.stdout.flush()
            os.execv(command[0], [*command, sys.executable, *sys.argv])


def write_sysctl(name, text):
    with contextlib.suppress(OSError), open(f"/proc/sys/{name}", "w", encoding="ascii") as file:
        file.write(text)


def set_up_network():
    """What follows is measured in; returns what the report says about it."""
    if INSIDE not in os.environ:
        return "the host's namespace (a namespace of its own is not permitted here)"
    ip = find_program("ip")
    subprocess.run([ip, "link", "set", "lo", "up"], check=True)
    # Only the first namespace may choose a default that is "restricted"; a route may name any.
    for route in LOOPBACK_ROUTES:
        run_quietly([ip, "route", "replace", "local", route, "dev", "lo", "proto", "kernel", "scope", "host",
                     "src", "127.0.0.1", "table", "local", "congctl", CONGESTION])
    write_sysctl("net/ipv4/ip_local_port_range", "1024 65535")
    return "a network namespace of its own"


def congestion_of(connection):
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode()


def read_congestion():
    """What both ends of a connection over loopback get without asking."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with socket.create_connection(listener.getsockname()) as client:
            with listener.accept()[0] as accepted:
                return congestion_of(client), congestion_of(accepted)


def describe_congestion():
    found = set(read_congestion())
    if found == {CONGESTION}:
        return f"{CONGESTION} on every connection"
    return (f"{'/'.join(sorted(found))} on the proxies' own connections, {CONGESTION} where the load, "
            f"the origin and the relay can set it: bulk figures are worth little")


def raise_descriptors():
    """The most connections that a process with two descriptors for each can have."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, DESCRIPTORS), max(hard, DESCRIPTORS)))
    with contextlib.suppress(OSError, ValueError):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return (min(hard, DESCRIPTORS) - SPARE_DESCRIPTORS) // 2


def choose_cores():
    """(core of the proxies, core of load and origin, cores of a proxy with several workers)"""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return str(cores[0]), str(cores[0]), str(cores[0])
    many = [core for core in cores if core != cores[1]]
    return str(cores[0]), str(cores[1]), ",".join(str(core) for core in many)


def descendants(pid):
    """The process and all that it started, read from /proc."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{task}/children", encoding="ascii") as file:
                    found += [int(word) for word in file.read().split()]
    return found


def softirq_threads(core):
    """The kernel thread that does what network work a core put off: one, or none where it is hidden."""
    found = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit() and read_text(f"/proc/{entry}/comm").strip() == f"ksoftirqd/{core}":
                found.append(int(entry))
    return found


def read_text(path):
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()


def memory_bytes(pid, key="Pss"):
    """User memory of a process and all that it started: "Pss", or "Private_Dirty"."""
    total = 0
    for process in descendants(pid):
        with contextlib.suppress(OSError):
            for line in read_text(f"/proc/{process}/smaps_rollup").splitlines():
                if line.startswith(key + ":"):
                    total += int(line.split()[1]) * 1024
    return total


def processor_name():
    with contextlib.suppress(OSError):
        for line in read_text("/proc/cpuinfo").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def describe(network):
    return {
        "processor": processor_name(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "network": network,
        "congestion": describe_congestion(),
        "load_average": round(os.getloadavg()[0], 2),
    }
