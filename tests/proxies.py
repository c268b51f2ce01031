"""A real proxy in a process of its own, as a user would start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from threading import Thread
from types import TracebackType
from urllib.parse import quote, urlencode

import psycopg
import yaml

MASKING_KEY = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"


@dataclass
class ProxyProcess:
    """`pgproxy serve` on free ports; use as a context manager."""

    folder: Path
    upstream: str
    """`upstream.dsn`."""
    rules: str = ""
    """Text of the rules file."""
    identities: dict[str, object] | None = None
    extra: dict[str, object] | None = None
    """More top-level keys of pgproxy.yaml."""
    databases: object = "*"
    host: str = "127.0.0.1"
    port: int = 0
    http: str = ""

    @property
    def configuration(self) -> Path:
        return self.folder / "pgproxy.yaml"

    @property
    def log(self) -> str:
        return (self.folder / "proxy.log").read_text()

    def write(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.write_rules(self.rules)
        document: dict[str, object] = {
            "listen": "127.0.0.1:0",
            "upstream": {"dsn": self.upstream, "databases": self.databases},
            "http": {"listen": "127.0.0.1:0", "public_url": "http://127.0.0.1"},
            "masking_key": MASKING_KEY,
            "rules": "rules.yaml",
            "identities": self.identities or {"*": {"auth": "upstream"}},
        }
        document.update(self.extra or {})
        self.configuration.write_text(yaml.safe_dump(document, sort_keys=False))
        return self.configuration

    def write_rules(self, rules: str) -> None:
        (self.folder / "rules.yaml").write_text(rules or "masks: {}\n")

    def __enter__(self) -> ProxyProcess:
        self.write()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pgproxy", "serve", "-c", str(self.configuration)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "default"},
        )
        self._reloads: Queue[str] = Queue()
        self._reader = Thread(target=self._read_log, daemon=True)
        self._reader.start()
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("ready listen="), f"{line!r}\n{self.log}"
        fields = dict(item.split("=", 1) for item in line.split()[1:])
        self.port = int(fields["listen"].rsplit(":", 1)[1])
        self.http = fields["http"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _read_log(self) -> None:
        assert self._process.stderr is not None
        with (self.folder / "proxy.log").open("w") as log, self._process.stderr as lines:
            for line in lines:
                log.write(line)
                log.flush()
                if "rules reloaded" in line or "rules not reloaded" in line:
                    self._reloads.put(line)

    def reload(self, rules: str) -> str:
        """Have it read these rules.

        Returns:
            What it says when that is done: they count from the next statement; or the first problem.
        """
        self.write_rules(rules)
        self.signal(signal.SIGHUP)
        return self._reloads.get(timeout=20)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal it, wait, and say how it ended."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(timeout=40)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._reader.join(timeout=40)
        return code

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def dsn(self, database: str, user: str, password: str = "", **options: str) -> str:
        secret = f":{quote(password, safe='')}" if password else ""
        query = f"?{urlencode(options)}" if options else ""
        return f"postgresql://{quote(user, safe='')}{secret}@{self.host}:{self.port}/{quote(database, safe='')}{query}"

    def connect(self, database: str, user: str, password: str = "", **options: str) -> psycopg.Connection:
        return psycopg.connect(self.dsn(database, user, password, **options), autocommit=True)

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of an HTTP GET."""
        try:
            with urllib.request.urlopen(f"http://{self.http}{path}", timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
