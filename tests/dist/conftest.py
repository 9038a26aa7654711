"""Packages of `make dist`, installed into fresh machines (machine.py)."""

import glob
import os

import pytest

import machine


@pytest.fixture(name="box")
def make_box():
    machine.make_base()
    box = machine.Machine()
    yield box
    box.close()


def only(pattern):
    files = glob.glob(os.path.join(machine.OUT, pattern))
    assert len(files) == 1, f"{pattern} in {machine.OUT}: {files}"
    return files[0]


@pytest.fixture(name="deb", scope="session")
def find_deb():
    return only("weldr_*_amd64.deb")


@pytest.fixture(name="rpm_package", scope="session")
def find_rpm():
    return only("weldr-*.x86_64.rpm")
