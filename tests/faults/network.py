"""Networks in a bad state between the server and the sandbox, and how they are made good again."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from faults.door import Door, door, make_certificate
from faults.scene import Interrupt, Scene


@contextmanager
def _behind_door(scene: Scene, scheme: str = "http") -> Generator[Door]:
    """Put a door between server and sandbox; it opens at the end."""
    made = scene.keep_once(door, scene.sandbox.base_url)
    scene.environment["IMAGEROUTER_BASE_URL"] = f"{scheme}://{made.address}"
    made.shut()
    try:
        yield made
    finally:
        made.shut()
        made.deaf = False
        made.open()


@contextmanager
def shut(scene: Scene) -> Generator[None]:
    """Every connection is refused."""
    with _behind_door(scene):
        yield


@contextmanager
def shut_once_the_models_are_known(scene: Scene) -> Generator[None]:
    """Connections are refused once the model list was had."""
    with _behind_door(scene) as made:
        made.open()
        scene.shared_host().call("search_models", query="slow")
        made.shut()
        yield


@contextmanager
def closing_idle_connections(scene: Scene) -> Generator[None]:
    """An idle connection is closed at the moment when the next request arrives on it."""
    with _behind_door(scene) as made:
        made.one_request_each = True
        made.open()
        for _ in range(2):
            scene.shared_host().call("get_credits")
        yield
        made.one_request_each = False


@contextmanager
def deaf(scene: Scene) -> Generator[None]:
    """Connections come about, and nobody is there."""
    with _behind_door(scene) as made:
        made.deaf = True
        made.open()
        yield


@contextmanager
def cut_while_it_works(scene: Scene) -> Generator[Interrupt]:
    """The connection is cut while the service works."""
    with _behind_door(scene) as made:
        made.open()
        yield made.shut


@contextmanager
def no_such_name(scene: Scene) -> Generator[None]:
    """The service's name is not known."""
    right = scene.environment["IMAGEROUTER_BASE_URL"]
    scene.environment["IMAGEROUTER_BASE_URL"] = "http://imagerouter-sandbox.invalid"
    yield
    scene.environment["IMAGEROUTER_BASE_URL"] = right


@contextmanager
def unknown_certificate(scene: Scene) -> Generator[None]:
    """The service shows a certificate that nobody vouches for."""
    unknown = make_certificate(scene.folder / "unknown.pem")
    with _tls(scene, unknown):
        yield


@contextmanager
def no_tls(scene: Scene) -> Generator[None]:
    """What listens does not speak TLS."""
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
