"""The packages that tests install: those of `make dist`, those of an older commit, and others that are made of them."""

import glob
import os
import shutil
import subprocess

import machine
from machine import DIST, ROOT, Lock, run


def only(folder, pattern):
    files = glob.glob(os.path.join(folder, pattern))
    assert len(files) == 1, f"{pattern} in {folder}: {files}"
    return files[0]


def git(*words):
    return run("git", "-C", ROOT, *words).strip()


def previous_commit():
    """The newest one whose program is another: the parent of the last that changed the source."""
    return git("rev-parse", git("log", "-1", "--format=%H", "HEAD", "--", "src", "meson.build") + "^")


def make_previous():
    """The folder with the packages of that commit, as its own tools/dist makes them; once for each. Revision 0 is older."""
    folder = os.path.join(DIST, "previous")
    with Lock("previous"):
        commit = previous_commit()
        clone = os.path.join(folder, commit)
        out = os.path.join(clone, "build-dist", "amd64", "out")
        if not os.path.exists(os.path.join(out, "SHA256SUMS")):
            shutil.rmtree(folder, ignore_errors=True)
            run("git", "clone", "--quiet", "--no-checkout", ROOT, clone)
            run("git", "-C", clone, "checkout", "--quiet", commit)
            subprocess.run([clone + "/tools/dist"], check=True, stdin=subprocess.DEVNULL,
                           env={**os.environ, "WELDR_DIST_REVISION": "0"})
    return out


def find_deb(folder=machine.OUT):
    return only(folder, "weldr_*_amd64.deb")


def find_rpm(folder=machine.OUT):
    return only(folder, "weldr-*.x86_64.rpm")


def change_deb(deb, folder, change):
    """Another package of the same version, of the files that `change` leaves in a tree."""
    tree = os.path.join(folder, "deb")
    run("dpkg-deb", "-R", deb, tree)
    change(tree)
    path = os.path.join(folder, os.path.basename(deb))
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", tree, path)
    return path


def change_rpm(package, folder, change, revision):
    """Another package with this revision, of the files that `change` leaves in a tree."""
    tree = os.path.join(folder, "rpm")
    os.makedirs(tree)
    run("rpm", "--root", tree, "--initdb")
    run("rpm", "--root", tree, "-i", "--noscripts", "--nodeps", package)
    for name in set(os.listdir(tree)) - {"etc", "usr"}:  # rpm's database
        shutil.rmtree(os.path.join(tree, name))
    os.makedirs(tree + "/lib/systemd")
    os.rename(tree + "/usr/lib/systemd/system", tree + "/lib/systemd/system")
    os.rmdir(tree + "/usr/lib/systemd")
    change(tree)
    version = run("rpm", "-qp", "--qf", "%{VERSION}", package)
    run("rpmbuild", "-bb", "--target", "x86_64-linux", "--define", f"_topdir {folder}/build", "--define", f"version {version}",
        "--define", f"revision {revision}", "--define", f"stage {tree}", ROOT + "/packaging/rpm/weldr.spec")
    return only(f"{folder}/build/RPMS/x86_64", "*.rpm")


SYSTEM = """
Name: system
Version: 1
Release: 1
Summary: What there is, for who needs it
License: none
Provides: /bin/sh
%description
It has no files.
%files
"""


def make_system(folder):
    """A package for rpm that stands for the rest of the machine, which came by dpkg."""
    spec = os.path.join(folder, "system.spec")
    with open(spec, "w", encoding="ascii") as file:
        file.write(SYSTEM)
    run("rpmbuild", "-bb", "--target", "noarch-linux", "--define", f"_topdir {folder}/system", spec)
    return only(f"{folder}/system/RPMS/noarch", "*.rpm")


def break_program(tree):
    with open(tree + "/usr/sbin/weldr", "w", encoding="ascii") as file:
        file.write("#!/bin/sh\nexit 1\n")


def change_settings(tree):
    with open(tree + "/etc/default/weldr", "a", encoding="utf-8") as file:
        file.write("# A line that was not there before.\n")
