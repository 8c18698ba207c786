"""What signed links say, and who accepts them."""

import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.gallery.signed_links import Links, Purpose, link_secret
from imagerouter_mcp.settings import Settings, load_settings

SECRET = "s" * 40
DAY, QUARTER = 86_400, 900


def parts(url: str) -> tuple[str, str, str]:
    """Path, expiry and signature."""
    split = urlsplit(url)
    query = parse_qs(split.query)
    return split.path, query["expires"][0], query["signature"][0]


def test_a_link_is_good_at_every_server_with_the_same_secret_until_it_expires(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Links("https://pictures.example/team", b"k" * 32)
    equal, other = Links("http://127.0.0.1", b"k" * 32), Links("http://127.0.0.1", b"x" * 32)
    ways: tuple[tuple[str, Purpose, int], ...] = (
        (made.download("img_7f3a"), "files", DAY),
        (made.upload("img_7f3a"), "uploads", QUARTER),
    )
    for url, purpose, seconds in ways:
        path, expires, signature = parts(url)
        assert path == f"/team/{purpose}/img_7f3a"
        assert equal.judge(purpose, "img_7f3a", expires, signature) == "good"
        assert other.judge(purpose, "img_7f3a", expires, signature) == "wrong"
        for now, verdict in ((int(expires) - 1, "good"), (int(expires), "expired")):
            with monkeypatch.context() as patch:
                patch.setattr("time.time", lambda now=now: now)
                assert equal.judge(purpose, "img_7f3a", expires, signature) == verdict
        assert int(expires) - seconds == pytest.approx(time.time(), abs=3600)


@pytest.mark.parametrize(
    "expires", ["", "0", "-1", "1e12", "01900000000", "123456789", "9" * 13, "１９０００００００００"]
)
def test_only_a_plain_moment_expires_a_link(expires: str) -> None:
    links = Links("https://pictures.example", b"k" * 32)
    signature = links.sign("files", "img_7f3a", expires)
    assert links.judge("files", "img_7f3a", expires, signature) == "wrong"


@pytest.mark.parametrize("minutes", [0, 1, 30, 59])
def test_a_link_lives_no_shorter_than_it_says_and_one_made_again_within_the_hour_is_the_same(
    monkeypatch: pytest.MonkeyPatch, minutes: int
) -> None:
    hour = 1_800_000_000 - 1_800_000_000 % 3600
    monkeypatch.setattr("time.time", lambda: hour + 60.0 * minutes)
    links = Links("https://pictures.example", b"k" * 32)
    lives = int(parts(links.download("img_7f3a"))[1]) - time.time()
    assert DAY <= lives <= DAY + 3600
    assert int(parts(links.upload("img_7f3a"))[1]) - time.time() == QUARTER
    first = links.download("img_7f3a")
    monkeypatch.setattr("time.time", lambda: hour + 3599.0)
    assert links.download("img_7f3a") == first


def test_the_secret_is_kept_for_the_next_start_and_read_by_nobody_else(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    first = link_secret(settings)
    assert len(first) == 32
    assert link_secret(settings) == first
    assert [file.name for file in (tmp_path / "data").iterdir()] == ["link-secret"]
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "data" / "link-secret").stat().st_mode) == 0o600


def test_servers_that_start_together_agree_on_one_secret(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(link_secret, [settings] * 8))) == 1


def test_the_secret_of_the_settings_comes_first(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", link_secret=SecretStr(SECRET))
    assert link_secret(settings) == SECRET.encode()
    assert not (tmp_path / "data").exists()


def test_a_secret_that_is_easy_to_guess_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEROUTER_LINK_SECRET", "short")
    with pytest.raises(ConfigurationError, match=r"IMAGEROUTER_LINK_SECRET .* at least 32") as caught:
        load_settings()
    assert "short" not in str(caught.value)


def test_a_secret_that_was_cut_off_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "link-secret").write_bytes(b"abc")
    with pytest.raises(ConfigurationError, match="incomplete"):
        link_secret(Settings(data_dir=tmp_path))


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="IMAGEROUTER_LINK_SECRET"):
        link_secret(Settings(data_dir=tmp_path / "file" / "data"))
