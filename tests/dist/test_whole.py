"""Issue 15, must hold 3: what is released is whole, and the same bytes wherever and whenever it is made."""

import filecmp
import glob
import json
import os
import subprocess

import pytest

import machine
from machine import ROOT, run

AT_LEAST = {"openssl", "glibc", "raft", "libuv1", "lz4", "c-ares", "jansson", "libsodium", "libseccomp", "xxhash", "uthash"}


def only(pattern):
    (path,) = glob.glob(os.path.join(machine.OUT, pattern))
    return path


def test_sbom_names_what_is_linked_in():
    with open(only("*.spdx.json"), encoding="utf-8") as file:
        sbom = json.load(file)
    names = {package["name"] for package in sbom["packages"]}
    assert sbom["spdxVersion"] == "SPDX-2.3" and AT_LEAST <= names and not names & {"cmocka", "linux"}
    ids = {package["SPDXID"] for package in sbom["packages"]} | {"SPDXRef-DOCUMENT"}
    for relation in sbom["relationships"]:
        assert {relation["spdxElementId"], relation["relatedSpdxElement"]} <= ids
    licences = {text["licenseId"]: text["extractedText"] for text in sbom["hasExtractedLicensingInfos"]}
    for package in sbom["packages"]:
        assert package["name"] == "weldr" or len(licences[package["licenseDeclared"]]) > 200, package["name"]


def test_tar_has_all(tmp_path):
    run("tar", "-x", "-C", str(tmp_path), "--strip-components=1", "-f", only("*.tar.gz"))
    for name in ("weldr", "man/man8/weldr.8", "man/man1/weldr.1", "completions/weldr.bash", "completions/_weldr",
                 "contrib/weldr.service", "licences/openssl", "LICENSE-MIT", "LICENSE-APACHE", "weldr.spdx.json"):
        assert (tmp_path / name).exists(), name
    kind = run("readelf", "-hl", str(tmp_path / "weldr"))
    assert "DYN (" in kind and "INTERP" not in kind, "a static PIE"
    assert "no symbols" in subprocess.run(["nm", str(tmp_path / "weldr")], capture_output=True, text=True, check=False).stderr
    assert "weldr 0." in run(str(tmp_path / "weldr"), "--version")


def test_checksums_are_right():
    subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=machine.OUT, check=True)


@pytest.mark.timeout(7200)
def test_two_builds_on_two_paths_are_equal(tmp_path):
    outs = []
    for name in ("one", "a/longer/path"):
        clone = str(tmp_path / name)
        run("git", "clone", "-q", ROOT, clone)
        subprocess.run([clone + "/tools/dist"], check=True, stdin=subprocess.DEVNULL)
        outs.append(clone + "/build-dist/amd64/out")
    names = sorted(os.listdir(outs[0]))
    assert names == sorted(os.listdir(outs[1]))
    assert filecmp.cmpfiles(*outs, names, shallow=False)[1:] == ([], [])
