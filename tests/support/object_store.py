"""An S3 server of the tests' own: SeaweedFS, a real process on free ports."""

import json
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from support.free_ports import free_ports

ACCESS_KEY, SECRET_KEY = "reader-and-writer", "a-secret-of-the-tests"
BUCKET = "pictures"
_PARTS = ("master", "volume", "filer", "s3")
_SECONDS = 60.0
"""How long it may take to start on a busy machine."""


class SeaweedFS:
    """An S3 server that keeps its objects in a folder; call `start` first.

    Args:
        program: Its command.
        folder: A new folder.
    """

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._ports = free_ports(2 * len(_PARTS))
        self._process: subprocess.Popen[bytes] | None = None
        rights = [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}]
        actions = [f"{action}:{BUCKET}" for action in ("Read", "Write", "List", "Tagging")]
        owner = [{"accessKey": "owner", "secretKey": SECRET_KEY}]
        identities = [
            {"name": "server", "credentials": rights, "actions": actions},
            {"name": "owner", "credentials": owner, "actions": ["Admin"]},
        ]
        (folder / "s3.json").write_text(json.dumps({"identities": identities}))

    @property
    def endpoint(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._ports[3]}"

    def environment(self, prefix: str, secret: str = SECRET_KEY) -> dict[str, str]:
        """Return the variables of a server that keeps its objects below a prefix of the bucket."""
        return {"IMAGEROUTER_OBJECT_STORE": f"s3://{BUCKET}/{prefix}", **self.credentials(secret)}

    def credentials(self, secret: str = SECRET_KEY) -> dict[str, str]:
        """Return the variables that obstore reads."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_ENDPOINT": self.endpoint,
            "AWS_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Start it and wait until its bucket takes an object."""
        names = (f"-{part}.port{kind}" for kind in ("", ".grpc") for part in _PARTS)
        ports = (f"{name}={port}" for name, port in zip(names, self._ports, strict=True))
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                [
                    str(self._program),
                    "server",
                    f"-dir={self._folder}",
                    "-ip=127.0.0.1",
                    "-ip.bind=127.0.0.1",
                    "-filer",
                    "-s3",
                    "-s3.port.iceberg=0",
                    "-s3.port.lance=0",
                    f"-s3.config={self._folder / 's3.json'}",
                    "-master.volumeSizeLimitMB=64",
                    "-volume.max=8",
                    *ports,
                ],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        ends = time.monotonic() + _SECONDS
        while not self._takes_objects():
            assert self._process.poll() is None, (self._folder / "log").read_text()
            assert time.monotonic() < ends, (self._folder / "log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """Kill it; what it holds is there again after `start`."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        """Have it accept connections and answer nothing."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it answer again."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def keys(self, prefix: str) -> list[str]:
        """Return the keys of all objects below a prefix."""
        store = self._client(ACCESS_KEY)
        found = obstore.list(store, prefix)  # pyright: ignore[reportUnknownMemberType] - its type names a library that is not installed
        return [each["path"] for batch in found for each in batch]

    def get(self, key: str) -> bytes:
        """Return an object's content."""
        return bytes(obstore.get(self._client(ACCESS_KEY), key).bytes())

    def delete(self, key: str) -> None:
        """Remove an object."""
        obstore.delete(self._client(ACCESS_KEY), key)

    def put(self, key: str, content: bytes) -> None:
        """Write an object, whatever it was."""
        obstore.put(self._client(ACCESS_KEY), key, content)

    def _takes_objects(self) -> bool:
        owner = self._client("owner")
        try:
            obstore.put(owner, "ready", b"")  # which makes the bucket
        except BaseError:
            return False
        return True

    def _client(self, access_key: str) -> S3Store:
        return S3Store(
            BUCKET,
            config={
                "access_key_id": access_key,
                "secret_access_key": SECRET_KEY,
                "endpoint": self.endpoint,
                "region": "us-east-1",
            },
            client_options={"allow_http": True, "timeout": "5s"},
            retry_config={"max_retries": 0},
        )


Manner = Literal["open", "shut", "silent", "garbage", "slow"]


class Gate:
    """Stands before an object store, and can be in the way; call `close` at the end.

    Args:
        store: What it leads to.
    """

    def __init__(self, store: SeaweedFS) -> None:
        self.manner: Manner = "open"
        self._target = ("127.0.0.1", int(store.endpoint.rpartition(":")[2]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self.uploads = 0
        """How many uploads wait while it is slow."""
        self.others = 0
        """How many other requests came while it was slow."""
        self._quick = threading.Event()
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def held(self) -> int:
        """How many connections were made since it last changed its manner."""
        return len(self._connections)

    def behave(self, manner: Manner) -> None:
        """Let requests through, refuse them, answer none, answer nonsense, or hold uploads until `hurry`.

        What is under way is broken off.
        """
        self.manner = manner
        for each in self._connections:
            with each, suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._connections.clear()

    def hurry(self) -> None:
        """Let the uploads through that waited."""
        self._quick.set()

    def close(self) -> None:
        """Listen no longer."""
        self.behave("shut")
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            if self.manner == "shut":
                connection.close()
            elif self.manner != "silent":
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        if self.manner == "garbage":
            with connection, suppress(OSError):
                connection.recv(65536)
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\nnonsense"
                )
            return
        try:
            onward = socket.create_connection(self._target)
        except OSError:  # the store is not there
            connection.close()
            return
        self._connections.append(onward)
        threading.Thread(target=_pour, args=(onward, connection), daemon=True).start()
        _pour(connection, onward, self._hold if self.manner == "slow" else None)

    def _hold(self, content: bytes) -> None:
        if content.startswith(b"PUT"):
            self.uploads += 1
            self._quick.wait()
        elif content.startswith((b"HEAD", b"GET")):
            self.others += 1


def _pour(
    source: socket.socket, target: socket.socket, before: Callable[[bytes], None] | None = None
) -> None:
    with source, target, suppress(OSError):
        while content := source.recv(65536):
            if before:
                before(content)
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)


def seaweedfs_program() -> Path | None:
    """Return the command of SeaweedFS; None where it is not installed."""
    beside = Path(sys.executable).parent / "weed"
    found = str(beside) if beside.exists() else shutil.which("weed")
    return Path(found) if found else None


@contextmanager
def running_object_store(program: Path) -> Generator[SeaweedFS]:
    """Run a server for a block."""
    with tempfile.TemporaryDirectory(prefix="weed", ignore_cleanup_errors=True) as folder:
        store = SeaweedFS(program, Path(folder))
        try:
            store.start()
            yield store
        finally:
            store.stop()


def new_prefix() -> str:
    """Return a prefix that no other test uses."""
    return f"t{secrets.token_hex(6)}"
