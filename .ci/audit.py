"""Looks up what the package depends on in the database of known vulnerabilities (pip-audit, PyPI's advisories).

Ends with 0 when everything was looked up and nothing is known, with 1 when
something is, with 3 when not everything could be looked up. pip-audit itself
skips what it cannot find, says "No known vulnerabilities found", and succeeds,
also without a network; so what it skipped is counted here.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

FOUND, NOT_AUDITED = 1, 3
#: What users may install of it; tools for development are not shipped.
EXTRAS = ("asgi", "client", "crypto", "links")
ROOT = Path(__file__).parents[1]


def shipped(extras: tuple[str, ...] = EXTRAS) -> dict[str, str]:
    """The packages that an installation consists of, with their versions here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    waiting = [
        *project["dependencies"],
        *(each for extra in extras for each in project["optional-dependencies"][extra]),
    ]
    found: dict[str, str] = {}
    while waiting:
        name = _name(waiting.pop())
        if name in found:
            continue
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # for another platform or Python
        waiting += [each for each in metadata.requires(name) or () if "extra ==" not in each]
    return found


def look_up(packages: dict[str, str]) -> dict[str, Any]:
    """What pip-audit says of these, as its JSON; empty when it failed."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "requirements.txt"
        listed.write_text("".join(f"{name}=={version}\n" for name, version in sorted(packages.items())))
        command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "-f", "json", "-r", str(listed)]
        done = subprocess.run([*command, "--progress-spinner", "off"], capture_output=True, text=True, check=False)
    try:
        return dict(json.loads(done.stdout))
    except ValueError:
        return {"failed": (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]}


def judge(said: dict[str, Any], packages: dict[str, str]) -> tuple[int, list[str]]:
    """How to end, and why."""
    if "failed" in said:
        return NOT_AUDITED, [said["failed"]]
    vulnerable = [
        f"{each['name']} {each['version']}: {known['id']}, mended in {known['fix_versions'] or 'nothing'}"
        for each in said["dependencies"]
        for known in each.get("vulns", ())
    ]
    if vulnerable:
        return FOUND, vulnerable
    seen = {_name(each["name"]) for each in said["dependencies"] if "skip_reason" not in each}
    missing = sorted(set(packages) - seen)
    return (NOT_AUDITED, [f"not found in the database: {', '.join(missing)}"]) if missing else (0, [])


def _name(requirement: str) -> str:
    """The name in a requirement, as indexes write it."""
    return re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", requirement)[0]).lower()


def main() -> int:
    packages = shipped()
    first = dict(sorted(packages.items())[:1])  # one question shows whether there is anybody to ask
    for asked in (first, packages):
        code, why = judge(look_up(asked), asked)
        if code:
            break
    if code == NOT_AUDITED:
        print("DEPENDENCIES NOT AUDITED. This is no pass: run `make audit` where pypi.org can be reached.")
    print(*why or [f"{len(packages)} packages looked up, nothing known of them"], sep="\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
