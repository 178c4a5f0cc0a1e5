"""A child process exits with its parent, or by itself after its work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

ATTENDED = """
import os, sys, time
from training.shared.exit_with_parent import exit_with_parent
exit_with_parent()
os.write(1, b"begun")
time.sleep(600)
"""
STARTER = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE, start_new_session=True)
child.wait()
"""


def test_child_exits_even_if_its_parent_is_killed() -> None:
    """Both processes write to one pipe, which reaches its end after both have exited."""
    hear, say = os.pipe()
    starter = subprocess.Popen([sys.executable, "-c", STARTER, ATTENDED], stdout=say, stderr=say, cwd=ROOT)
    os.close(say)
    with os.fdopen(hear, "rb") as heard:
        assert heard.read(5) == b"begun"
        starter.send_signal(signal.SIGKILL)
        starter.wait()
        assert b"ended with the program that started it" in heard.read()


def test_finished_child_exits_by_itself() -> None:
    quiet = ATTENDED.replace("time.sleep(600)", "")
    process = subprocess.Popen(
        [sys.executable, "-c", quiet], stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    assert process.wait() == 0
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.communicate()
