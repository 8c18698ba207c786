"""The environment, read once and with forgiveness for what hosts do to it."""

from pathlib import Path

import pytest

from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.settings import expand, load_settings

SECRET = "s3cret-" + "k" * 57


def test_without_any_variable_there_is_no_key_and_the_service_is_imagerouter() -> None:
    settings = load_settings()
    assert settings.key is None
    assert settings.base_url == "https://api.imagerouter.io"
    assert settings.output_dir.is_absolute()


@pytest.mark.parametrize("value", ["", "   ", "${IMAGEROUTER_API_KEY}", " ${KEY} "])
def test_an_empty_value_and_an_unexpanded_variable_count_as_unset(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("IMAGEROUTER_API_KEY", value)
    monkeypatch.setenv("IMAGEROUTER_WAIT_SECONDS", value)
    monkeypatch.setenv("IMAGEROUTER_OUTPUT_DIR", value)
    settings = load_settings()
    assert settings.key is None
    assert settings.wait_seconds == 45


def test_the_key_comes_from_the_variable_then_the_named_file_then_the_usual_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    usual = tmp_path / "config" / "imagerouter-mcp" / "api-key"
    usual.parent.mkdir(parents=True)
    usual.write_text("usual\n")
    named = tmp_path / "named"
    named.write_text(" named \n")

    def key() -> str:
        found = load_settings().key
        return found.get_secret_value() if found else ""

    assert key() == "usual"
    monkeypatch.setenv("IMAGEROUTER_API_KEY_FILE", str(named))
    assert key() == "named"
    monkeypatch.setenv("IMAGEROUTER_API_KEY", "direct")
    assert key() == "direct"


def test_a_key_file_that_is_not_there_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IMAGEROUTER_API_KEY_FILE", str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError, match=r"missing cannot be read.*IMAGEROUTER_API_KEY_FILE"):
        _ = load_settings().key


def test_the_key_is_in_no_representation_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEROUTER_API_KEY", SECRET)
    monkeypatch.setenv("IMAGEROUTER_MCP_TOKEN", f"{SECRET}a,{SECRET}b")
    settings = load_settings()
    shown = f"{settings!r} {settings} {settings.model_dump_json()} {settings.model_dump()}"
    assert "s3cret" not in shown
    assert [token.get_secret_value() for token in settings.mcp_token] == [f"{SECRET}a", f"{SECRET}b"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("IMAGEROUTER_TIMEOUT", "soon"),
        ("IMAGEROUTER_TIMEOUT", "0"),
        ("IMAGEROUTER_STALL_SECONDS", "-1"),
        ("IMAGEROUTER_BASE_URL", "api.imagerouter.io"),
        ("IMAGEROUTER_BASE_URL", "ftp://api.imagerouter.io"),
        ("IMAGEROUTER_BASE_URL", "https://user:s3cret@api.imagerouter.io"),
        ("IMAGEROUTER_BASE_URL", "https://api.imagerouter.io:99999"),
        ("IMAGEROUTER_OUTPUT_DIR", "pictures"),
        ("IMAGEROUTER_RESPONSE_FORMAT", "base64"),
        ("IMAGEROUTER_PREVIEW", "huge"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_the_variable_s_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=f"^{variable} cannot be used: ") as refused:
        load_settings()
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8310",
        "http://127.0.0.1:8310/",
        "http://127.0.0.1:8310/v1",
        "http://127.0.0.1:8310/v1/openai/",
    ],
)
def test_the_base_url_is_taken_with_or_without_its_version(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("IMAGEROUTER_BASE_URL", address)
    assert load_settings().base_url == "http://127.0.0.1:8310"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~", "HOME"),
        ("~/Pictures", "HOME/Pictures"),
        ("$HOME/a b", "HOME/a b"),
        ("${HOME}", "HOME"),
        ("%USERPROFILE%\\Pictures", "HOME/Pictures"),
        ("%userprofile%/x", "HOME/x"),
        (" /srv/pictures ", "/srv/pictures"),
        ("~bob/x", "~bob/x"),
        ("$HOMELESS/x", "$HOMELESS/x"),
        ("/a/$HOME/p", "/a/$HOME/p"),
    ],
)
def test_the_home_folder_is_expanded_at_the_beginning_however_it_is_written(
    text: str, expected: str, tmp_path: Path
) -> None:
    assert expand(text) == Path(
        expected.replace("HOME", str(tmp_path)) if expected.startswith("HOME") else expected
    )


def test_settings_do_not_change() -> None:
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.timeout = 1  # pyright: ignore[reportAttributeAccessIssue] - that is what is tried
