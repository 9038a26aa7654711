"""Packages of `make dist`, installed into fresh machines (machine.py)."""

import pytest

import packages
from machine import Machine

# Each: base, whether systemd runs.
PLAIN = ("bookworm", False)
SERVICE = ("bookworm-service", True)


@pytest.fixture(name="box")
def make_box(request):
    """By default a container of Debian 12; a test names others by `parametrize(..., indirect=True)`."""
    box = Machine(*getattr(request, "param", PLAIN))
    yield box
    box.close()


@pytest.fixture(name="service_box")
def make_service_box():
    box = Machine(*SERVICE)
    yield box
    box.close()


@pytest.fixture(name="deb", scope="session")
def find_deb():
    return packages.find_deb()


@pytest.fixture(name="rpm_package", scope="session")
def find_rpm():
    return packages.find_rpm()


@pytest.fixture(name="older_deb", scope="session")
def make_older_deb():
    return packages.find_deb(packages.make_previous())


@pytest.fixture(name="older_rpm", scope="session")
def make_older_rpm():
    return packages.find_rpm(packages.make_previous())
