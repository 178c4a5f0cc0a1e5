"""Look for known weaknesses: bandit reads the code, pip-audit looks up the installed packages.

A machine without a network reaches no database of weaknesses. The audit then says that it looked nothing up.
It ends with status 1 where something was found, and with 0 otherwise.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CODE = ("rvernet_app", "training", "bench", "app.py")


def code_is_clean() -> bool:
    """Return whether bandit finds nothing in the code; it prints what it finds."""
    command = ["bandit", "--quiet", "--configfile", "pyproject.toml", "--recursive", *CODE]
    ran = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, check=False, capture_output=True, text=True
    )
    if ran.returncode:
        print(ran.stdout, ran.stderr, sep="\n")
    print(f"Code: {'see above' if ran.returncode else 'nothing found'}.")
    return ran.returncode == 0


def packages_are_clean() -> bool:
    """Return whether no installed package has a known weakness; print those that have one."""
    command = ["pip_audit", "--local", "--progress-spinner", "off", "--format", "json"]
    ran = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, check=False, capture_output=True, text=True
    )
    try:
        packages = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError):
        packages = []
    looked_up = [package for package in packages if "skip_reason" not in package]
    if not looked_up:
        print("Packages: none looked up. No database of weaknesses can be reached from here.")
        return True
    weak = [package for package in looked_up if package["vulns"]]
    for package in weak:
        for found in package["vulns"]:
            mended = ", ".join(found["fix_versions"]) or "none yet"
            print(f"{package['name']} {package['version']}: {found['id']}, mended in {mended}")
    print(f"Packages: {len(looked_up)} of {len(packages)} looked up, {len(weak)} with a known weakness.")
    return not weak


if __name__ == "__main__":
    sys.exit(0 if all([code_is_clean(), packages_are_clean()]) else 1)
