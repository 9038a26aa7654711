"""Issue 15, must hold 3: what is released is whole, and the same bytes wherever and whenever it is made."""

import filecmp
import glob
import json
import os
import shutil
import subprocess

import pytest

import foreign
from machine import ROOT, run

AT_LEAST = {"openssl", "glibc", "raft", "libuv1", "lz4", "c-ares", "jansson", "libsodium", "libseccomp", "xxhash", "uthash",
            "node-chart.js"}
COMPILERS = {"amd64": "gcc-12", "arm64": "gcc-12-cross"}  # of whose own library something is linked in


@pytest.fixture(name="arch", params=sorted(foreign.RUN))
def each_arch(request):
    return request.param


def only(arch, pattern):
    (path,) = glob.glob(os.path.join(foreign.out(arch), pattern))
    return path


def test_sbom_names_what_is_linked_in(arch):
    with open(only(arch, "*.spdx.json"), encoding="utf-8") as file:
        sbom = json.load(file)
    names = {package["name"] for package in sbom["packages"]}
    assert sbom["spdxVersion"] == "SPDX-2.3" and AT_LEAST | {COMPILERS[arch]} <= names and not names & {"cmocka", "linux"}
    ids = {package["SPDXID"] for package in sbom["packages"]} | {"SPDXRef-DOCUMENT"}
    for relation in sbom["relationships"]:
        assert {relation["spdxElementId"], relation["relatedSpdxElement"]} <= ids
    licences = {text["licenseId"]: text["extractedText"] for text in sbom["hasExtractedLicensingInfos"]}
    for package in sbom["packages"]:
        assert package["name"] == "weldr" or len(licences[package["licenseDeclared"]]) > 200, package["name"]


def test_tar_has_all(arch, tmp_path):
    run("tar", "-x", "-C", str(tmp_path), "--strip-components=1", "-f", only(arch, "*.tar.gz"))
    for name in ("weldr", "man/man8/weldr.8", "man/man1/weldr.1", "completions/weldr.bash", "completions/_weldr",
                 "contrib/weldr.service", "licences/openssl", "licences/node-chart.js", "LICENSE-MIT", "LICENSE-APACHE",
                 "weldr.spdx.json"):
        assert (tmp_path / name).exists() and (tmp_path / name).stat().st_size > 0, name
    kind = run("readelf", "-hl", str(tmp_path / "weldr"))
    assert "DYN (" in kind and "INTERP" not in kind, "a static PIE"
    assert "no symbols" in subprocess.run(["nm", str(tmp_path / "weldr")], capture_output=True, text=True, check=False).stderr
    assert "weldr 0." in run(*foreign.RUN[arch], str(tmp_path / "weldr"), "--version")


def test_symbols_belong_to_the_binary(arch, tmp_path):
    run("tar", "-x", "-C", str(tmp_path), "--strip-components=1", "-f", only(arch, "*.tar.gz"))
    notes = [run("readelf", "-n", path).split("Build ID:")[1].split()[0] for path in (str(tmp_path / "weldr"), only(arch, "*.debug"))]
    assert notes[0] == notes[1] and ".debug_info" in run("readelf", "-SW", only(arch, "*.debug"))


def test_checksums_are_right(arch):
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=foreign.out(arch), check=True)


def take_sysroot(clone):
    """It is no part of what is built, and need not be fetched once more."""
    made = os.path.join(os.path.dirname(foreign.out("arm64")), "sysroot")
    shutil.copytree(made, clone + "/build-dist/arm64/sysroot", symlinks=True)


@pytest.mark.timeout(7200)
def test_two_builds_on_two_paths_are_equal(arch, tmp_path):
    outs = []
    for name in ("one", "a/longer/path"):
        clone = str(tmp_path / name)
        run("git", "clone", "-q", ROOT, clone)
        take_sysroot(clone)
        subprocess.run([clone + "/tools/dist", arch], check=True, stdin=subprocess.DEVNULL)
        outs.append(f"{clone}/build-dist/{arch}/out")
    names = sorted(os.listdir(outs[0]))
    assert names == sorted(os.listdir(outs[1]))
    assert filecmp.cmpfiles(*outs, names, shallow=False)[1:] == ([], [])
