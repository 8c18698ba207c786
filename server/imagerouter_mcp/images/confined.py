"""Do heavy work on untrusted pictures in a child process, which can be stopped.

Decoders are native code: a thread that runs one cannot be interrupted, nor can its memory be limited. The
child has limits on time and memory, gets only the environment variables that Python needs, and ends when its
work is done. Children run one at a time.

A child has three files: it reads the picture from standard input, writes its result to standard output, and
reads its task from standard error, where it then writes its answer. This way nothing is passed as arguments,
which other users of the machine could read.
"""

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from io import UnsupportedOperation
from typing import Any, BinaryIO, cast

from imagerouter_mcp.errors import ImageRouterError, InvalidSourceError, PlanError
from imagerouter_mcp.images.inspect.binary import NotAPictureError

CHILD_BYTES = 360 << 20
"""Memory that Linux lets a child allocate. macOS and Windows have no such limit."""
CPU_SECONDS = 10
"""CPU time of a child; the slowest honest picture takes half. Windows has no such limit."""
SECONDS = 60
"""Elapsed time of a child, which other work on the machine can slow down."""

_ONE_AT_A_TIME = threading.Lock()
_REFUSALS: dict[str, type[ImageRouterError]] = {
    error.kind: error for error in (InvalidSourceError, PlanError)
}
_NICE = 10
_ANSWER_BYTES = 1 << 20

Fields = dict[str, Any]
Work = Callable[..., tuple[BinaryIO | None, Fields]]
"""A module-level function that takes a picture and JSON-compatible arguments. It returns the file it made, or
None, and what there is to say about it."""


class StoppedError(Exception):
    """A picture could not be processed here. The text says why, as the end of a sentence."""


class TooLargeError(StoppedError):
    """Processing a picture takes too much memory."""

    def __init__(self) -> None:
        super().__init__(f"it takes more than {CHILD_BYTES >> 20} MiB of memory")


def scratch_file() -> BinaryIO:
    """Open an unnamed temporary file, deleted when it is closed or the process ends."""
    return cast("BinaryIO", tempfile.TemporaryFile())  # the stub names a private wrapper


def file_size(file: BinaryIO) -> int:
    """Return a file's size in bytes, and leave it at its beginning."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def in_child(work: Work, file: BinaryIO, /, **arguments: object) -> tuple[BinaryIO, Fields]:
    """Call a function in a child process.

    Args:
        work: The function to call.
        file: The picture, open for reading.
        arguments: Its other arguments, which JSON must be able to represent.

    Returns:
        The file it made, at its beginning, and its fields. The caller closes the file.

    Raises:
        StoppedError: It took too much time or memory, or failed.
        NotAPictureError: Raised by `work`.
        InvalidSourceError: Raised by `work`.
        PlanError: Raised by `work`.
    """
    made = scratch_file()
    try:
        with _on_disk(file) as picture, scratch_file() as exchange:
            limits = CPU_SECONDS, CHILD_BYTES
            exchange.write(json.dumps([limits, work.__module__, work.__name__, arguments]).encode())
            with _ONE_AT_A_TIME:
                _run(picture, made, exchange)
            return made, _read(exchange.read(_ANSWER_BYTES))
    except BaseException:
        made.close()
        raise


def _read(answer: bytes) -> Fields:
    """Return a child's fields, or raise the error it reported."""
    read = json.loads(answer)
    if refused := read.get("refused"):
        raise _REFUSALS[refused[0]](*refused[1:])
    if read.get("too_large"):
        raise TooLargeError
    if reason := read.get("no_picture"):
        raise NotAPictureError(reason)
    return read["fields"]


@contextmanager
def _on_disk(file: BinaryIO) -> Generator[BinaryIO]:
    """Yield a picture as a file that a child can read."""
    file.seek(0)
    try:
        file.fileno()
    except UnsupportedOperation:
        with scratch_file() as copy:
            shutil.copyfileobj(file, copy)
            yield copy
    else:
        yield file
    file.seek(0)


def _run(picture: BinaryIO, made: BinaryIO, exchange: BinaryIO) -> None:
    """Run a child on three files, and restore their positions, which it shares.

    Args:
        picture: What it reads.
        made: Where it writes its result.
        exchange: Holds its task, then its answer.
    """
    from imagerouter_mcp.settings import bare_environment  # noqa: PLC0415 - large, and the child does not need it

    files = (picture, made, exchange)
    for each in files:
        each.flush()
    before = [os.lseek(each.fileno(), 0, os.SEEK_CUR) for each in files]
    try:
        # -P: never import modules from the working directory, which others may control.
        ended = subprocess.run(  # noqa: S603 - our own module, no shell, no untrusted text in the command
            [sys.executable, "-P", "-c", f"from {__name__} import work_as_child; work_as_child()"],
            stdin=picture,
            stdout=made,
            stderr=exchange,
            env=bare_environment(),
            timeout=SECONDS,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired:
        raise StoppedError(f"it takes more than {SECONDS} s") from None
    except OSError as error:
        raise StoppedError(f"no process could be started for it ({error.strerror or error})") from None
    finally:
        for each, position in zip(files, before, strict=True):
            os.lseek(each.fileno(), position, os.SEEK_SET)
            each.seek(0)
    if ended.returncode:
        raise StoppedError(_why(ended.returncode))


def _why(status: int) -> str:
    """Return why a child ended without an answer."""
    if status == -getattr(signal, "SIGXCPU", status + 1):
        return f"it takes more than {CPU_SECONDS} s of CPU time"
    if status == -getattr(signal, "SIGKILL", status + 1):
        return "the system ended the decoding process, probably for lack of memory"
    return f"the decoding process failed with status {status}"


def work_as_child() -> None:
    """Run a child: do the task on standard error, and replace it with the answer."""
    with os.fdopen(os.dup(2), "r+b") as exchange, open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - no path
        os.dup2(nowhere.fileno(), 2)  # decoders print warnings
        exchange.seek(0)
        limits, module, name, arguments = json.loads(exchange.read())
        _limit(*limits)
        work: Work = getattr(importlib.import_module(module), name)
        try:
            made, fields = work(sys.stdin.buffer, **arguments)
            answer = {"fields": fields}
        except tuple(_REFUSALS.values()) as error:
            made, answer = None, {"refused": [error.kind, error.what, error.remedy]}
        except NotAPictureError as error:
            made, answer = None, {"no_picture": str(error)}
        except (MemoryError, TooLargeError):
            made, answer = None, {"too_large": True}
        if made:
            shutil.copyfileobj(made, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        exchange.seek(0)
        exchange.truncate()
        exchange.write(json.dumps(answer).encode())


def _limit(cpu_seconds: int, most: int) -> None:
    """Lower this process's priority, and have the system end it if it takes too much."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not on Windows

    limits = {
        resource.RLIMIT_CPU: (cpu_seconds, cpu_seconds + 1),
        resource.RLIMIT_FSIZE: (most, most),
        resource.RLIMIT_CORE: (0, 0),
    }
    if sys.platform == "linux":
        limits[resource.RLIMIT_DATA] = (most, most)
    os.nice(_NICE)
    for kind, wanted in limits.items():
        _, hard = resource.getrlimit(kind)  # only root may raise it
        soft, most_ever = (limit if hard == resource.RLIM_INFINITY else min(limit, hard) for limit in wanted)
        resource.setrlimit(kind, (soft, most_ever))
