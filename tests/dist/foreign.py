"""Namespaces in which the kernel runs programs for arm64 by qemu-user, those that such a program executes itself, too.

binfmt_misc belongs to the user namespace since Linux 6.7: what is registered there is unknown to the rest of the system, and gone
with it. An older kernel needs qemu-user-binfmt, which registers it for the whole system. All users are the same ones inside and
outside; processes, mounts and network are of its own. Needs root.
"""

import os
import signal
import subprocess

from machine import OUT

RUN = {"amd64": [], "arm64": ["qemu-aarch64"]}  # a program of that architecture
RULE = (r":weldr-arm64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
        r":\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-aarch64:OF")

# Process 1. The users are mapped when it has said that it is there; what it executes from then on is root.
START = r"""
echo begun
read -r go
mount -t proc proc /proc
if mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc 2>/dev/null; then
    printf %s "$1" >/proc/sys/fs/binfmt_misc/register
fi
ip link set lo up
echo up
exec sleep infinity
"""


def out(arch):
    """The folder with what was made for it."""
    return OUT if arch == "amd64" else os.path.join(os.path.dirname(os.path.dirname(OUT)), arch, "out")


class Foreign:
    def __init__(self):
        self.keeper = subprocess.Popen(
            ["unshare", "--user", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-euc", START, "sh", RULE],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.keeper.stdout.readline() == "begun\n"
        for kind in ("uid", "gid"):
            with open(f"/proc/{self.keeper.pid}/{kind}_map", "w", encoding="ascii") as file:
                file.write("0 0 65536\n")
        self.keeper.stdin.write("go\n")
        self.keeper.stdin.flush()
        assert self.keeper.stdout.readline() == "up\n"
        with open(f"/proc/{self.keeper.pid}/task/{self.keeper.pid}/children", encoding="ascii") as file:
            self.first = file.read().split()[0]

    def command(self, *command):
        return ["nsenter", "-t", self.first, "--user", "--mount", "--net", "--pid", *command]

    def try_run(self, *command, timeout=300, **more):
        return subprocess.run(self.command(*command), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
                              timeout=timeout, **more)

    def run(self, *command, **more):
        result = self.try_run(*command, **more)
        assert result.returncode == 0, (command, result.stdout[-3000:], result.stderr[-3000:])
        return result.stdout

    def start(self, *command, **more):
        return subprocess.Popen(self.command(*command), stdin=subprocess.DEVNULL, text=True, **more)

    def close(self):
        os.kill(int(self.first), signal.SIGKILL)  # process 1, and so all that run there
        self.keeper.wait()
