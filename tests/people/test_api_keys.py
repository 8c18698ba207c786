"""People's own keys: encrypted, bound to their owners, and disabled once they are refused."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pydantic import SecretStr

from imagerouter_mcp.database.schema import Database
from imagerouter_mcp.errors import ConfigurationError
from imagerouter_mcp.people.api_keys import ApiKeys, check_key_settings, in_words, unreadable_keys
from imagerouter_mcp.people.person import person_id
from imagerouter_mcp.people.register import open_register
from imagerouter_mcp.people.sent_key import brought, sent_key
from imagerouter_mcp.settings import Settings

OLD, NEW = SecretStr("an old secret"), SecretStr("a new secret")
ANN, BO, CY = (person_id("corp", name) for name in ("Ann", "Bo", "Cy"))
KEY, OTHER = SecretStr("a" * 60 + "1234"), SecretStr("b" * 31 + "5")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Return the database of a register of three people."""
    with closing(open_register(Settings(data_dir=tmp_path))) as people:
        for name in ("Ann", "Bo", "Cy"):
            people.add("corp", name, name)
        yield people.database


def test_a_key_is_its_persons_alone_and_not_readable_in_the_database(
    database: Database, tmp_path: Path
) -> None:
    keys = ApiKeys(database, [OLD])
    keys.store(ANN, OTHER)
    keys.store(ANN, KEY)
    stored = keys.find(ANN)
    assert stored
    assert (stored.key, stored.refused, keys.find(BO)) == (KEY, False, None)
    assert in_words(stored) == "a key that ends in …1234"
    assert KEY.get_secret_value().encode() not in (tmp_path / "people.sqlite3").read_bytes()
    with database.writing() as connection:
        connection.execute(
            "INSERT INTO api_keys (person, encrypted, stored_at) VALUES (?, ?, 0)", (BO, stored.encrypted)
        )
    taken = keys.find(BO)
    assert taken
    assert taken.key is None
    assert in_words(taken) == "a key that cannot be decrypted"
    keys.remove(ANN)
    assert keys.find(ANN) is None
    assert keys.find(BO) == taken
    assert in_words(None) == "no key of their own"


def test_a_key_for_a_person_who_was_removed_is_not_stored_and_the_reason_told(tmp_path: Path) -> None:
    with closing(open_register(Settings(data_dir=tmp_path))) as people:
        ann = people.add("corp", "Ann", "Ann")
        people.remove(ann)
        keys = ApiKeys(people.database, [OLD])
        with pytest.raises(ConfigurationError, match="This person was removed from the server") as gone:
            keys.store(ann.id, KEY)
        assert "people add" in gone.value.remedy
        assert keys.find(ann.id) is None


def test_a_refused_key_is_disabled_until_another_is_stored(database: Database) -> None:
    keys = ApiKeys(database, [OLD])
    for person in (ANN, BO):
        keys.store(person, KEY)
    first = keys.find(ANN)
    assert first
    keys.refuse(ANN, first)
    refused, other = keys.find(ANN), keys.find(BO)
    assert refused
    assert (refused.refused, other and other.refused) == (True, False)
    assert in_words(refused).endswith(", which ImageRouter refused")
    keys.store(ANN, OTHER)
    keys.refuse(ANN, first)  # of a request that was under way
    stored = keys.find(ANN)
    assert stored
    assert (stored.key, stored.refused) == (OTHER, False)


def test_a_new_secret_takes_over_what_the_old_ones_decrypt(database: Database) -> None:
    ApiKeys(database, [SecretStr("a lost secret")]).store(CY, KEY)
    old = ApiKeys(database, [OLD])
    for person in (ANN, BO):
        old.store(person, KEY)
    assert "decrypt 1 of 3 stored" in unreadable_keys(old)
    both = ApiKeys(database, [NEW, OLD])
    assert both.rotate() == (2, [CY])
    new = ApiKeys(database, [NEW])
    assert new.unreadable() == (1, 3)
    stored = new.find(ANN)
    assert stored
    assert stored.key == KEY
    with pytest.raises(ConfigurationError, match="decrypt 3 of 3 stored"):
        unreadable_keys(old)
    new.remove(CY)
    assert (new.unreadable(), unreadable_keys(new)) == ((0, 2), "")
    for person in (ANN, BO):
        new.remove(person)
    assert unreadable_keys(new) == ""


def test_own_keys_need_several_people_and_a_secret(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with pytest.raises(ConfigurationError, match="only one person"):
        check_key_settings(settings.model_copy(update={"key_secrets": (OLD,)}))
    with pytest.raises(ConfigurationError, match="IMAGEROUTER_KEY_SECRETS is not set"):
        check_key_settings(settings.model_copy(update={"people": True}))
    check_key_settings(settings.model_copy(update={"people": True, "key_secrets": (OLD,)}))


def test_a_sent_key_is_there_for_its_request_alone() -> None:
    assert sent_key() is None
    with brought(KEY):
        assert sent_key() == KEY
        with brought(None):
            assert sent_key() is None
        assert sent_key() == KEY
    assert sent_key() is None
