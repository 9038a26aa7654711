"""Issue 15: what the packages bring beside the program is taken by the programs that it is for."""

import pytest

from conftest import SERVICE
from test_deb import install
from traffic import SETTINGS, Traffic, managers, start

COMPLETE = """
. /usr/share/bash-completion/bash_completion
_completion_loader weldr
COMP_WORDS=(weldr clus)
COMP_CWORD=1
COMP_LINE='weldr clus'
COMP_POINT=10
$(complete -p weldr | sed 's/.*-F \\([^ ]*\\).*/\\1/') weldr clus weldr
echo "${COMPREPLY[*]}"
"""


def test_bash_completes(service_box, deb):
    install(service_box, deb)
    assert service_box.run("bash", "-c", COMPLETE).split() == ["cluster"]


def test_zsh_finds_its_completion(service_box, deb):
    install(service_box, deb)
    assert service_box.run("zsh", "-fc", "autoload -U compinit; compinit -D; whence -w _weldr; echo $_comps[weldr]") == \
        "_weldr: function\n_weldr\n"


def test_access_log_is_rotated(service_box, deb):
    install(service_box, deb)
    start(service_box, SETTINGS + "WELDR_ACCESS_LOG=/var/log/weldr/access.log\n")
    Traffic(service_box).end_without_failure()
    dry = service_box.try_run("logrotate", "-d", "/etc/logrotate.d/weldr")
    assert dry.returncode == 0 and "error" not in dry.stderr and "log does not need rotating" in dry.stderr, dry
    old = managers(service_box)
    service_box.run("logrotate", "-f", "/etc/logrotate.d/weldr")
    before = service_box.run("wc", "-l", "/var/log/weldr/access.log.1")
    Traffic(service_box).end_without_failure()
    assert int(service_box.run("sh", "-c", "wc -l </var/log/weldr/access.log")) > 100
    assert service_box.run("wc", "-l", "/var/log/weldr/access.log.1") == before and managers(service_box) == old
    service_box.run("systemctl", "stop", "weldr")
    service_box.run("logrotate", "-f", "/etc/logrotate.d/weldr")


def test_folders_and_user_are_told_to_systemd(service_box, deb):
    install(service_box, deb)
    for tool, word in (("systemd-tmpfiles", "--create"), ("systemd-sysusers", "--dry-run")):
        again = service_box.try_run(tool, word, "weldr.conf")
        assert (again.returncode, again.stdout + again.stderr) == (0, ""), again
    folders = service_box.run("stat", "-c", "%n %a %U:%G", "/var/lib/weldr", "/var/log/weldr", "/run/weldr")
    assert folders == "/var/lib/weldr 700 weldr:weldr\n/var/log/weldr 755 weldr:weldr\n/run/weldr 755 weldr:weldr\n"


@pytest.mark.parametrize("box", (("trixie", False), ("trixie-service", True)), indirect=True, ids=("container", "systemd"))
def test_debian_13_takes_the_same_package(box, older_deb, deb):
    assert box.read("/etc/debian_version").startswith("13.")
    install(box, older_deb)
    start(box)
    traffic = Traffic(box)
    assert "handed over to the new program" in install(box, deb)
    traffic.end_without_failure()
    assert SERVICE[1] != box.booted or box.run("systemctl", "is-active", "weldr") == "active\n"
