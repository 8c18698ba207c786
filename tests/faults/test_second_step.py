"""A server that is killed while a picture is made, or while its background is removed, pays nothing twice."""

import signal
from pathlib import Path

import pytest

from faults.scene import Scene, scene

_PICTURE, _REMOVER = "google/gemini-2.5-flash", "bria/remove-background"
_STICKER = {"prompt": "a fox sticker", "model": _PICTURE, "background": "transparent", "preview": "none"}
_PAID = {_PICTURE: 351, _REMOVER: 6}
"""In 1/10,000 USD."""


def _asked(made: Scene) -> list[str]:
    return [entry["fields"].get("model", "") for entry in made.journal()]


def _kill(made: Scene, *, at: str) -> None:
    """Kill a server when the service has been asked for one of the steps."""
    host = made.raw_host()
    host.begin("generate_image", **_STICKER)
    made.wait_until(lambda: at in _asked(made), f"{at} was not asked")
    host.signal(signal.SIGKILL)
    host.wait()
    made.wait_until(
        lambda: all(entry["outcome"] not in (None, "status 200") for entry in made.journal()), "never done"
    )


def test_the_picture_is_kept_and_not_paid_again_when_its_second_step_is_cut_off(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        made.state.settings.latency_seconds = 0.5
        _kill(made, at=_REMOVER)
        told = made.raw_host().call("generate_image", **_STICKER)
        assert _asked(made) == [_PICTURE, _REMOVER]
        (image,) = told.images
        assert Path(image["path"]).is_file()
        assert told.fields["cost_usd"] == _PAID[_PICTURE] / 10_000
        (failure,) = told.fields["failures"]
        assert "It may still complete and be charged." in failure
        assert image["handle"] in failure


@pytest.mark.long
def test_nothing_is_sent_for_the_second_step_when_the_picture_is_cut_off(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        made.state.settings.latency_seconds = 0.5
        _kill(made, at=_PICTURE)
        host = made.raw_host()
        told = host.call("generate_image", **_STICKER)
        assert told.charged == "unknown", "the picture may have been paid for, so nothing is asked for again"
        assert _asked(made) == [_PICTURE]
        spent = host.call("spending").fields
        assert spent["under_way_usd"] == 0
        assert spent["uncertain_usd"] == pytest.approx(0.039), "the second step costs nothing"
