"""Issue 15: files of contrib/ for other people's machinery say only what Weldr knows, and agree with the image and with each other."""

import os
import re

import pytest
import yaml

from weldr import run_weldr

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
CONTRIB = os.path.join(ROOT, "contrib")
FILES = ["compose.yaml", "kubernetes.yaml", "weldr.nomad.hcl", "weldr.service", "weldr-vips.conf"]
DRAIN_S = 30


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


@pytest.fixture(name="known", scope="module")
def ask_help():
    """Flags, variables and commands, as the program tells them."""
    return "".join(run_weldr(*words).stdout for words in (["--help"], ["help"], ["health", "--help"]))


@pytest.mark.parametrize("name", FILES)
def test_variables_and_flags_are_real(name, known):
    text = read(os.path.join(CONTRIB, name))
    settings = read(os.path.join(ROOT, "src", "config", "settings.def"))
    variables = set(re.findall(r"\bWELDR_[A-Z_]+\b", text))
    assert variables or name == "weldr-vips.conf"
    assert {variable for variable in variables if f'"{variable}"' not in settings} <= {"WELDR_ADMIN_TOKEN"}
    for flag in set(re.findall(r"(?<!\w)--[a-z][a-z-]+", text)):
        assert flag in known, flag


def documents(name):
    return list(yaml.safe_load_all(read(os.path.join(CONTRIB, name))))


# ---- compose

def test_compose_is_closed_and_long_enough_to_drain():
    (document,) = documents("compose.yaml")
    services = document["services"]
    assert len(services) == 3 and set(document["volumes"]) == set(services)
    addresses = set()
    for name, service in services.items():
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and "user" not in service
        assert float(service["stop_grace_period"].rstrip("s")) > DRAIN_S
        at = service["networks"]["weldr"]["ipv4_address"]
        assert service["environment"]["WELDR_CLUSTER_IP"] == at and service["volumes"] == [f"{name}:/var/lib/weldr"]
        addresses.add(at)
    joins = [service["environment"].get("WELDR_JOIN") for service in services.values()]
    assert len(addresses) == 3 and joins[0] is None
    assert set(joins[1:]) == {services["node1"]["environment"]["WELDR_CLUSTER_IP"] + ":8688"}


# ---- Kubernetes

# Members of what kubectl would be asked about, so that none is spelled wrongly.
POD = {
    "enableServiceLinks", "automountServiceAccountToken", "terminationGracePeriodSeconds", "securityContext", "containers", "volumes"}
CONTAINER = {
    "name", "image", "ports", "env", "readinessProbe", "livenessProbe", "lifecycle", "resources", "securityContext", "volumeMounts"}
KINDS = {"Deployment": "apps/v1", "Service": "v1", "PodDisruptionBudget": "policy/v1"}


@pytest.fixture(name="objects", scope="module")
def read_objects():
    return {document["kind"]: document for document in documents("kubernetes.yaml")}


def test_kinds_select_each_other(objects):
    assert {kind: document["apiVersion"] for kind, document in objects.items()} == KINDS
    spec = objects["Deployment"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == objects["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert objects["Service"]["spec"]["selector"] == labels
    (container,) = spec["template"]["spec"]["containers"]
    assert {port["targetPort"] for port in objects["Service"]["spec"]["ports"]} <= {port["name"] for port in container["ports"]}
    assert objects["PodDisruptionBudget"]["spec"]["minAvailable"] < spec["replicas"]


def test_the_pod_is_closed(objects):
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert set(pod) == POD and set(container) == CONTAINER
    who = pod["securityContext"]
    assert who["runAsNonRoot"] and who["runAsUser"] == who["runAsGroup"] == who["fsGroup"] == 65532
    closed = container["securityContext"]
    assert closed["readOnlyRootFilesystem"] and not closed["allowPrivilegeEscalation"] and closed["capabilities"] == {"drop": ["ALL"]}
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/run/weldr", "/var/lib/weldr"}
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert not pod["enableServiceLinks"], "a Service named weldr would set variables that begin as ours do"


def test_the_pod_has_time_to_drain(objects):
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    variables = {variable["name"]: variable["value"] for variable in container["env"]}
    assert all(isinstance(value, str) for value in variables.values())
    drain_s = int(variables["WELDR_DRAIN_TIMEOUT"].rstrip("s"))
    pause_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] >= pause_s + drain_s + 5


def test_probes_are_commands_of_the_image(objects):
    (container,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["readinessProbe"]["exec"]["command"] == ["/weldr", "health"]
    assert container["livenessProbe"]["exec"]["command"] == ["/weldr", "health", "--live"]
    assert all(container[probe]["timeoutSeconds"] > 3 for probe in ("readinessProbe", "livenessProbe")), "weldr health waits 3 s"


# ---- Nomad

def parse_blocks(text):
    """Of HCL as much as such a job needs: blocks and settings, [(key, labels, members)] and [(key, value)] in the order of the file."""
    lines = [re.sub(r'\s+#[^"]*$', "", line).strip() for line in text.splitlines()]
    lines = iter([line for line in lines if line and not line.startswith("#")])

    def members():
        found = []
        for line in lines:
            if line == "}":
                return found
            block = re.fullmatch(r'(\w+)((?: "[\w-]+")*) \{', line)
            setting = re.fullmatch(r'(\w+) += ("[^"]*"|\d+|true|false|\[(?:"[^"]*"(?:, )?)+\])', line)
            assert block or setting, line
            found.append((block.group(1), block.group(2).split(), members()) if block else setting.groups())
        return found
    return members()


def blocks_of(entries, name):
    return [entry for entry in entries if len(entry) == 3 and entry[0] == name]


def settings_of(block):
    return {entry[0]: entry[1].strip('"') for entry in block[2] if len(entry) == 2}


def test_the_job_is_closed_and_has_time_to_drain():
    (job,) = parse_blocks(read(os.path.join(CONTRIB, "weldr.nomad.hcl")))
    (group,) = blocks_of(job[2], "group")
    (task,) = blocks_of(group[2], "task")
    settings = settings_of(task)
    (config,), (env,), (mounted,) = (blocks_of(task[2], name) for name in ("config", "env", "volume_mount"))
    assert int(settings["kill_timeout"].rstrip("s")) > int(settings_of(env)["WELDR_DRAIN_TIMEOUT"].rstrip("s"))
    assert settings_of(config)["readonly_rootfs"] == "true" and settings_of(config)["cap_drop"] == '["all"]'
    assert settings_of(mounted)["destination"] == "/var/lib/weldr"
    assert settings_of(mounted)["volume"] == blocks_of(group[2], "volume")[0][1][0].strip('"')
    (tmpfs,) = blocks_of(config[2], "mount")
    assert settings_of(tmpfs) == {"type": "tmpfs", "target": "/run/weldr"}
    (service,) = blocks_of(group[2], "service")
    (check,) = blocks_of(service[2], "check")
    assert settings_of(check)["command"] == "/weldr" and settings_of(check)["args"] == '["health"]'
