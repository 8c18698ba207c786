"""The environment, read once and with forgiveness for what hosts do to it."""

import os
from decimal import Decimal
from pathlib import Path
from typing import cast

import pytest
from pydantic import SecretStr

from imagerouter_mcp import settings as settings_module
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.sandbox.service.accounts import EXPIRED_JWT, KEY
from imagerouter_mcp.settings import (
    bare_environment,
    expand,
    key_complaint,
    key_file_warning,
    load_settings,
    program_environment,
)

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


def test_a_key_file_that_an_editor_began_with_a_byte_order_mark_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text("secret\n", "utf-8-sig")
    monkeypatch.setenv("IMAGEROUTER_API_KEY_FILE", str(file))
    key = load_settings().key
    assert key
    assert key.get_secret_value() == "secret"


def test_a_key_file_without_text_holds_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "key"
    monkeypatch.setenv("IMAGEROUTER_API_KEY_FILE", str(file))
    file.write_text(" \n")
    assert load_settings().key is None
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="key cannot be read: it is not text"):
        _ = load_settings().key


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits")
def test_a_key_file_that_others_can_read_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "key"
    file.write_text("secret")
    monkeypatch.setenv("IMAGEROUTER_API_KEY_FILE", str(file))
    told = f"The API key file {file} can be read by others. Run: chmod 600 {file}"
    for mode, warned in ((0o600, False), (0o640, True), (0o604, True)):
        file.chmod(mode)
        assert key_file_warning(load_settings()) == (told if warned else None), oct(mode)
    assert load_settings().key
    assert told in caplog.text
    monkeypatch.setenv("IMAGEROUTER_API_KEY", "direct")
    assert key_file_warning(load_settings()) is None, "the file is not used"


def test_a_key_file_that_is_not_there_is_named_with_its_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IMAGEROUTER_API_KEY_FILE", str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError, match=r"missing cannot be read.*IMAGEROUTER_API_KEY_FILE"):
        _ = load_settings().key


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs a file without end")
def test_a_key_file_without_end_is_read_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEROUTER_API_KEY_FILE", "/dev/zero")
    key = load_settings().key
    assert key is not None
    assert key_complaint(key.get_secret_value()) == "is longer than any key"


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
        ("IMAGEROUTER_BASE_URL", "https:///v1"),
        ("IMAGEROUTER_BASE_URL", "https://[::1"),
        ("IMAGEROUTER_BASE_URL", "https://\u202eapi.imagerouter.io"),
        ("IMAGEROUTER_BASE_URL", "https://\u2603"),
        ("IMAGEROUTER_PUBLIC_URL", "https://user@pictures.example"),
        ("IMAGEROUTER_PUBLIC_URL", "https://:s3cret@pictures.example"),
        ("IMAGEROUTER_PUBLIC_URL", "https://pictures.example/?a"),
        ("IMAGEROUTER_PUBLIC_URL", "https://pictures.example/a b"),
        ("IMAGEROUTER_HTTP_HOSTS", "pictures.example,https://pictures.example"),
        ("IMAGEROUTER_HTTP_HOSTS", "*"),
        ("IMAGEROUTER_HTTP_ORIGINS", "https://chat.example/page"),
        ("IMAGEROUTER_HTTP_ORIGINS", "https://chat.example,*"),
        ("IMAGEROUTER_HTTP_PROXIES", "127.0.0.1,s3cret"),
        ("IMAGEROUTER_HTTP_PROXIES", "10.0.0.1/8"),
        ("IMAGEROUTER_WAIT_SECONDS", "3601"),
        ("IMAGEROUTER_GRACE_SECONDS", "3601"),
        ("IMAGEROUTER_GRACE_SECONDS", "-1"),
        ("IMAGEROUTER_CONCURRENCY", "0"),
        ("IMAGEROUTER_CONCURRENCY", "101"),
        ("IMAGEROUTER_HTTP_RATE", "0"),
        ("IMAGEROUTER_HTTP_REQUESTS", "0"),
        ("IMAGEROUTER_AUTO_MAX_USD", "-0.01"),
        ("IMAGEROUTER_AUTO_MAX_USD", "inf"),
        ("IMAGEROUTER_MAX_COST_USD", "-0.01"),
        ("IMAGEROUTER_BUDGET_USD", "nan"),
        ("IMAGEROUTER_BUDGET_USD", "1e400"),
        ("IMAGEROUTER_API_KEY", "k" * 100_000),
        ("IMAGEROUTER_CONFIRM_USD", "a bit"),
        ("IMAGEROUTER_OUTPUT_DIR", "pictures"),
        ("IMAGEROUTER_INPUT_DIRS", os.pathsep.join(["/pictures", "photos"])),
        ("IMAGEROUTER_RESPONSE_FORMAT", "base64"),
        ("IMAGEROUTER_PREVIEW", "huge"),
        ("IMAGEROUTER_OPENID_ISSUER", "http://login.example"),
        ("IMAGEROUTER_OPENID_ISSUER", "https://login.example/?tenant=1"),
        ("IMAGEROUTER_OPENID_ISSUER", "https://login.example/#1"),
        ("IMAGEROUTER_OPENID_ISSUER", "https://login.example/a b"),
        ("IMAGEROUTER_JWT_ISSUER", "https://login.example/\u200b"),
        ("IMAGEROUTER_JWT_ALLOW", "ann"),
        ("IMAGEROUTER_OBJECT_STORE", "https://bucket/prefix"),
        ("IMAGEROUTER_OBJECT_STORE", "s3://"),
        ("IMAGEROUTER_OBJECT_STORE", "s3://["),
        ("IMAGEROUTER_OBJECT_STORE", "s3://key:s3cret@bucket"),
        ("IMAGEROUTER_OBJECT_STORE", "s3://:s3cret@bucket"),
        ("IMAGEROUTER_OBJECT_STORE", "s3://bucket?secret=s3cret"),
        ("IMAGEROUTER_OBJECT_STORE", "s3://bucket#s3cret"),
        ("IMAGEROUTER_DATABASE_URL", "mysql://me:s3cret@db/x"),
        ("IMAGEROUTER_DATABASE_URL", "postgresql://me:s3cret%@db/x"),
        ("IMAGEROUTER_DATABASE_URL", "postgresql://me:s3cret s@db/x"),
        ("IMAGEROUTER_DATABASE_URL", "postgresql://me:s3cret@s@db/x"),
        ("IMAGEROUTER_DATABASE_URL", "postgresql://me:s3cret/s@db/x"),
        ("IMAGEROUTER_LEASE_SECONDS", "0.5"),
        ("IMAGEROUTER_METRICS_PORT", "0"),
        ("IMAGEROUTER_METRICS_PORT", "65536"),
        ("IMAGEROUTER_KEEP_DAYS", "0"),
        ("IMAGEROUTER_KEEP_DAYS", "36501"),
        ("IMAGEROUTER_LINK_SECRET", "s3cret-" + "k" * 24),
        ("IMAGEROUTER_KEY_SECRETS", "s3cret-" + "k" * 24),
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
    ("field", "values"),
    [
        (
            "openid_issuer",
            ("https://login.example/", "http://127.0.0.1:9", "http://localhost", "http://[::1]"),
        ),
        ("jwt_allow", ("everybody", "ann@corp.example", "@corp.example", "groups=designers")),
        ("object_store", ("s3://bucket", "gs://bucket/prefix", "az://container/a/b")),
        ("database_url", ("postgres://db/x", "postgresql://me:a%40b%2F@db:5432/x?sslmode=require")),
        ("key_secrets", ("k" * 32,)),
        ("link_secret", ("k" * 32,)),
        *((f"{what}_seconds", ("0", "3600")) for what in ("wait", "grace", "drain")),
        ("lease_seconds", ("1", "3600")),
        ("concurrency", ("1", "100")),
        ("metrics_port", ("1", "65535")),
        ("keep_days", ("1", "36500")),
        ("http_requests", ("1",)),
    ],
)
def test_all_that_may_be_is_taken(
    monkeypatch: pytest.MonkeyPatch, field: str, values: tuple[str, ...]
) -> None:
    for value in values:
        monkeypatch.setenv(f"IMAGEROUTER_{field.upper()}", value)
        taken: object = getattr(load_settings(), field)
        each = cast("tuple[object, ...]", taken)[0] if isinstance(taken, tuple) else taken
        text = each.get_secret_value() if isinstance(each, SecretStr) else str(each)
        assert text.removesuffix(".0") == value


def test_all_values_that_cannot_be_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEROUTER_TIMEOUT", "5m")
    monkeypatch.setenv("IMAGEROUTER_CONCURRENCY", "%CORES%")
    monkeypatch.setenv("IMAGEROUTER_MEDIA_LINES", "sometimes")
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert str(refused.value) == (
        "IMAGEROUTER_CONCURRENCY cannot be used: it contains %CORES%, which the host has not replaced; it "
        "must be a whole number such as 4. IMAGEROUTER_MEDIA_LINES cannot be used: it must be true or false. "
        "IMAGEROUTER_TIMEOUT cannot be used: it must be a plain number such as 45, without a unit. Nothing "
        "was charged. Correct or remove IMAGEROUTER_CONCURRENCY and IMAGEROUTER_MEDIA_LINES and "
        "IMAGEROUTER_TIMEOUT where they are set, and start it again."
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OPENID_SCOPE", "profile email", "it must have the word openid in it"),
        ("JWT_AUDIENCE", "", "it must be what your provider writes into aud"),
        ("JWT_AUDIENCE", '""', "it must be what your provider writes into aud"),
        ("JWT_AUDIENCE", "${AUDIENCE}", "it contains ${AUDIENCE}, which the host has not replaced"),
    ],
)
def test_what_would_let_nobody_sign_in_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv(f"IMAGEROUTER_{name}", value)
    with pytest.raises(ConfigurationError) as told:
        load_settings()
    assert f"IMAGEROUTER_{name} cannot be used: {words}" in told.value.what


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        (f'"{"a" * 64}"', "is in quotes"),
        (f"'{'a' * 64}'", "is in quotes"),
        ("{env:IMAGEROUTER_API_KEY}", "is {env:IMAGEROUTER_API_KEY}, which the host has not replaced"),
        ("%IMAGEROUTER_API_KEY%", "which the host has not replaced"),
        ("YOUR_API_KEY", "is the placeholder of an example"),
        ("your-imagerouter-api-key-here", "is the placeholder of an example"),
        ("<your key>", "is the placeholder of an example"),
        ("$IMAGEROUTER_API_KEY", "is the placeholder of an example"),
        ("xxxxxxxx", "is the placeholder of an example"),
        (f"Bearer {'a' * 64}", "contains spaces"),
        ("a" * 4097, "is longer than any key"),
        ("a" * 4096, None),
        (KEY, None),
        (EXPIRED_JWT, None),
    ],
)
def test_what_is_no_key_is_called_what_it_is(key: str, complaint: str | None) -> None:
    told = key_complaint(key)
    assert complaint in told if complaint and told else told is complaint


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


@pytest.mark.skipif(os.name == "nt", reason="what a path of Windows means in the Linux within it")
def test_a_path_as_windows_writes_it_is_found_from_the_linux_within_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "c").mkdir()
    monkeypatch.setattr(settings_module, "_DRIVES", tmp_path)
    assert expand(r"C:\Users\Ann\fox.png") == tmp_path / "c/Users/Ann/fox.png"
    assert expand("c:/Users/fox.png") == tmp_path / "c/Users/fox.png"
    assert expand(r"D:\fox.png") == Path(r"D:\fox.png"), "there is no such drive"
    assert expand(r"\\wsl.localhost\Ubuntu\home\ann\fox.png") == Path("/home/ann/fox.png")
    assert expand(r"\\wsl$\Ubuntu\srv") == Path("/srv")


def test_quotes_around_a_path_do_not_count() -> None:
    assert expand("'/srv/a b'") == expand('"/srv/a b"') == Path("/srv/a b")


def test_programs_that_are_started_get_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "IMAGEROUTER_OUTPUT_DIR",
        "imagerouter_home",
        "GITHUB_TOKEN",
        "PYTHONHOME",
        "LANG",
        "MY_OWN",
    ):
        monkeypatch.setenv(name, SECRET)
    for got, names in (
        (program_environment("MY_OWN"), {"LANG", "MY_OWN"}),
        (bare_environment(), {"PYTHONHOME"}),
    ):
        assert {name for name, value in got.items() if value == SECRET} == names


def test_settings_do_not_change() -> None:
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.timeout = 1  # pyright: ignore[reportAttributeAccessIssue] - that is what is tried


@pytest.mark.parametrize("field", ["auto_max_usd", "max_cost_usd", "budget_usd", "confirm_usd"])
def test_every_amount_of_money_is_exact(monkeypatch: pytest.MonkeyPatch, field: str) -> None:
    monkeypatch.setenv(f"IMAGEROUTER_{field.upper()}", "0.04")
    assert getattr(load_settings(), field) == Decimal("0.04")
    monkeypatch.setenv(f"IMAGEROUTER_{field.upper()}", "0")
    assert getattr(load_settings(), field) == 0


def test_spaces_around_a_value_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEROUTER_MODEL", " vendor/model\n")
    assert load_settings().model == "vendor/model"


def test_lists_are_split_trimmed_and_lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEROUTER_HTTP_HOSTS", " Pictures.example, [::1],,")
    monkeypatch.setenv("IMAGEROUTER_HTTP_ORIGINS", "https://Chat.example:8443,http://[::1]")
    monkeypatch.setenv("IMAGEROUTER_HTTP_PROXIES", "127.0.0.1, 10.0.0.0/8")
    monkeypatch.setenv("IMAGEROUTER_INPUT_DIRS", os.pathsep.join(["/pictures", "", " ~/photos"]))
    settings = load_settings()
    assert settings.http_hosts == ("pictures.example", "[::1]")
    assert settings.http_origins == ("https://chat.example:8443", "http://[::1]")
    assert settings.http_proxies == ("127.0.0.1", "10.0.0.0/8")
    assert settings.input_dirs == (Path("/pictures"), Path.home() / "photos")


def test_who_serves_decides_whether_callers_are_remote_and_the_environment_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMAGEROUTER_REMOTE", "1")
    assert load_settings().source_folders is None, "any folder"
    assert load_settings(remote=True).source_folders == (), "no folder"
    monkeypatch.setenv("IMAGEROUTER_INPUT_DIRS", "/pictures")
    assert load_settings(remote=True).source_folders == (Path("/pictures"),)


def test_the_popularity_operation_is_on_its_own_host_at_imagerouter_and_elsewhere_at_the_base_url(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = "/operations/get-popular-models"
    assert load_settings().popular_url == f"https://backend.imagerouter.io{path}"
    monkeypatch.setenv("IMAGEROUTER_BASE_URL", "https://api.imagerouter.io/v1/")
    assert load_settings().popular_url == f"https://backend.imagerouter.io{path}"
    monkeypatch.setenv("IMAGEROUTER_BASE_URL", "http://127.0.0.1:8310")
    assert load_settings().popular_url == f"http://127.0.0.1:8310{path}"


def test_a_setting_of_an_older_version_does_not_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEROUTER_POPULAR_URL", "not an address")
    assert load_settings() == load_settings()


def test_only_callers_on_another_machine_are_not_told_its_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEROUTER_DATA_DIR", "/kept/records")
    sentence = "/kept/records/gallery.sqlite3 cannot be opened."
    assert load_settings().for_callers(sentence) == sentence
    assert load_settings(remote=True).for_callers(sentence) == "…/gallery.sqlite3 cannot be opened."


def test_a_person_is_told_none_of_their_own_folders_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEROUTER_DATA_DIR", "/kept/records")
    everybody = load_settings(remote=True)
    everybody.for_callers("")
    told = everybody.for_person("ann").for_callers("/kept/records/people/ann/gallery.sqlite3 is damaged.")
    assert told == "…/gallery.sqlite3 is damaged."
