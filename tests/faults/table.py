"""The faults that one call meets: each with what is done to it, and what must be counted afterwards."""

from base64 import b64encode
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from faults import database, disks, network
from faults.cases import TRIES
from faults.ledger import Expected
from faults.scene import QUICK, SOON, Scene, Setting
from imagerouter_mcp.sandbox.service.accounts import KEY, Account


@contextmanager
def undisturbed(_: Scene) -> Generator[None]:
    """The service itself fails, and nothing else."""
    yield


@contextmanager
def free_day_over(scene: Scene) -> Generator[None]:
    """The account has used up its free pictures of the day."""
    account: Account = scene.state.accounts.authorize(f"Bearer {KEY}")
    used, account.free_used = account.free_used, None
    yield
    account.free_used = used


_SQUARE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64"/></svg>'
)
FREE = "stabilityai/sdxl-turbo:free"
VIDEO, VIDEO_TOOL = "sandbox/video-", "generate_video"
LARGE: Mapping[str, object] = {"size": "512x512", "output_format": "png"}
"""Of `sandbox/noise`: some 790 kB."""
LARGE_AND_NOWHERE_ELSE: Mapping[str, object] = {**LARGE, "response_format": "b64_ephemeral"}
"""The same, and its bytes are nowhere but in the answer."""

MASKED: Mapping[str, object] = {
    "images": [f"data:image/svg+xml;base64,{b64encode(_SQUARE).decode()}"],
    "mask": "box:0,0,50%,50%",
}

MADE = Expected()
MADE_AND_FORGOTTEN = Expected(listed=False)
KEPT = Expected(word="yes")
"""Not stored at once, and told so; it can be had once there is room."""
NOT_CHARGED = Expected(paid=0, reachable=0, word="no")
NOT_SENT = Expected(asked=0, paid=0, reachable=0, word="no")
PAID_AND_GONE = Expected(reachable=0, word="yes")
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
        long: Whether to leave it to `make faults`.
        tries: How often `make faults` tries it in each era.
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
    tries: int = TRIES


FAULTS = (
    Fault("refused connection", NOT_SENT, setting=network.shut, stage="network"),
    Fault(
        "refused connection, once the models are known",
        NOT_SENT,
        setting=network.shut_once_the_models_are_known,
        stage="network",
    ),
    Fault(
        "idle connection closed as the next request arrives",
        MADE,
        setting=network.closing_idle_connections,
        stage="network",
    ),
    Fault("DNS failure", NOT_SENT, setting=network.no_such_name, stage="names", long=True),
    Fault("TLS: unknown certificate", NOT_SENT, setting=network.unknown_certificate, stage="TLS"),
    Fault("TLS: none behind the port", NOT_SENT, setting=network.no_tls, stage="TLS", long=True),
    Fault("status 500", NOT_CHARGED, "sandbox/status-500"),
    Fault("502 page from a proxy, not charged", LOST_AND_NOT_PAID, "sandbox/html-502"),
    Fault("504 page from a proxy, charged", LOST_AND_PAID, "sandbox/html-504"),
    Fault("504 in JSON without an error object, charged", LOST_AND_PAID, "sandbox/json-504"),
    Fault("429 once", Expected(asked=2), "sandbox/rate-limited-once"),
    Fault("429 for ever", Expected(asked=None, paid=0, reachable=0, word="no"), "sandbox/rate-limited"),
    Fault("429 that names no time", NOT_CHARGED, "sandbox/rate-limited-untimed"),
    Fault(
        "silence after connect",
        Expected(0, 0, 0, "unknown", unknowable=True),
        setting=network.deaf,
        stage="network",
    ),
    Fault("silence after the request", LOST_AND_PAID, "sandbox/stalled"),
    Fault("silence after two heartbeats", LOST_AND_PAID, "sandbox/stalled-after-heartbeats"),
    Fault("connection closed without an answer", LOST_AND_PAID, "sandbox/vanished"),
    Fault(
        "connection cut while it works",
        LOST_AND_PAID,
        SOON,
        setting=network.cut_while_it_works,
        stage="network",
    ),
    Fault("connection cut mid-JSON", LOST_AND_PAID, "sandbox/cut"),
    Fault("garbage", LOST_AND_PAID, "sandbox/garbage"),
    Fault("error with status 200", NOT_CHARGED, "sandbox/late-error"),
    Fault("moderated, with status 200", NOT_CHARGED, "sandbox/moderated"),
    Fault("provider's error, refunded", NOT_CHARGED, "sandbox/provider-error"),
    Fault("provider's 429 with status 200", NOT_CHARGED, "sandbox/provider-429"),
    Fault("error that was charged", PAID_AND_GONE, "sandbox/charged-error"),
    Fault("words of a rate limit that was charged", PAID_AND_GONE, "sandbox/charged-429"),
    Fault("charge kept by failed bookkeeping", PAID_AND_GONE, "sandbox/postlog"),
    Fault("charge kept by a failed refund", PAID_AND_GONE, "sandbox/refund-failure"),
    Fault("dearer than listed", MADE, "sandbox/dear"),
    Fault("free pictures of the day used up", NOT_CHARGED, FREE, setting=free_day_over),
    Fault("empty `data`", PAID_AND_GONE, "sandbox/empty-data"),
    Fault("neither URL nor base64", PAID_AND_GONE, "sandbox/no-url"),
    Fault("damaged base64", PAID_AND_GONE, "sandbox/bad-base64"),
    Fault("a URL that gives 404", PAID_AND_GONE, "sandbox/url-404"),
    Fault("a URL that gives 503 once", MADE, "sandbox/url-503-once"),
    Fault("a URL that redirects", MADE, "sandbox/url-redirect"),
    Fault("a URL that redirects to itself", PAID_AND_GONE, "sandbox/url-redirect-loop"),
    Fault("a URL that drips", MADE, "sandbox/url-slow"),
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
        "disk full before",
        NOT_SENT,
        "sandbox/noise",
        LARGE_AND_NOWHERE_ELSE,
        disks.disk_full_before,
        stage="disk",
    ),
    Fault(
        "disk full meanwhile, by URL",
        MADE,
        SOON,
        setting=disks.disk_full_meanwhile,
        stage="disk",
    ),
    Fault(
        "disk full meanwhile, base64",
        MADE,
        "sandbox/noise",
        LARGE_AND_NOWHERE_ELSE,
        disks.disk_full_meanwhile,
        stage="disk",
    ),
    Fault("data folder's disk full before", NOT_SENT, setting=disks.data_disk_full_before, stage="disks"),
    Fault(
        "every disk full meanwhile, by URL",
        MADE,
        SOON,
        setting=disks.every_disk_full_meanwhile,
        stage="disks",
    ),
    Fault(
        "every disk full meanwhile, base64",
        MADE,
        "sandbox/noise",
        LARGE_AND_NOWHERE_ELSE,
        disks.every_disk_full_meanwhile,
        stage="disks",
    ),
    Fault(
        "no file above 400 kB", KEPT, "sandbox/noise", LARGE, disks.no_large_file, stage="limit", long=True
    ),
    Fault(
        "no temporary folder, by URL",
        MADE,
        setting=disks.no_temporary_folder,
        stage="temporary",
        long=True,
    ),
    Fault(
        "no temporary folder, base64",
        MADE,
        arguments={"response_format": "b64_ephemeral"},
        setting=disks.no_temporary_folder,
        stage="temporary",
        long=True,
    ),
    Fault(
        "no temporary folder, an edit with a mask",
        MADE,
        arguments=MASKED,
        tool="edit_image",
        setting=disks.no_temporary_folder,
        stage="temporary",
        long=True,
    ),
    Fault(
        "output folder turned into a file meanwhile",
        MADE,
        SOON,
        {"response_format": "b64_ephemeral"},
        disks.pictures_a_file,
        stage="folders into files",
    ),
    Fault(
        "data folder turned into a file meanwhile",
        MADE,
        SOON,
        {"response_format": "b64_ephemeral"},
        disks.data_a_file,
        stage="folders into files",
    ),
    Fault("read-only folder before", NOT_SENT, setting=disks.read_only_before, stage="disk"),
    Fault("read-only folder meanwhile", MADE, SOON, setting=disks.read_only_meanwhile, stage="disk"),
    Fault(
        "output folder deleted meanwhile",
        MADE,
        SOON,
        setting=disks.pictures_deleted,
        stage="folders",
        anew=True,
    ),
    Fault(
        "data folder deleted before",
        MADE,
        setting=disks.data_deleted_before,
        stage="folders",
        anew=True,
        long=True,
    ),
    Fault(
        "data folder deleted meanwhile",
        MADE,
        SOON,
        setting=disks.data_deleted_meanwhile,
        stage="folders",
        anew=True,
        long=True,
    ),
    Fault("database locked for two seconds", MADE, setting=database.locked_for(2), stage="database"),
    Fault(
        "database locked meanwhile for two seconds",
        MADE,
        SOON,
        setting=database.locked_meanwhile_for(2),
        stage="database",
    ),
    Fault(
        "database locked for a minute",
        NOT_SENT,
        setting=database.locked_for(60),
        stage="database",
        long=True,
        tries=1,
    ),
    Fault(
        "database locked meanwhile for a minute",
        MADE,
        SOON,
        setting=database.locked_meanwhile_for(60),
        stage="database",
        long=True,
        tries=1,
    ),
    Fault("database corrupt", NOT_SENT, setting=database.corrupt, stage="corrupt", long=True),
    Fault(
        "database corrupted meanwhile",
        MADE_AND_FORGOTTEN,
        SOON,
        setting=database.corrupted_meanwhile,
        stage="corrupted",
        anew=True,
    ),
    Fault(
        "rows of earlier pictures damaged", MADE, setting=database.records_damaged, stage="damaged", long=True
    ),
    Fault(
        "the call's row damaged meanwhile",
        MADE,
        SOON,
        setting=database.entry_damaged_meanwhile,
        stage="damaged",
        anew=True,
    ),
    Fault("database from a newer version", NOT_SENT, setting=database.newer, stage="newer", long=True),
    Fault("clock set back an hour before", MADE, setting=database.clock_set_back, stage="database"),
    Fault(
        "clock set back an hour meanwhile",
        MADE,
        SOON,
        setting=database.clock_set_back_meanwhile,
        stage="database",
    ),
)
