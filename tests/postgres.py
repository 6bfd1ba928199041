"""A throw-away PostgreSQL cluster from Debian's packages, for the tests and the benchmarks."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path


def binaries() -> Path | None:
    """The newest installed server's programs; None when there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    return found[0].parent if found else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Cluster:
    """Started on construction, gone after ``stop``. Runs as user postgres when we are root, as initdb demands."""

    def __init__(self) -> None:
        programs = binaries()
        assert programs is not None
        self.port = free_port()
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="khcn-pg-"))
        self._folder.chmod(0o755)
        self._as_postgres = os.geteuid() == 0
        if self._as_postgres:
            shutil.chown(self._folder, "postgres", "postgres")
        data = self._folder / "data"
        self._run(f"{programs}/initdb -D {data} -A trust -U postgres --locale=C.UTF-8 -E UTF8 --no-sync")
        options = f"-p {self.port} -k {self._folder} -c listen_addresses=127.0.0.1 -c max_connections=200 -c fsync=off"
        self._run(f"{programs}/pg_ctl -D {data} -w -o '{options}' -l {self._folder}/log start")

    def _run(self, command: str) -> None:
        arguments = ["su", "postgres", "-s", "/bin/sh", "-c", command] if self._as_postgres else ["sh", "-c", command]
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, cwd="/")

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, database: str = "postgres") -> None:
        command = [str(self._programs / "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-qc"]
        subprocess.run([*command, statement, database], check=True, stdout=subprocess.DEVNULL)

    def stop_server(self) -> None:
        self._run(f"{self._programs}/pg_ctl -D {self._folder / 'data'} -m immediate stop")

    def stop(self) -> None:
        subprocess.run(["true"], check=True)
        try:
            self.stop_server()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
