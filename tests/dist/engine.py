#!/usr/bin/env python3
"""docker and podman in small: what the documents say of them, done with namespaces, so that the images run where there is no engine.

    engine.py load|run|exec|stop|kill|start|restart|rm|logs|wait|inspect|compose WORDS

All it keeps is in $ENGINE_STATE, a tmpfs of the host (host.py): unpacked images, volumes, containers. A container has process,
mount, network, IPC and UTS namespaces of its own, the capabilities and the user that it is given, and what its image lacks it
lacks. cpu.max and memory.max of `--cpus` and `--memory` are there to be read, and limit nothing. Words that mean nothing here
are errors, so that no document can say them unheard.
"""
import argparse
import contextlib
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time

STATE = os.environ["ENGINE_STATE"]
RELAY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cluster", "relay.py")
BRIDGE, SUBNET = "docker0", "172.17.0"
START_S = 60
PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP, CAPABILITIES = 38, 24, 64
# Those that a container has unless they are taken away, and those that may be added here.
USUAL = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "FSETID": 4, "KILL": 5, "SETGID": 6, "SETUID": 7, "SETPCAP": 8,
         "NET_BIND_SERVICE": 10, "SYS_CHROOT": 18, "MKNOD": 27, "AUDIT_WRITE": 29, "SETFCAP": 31}
ADDED = {"NET_ADMIN": 12, "NET_RAW": 13}
DEVICES = (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9))
DEFAULTS = {"args": [], "env": {}, "volumes": [], "tmpfs": [], "ports": [], "read_only": False, "user": "", "stop_s": 10,
            "bridge": BRIDGE, "ip": "", "files": {}, "health": None, "capabilities": [], "is_closed": True}


def call(*command):
    subprocess.run(command, check=True)


def place(*parts):
    return os.path.join(STATE, *parts)


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def write_json(path, document):
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(document, file)
    os.replace(path + ".new", path)


def wait_until(is_so, seconds, what):
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            sys.exit(f"waited {seconds} s for {what}")
        time.sleep(0.02)


# ---- images

def load(words):
    parser = argparse.ArgumentParser("load")
    parser.add_argument("-i", "--input", required=True)
    with tarfile.open(parser.parse_args(words).input) as archive:
        (image,) = json.load(archive.extractfile("manifest.json"))
        folder = place("images", "new")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder + "/root")
        for layer in image["Layers"]:
            with tarfile.open(fileobj=archive.extractfile(layer), mode="r:gz") as tar:
                tar.extractall(folder + "/root", numeric_owner=True)
        write_json(folder + "/config.json", json.load(archive.extractfile(image["Config"]))["config"])
        for name in image["RepoTags"]:
            target = image_of(name)
            shutil.rmtree(target, ignore_errors=True)
            call("cp", "-a", folder, target)
            print("Loaded image:", name)


def image_of(name):
    """Its folder; a colon would end the name of an overlay's."""
    return place("images", (name if ":" in name else name + ":latest").replace(":", "@"))


# ---- a container: a folder with its spec, its process 1 as `pid`, its end as `exit`

def folder_of(name):
    folder = place("containers", name)
    if not os.path.isdir(folder):
        sys.exit(f"no such container: {name}")
    return folder


def spec_of(name):
    return {**DEFAULTS, **read_json(folder_of(name) + "/spec.json")}


def first_of(name):
    """Its process 1; None: it does not run."""
    folder = folder_of(name)
    if os.path.exists(folder + "/exit") or not os.path.exists(folder + "/pid"):
        return None
    return read_json(folder + "/pid")


def prepare_volumes(spec):
    """(where it is, where it is seen) of each. An empty one gets the owner that the image's folder has."""
    config = read_json(image_of(spec["image"]) + "/config.json")
    named = [text.split(":")[:2] for text in spec["volumes"]]
    for target in config.get("Volumes", {}):
        if target not in [there for _, there in named] + [text.split(":")[0] for text in spec["tmpfs"]]:
            named.append([f"anonymous-{spec['name']}", target])
    found = []
    for source, target in named:
        path = os.path.abspath(source) if source.startswith((".", "/")) else place("volumes", source)
        if not os.path.exists(path):
            os.makedirs(path)
            image = os.stat(image_of(spec["image"]) + "/root" + target)
            os.chown(path, image.st_uid, image.st_gid)
            os.chmod(path, image.st_mode & 0o7777)
        found.append((path, target))
    return found


def create(spec):
    folder = place("containers", spec["name"])
    if os.path.isdir(folder):
        sys.exit(f"the name is in use: {spec['name']}")
    if not os.path.isdir(image_of(spec["image"])):
        sys.exit(f"no such image: {spec['image']}")
    for name in ("upper/etc", "work", "root"):
        os.makedirs(f"{folder}/{name}")
    number = len(os.listdir(place("containers"))) + 1
    spec["ip"] = spec.get("ip") or f"{SUBNET}.{number}"
    with open(folder + "/upper/etc/hosts", "w", encoding="ascii") as file:
        file.write(f"127.0.0.1 localhost\n::1 localhost\n{spec['ip']} {spec['name']}\n")
    write_json(folder + "/spec.json", spec)


def plug_in(spec):
    """A network namespace with an interface at the bridge, and without IPv6, even on the loopback device, as Docker has it."""
    space, wire = "c-" + spec["name"], f"v{abs(hash(spec['name'])) % 10**10}"
    subprocess.run(["ip", "netns", "del", space], check=False, stderr=subprocess.DEVNULL)
    for words in (f"netns add {space}", f"netns exec {space} sysctl -q net.ipv6.conf.all.disable_ipv6=1", f"link add {wire} type veth peer name eth0 netns {space}",
                  f"link set {wire} master {spec['bridge']} up", f"-n {space} link set lo up",
                  f"-n {space} addr add {spec['ip']}/24 dev eth0", f"-n {space} link set eth0 up",
                  f"-n {space} route add default via {spec['ip'].rsplit('.', 1)[0]}.1"):
        call("ip", *words.split())
    return space


def start(name):
    folder = folder_of(name)
    for left in ("exit", "pid"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{folder}/{left}")
    with open(folder + "/log", "ab") as log:
        subprocess.Popen([sys.executable, __file__, "keep", name], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                         start_new_session=True)
    wait_until(lambda: os.path.exists(folder + "/exit") or is_executed(first_of(name)), START_S, f"{name} to begin")


def is_executed(pid):
    """Is it the program of the image, no more what makes its namespaces?"""
    try:
        return pid is not None and os.readlink(f"/proc/{pid}/exe") != os.path.realpath(sys.executable)
    except OSError:
        return False


def keep(words):
    """The parent of its process 1: knows when and how that ends."""
    (name,) = words
    spec, folder = spec_of(name), folder_of(name)
    process = subprocess.Popen(["ip", "netns", "exec", plug_in(spec), "unshare", "--mount", "--pid", "--ipc", "--uts", "--fork",
                                "--kill-child", sys.executable, __file__, "inside", name], stdin=subprocess.DEVNULL)
    relays = []
    for text in spec["ports"]:
        port, inside = text.split(":")[-2:]
        relays.append(subprocess.Popen([sys.executable, RELAY, f"0.0.0.0:{port}", f"{spec['ip']}:{inside}"],
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE))
        relays[-1].stdout.readline()
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    while process.poll() is None and not os.path.exists(folder + "/pid"):
        with contextlib.suppress(OSError), open(children, encoding="ascii") as file:
            pids = file.read().split()
            if pids:
                write_json(folder + "/pid", int(pids[0]))
        time.sleep(0.01)
    code = process.wait()
    for relay in relays:
        relay.kill()
    write_json(folder + "/exit", code if code >= 0 else 128 - code)


# ---- inside

def mount(kind, source, target, options="defaults"):
    call("mount", "-t", kind, "-o", options, source, target)


def inside(words):
    """Process 1 of its namespace, until the image's program takes its place."""
    (name,) = words
    spec, folder = spec_of(name), folder_of(name)
    root = folder + "/root"
    call("mount", "--make-rprivate", "/")
    mount("overlay", "overlay", root, f"lowerdir={image_of(spec['image'])}/root,upperdir={folder}/upper,workdir={folder}/work")
    mount("proc", "proc", root + "/proc")
    mount("sysfs", "sysfs", root + "/sys", "ro")
    make_devices(root + "/dev")
    if spec["files"]:
        mount("tmpfs", "tmpfs", root + "/sys/fs/cgroup")
        for file_name, text in spec["files"].items():
            with open(f"{root}/sys/fs/cgroup/{file_name}", "w", encoding="ascii") as file:
                file.write(text)
    for text in spec["tmpfs"]:
        target, _, options = text.partition(":")
        mode = os.stat(root + target).st_mode & 0o7777
        mount("tmpfs", "tmpfs", root + target, options if "mode=" in options else ",".join(filter(None, (options, f"mode={mode:o}"))))
    for source, target in prepare_volumes(spec):
        call("mount", "--bind", source, root + target)
    if spec["read_only"]:
        call("mount", "-o", "remount,bind,ro", root)
    become(spec, root, words_of(spec))


def make_devices(folder):
    mount("tmpfs", "tmpfs", folder, "mode=755")
    for name, minor in DEVICES:
        os.mknod(f"{folder}/{name}", 0o20666, os.makedev(1, minor))
        os.chmod(f"{folder}/{name}", 0o666)
    os.symlink("/proc/self/fd", folder + "/fd")
    os.symlink("/proc/self/fd/1", folder + "/stdout")


def words_of(spec):
    return read_json(image_of(spec["image"]) + "/config.json")["Entrypoint"] + spec["args"]


def become(spec, root, words):
    """Its user, in its root, with nothing that root may do."""
    config = read_json(image_of(spec["image"]) + "/config.json")
    user, _, group = (spec["user"] or config["User"]).partition(":")
    os.chroot(root)
    os.chdir("/")
    prctl = ctypes.CDLL(None).prctl
    for number in set(range(CAPABILITIES)) - set(spec["capabilities"]):
        prctl(PR_CAPBSET_DROP, number, 0, 0, 0)
    os.setgroups([])
    os.setgid(int(group or user))
    os.setuid(int(user))
    assert not spec["is_closed"] or prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    environment = {**dict(text.split("=", 1) for text in config["Env"]), **spec["env"], "HOSTNAME": spec["name"]}
    os.execve(words[0], words, environment)


def enter(words):
    """A command in the namespaces of a container, on its way into its root."""
    become(spec_of(words[0]), folder_of(words[0]) + "/root", words[1:])


def exec_in(name, command):
    pid = first_of(name)
    if pid is None:
        sys.exit(f"the container does not run: {name}")
    return subprocess.run(["nsenter", "-t", str(pid), "--mount", "--pid", "--net", "--ipc", "--uts", "--", sys.executable, __file__,
                           "enter", name, *command], check=False).returncode


# ---- commands

def run(words):
    parser = argparse.ArgumentParser("run")
    parser.add_argument("-d", action="store_true", required=True)
    parser.add_argument("--name", required=True)
    for flag, many in (("-p", "ports"), ("-e", "env"), ("-v", "volumes"), ("--tmpfs", "tmpfs")):
        parser.add_argument(flag, dest=many, action="append", default=[])
    parser.add_argument("--read-only", action="store_true")
    parser.add_argument("--cap-drop", choices=["ALL"])
    parser.add_argument("--cap-add", choices=ADDED, action="append", default=[])
    parser.add_argument("--security-opt", choices=["no-new-privileges"])
    parser.add_argument("--user", default="")
    parser.add_argument("--stop-timeout", type=float, default=10)
    parser.add_argument("--cpus", type=float)
    parser.add_argument("--memory")
    parser.add_argument("image")
    parser.add_argument("args", nargs=argparse.REMAINDER)
    args = parser.parse_args(words)
    spec = {key: getattr(args, key) for key in ("name", "image", "args", "ports", "volumes", "tmpfs", "read_only", "user")}
    spec["env"] = dict(text.split("=", 1) for text in args.env)
    spec["stop_s"], spec["is_closed"] = args.stop_timeout, args.security_opt is not None
    spec["capabilities"] = [*([] if args.cap_drop else USUAL.values()), *(ADDED[name] for name in args.cap_add)]
    spec["files"] = limits_of(args.cpus, args.memory)
    create(spec)
    start(args.name)
    print(args.name)


def limits_of(cpus, memory):
    files = {}
    if cpus:
        files["cpu.max"] = f"{int(cpus * 100000)} 100000\n"
    if memory:
        files["memory.max"] = f"{int(memory[:-1]) * {'m': 2**20, 'g': 2**30}[memory[-1]]}\n"
    return files


def exec_words(words):
    """exec [-i] [-t] [-T] NAME COMMAND..."""
    while words[0] in ("-i", "-t", "-it", "-T"):
        words = words[1:]
    return words[0], words[1:]


def is_healthy(name):
    config = read_json(image_of(spec_of(name)["image"]) + "/config.json")
    test = spec_of(name)["health"] or config["Healthcheck"]["Test"]
    return first_of(name) is not None and run_quietly(name, test[1:]) == 0


def run_quietly(name, command):
    return subprocess.run([sys.executable, __file__, "exec", name, *command], check=False, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode


def end(name, number=signal.SIGTERM):
    """The signal, and SIGKILL when its time is over."""
    pid = first_of(name)
    if pid is None:
        return
    os.kill(pid, number)
    until = time.monotonic() + spec_of(name)["stop_s"]
    while first_of(name) is not None and time.monotonic() < until:
        time.sleep(0.02)
    if first_of(name) is not None:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: first_of(name) is None, START_S, f"{name} to end")


def remove(name):
    end(name, signal.SIGKILL)
    shutil.rmtree(folder_of(name))


def restart(name):
    end(name)
    start(name)


def show_log(name):
    with open(folder_of(name) + "/log", encoding="utf-8", errors="replace") as file:
        sys.stdout.write(file.read())


def wait(name):
    wait_until(lambda: first_of(name) is None, 600, f"{name} to end")
    print(read_json(folder_of(name) + "/exit"))


def inspect(words):
    form, name = words[1:] if words[0] == "--format" else (None, None)
    if form != "{{.State.Health.Status}}":
        sys.exit(f"not known here: inspect {words}")
    print("healthy" if is_healthy(name) else "unhealthy")


# ---- compose

def interpolate(value):
    """In all texts of a document, after it was read: nothing stays a text, an empty one."""
    if isinstance(value, dict):
        return {key: interpolate(member) for key, member in value.items()}
    if isinstance(value, list):
        return [interpolate(member) for member in value]
    if not isinstance(value, str):
        return value
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda found: os.environ.get(found.group(1)) or found.group(2), value)


def read_project():
    """The specs of compose.yaml by the names of their services; its bridges are there when this returns."""
    import yaml
    with open("compose.yaml", encoding="utf-8") as file:
        document = interpolate(yaml.safe_load(file))
    project = os.path.basename(os.getcwd())
    for name, network in document["networks"].items():
        (config,) = network["ipam"]["config"]
        bridge = f"br-{name}"
        if not os.path.exists(f"/sys/class/net/{bridge}"):
            call("ip", "link", "add", bridge, "type", "bridge")
            call("ip", "addr", "add", config["subnet"].replace(".0/", ".1/"), "dev", bridge)
            call("ip", "link", "set", bridge, "up")
    return {name: translate(project, name, service) for name, service in document["services"].items()}


def translate(project, name, service):
    """What a service says, as a container's spec."""
    service = dict(service)
    assert service.pop("cap_drop", ["ALL"]) == ["ALL"] and service.pop("security_opt", []) in ([], ["no-new-privileges:true"])
    assert service.pop("restart", "no") in ("no", "unless-stopped")
    ((network, at),) = service.pop("networks").items()
    spec = {"name": f"{project}-{name}-1", "image": service.pop("image"), "bridge": f"br-{network}", "ip": at["ipv4_address"],
            "args": service.pop("command", []), "ports": service.pop("ports", []), "tmpfs": service.pop("tmpfs", []),
            "volumes": [f"{project}_{text}" for text in service.pop("volumes", [])], "read_only": service.pop("read_only", False),
            "env": {key: str(value) for key, value in service.pop("environment", {}).items()},
            "stop_s": float(service.pop("stop_grace_period", "10s").rstrip("s")),
            "health": service.pop("healthcheck", {}).get("test")}
    assert not service, f"not known here: {service}"
    return spec


def bring_up(words, specs):
    """As compose does it: what has changed is made anew, on the volumes that it had."""
    names = [word for word in words if not word.startswith("-")] or list(specs)
    assert {word for word in words if word.startswith("-")} <= {"-d", "--wait"} and "-d" in words, words
    for spec in (specs[name] for name in names):
        there = os.path.isdir(place("containers", spec["name"]))
        if there and read_json(folder_of(spec["name"]) + "/spec.json") != spec:
            end(spec["name"])
            remove(spec["name"])
            there = False
        if not there:
            create(spec)
        if first_of(spec["name"]) is None:
            start(spec["name"])
    for name in names if "--wait" in words else []:
        wait_until(lambda spec=specs[name]: is_healthy(spec["name"]), START_S, f"{name} to be healthy")


def compose(words):
    specs = read_project()
    verb, words = words[0], words[1:]
    if verb == "up":
        bring_up(words, specs)
        words = []
    elif verb == "exec":
        name, command = exec_words(words)
        sys.exit(exec_in(specs[name]["name"], command))
    for name in words:
        VERBS[verb](specs[name]["name"])


VERBS = {"rm": remove, "stop": end, "kill": lambda name: end(name, signal.SIGKILL), "start": start, "restart": restart,
         "logs": show_log, "wait": wait}


def main():
    verb, words = sys.argv[1], sys.argv[2:]
    for folder in ("images", "volumes", "containers"):
        os.makedirs(place(folder), exist_ok=True)
    whole = {"load": load, "run": run, "inspect": inspect, "compose": compose, "keep": keep, "inside": inside, "enter": enter}
    if verb in whole:
        whole[verb](words)
    elif verb == "exec":
        name, command = exec_words(words)
        sys.exit(exec_in(name, command))
    else:
        (name,) = [word for word in words if word != "-f"]
        VERBS[verb](name)
        if verb not in ("logs", "wait"):
            print(name)


if __name__ == "__main__":
    main()
