"""The server under load: a process of its own, with its memory and the CPU time that it has used."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

END_SECONDS = 30


@dataclass(frozen=True)
class ServerProcess:
    """A running server: its address, without a slash at the end, and its process."""

    url: str
    pid: int

    def memory_mb(self) -> float:
        """Return the memory that the process holds, in MB (Linux)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024 / 1e6

    def cpu_seconds(self) -> float:
        """Return the CPU time that the process has used (Linux)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def server_process(folder: Path, settings: Mapping[str, str]) -> Iterator[ServerProcess]:
    """Serve from a new process with its data in a folder.

    Args:
        settings: further environment variables of the server.

    Raises:
        RuntimeError: it did not start; its output says why.
    """
    environment = {
        **os.environ,
        "RVERNET_PORT": "0",
        "RVERNET_DATA_DIR": str(folder / "data"),
        "RVERNET_PHOTOS_DIR": str(folder / "photos"),
        **settings,
    }
    command = [sys.executable, "-m", "rvernet_app", "serve"]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if " is at " not in line:
            raise RuntimeError(f"The server did not start: {(folder / 'server.log').read_text()[-500:]}")
        yield ServerProcess(line.split()[-1], process.pid)
    finally:
        process.terminate()
        process.wait(END_SECONDS)
        if process.stdout is not None:
            process.stdout.close()
