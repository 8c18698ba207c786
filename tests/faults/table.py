"""The faults that one call meets: each with what is done to it, and what must be counted afterwards."""

import sqlite3
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from faults import places
from faults.door import Door, door, make_certificate
from faults.ledger import Expected
from faults.scene import QUICK, SOON, Scene, make, new_prompt

Interrupt = Callable[[], None]
"""What happens while the service works."""
Setting = Callable[[Scene], AbstractContextManager[Interrupt | None]]
"""Makes things bad before the server starts, and good again at its end."""


@contextmanager
def undisturbed(_: Scene) -> Generator[None]:
    """The service itself fails, and nothing else."""
    yield


VIDEO, VIDEO_TOOL = "sandbox/video-", "generate_video"
LARGE: Mapping[str, object] = {"size": "512x512", "output_format": "png"}
"""Of `sandbox/noise`: some 790 kB."""
LARGE_AND_NOWHERE_ELSE: Mapping[str, object] = {**LARGE, "response_format": "b64_ephemeral"}
"""The same, and its bytes are nowhere but in the answer."""

MADE = Expected()
MADE_AND_FORGOTTEN = Expected(listed=False)
KEPT = Expected(word="yes")
"""Not stored at once, and told so; it can be had once there is room."""
NOT_CHARGED = Expected(paid=0, reachable=0, word="no")
NOT_SENT = Expected(asked=0, paid=0, reachable=0, word="no")
PAID_AND_GONE = Expected(reachable=0, word="yes")
EITHER = Expected(asked=None, paid=None, word=None)
"""Refused before it was sent, or paid for and kept."""
LOST_AND_PAID = Expected(reachable=0, word="unknown", unknowable=True)
LOST_AND_NOT_PAID = Expected(paid=0, reachable=0, word="unknown", unknowable=True)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        name: As the table calls it.
        expected: What must be counted.
        model: What is asked for.
        arguments: More of it.
        tool: Which tool is called.
        setting: What is done to the person's machine or network.
        stage: Faults of one stage meet the same server, one after another.
        anew: Whether a server that knows nothing but what is on the disk has to find it.
        long: Whether it takes too long for `make test`.
    """

    name: str
    expected: Expected
    model: str = QUICK
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])
    setting: Setting = undisturbed
    stage: str = "service"
    tool: str = "generate_image"
    anew: bool = False
    long: bool = False


# The network ------------------------------------------------------------------------------------------------


@contextmanager
def _behind_door(scene: Scene, scheme: str = "http") -> Generator[Door]:
    """Put a door between server and sandbox; it opens at the end."""
    made = scene.keep_once(door, scene.sandbox.base_url)
    scene.environment["IMAGEROUTER_BASE_URL"] = f"{scheme}://{made.address}"
    made.shut()
    yield made
    made.shut()
    made.deaf = False
    made.open()


@contextmanager
def _shut(scene: Scene) -> Generator[None]:
    with _behind_door(scene):
        yield


@contextmanager
def _shut_once_the_models_are_known(scene: Scene) -> Generator[None]:
    with _behind_door(scene) as made:
        made.open()
        scene.shared_host().call("search_models", query="slow")
        made.shut()
        yield


@contextmanager
def _deaf(scene: Scene) -> Generator[None]:
    with _behind_door(scene) as made:
        made.deaf = True
        made.open()
        yield


@contextmanager
def _cut_while_it_works(scene: Scene) -> Generator[Interrupt]:
    with _behind_door(scene) as made:
        made.open()
        yield made.shut


@contextmanager
def _no_such_name(scene: Scene) -> Generator[None]:
    right = scene.environment["IMAGEROUTER_BASE_URL"]
    scene.environment["IMAGEROUTER_BASE_URL"] = "http://imagerouter-sandbox.invalid"
    yield
    scene.environment["IMAGEROUTER_BASE_URL"] = right


@contextmanager
def _unknown_certificate(scene: Scene) -> Generator[None]:
    unknown = make_certificate(scene.folder / "unknown.pem")
    with _tls(scene, unknown):
        yield


@contextmanager
def _no_tls(scene: Scene) -> Generator[None]:
    with _tls(scene, None):
        yield


@contextmanager
def _tls(scene: Scene, shown: Path | None) -> Generator[None]:
    """A server that expects TLS, and meets another certificate than it knows, or none."""
    known = scene.folder / "known.pem"
    if not known.exists():
        make_certificate(known)
    # The sandbox does not know that TLS is spoken for it, so that its links would be wrong.
    scene.environment |= {"SSL_CERT_FILE": str(known), "IMAGEROUTER_RESPONSE_FORMAT": "b64_json"}
    with _behind_door(scene, "https") as made:
        made.certificate = shown
        made.open()
        yield
        made.certificate = known


# The disk ---------------------------------------------------------------------------------------------------


@contextmanager
def _disk_full_before(scene: Scene) -> Generator[None]:
    scene.keep_once(places.small_disk, scene.pictures)
    places.fill(scene.pictures)
    yield
    places.make_room(scene.pictures)


@contextmanager
def _disk_full_meanwhile(scene: Scene) -> Generator[Interrupt]:
    scene.keep_once(places.small_disk, scene.pictures)
    yield lambda: places.fill(scene.pictures)
    places.make_room(scene.pictures)


@contextmanager
def _data_disk_full_before(scene: Scene) -> Generator[None]:
    scene.keep_once(places.small_disk, scene.data)
    places.fill(scene.data)
    yield
    places.make_room(scene.data)


@contextmanager
def _every_disk_full_meanwhile(scene: Scene) -> Generator[Interrupt]:
    scene.keep_once(places.small_disk, scene.pictures)
    scene.keep_once(places.small_disk, scene.data)

    def fill() -> None:
        places.fill(scene.pictures)
        places.fill(scene.data)

    yield fill
    places.make_room(scene.pictures)
    places.make_room(scene.data)


@contextmanager
def _no_large_file(scene: Scene) -> Generator[None]:
    """Where no disk can be mounted this stands for a full one: no file may grow beyond 400 kB."""
    usual, scene.command = scene.command, places.limited_command(400_000)
    yield
    scene.command = usual


@contextmanager
def _read_only_before(scene: Scene) -> Generator[None]:
    if places.can_mount():
        scene.keep_once(places.small_disk, scene.pictures)
    scene.pictures.mkdir(exist_ok=True)
    places.make_read_only(scene.pictures)
    yield
    places.make_writable(scene.pictures)


@contextmanager
def _read_only_meanwhile(scene: Scene) -> Generator[Interrupt]:
    if places.can_mount():
        scene.keep_once(places.small_disk, scene.pictures)
    yield lambda: places.make_read_only(scene.pictures)
    places.make_writable(scene.pictures)


@contextmanager
def _pictures_deleted(scene: Scene) -> Generator[Interrupt]:
    yield lambda: places.remove(scene.pictures)


@contextmanager
def _data_deleted_before(scene: Scene) -> Generator[None]:
    """The data folder goes away under a running server that has used it."""
    told = make(scene.shared_host(), new_prompt("before"), QUICK)
    assert not told.failed, told.text
    scene.lose_records(places.remove)
    yield


@contextmanager
def _data_deleted_meanwhile(scene: Scene) -> Generator[Interrupt]:
    yield lambda: scene.lose_records(places.remove)


# The database -----------------------------------------------------------------------------------------------


def _begun(scene: Scene) -> None:
    """Let there be a database."""
    told = make(scene.shared_host(), new_prompt("before"), QUICK)
    assert not told.failed, told.text


def _locked_for(seconds: float) -> Setting:
    @contextmanager
    def setting(scene: Scene) -> Generator[None]:
        _begun(scene)
        stack = ExitStack()
        stack.enter_context(places.locked(scene.data))
        timer = threading.Timer(seconds, stack.close)
        timer.start()
        yield
        timer.join()

    return setting


def _locked_meanwhile_for(seconds: float) -> Setting:
    @contextmanager
    def setting(scene: Scene) -> Generator[Interrupt]:
        stack = ExitStack()
        timer = threading.Timer(seconds, stack.close)

        def lock() -> None:
            stack.enter_context(places.locked(scene.data))
            timer.start()

        yield lock
        timer.join()

    return setting


@contextmanager
def _corrupt(scene: Scene) -> Generator[None]:
    places.corrupt(scene.data)
    yield
    scene.lose_records(places.move_database_away)


@contextmanager
def _corrupted_meanwhile(scene: Scene) -> Generator[Interrupt]:
    def overwrite() -> None:
        database = scene.data / places.DATABASE
        for file in (database, *scene.data.glob(f"{places.DATABASE}-wal")):
            with file.open("r+b") as opened:
                opened.write(b"This is no database. " * 1000)

    yield overwrite
    scene.lose_records(places.move_database_away)


@contextmanager
def _newer(scene: Scene) -> Generator[None]:
    places.come_from_a_newer_version(scene.data)
    yield
    scene.lose_records(places.move_database_away)


@contextmanager
def _clock_set_back(scene: Scene) -> Generator[None]:
    _begun(scene)
    try:
        places.date_an_hour_ahead(scene.data)
    except sqlite3.Error as error:  # a table of another shape would make the fault none
        raise RuntimeError("the records could not be dated ahead") from error
    yield


@contextmanager
def _clock_set_back_meanwhile(scene: Scene) -> Generator[Interrupt]:
    yield lambda: places.date_an_hour_ahead(scene.data)


FAULTS = (
    Fault("refused connection", NOT_SENT, setting=_shut, stage="network"),
    Fault(
        "refused connection, once the models are known",
        NOT_SENT,
        setting=_shut_once_the_models_are_known,
        stage="network",
    ),
    Fault("DNS failure", NOT_SENT, setting=_no_such_name, stage="names"),
    Fault("TLS: unknown certificate", NOT_SENT, setting=_unknown_certificate, stage="TLS"),
    Fault("TLS: none behind the port", NOT_SENT, setting=_no_tls, stage="TLS"),
    Fault("status 500", NOT_CHARGED, "sandbox/status-500"),
    Fault("502 page from a proxy, not charged", LOST_AND_NOT_PAID, "sandbox/html-502"),
    Fault("504 page from a proxy, charged", LOST_AND_PAID, "sandbox/html-504"),
    Fault("429 once", Expected(asked=2), "sandbox/rate-limited-once"),
    Fault("429 for ever", Expected(asked=None, paid=0, reachable=0, word="no"), "sandbox/rate-limited"),
    Fault(
        "silence after connect", Expected(0, 0, 0, "unknown", unknowable=True), setting=_deaf, stage="network"
    ),
    Fault("silence after the request", LOST_AND_PAID, "sandbox/stalled"),
    Fault("silence after two heartbeats", LOST_AND_PAID, "sandbox/stalled-after-heartbeats"),
    Fault("connection closed without an answer", LOST_AND_PAID, "sandbox/vanished"),
    Fault("connection cut while it works", LOST_AND_PAID, SOON, setting=_cut_while_it_works, stage="network"),
    Fault("connection cut mid-JSON", LOST_AND_PAID, "sandbox/cut"),
    Fault("garbage", LOST_AND_PAID, "sandbox/garbage"),
    Fault("error with status 200", NOT_CHARGED, "sandbox/late-error"),
    Fault("moderated, with status 200", NOT_CHARGED, "sandbox/moderated"),
    Fault("empty `data`", PAID_AND_GONE, "sandbox/empty-data"),
    Fault("neither URL nor base64", PAID_AND_GONE, "sandbox/no-url"),
    Fault("damaged base64", PAID_AND_GONE, "sandbox/bad-base64"),
    Fault("a URL that gives 404", PAID_AND_GONE, "sandbox/url-404"),
    Fault("a URL that gives 503 once", MADE, "sandbox/url-503-once"),
    Fault("a URL that redirects", MADE, "sandbox/url-redirect"),
    Fault("a URL that redirects to itself", PAID_AND_GONE, "sandbox/url-redirect-loop"),
    Fault("a URL that drips", MADE, "sandbox/url-slow", {"size": "16x16"}),
    Fault("a URL without end", PAID_AND_GONE, "sandbox/url-endless"),
    Fault("a URL cut short", PAID_AND_GONE, "sandbox/url-truncated"),
    Fault("a URL to a page", PAID_AND_GONE, "sandbox/url-html"),
    Fault(
        "video: silence after two heartbeats",
        LOST_AND_PAID,
        f"{VIDEO}stalled-after-heartbeats",
        tool=VIDEO_TOOL,
    ),
    Fault("video: error with status 200", NOT_CHARGED, f"{VIDEO}late-error", tool=VIDEO_TOOL),
    Fault("video: a URL that gives 503 once", MADE, f"{VIDEO}url-503-once", tool=VIDEO_TOOL),
    Fault("video: a URL cut short", PAID_AND_GONE, f"{VIDEO}url-truncated", tool=VIDEO_TOOL),
    Fault(
        "disk full before", EITHER, "sandbox/noise", LARGE_AND_NOWHERE_ELSE, _disk_full_before, stage="disk"
    ),
    Fault(
        "disk full meanwhile, by URL",
        MADE,
        SOON,
        setting=_disk_full_meanwhile,
        stage="disk",
    ),
    Fault(
        "disk full meanwhile, base64",
        MADE,
        "sandbox/noise",
        LARGE_AND_NOWHERE_ELSE,
        _disk_full_meanwhile,
        stage="disk",
    ),
    Fault("data folder's disk full before", NOT_SENT, setting=_data_disk_full_before, stage="disks"),
    Fault(
        "every disk full meanwhile, by URL",
        MADE,
        SOON,
        setting=_every_disk_full_meanwhile,
        stage="disks",
    ),
    Fault(
        "every disk full meanwhile, base64",
        MADE,
        "sandbox/noise",
        LARGE_AND_NOWHERE_ELSE,
        _every_disk_full_meanwhile,
        stage="disks",
    ),
    Fault("no file above 400 kB", KEPT, "sandbox/noise", LARGE, _no_large_file, stage="limit"),
    Fault("read-only folder before", NOT_SENT, setting=_read_only_before, stage="disk"),
    Fault("read-only folder meanwhile", MADE, SOON, setting=_read_only_meanwhile, stage="disk"),
    Fault(
        "output folder deleted meanwhile", MADE, SOON, setting=_pictures_deleted, stage="folders", anew=True
    ),
    Fault("data folder deleted before", MADE, setting=_data_deleted_before, stage="folders", anew=True),
    Fault(
        "data folder deleted meanwhile",
        MADE,
        SOON,
        setting=_data_deleted_meanwhile,
        stage="folders",
        anew=True,
    ),
    Fault("database locked for two seconds", MADE, setting=_locked_for(2), stage="database"),
    Fault(
        "database locked meanwhile for two seconds",
        MADE,
        SOON,
        setting=_locked_meanwhile_for(2),
        stage="database",
    ),
    Fault("database locked for a minute", NOT_SENT, setting=_locked_for(60), long=True, stage="database"),
    Fault(
        "database locked meanwhile for a minute",
        MADE,
        SOON,
        setting=_locked_meanwhile_for(60),
        long=True,
        stage="database",
    ),
    Fault("database corrupt", NOT_SENT, setting=_corrupt, stage="corrupt"),
    Fault(
        "database corrupted meanwhile",
        MADE_AND_FORGOTTEN,
        SOON,
        setting=_corrupted_meanwhile,
        stage="corrupted",
        anew=True,
    ),
    Fault("database from a newer version", NOT_SENT, setting=_newer, stage="newer"),
    Fault("clock set back an hour before", MADE, setting=_clock_set_back, stage="database"),
    Fault(
        "clock set back an hour meanwhile", MADE, SOON, setting=_clock_set_back_meanwhile, stage="database"
    ),
)
