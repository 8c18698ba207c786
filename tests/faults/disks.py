"""Disks and folders in a bad state before or during a call, and how they are made good again."""

from collections.abc import Generator
from contextlib import contextmanager

from faults import places
from faults.scene import QUICK, Interrupt, Scene, make, new_prompt


@contextmanager
def disk_full_before(scene: Scene) -> Generator[None]:
    """The output folder's disk is full."""
    scene.keep_once(places.small_disk, scene.pictures)
    places.fill(scene.pictures)
    yield
    places.make_room(scene.pictures)


@contextmanager
def disk_full_meanwhile(scene: Scene) -> Generator[Interrupt]:
    """The output folder's disk fills up while the service works."""
    scene.keep_once(places.small_disk, scene.pictures)
    yield lambda: places.fill(scene.pictures)
    places.make_room(scene.pictures)


@contextmanager
def data_disk_full_before(scene: Scene) -> Generator[None]:
    """The data folder's disk is full."""
    scene.keep_once(places.small_disk, scene.data)
    places.fill(scene.data)
    yield
    places.make_room(scene.data)


@contextmanager
def every_disk_full_meanwhile(scene: Scene) -> Generator[Interrupt]:
    """The disks of both folders fill up while the service works."""
    scene.keep_once(places.small_disk, scene.pictures)
    scene.keep_once(places.small_disk, scene.data)

    def fill() -> None:
        places.fill(scene.pictures)
        places.fill(scene.data)

    yield fill
    places.make_room(scene.pictures)
    places.make_room(scene.data)


@contextmanager
def no_large_file(scene: Scene) -> Generator[None]:
    """Where no disk can be mounted this stands for a full one: no file may grow beyond 400 kB."""
    usual, scene.command = scene.command, places.limited_command("RLIMIT_FSIZE", 400_000)
    yield
    scene.command = usual


@contextmanager
def read_only_before(scene: Scene) -> Generator[None]:
    """Nothing can be made in the output folder."""
    if places.can_mount():
        scene.keep_once(places.small_disk, scene.pictures)
    scene.pictures.mkdir(exist_ok=True)
    places.make_read_only(scene.pictures)
    yield
    places.make_writable(scene.pictures)


@contextmanager
def read_only_meanwhile(scene: Scene) -> Generator[Interrupt]:
    """The output folder becomes read-only while the service works."""
    if places.can_mount():
        scene.keep_once(places.small_disk, scene.pictures)
    yield lambda: places.make_read_only(scene.pictures)
    places.make_writable(scene.pictures)


@contextmanager
def pictures_deleted(scene: Scene) -> Generator[Interrupt]:
    """The output folder goes away while the service works."""
    yield lambda: places.remove(scene.pictures)


@contextmanager
def data_deleted_before(scene: Scene) -> Generator[None]:
    """The data folder goes away under a running server that has used it."""
    told = make(scene.shared_host(), new_prompt("before"), QUICK)
    assert not told.failed, told.text
    scene.lose_records(places.remove)
    yield


@contextmanager
def data_deleted_meanwhile(scene: Scene) -> Generator[Interrupt]:
    """The data folder goes away while the service works."""
    yield lambda: scene.lose_records(places.remove)


@contextmanager
def no_temporary_folder(scene: Scene) -> Generator[None]:
    """The system has no folder for temporary files."""
    usual, scene.command = scene.command, places.command_without_temporary_folder()
    yield
    scene.command = usual


@contextmanager
def pictures_a_file(scene: Scene) -> Generator[Interrupt]:
    """The output folder becomes a file while the service works."""
    yield lambda: places.turn_into_file(scene.pictures)
    places.turn_back(scene.pictures)


@contextmanager
def data_a_file(scene: Scene) -> Generator[Interrupt]:
    """The data folder becomes a file while the service works."""
    yield lambda: places.turn_into_file(scene.data)
    places.turn_back(scene.data)
