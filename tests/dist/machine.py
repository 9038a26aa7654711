"""A fresh Debian 12 in namespaces: processes, mounts and network of its own, for packages to be installed into.

The base is made once, by debootstrap, from the mirror that this system uses (build-dist/base). Each machine sees it through an
overlay, so what happens in one is gone with it. No systemd runs there, as in a container. Needs root.
"""

import os
import shutil
import subprocess
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
BASE = os.path.join(ROOT, "build-dist", "base")
OUT = os.environ.get("WELDR_DIST_OUT", os.path.join(ROOT, "build-dist", "amd64", "out"))
RELEASE = "bookworm"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

# Process 1 of the machine: $1 is its folder, $2 the base.
START = """
mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount -t proc proc "$1/root/proc"
mount --rbind /dev "$1/root/dev"
mount -t tmpfs tmpfs "$1/root/run"
ip link set lo up
echo up
exec sleep infinity
"""


def mirror():
    form = "$(CODENAME) $(REPO_URI)"
    lines = run("apt-get", "indextargets", "--format", form, "Created-By: Packages", "Origin: Debian").splitlines()
    return next(line.split(" ", 1)[1] for line in lines if line.startswith(RELEASE + " "))


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def wait_until(is_so, seconds, what):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def make_base():
    """curl asks in the documents; systemd's own tool for users is enough to install the package."""
    if os.path.exists(os.path.join(BASE, ".made")):
        return
    shutil.rmtree(BASE, ignore_errors=True)
    run("debootstrap", "--variant=minbase", "--include=systemd-standalone-sysusers", RELEASE, BASE, mirror())
    with open(os.path.join(BASE, ".made"), "w", encoding="ascii"):
        pass


class Machine:
    def __init__(self, base=BASE):
        self.folder = tempfile.mkdtemp(prefix="weldr-dist-")
        self.root = os.path.join(self.folder, "root")  # within the machine's mounts
        self.keeper = subprocess.Popen(
            ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-euc", START, "sh", self.folder, base],
            stdout=subprocess.PIPE, text=True)
        assert self.keeper.stdout.readline() == "up\n"
        with open(f"/proc/{self.keeper.pid}/task/{self.keeper.pid}/children", encoding="ascii") as file:
            self.first = file.read().split()[0]

    def command(self, *command, in_root=True):
        """The words that run a command in the machine: in its root, or as a program of this system in its namespaces."""
        enter = ["nsenter", "-t", self.first, "--mount", "--net", "--pid"]
        if not in_root:
            return [*enter, *command]
        variables = [f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]
        return [*enter, "chroot", self.root, "env", "-i", *variables, *command]

    def try_run(self, *command, in_root=True):
        return subprocess.run(self.command(*command, in_root=in_root), capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=300)

    def run(self, *command, in_root=True):
        result = self.try_run(*command, in_root=in_root)
        assert result.returncode == 0, (command, result.stdout[-3000:], result.stderr[-3000:])
        return result.stdout

    def start(self, *command, in_root=True):
        return subprocess.Popen(self.command(*command, in_root=in_root), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def put(self, path, to):
        self.run("cp", path, self.root + to, in_root=False)

    def put_text(self, path, text):
        subprocess.run(self.command("sh", "-c", 'cat >"$1"', "sh", path), input=text, text=True, check=True)

    def exists(self, path):
        return self.try_run("test", "-e", path).returncode == 0

    def close(self):
        self.keeper.kill()  # with its child; unshare hears no SIGTERM
        self.keeper.wait()
        os.rmdir(self.folder)
