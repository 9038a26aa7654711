"""What workers may do: another user, no capability, few system calls, nothing of the file system but what is open."""

import ctypes
import os
import pathlib
import re
import signal
import subprocess
import tempfile

import origins as o
import pytest
from rawhttp import wait_until
from weldr import ADDRESS_CAPABILITIES, BIN, IS_ASAN, clean_environment, is_alive, is_vip_helper, run_weldr, session_members, status_field

LIBC = ctypes.CDLL(None, use_errno=True)
LOCAL = ("--ip", "127.0.0.1:0", "--admin-ip", "127.0.0.1:0")
CALLS = pathlib.Path(__file__).resolve().parent.parent.parent / "src" / "cage" / "filter_calls.def"
# Numbers of x86-64, with arguments that harm nobody if the call is made.
FORBIDDEN = {"execve": (59, 0, 0, 0), "openat": (257, -100, 0, 0), "open": (2, 0, 0, 0), "ptrace": (101, 0xffff, 0, 0),
             "kill": (62, 0, 0, 0), "socket": (41, 1, 1, 0), "fork": (57, 0, 0, 0)}
PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_ATTACH, PTRACE_DETACH = 12, 13, 16, 17
RDX, RSI, RDI, RAX, ORIG_RAX, RIP = 12, 13, 14, 10, 15, 16
WALL = 0x40000000
CAPABILITIES = {"dac_override": 1, "kill": 5, "setgid": 6, "setuid": 7, "net_bind_service": 10}


def of_status(pid, *names):
    return [status_field(pid, name) for name in names]


def worker_of(weldr):
    return weldr.worker_pids()[0]


@pytest.mark.smoke
def test_workers_have_no_privileges(lab):
    weldr, _ = lab.run(o.hello, workers=2)
    for pid in weldr.worker_pids():
        uids, gids, groups, nnp, seccomp = of_status(pid, "Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp")
        assert len(set(uids.split())) == 1 and uids.split()[0] != "0" and gids.split()[0] != "0"
        assert groups == "" and nnp == "1"
        assert seccomp == ("0" if IS_ASAN else "2"), "a sanitizer's run time needs calls that a worker does not"
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(status_field(pid, kind), 16) == 0, kind
    assert weldr.ask().status == 200


@pytest.mark.smoke
def test_the_manager_keeps_what_it_needs(lab):
    weldr = lab.weldr()
    needed = sum(1 << bit for bit in CAPABILITIES.values())
    for kind in ("CapPrm", "CapEff", "CapBnd"):
        assert int(status_field(weldr.pid, kind), 16) == needed, kind
    assert status_field(weldr.pid, "NoNewPrivs") == "1"


@pytest.mark.smoke
def test_who_keeps_virtual_ips_has_what_that_needs(lab):
    """Two capabilities and no way to others; the manager has neither. It ends with the manager."""
    weldr = lab.weldr(may_hold=True)
    pid, = [pid for pid in session_members(weldr.pid) if is_vip_helper(pid)]
    wait_until(lambda: status_field(pid, "NoNewPrivs") == "1", 20, "its cage")
    for kind in ("CapPrm", "CapEff", "CapBnd"):
        assert int(status_field(pid, kind), 16) == sum(1 << bit for bit in ADDRESS_CAPABILITIES.values()), kind
    assert int(status_field(pid, "CapInh"), 16) == 0
    wait_until(lambda: status_field(pid, "Seccomp") == ("0" if IS_ASAN else "2"), 20, "its filter")
    weldr.stop()
    assert not is_alive(pid)


def test_user_by_flag_and_number(lab):
    weldr = lab.weldr("--user", "12345:12346")
    assert of_status(worker_of(weldr), "Uid", "Gid") == ["\t".join(["12345"] * 4), "\t".join(["12346"] * 4)]
    weldr = lab.weldr(env={"WELDR_USER": "root"})
    pid = worker_of(weldr)
    assert status_field(pid, "Uid").split()[0] == "0" and int(status_field(pid, "CapEff"), 16) == 0


def test_a_user_that_is_not_there(tmp_path):
    result = run_weldr(*LOCAL, "--user", "nobody-of-that-name")
    assert result.returncode == 2 and "--user nobody-of-that-name: there is no such user" in result.stderr
    result = run_weldr(*LOCAL, "--seccomp", "maybe")
    assert result.returncode == 2 and "--seccomp" in result.stderr


def run_as(uid, *arguments):
    """The binary where another user can read it."""
    with tempfile.TemporaryDirectory(prefix="weldr-cage-") as folder:
        os.chmod(folder, 0o755)
        copy = os.path.join(folder, "weldr")
        subprocess.run(["cp", BIN, copy], check=True)
        with subprocess.Popen([copy, *LOCAL, "--workers", "1", *arguments], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True, env=clean_environment(), user=uid, group=uid, extra_groups=[]) as process:
            yield process
            process.terminate()


def test_without_root_the_rest_holds():
    for process in run_as(12345):
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "msg=ready" in line:
                break
        assert "msg=ready" in lines[-1], lines
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
            worker, = children.read().split()
        uid, nnp, seccomp = of_status(worker, "Uid", "NoNewPrivs", "Seccomp")
        assert (uid.split()[0], nnp, seccomp) == ("12345", "1", "0" if IS_ASAN else "2")
    for process in run_as(12345, "--user", "12346"):
        assert "only root may start workers as another user" in process.stderr.read()
        assert process.wait(10) == 2


def test_a_user_namespace_with_root_alone():
    """As in a container without further users: Weldr starts all the same, and says so; a user that is asked for is an error."""
    def command(*arguments):
        return ["unshare", "--user", "--map-root-user", BIN, *LOCAL, "--workers", "1", *arguments]

    with subprocess.Popen(command(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=clean_environment()) as process:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "msg=ready" in line or "exit=" in line:
                break
        process.terminate()
    assert "msg=ready" in lines[-1], lines
    assert any("workers stay who the manager is" in line for line in lines), lines
    result = subprocess.run(command("--user", "12346"), capture_output=True, text=True, env=clean_environment(), check=False)
    assert result.returncode == 2 and "where the user namespace has that user" in result.stderr, result


# ---- system calls

def ptrace(request, pid, data=None):
    LIBC.ptrace.restype = ctypes.c_long
    if LIBC.ptrace(ctypes.c_long(request), ctypes.c_long(pid), None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request} {pid}")


def inject(pid, number, *arguments):
    """The process, which sleeps in a system call, makes this one instead, as a shell code of a stranger would."""
    registers = (ctypes.c_ulonglong * 27)()
    ptrace(PTRACE_ATTACH, pid)
    os.waitpid(pid, WALL)
    ptrace(PTRACE_GETREGS, pid, ctypes.byref(registers))
    registers[RIP] -= 2  # the instruction syscall again
    registers[RAX], registers[ORIG_RAX] = number, 2 ** 64 - 1
    registers[RDI], registers[RSI], registers[RDX] = (argument % 2 ** 64 for argument in arguments)
    ptrace(PTRACE_SETREGS, pid, ctypes.byref(registers))
    ptrace(PTRACE_DETACH, pid)


@pytest.mark.smoke
def test_a_worker_that_makes_another_call_dies_and_is_replaced(lab):
    """Told by the worker and by the manager, with the name of the call, and counted."""
    weldr, _ = lab.run(o.hello)
    if IS_ASAN:  # no filter there; unit/cage/test_filter.c has one of its own
        assert weldr.stats()["forbidden_calls"] == 0
        return
    for count, (name, call) in enumerate(FORBIDDEN.items(), 1):
        pid = worker_of(weldr)
        inject(pid, *call)
        wait_until(lambda p=pid: not is_alive(p), 10, f"death by {name}")
        weldr.wait_log(msg="worker made a system call that it may not make", call=name, pid=str(pid))
        assert weldr.lines(msg="a system call that a worker may not make", call=str(call[0]))
        weldr.wait_workers(1, not_pids=[pid])
        assert weldr.stats()["forbidden_calls"] == count
        assert weldr.ask().status == 200
    weldr.socket_counts = {}


def test_seccomp_can_be_switched_off(lab):
    weldr = lab.weldr("--seccomp", "off")
    assert of_status(worker_of(weldr), "Seccomp", "NoNewPrivs") == ["0", "1"]


def known_calls():
    names = set(re.findall(r"^CALL(?:_IF)?\((\w+)", CALLS.read_text(encoding="ascii"), re.MULTILINE)) | {"mmap"}
    return names | {"fcntl64" if name == "fcntl" else name for name in names}


def made_calls(path):
    """Those that are made: a call that the filter stops is followed by SIGSYS."""
    text = path.read_text(encoding="utf-8", errors="replace")
    assert "SIGSYS" not in text
    return set(re.findall(r"^(?:\d+ +)?(?:<\.\.\. )?([a-z][a-z0-9_]*)(?:\(| resumed)", text, re.MULTILINE))


@pytest.mark.smoke
def test_a_loaded_worker_makes_no_other_call(lab, tmp_path):
    trace, log = tmp_path / "trace", tmp_path / "log"
    env = {"ASAN_OPTIONS": "detect_leaks=0"}  # which would trace, as strace does
    weldr = lab.weldr("--access-log", str(log), workers=2, env=env)
    origins = [lab.origin(o.hello), lab.origin(o.answer(body=b"x" * 400000))]
    pids = weldr.worker_pids()
    with subprocess.Popen(["strace", "-f", "-qq", "-o", str(trace), *(f"-p{pid}" for pid in pids)],
                          stdin=subprocess.DEVNULL) as strace:
        wait_until(lambda: all(status_field(pid, "TracerPid") != "0" for pid in pids), 10, "strace is there")
        for origin in origins:
            weldr.add(origin)
        for n in range(40):
            body = b"x" * (200000 if n % 4 == 0 else 10)
            assert weldr.ask("POST", "/", fields=[("Content-Length", str(len(body)))], body=body).status == 200
        weldr.signal(signal.SIGHUP)
        weldr.signal(signal.SIGUSR1)
        weldr.patch_pool({"policy": "least_outstanding"})
        weldr.delete(origins[1])
        for pid in pids:
            os.kill(pid, signal.SIGHUP)
        weldr.tell_workers()
        weldr.stop()
        strace.wait(20)
    made = made_calls(trace)
    assert {"epoll_wait", "recvfrom", "sendmsg", "accept4"} <= made, made
    assert IS_ASAN or made <= known_calls(), made - known_calls()


def test_the_log_is_where_no_worker_may_go(lab, tmp_path):
    """A folder of root's: the manager opens the file, and opens it again when it was renamed."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    log, old = folder / "log", folder / "log.1"
    weldr = lab.weldr("--access-log", str(log), workers=2)
    origin = lab.origin(o.hello)
    weldr.add(origin)
    assert weldr.ask(target="/first").status == 200
    wait_until(lambda: "/first" in log.read_text(), 10, "the first line")
    log.rename(old)
    weldr.signal(signal.SIGHUP)
    wait_until(log.exists, 10, "a new file")
    weldr.tell_workers()
    assert weldr.ask(target="/second").status == 200
    wait_until(lambda: "/second" in log.read_text(), 10, "the second line")
    assert "/second" not in old.read_text()


def test_a_low_port_at_run_time(lab):
    """The manager has kept what that needs."""
    namespace = lab.namespace("10.78.0.1")
    weldr = lab.weldr(namespace=namespace)
    weldr.patch_listener({"addresses": ["127.0.0.1:80"]})
    with weldr.connect(address=("127.0.0.1", 80)) as client:
        assert client.ask().status == 503
