"""Issue 15: the image. Looked at with skopeo, then run: as nobody in particular, on a read-only root, as process 1 of its container."""

import filecmp
import glob
import json
import os
import re
import subprocess
import tarfile

import pytest

import host as h
import machine
from machine import ROOT, run, wait_until

SAFE = "--read-only --tmpfs /run/weldr --tmpfs /tmp -v weldr:/var/lib/weldr --cap-drop ALL --security-opt no-new-privileges --stop-timeout 40"
RUN = f"docker run -d --name weldr -p 8080:8080 {SAFE}"


@pytest.fixture(name="image", scope="session")
def find_image():
    (path,) = glob.glob(os.path.join(machine.OUT, "weldr-*-linux-amd64.oci.tar"))
    return path


@pytest.fixture(name="host")
def make_host(image):
    host = h.Host()
    host.run(f"docker load -i {image}")
    yield host
    host.close()


# ---- as a file

def config_of(image):
    return json.loads(run("skopeo", "inspect", "--config", "--raw", f"docker-archive:{image}"))


def test_skopeo_takes_it(image, tmp_path):
    about = json.loads(run("skopeo", "inspect", f"oci-archive:{image}"))
    assert about["Architecture"] == "amd64" and about["Labels"]["org.opencontainers.image.title"] == "weldr"
    assert re.fullmatch(r"[0-9a-f]{40}", about["Labels"]["org.opencontainers.image.revision"])
    for number, (source, target) in enumerate([("oci-archive", "docker-archive"), ("oci-archive", "dir"), ("docker-archive", "oci")]):
        run("skopeo", "copy", "-q", f"{source}:{image}", f"{target}:{tmp_path}/{number}")


def test_config_says_how_it_is_run(image):
    config = config_of(image)["config"]
    assert config["User"] == "65532:65532" and config["Entrypoint"] == ["/weldr"] and config["StopSignal"] == "SIGTERM"
    assert set(config["ExposedPorts"]) == {"8080/tcp", "8687/tcp", "8688/tcp"} and set(config["Volumes"]) == {"/var/lib/weldr"}
    assert config["Healthcheck"]["Test"] == ["CMD", "/weldr", "health"]
    assert {"WELDR_DATA_DIR=/var/lib/weldr/node", "WELDR_ADMIN_SOCKET=/run/weldr/api.sock"} <= set(config["Env"])


def entries_of(image):
    """{path: entry} over all layers."""
    found = {}
    with tarfile.open(image) as archive:
        (described,) = json.load(archive.extractfile("manifest.json"))
        for layer in described["Layers"]:
            with tarfile.open(fileobj=archive.extractfile(layer), mode="r:gz") as tar:
                found.update((entry.name, entry) for entry in tar)
    return found


def test_it_holds_what_it_needs_and_nothing_else(image):
    entries = entries_of(image)
    for name in ("dev", "proc", "sys", "tmp", "run/weldr", "var/lib/weldr", "etc/ssl/certs"):
        assert entries[name].isdir(), name
    assert entries["tmp"].mode == entries["run/weldr"].mode == 0o1777
    assert (entries["var/lib/weldr"].uid, entries["var/lib/weldr"].gid, entries["var/lib/weldr"].mode) == (65532, 65532, 0o700)
    programs = [name for name, entry in entries.items() if entry.isfile() and entry.mode & 0o111]
    assert programs == ["weldr"]
    assert all(not entry.uname and not entry.gname and not entry.mode & 0o6000 for entry in entries.values())
    assert {f"usr/share/doc/weldr/{name}" for name in ("LICENSE-MIT", "LICENSE-APACHE", "weldr.spdx.json", "licences/openssl")} <= set(entries)


def test_authorities_are_those_of_the_package_alone(host):
    text = host.run("cat ../state/images/weldr@latest/root/etc/ssl/certs/ca-certificates.crt")
    files = run("sh", "-c", "dpkg-query -L ca-certificates | grep '^/usr/share/ca-certificates/.*crt$' | wc -l")
    assert text.count("-----BEGIN CERTIFICATE-----") == text.count("-----END CERTIFICATE-----\n") == int(files) > 100


def test_two_runs_are_equal(image, tmp_path):
    run(os.path.join(ROOT, "tools", "image"), "--out", str(tmp_path))
    assert filecmp.cmp(image, tmp_path / os.path.basename(image), shallow=False)


# ---- as a container

SOON_S = 60
READY = "docker exec weldr /weldr health"

def weldr_processes(host):
    """{pid: its status}, each a dictionary."""
    script = "for p in /proc/[0-9]*; do case $(readlink $p/exe) in */weldr) cat $p/status; echo; esac; done 2>/dev/null"
    blocks = [dict(line.split(":\t", 1) for line in block.splitlines() if ":\t" in line) for block in host.run(script).split("\n\n")]
    return {block["Pid"]: block for block in blocks if block}


def ask(host):
    """The status of one request; 000: nobody answers."""
    return host.try_run("curl -s -o /dev/null -w '%{http_code}' localhost:8080/").stdout


def test_it_runs_as_nobody_on_a_read_only_root(host):
    host.run_origin()
    host.run(f"{RUN} weldr")
    wait_until(lambda: host.try_run(READY).returncode == 0, SOON_S, "weldr to be ready")
    assert host.run("docker inspect --format '{{.State.Health.Status}}' weldr") == "healthy\n"
    host.run("docker exec weldr /weldr server add http://10.0.0.5:8080")
    assert host.run("curl -s localhost:8080/") == "Hello World\n"
    processes = weldr_processes(host)
    assert len(processes) >= 2
    for status in processes.values():
        assert status["Uid"].split() == status["Gid"].split() == ["65532"] * 4 and status["NoNewPrivs"] == "1", status
        assert {status[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {"0" * 16}, status
    assert [status["NSpid"].split()[-1] for status in processes.values()].count("1") == 1
    assert "level=warn" not in host.run("docker logs weldr")


def test_api_is_reached_from_inside_alone(host):
    host.run(f"{RUN.replace('-p 8080:8080', '-p 8080:8080 -p 8687:8687')} weldr")
    wait_until(lambda: host.try_run(READY).returncode == 0, SOON_S, "weldr to be ready")
    assert host.try_run("curl -s localhost:8687/ready").returncode != 0


def test_sigterm_drains(host):
    """A request in flight gets its response, and process 1 ends with 0."""
    origin = host.run_origin()
    host.run(f"{RUN} -e WELDR_SERVER=http://10.0.0.5:8080 weldr")
    wait_until(lambda: ask(host) == "200", SOON_S, "weldr to serve")
    slow = subprocess.Popen(host.words("curl -sS localhost:8080/3"), stdout=subprocess.PIPE, text=True)
    while origin.stdout.readline() != "/3\n":
        pass
    host.run("docker stop weldr")
    assert slow.communicate()[0] == "Hello World\n"
    assert host.run("docker wait weldr") == "0\n"


def test_restart_goes_on_with_the_volume(host):
    host.run_origin()
    host.run(f"{RUN} weldr")
    host.run("docker exec weldr /weldr server add http://10.0.0.5:8080")
    assert ask(host) == "200"
    host.run("docker restart weldr")
    wait_until(lambda: ask(host) == "200", SOON_S, "it to serve again")
    host.run("docker kill weldr")
    host.run("docker start weldr")
    wait_until(lambda: ask(host) == "200", SOON_S, "it to serve after it was killed")
    host.run(f"docker rm -f weldr && {RUN} weldr")
    wait_until(lambda: ask(host) == "200", SOON_S, "another one to serve on that volume")


def test_process_1_collects_what_is_left_to_it(host):
    """A process whose parent has ended is process 1's from then on."""
    host.run(f"{RUN} weldr")
    wait_until(lambda: host.try_run(READY).returncode == 0, SOON_S, "weldr to be ready")
    first = next(pid for pid, status in weldr_processes(host).items() if status["NSpid"].split()[-1] == "1")
    before = set(host.run(f"cat /proc/{first}/task/{first}/children").split())
    host.run(f"nsenter -t {first} --pid sh -c 'for n in 1 2 3 4 5; do (exec sleep 0.$n) & done; exec true'")
    wait_until(lambda: set(host.run(f"cat /proc/{first}/task/{first}/children").split()) == before, SOON_S, "the orphans to be collected")
    assert all(status["State"][0] != "Z" for status in weldr_processes(host).values())


def test_root_of_the_container_holds_virtual_ips(host):
    """As docs/container.md says: two capabilities, and workers that are the image's user all the same."""
    host.run_origin()
    host.run("docker run -d --name weldr --user 0:0 --cap-add NET_ADMIN --cap-add NET_RAW -e WELDR_SERVER=http://10.0.0.5:8080 weldr")
    wait_until(lambda: host.try_run(READY).returncode == 0, SOON_S, "weldr to be ready")
    workers = [status for status in weldr_processes(host).values() if status["Uid"].split()[0] != "0"]
    assert workers and all(status["Uid"].split() == ["65532"] * 4 and status["CapEff"] == "0" * 16 for status in workers)
    host.run("docker exec weldr /weldr vip add 172.17.0.77")
    wait_until(lambda: host.try_run("curl -s --max-time 1 172.17.0.77:8080").stdout == "Hello World\n", SOON_S, "the address to be held")
    host.run("docker stop weldr")


def test_it_heeds_the_limits_of_its_group(host):
    """Of the files that the kernel would show there: this machine may have no such group to put it in."""
    cpus = len(os.sched_getaffinity(0))
    host.run(f"{RUN} --cpus 0.5 --memory 64m weldr")
    wait_until(lambda: "msg=ready" in host.run("docker logs weldr"), SOON_S, "weldr to be ready")
    log = host.run("docker logs weldr")
    assert re.search(rf'the control group limits this process" cpus={cpus} cpus_by_cpu_max=1 bytes_by_memory_max={64 * 2**20} workers=1 '
                     rf"queue_bytes={32 * 2**20}", log), log
    assert "msg=ready workers=1 " in log


def test_a_start_that_fails_says_why(host):
    for words, told in (("--read-only weldr", "socket=/run/weldr/api.sock"),
                        ("-v ./mine:/var/lib/weldr weldr", "/var/lib/weldr/node: can't make the directory: Permission denied"),
                        ("weldr --workers 0", "--workers must be a number")):
        host.run(f"mkdir -p mine && docker run -d --name weldr {words}")
        wait_until(lambda: host.try_run("docker wait weldr").returncode == 0, SOON_S, "weldr to end")
        assert told in host.run("docker logs weldr")
        host.run("docker rm weldr")


def test_process_1_is_not_upgraded(host):
    """Its end would be the container's."""
    host.run(f"{RUN} weldr")
    wait_until(lambda: host.try_run(READY).returncode == 0, SOON_S, "weldr to be ready")
    result = host.try_run("docker exec weldr /weldr upgrade")
    assert result.returncode == 1 and "process 1" in result.stderr
    assert host.run(READY) == "ready\n"
