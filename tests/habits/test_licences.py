"""No dependency in the lock files has a licence that would bind us: no GPL, no AGPL. LGPL and MPL pass."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from tests.habits.repository import expect_none, read

FORBIDDEN = re.compile(r"A?GPL-\d")

SPOKEN = {
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD-0-Clause": "0BSD",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD License": "LicenseRef-BSD",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""SPDX names of what some packages say in words of their own."""

READ_BY_US = {"atheris": "Apache-2.0", "axe-playwright-python": "MIT AND MPL-2.0"}
"""Packages whose metadata is silent; the licence stands in a file that they carry."""


def problems(licences: Mapping[str, str]) -> list[str]:
    """Each package whose licence is forbidden, or not one that can be told."""
    return [f"{name}: {fault}" for name, said in sorted(licences.items()) if (fault := fault_of(said))]


def fault_of(said: str) -> str:
    """What is wrong with an SPDX expression; empty when it binds us to nothing."""
    try:
        expression = canonicalize_license_expression(said)
    except InvalidLicenseExpression:
        return f"{said!r} is no SPDX expression"
    choices = expression.replace("(", "").replace(")", "").split(" OR ")
    if all(any(FORBIDDEN.match(name) for name in choice.split(" AND ")) for choice in choices):
        return f"{expression} is not allowed"
    return ""


def installed(lock: str) -> dict[str, str]:
    """The licence of every Python package in uv.lock that this platform has installed."""
    return {
        package["name"]: licence
        for package in tomllib.loads(lock)["package"]
        for licence in licence_of(package["name"])
    }


def licence_of(name: str) -> Iterator[str]:
    """What an installed package says of its licence, as SPDX; nothing for another platform's package."""
    try:
        said = distribution(name).metadata.json
    except PackageNotFoundError:
        return
    yield READ_BY_US.get(name) or spdx(said)


def spdx(said: Mapping[str, str | list[str]]) -> str:
    """The SPDX expression in a package's metadata: the field for it, the older field, or the classifiers."""
    if expression := said.get("license_expression"):
        return str(expression)
    field = str(said.get("license", ""))
    classifiers = [line.rpartition(" :: ")[2] for line in said.get("classifier", []) if line.startswith("License ::")]
    named = [SPOKEN[line] for line in classifiers if line in SPOKEN]
    if not fault_of(SPOKEN.get(field, field)) or not named:
        return SPOKEN.get(field, field)
    return " OR ".join(named)


def from_npm(lock: str) -> dict[str, str]:
    """The licence of every npm package in package-lock.json."""
    packages = json.loads(lock)["packages"]
    said = {name: package.get("license", "") for name, package in packages.items() if name}
    return {name: SPOKEN.get(licence, licence) for name, licence in said.items()}


def test_no_python_package_binds_us() -> None:
    licences = installed(read(Path("uv.lock")))
    assert {"pydicom", "psycopg", "ruff"} <= set(licences)
    expect_none(problems(licences))


def test_no_npm_package_binds_us() -> None:
    expect_none(problems(from_npm(read(Path("package-lock.json")))))


def test_gpl_is_seen_and_lesser_licences_pass() -> None:
    assert problems(
        {
            "a": "GPL-3.0-only",
            "b": "AGPL-3.0-or-later",
            "c": "MIT AND GPL-2.0-or-later",
            "d": "MIT OR GPL-2.0-or-later",
            "e": "LGPL-3.0-only",
            "f": "MPL-2.0",
            "g": "",
        }
    ) == [
        "a: GPL-3.0-only is not allowed",
        "b: AGPL-3.0-or-later is not allowed",
        "c: MIT AND GPL-2.0-or-later is not allowed",
        "g: '' is no SPDX expression",
    ]


def test_gpl_told_in_words_is_seen() -> None:
    said = "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"
    assert fault_of(spdx({"classifier": [said]})) == "GPL-3.0-only is not allowed"
