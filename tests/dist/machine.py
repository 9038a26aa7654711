"""A fresh machine in namespaces: processes, mounts, network, names and control group of its own, for packages to be installed into.

Its files are a base, made once by debootstrap from the mirror that this system uses (build-dist/bases), seen through an overlay:
what happens in one machine is gone with it. Either nothing runs there, as in a container, or systemd does (booted). It reaches
no network but its own. Needs root.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
DIST = os.path.join(ROOT, "build-dist")
OUT = os.environ.get("WELDR_DIST_OUT", os.path.join(DIST, "amd64", "out"))
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
OWN_RELEASE = "bookworm"

# Name: release, and what is there beside Debian's least. Packages can be had in no machine, so what they depend on is there, too.
BASES = {
    "bookworm": ("bookworm", "systemd-standalone-sysusers"),
    "bookworm-service": ("bookworm", "systemd,systemd-sysv,rpm,curl,jq,logrotate,bash-completion,zsh"),
    "trixie": ("trixie", "systemd-standalone-sysusers"),
    "trixie-service": ("trixie", "systemd,systemd-sysv,curl"),
}
# What would install packages, or look for them, while a test does.
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer")

# The machine's processes are in a control group of their own ($2): systemd makes those of services below it.
ENTER_GROUP = """
mount -t cgroup2 cgroup2 "$1"
mkdir "$1/$2"
echo $$ >"$1/$2/cgroup.procs"
umount "$1"
shift 2
exec unshare --mount --net --pid --uts --ipc --cgroup --fork --kill-child "$@"
"""
LEAVE_GROUP = """
mount -t cgroup2 cgroup2 "$1"
tries=200
until find "$1/$2" -depth -type d -exec rmdir {} + 2>/dev/null; do # its last processes may be about to end
    tries=$((tries - 1))
    [ $tries -gt 0 ]
    sleep 0.05
done
"""

# Process 1 of the machine: $1 is its folder, $2 the base, $3 what it becomes.
START = """
mount -t tmpfs tmpfs "$1"
cd "$1"
mkdir upper work root
mount -t overlay overlay -o "lowerdir=$2,upperdir=upper,workdir=work" root
cd root
mount -t proc proc proc
mount --bind proc/sys proc/sys # what is written there counts on all machines
mount -o remount,ro,bind proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup || mount -t tmpfs tmpfs sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
    rest=${node#*:}
    mknod -m 666 "dev/${node%%:*}" c "${rest%:*}" "${rest#*:}"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ip link set lo up
hostname machine
pivot_root . mnt
cd /
umount -l mnt
echo up
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=other $3
"""
IDLE = "sleep infinity"
SYSTEMD = "/lib/systemd/systemd --log-target=null"


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def wait_until(is_so, seconds, what):
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.05)


class Lock:
    """One of the processes that test makes what all of them use."""

    def __init__(self, name):
        os.makedirs(DIST, exist_ok=True)
        self.path = os.path.join(DIST, f".{name}.lock")

    def __enter__(self):
        self.file = open(self.path, "w", encoding="ascii")
        fcntl.flock(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_):
        self.file.close()


def mirror():
    """Of this system's release: Debian has all its releases at one place."""
    form = "$(CODENAME) $(REPO_URI)"
    lines = run("apt-get", "indextargets", "--format", form, "Created-By: Packages", "Origin: Debian").splitlines()
    return next(line.split(" ", 1)[1] for line in lines if line.startswith(OWN_RELEASE + " "))


def make_base(name):
    """The folder of it. Another list of packages makes another one."""
    release, packages = BASES[name]
    folder = os.path.join(DIST, "bases", name)
    made = os.path.join(folder, ".made")
    with Lock(name):
        if os.path.exists(made):
            with open(made, encoding="ascii") as file:
                if file.read() == packages:
                    return folder
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        run("debootstrap", "--variant=minbase", f"--include={packages}", release, folder, mirror())
        for unit in MASKED:
            os.makedirs(f"{folder}/etc/systemd/system", exist_ok=True)
            os.symlink("/dev/null", f"{folder}/etc/systemd/system/{unit}")
        with open(made, "w", encoding="ascii") as file:
            file.write(packages)
    return folder


class Machine:
    def __init__(self, base, booted=False):
        self.booted = booted
        self.helpers = []
        self.folder = tempfile.mkdtemp(prefix="weldr-dist-")
        self.group = os.path.basename(self.folder)
        start = ["sh", "-euc", START, "sh", self.folder, make_base(base), SYSTEMD if booted else IDLE]
        self.keeper = subprocess.Popen(["unshare", "--mount", "sh", "-euc", ENTER_GROUP, "sh", self.folder, self.group, *start],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self.keeper.stdout.readline() == "up\n"
        with open(f"/proc/{self.keeper.pid}/task/{self.keeper.pid}/children", encoding="ascii") as file:
            self.first = file.read().split()[0]
        if booted:
            try:
                wait_until(self.has_booted, 120, "systemd to be up")
            except AssertionError:
                self.close()
                raise

    def has_booted(self):
        return self.try_run("systemctl", "is-system-running").stdout.strip() in ("running", "degraded")

    def command(self, *command):
        """The words that run a command in the machine."""
        enter = ["nsenter", "-t", self.first, "--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup", "--root", "--wd"]
        return [*enter, "env", "-i", f"PATH={PATH}", "HOME=/root", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", *command]

    def try_run(self, *command, text=None):
        source = {"input": text} if text is not None else {"stdin": subprocess.DEVNULL}
        return subprocess.run(self.command(*command), capture_output=True, text=True, check=False, timeout=300, **source)

    def run(self, *command, text=None):
        result = self.try_run(*command, text=text)
        assert result.returncode == 0, (command, result.stdout[-3000:], result.stderr[-3000:])
        return result.stdout

    def start(self, *command):
        return self.keep(subprocess.Popen(self.command(*command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                          stderr=subprocess.STDOUT, text=True))

    def start_beside(self, *command):
        """A program of this system in the machine's network; it gets the signals of its process."""
        return self.keep(subprocess.Popen(["nsenter", "-t", self.first, "--net", *command], stdin=subprocess.DEVNULL,
                                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))

    def run_beside(self, *command):
        return subprocess.run(["nsenter", "-t", self.first, "--net", *command], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=60)

    def keep(self, process):
        self.helpers.append(process)
        return process

    def put(self, path, to="/tmp/"):
        """A file of this system; where it is then."""
        place = to + os.path.basename(path) if to.endswith("/") else to
        with open(path, "rb") as file:
            subprocess.run(self.command("sh", "-c", 'cat >"$1"', "sh", place), stdin=file, check=True)
        return place

    def put_text(self, path, text):
        self.run("sh", "-c", 'cat >"$1"', "sh", path, text=text)

    def read(self, path):
        return self.run("cat", path)

    def exists(self, path):
        return self.try_run("test", "-e", path).returncode == 0

    def files(self):
        """All there are, but for what apt and dpkg write for themselves, and temporary ones."""
        away = ("/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/cache", "/var/lib/apt", "/var/lib/dpkg", "/var/lib/rpm",
                "/var/log/apt", "/var/log/journal", "/var/lib/systemd/timers", "/root")
        words = [word for path in away for word in ("-path", path, "-prune", "-o")]
        return set(self.run("find", "/", "-xdev", *words, "-print").splitlines())

    def close(self):
        """Process 1 takes all others with it; programs beside it end one by one."""
        for process in [self.keeper, *self.helpers]:  # unshare hears no SIGTERM
            process.kill()
        for process in [self.keeper, *self.helpers]:
            process.communicate()
        subprocess.run(["unshare", "--mount", "sh", "-euc", LEAVE_GROUP, "sh", self.folder, self.group], check=True)
        os.rmdir(self.folder)
