"""How long what sign-in keeps is valid, how often it is good, and what ends it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from imagerouter_mcp.database.schema import Database
from imagerouter_mcp.database.sqlite import SQLiteDatabase
from imagerouter_mcp.sign_in import clients, waiting
from imagerouter_mcp.sign_in.authorization_requests import AuthorizationRequest, AuthorizationRequests
from imagerouter_mcp.sign_in.clients import Clients
from imagerouter_mcp.sign_in.grants import Grants, Shown, Tokens
from imagerouter_mcp.sign_in.invitations import Browsers, Invitations
from imagerouter_mcp.sign_in.sign_in_tables import SIGN_IN
from imagerouter_mcp.sign_in.waiting import Asked, Waiting

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
REQUEST = AuthorizationRequest(
    client="app",
    redirect_uri="https://app.example/callback",
    redirect_uri_given=True,
    state="a state",
    scopes=("pictures", "offline_access"),
    challenge="a challenge",
    resource="https://pictures.example/mcp",
)


class Clock:
    """A clock that a test sets."""

    now = 1_800_000_000.5

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open an empty database of sign-in."""
    with closing(SQLiteDatabase(tmp_path / "sign_in.sqlite3", SIGN_IN)) as opened:
        yield opened


@pytest.fixture
def grants(database: Database, clock: Clock) -> Grants:
    """Return the grants in it."""
    return Grants(database, clock)


def rows(database: Database) -> int:
    """Count all rows."""
    with database.reading() as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return sum(connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for (name,) in tables)  # noqa: S608 - our own names


def allowed(grants: Grants, person: str = "ann") -> Tokens:
    """Let the app in and return its tokens."""
    tokens = grants.exchange_code(grants.give_code(person, REQUEST))
    assert tokens
    return tokens


def renewed(grants: Grants, tokens: Tokens) -> Tokens | None:
    return grants.exchange_refresh(tokens.refresh, "app", ("pictures",))


Kept = Callable[[Database, Clock], Callable[[], object]]
"""Keeps something, and returns how to look for it without using it up."""


def _a_code(database: Database, clock: Clock) -> Callable[[], object]:
    grants = Grants(database, clock)
    code = grants.give_code("ann", REQUEST)
    return lambda: grants.find_code(code, "app")


def _an_access_token(database: Database, clock: Clock) -> Callable[[], object]:
    grants = Grants(database, clock)
    tokens = allowed(grants)
    assert tokens.expires_in == HOUR
    return lambda: grants.find_access(tokens.access)


def _a_refresh_token(database: Database, clock: Clock) -> Callable[[], object]:
    grants = Grants(database, clock)
    tokens = allowed(grants)
    return lambda: grants.find_refresh(tokens.refresh, "app")


def _a_request(database: Database, clock: Clock) -> Callable[[], object]:
    requests, asked = AuthorizationRequests(database, clock), Asked()
    requests.keep(asked, REQUEST)
    return lambda: requests.find(asked)


def _a_client_that_nobody_let_in(database: Database, clock: Clock) -> Callable[[], object]:
    registered = Clients(database, clock)
    registered.add("app", "{}")
    return lambda: registered.find("app")


def _a_client_that_is_used(database: Database, clock: Clock) -> Callable[[], object]:
    registered = Clients(database, clock)
    registered.add("app", "{}")
    registered.note_use("app")
    return lambda: registered.find("app")


LIFETIMES: list[tuple[Kept, int]] = [
    (_a_code, 5 * MINUTE),
    (_an_access_token, HOUR),
    (_a_refresh_token, 90 * DAY),
    (_a_request, 15 * MINUTE),
    (_a_client_that_nobody_let_in, DAY),
    (_a_client_that_is_used, 90 * DAY),
]


@pytest.mark.parametrize(("keep", "seconds"), LIFETIMES, ids=[keep.__name__ for keep, _ in LIFETIMES])
def test_each_is_valid_for_its_time_and_not_a_second_longer(
    database: Database, clock: Clock, keep: Kept, seconds: int
) -> None:
    find = keep(database, clock)
    clock.now += seconds - 1
    assert find()
    clock.now += 1
    assert not find()


def test_what_is_used_up_by_looking_is_valid_for_its_time_too(database: Database, clock: Clock) -> None:
    invitations, sign_ins = Invitations(database, clock), Waiting("openid_sign_ins", database, clock)
    codes = [invitations.invite(person, days=3) for person in ("ann", "bo")]
    clock.now += 3 * DAY - 1
    assert invitations.accept(codes[0]) == "ann"
    assert invitations.accept(codes[0]) is None
    clock.now += 1
    assert invitations.accept(codes[1]) is None
    asked = [Asked(), Asked()]
    for each in asked:
        sign_ins.keep(each, "a request")
    clock.now += 15 * MINUTE - 1
    assert sign_ins.take(Asked(asked[0].handle)) is None  # another browser
    assert sign_ins.take(asked[0]) == "a request"
    assert sign_ins.take(asked[0]) is None
    clock.now += 1
    assert sign_ins.take(asked[1]) is None


def test_what_has_expired_does_not_stay_in_the_database(database: Database, clock: Clock) -> None:
    grants, registered = Grants(database, clock), Clients(database, clock)

    def keep_everything(person: str) -> None:
        grants.give_code(person, REQUEST)
        allowed(grants, person)
        AuthorizationRequests(database, clock).keep(Asked(), REQUEST)
        Waiting("openid_sign_ins", database, clock).keep(Asked(), "")
        Invitations(database, clock).invite(person, days=1)
        Browsers(database, clock).sign_in(person)
        registered.add(f"{person}'s unused", "{}")
        registered.add(f"{person}'s used", "{}")
        registered.note_use(f"{person}'s used")

    keep_everything("ann")
    once = rows(database)
    clock.now += 180 * DAY
    keep_everything("bo")
    assert rows(database) == once


def test_a_request_is_returned_as_it_was_kept_once_to_its_own_browser(
    database: Database, clock: Clock
) -> None:
    requests, asked = AuthorizationRequests(database, clock), Asked()
    requests.keep(asked, REQUEST)
    assert requests.find(Asked(asked.handle)) is requests.take(Asked(browser=asked.browser)) is None
    assert requests.find(asked) == requests.take(asked) == REQUEST
    assert requests.find(asked) is requests.take(asked) is None


def test_tokens_grant_what_was_asked_for_to_whom_it_was_allowed(grants: Grants, clock: Clock) -> None:
    code = grants.give_code("ann", REQUEST)
    found = grants.find_code(code, "app")
    assert found
    assert (found.person, found.request, found.expires_at) == ("ann", REQUEST, int(clock.now) + 5 * MINUTE)
    tokens = grants.exchange_code(code)
    assert tokens
    assert tokens.scopes == REQUEST.scopes
    shown = grants.find_access(tokens.access)
    assert shown == Shown("ann", "app", REQUEST.resource, REQUEST.scopes, int(clock.now) + HOUR)
    refreshing = grants.find_refresh(tokens.refresh, "app")
    assert refreshing == Shown("ann", "app", REQUEST.resource, REQUEST.scopes, int(clock.now) + 90 * DAY)
    narrower = renewed(grants, tokens)
    assert narrower
    access = grants.find_access(narrower.access)
    assert access
    assert access.scopes == narrower.scopes == ("pictures",)
    whole = grants.find_refresh(narrower.refresh, "app")  # it may ask for all of it the next time
    assert whole
    assert whole.scopes == REQUEST.scopes


def test_a_code_that_is_shown_again_by_its_client_ends_what_it_began(grants: Grants) -> None:
    code = grants.give_code("ann", REQUEST)
    tokens = grants.exchange_code(code)
    assert tokens
    assert grants.exchange_code(code) is grants.find_code(code, "another app") is None
    assert grants.find_access(tokens.access)
    assert grants.find_code(code, "app") is None
    assert grants.find_access(tokens.access) is renewed(grants, tokens) is None


def test_an_exchanged_refresh_token_is_valid_until_a_successor_is_used_and_then_ends_the_grant(
    grants: Grants, clock: Clock
) -> None:
    first = allowed(grants)
    lost, second = renewed(grants, first), renewed(grants, first)
    assert lost
    assert second
    third = renewed(grants, second)
    assert third
    assert renewed(grants, first) is None
    assert grants.find_access(third.access)
    clock.now += 14 * DAY - 1
    fourth = renewed(grants, third)
    assert fourth
    assert grants.find_refresh(first.refresh, "app") is None
    assert grants.find_access(fourth.access) is renewed(grants, lost) is None


def test_a_refresh_token_that_was_superseded_long_ago_is_forgotten_and_ends_nothing(
    grants: Grants, clock: Clock
) -> None:
    first = allowed(grants)
    second = renewed(grants, first)
    assert second
    third = renewed(grants, second)
    assert third
    clock.now += 14 * DAY
    fourth = renewed(grants, third)
    assert fourth
    assert grants.find_refresh(first.refresh, "app") is None
    assert grants.find_access(fourth.access)


def test_a_grant_that_is_used_stays_and_its_old_access_tokens_do_not(
    database: Database, grants: Grants, clock: Clock
) -> None:
    tokens: Tokens | None = allowed(grants)
    sizes = list[int]()
    for _ in range(5):
        clock.now += 90 * DAY - 1
        allowed(grants, "bo")  # which forgets what is no longer used
        assert tokens
        tokens = renewed(grants, tokens)
        sizes.append(rows(database))
    assert tokens
    assert grants.find_access(tokens.access)
    assert sizes[1:] == sizes[1:2] * 4


def test_a_refresh_token_has_twenty_successors_at_most(grants: Grants) -> None:
    tokens = allowed(grants)
    given = [renewed(grants, tokens) for _ in range(21)]
    assert all(given[:20])
    assert given[20] is None


@pytest.mark.parametrize("kind", ["access", "refresh"])
def test_either_token_can_be_revoked_and_ends_its_own_grant_alone(grants: Grants, kind: str) -> None:
    ended, other = allowed(grants), allowed(grants)
    grants.revoke(getattr(ended, kind))
    assert grants.find_access(ended.access) is grants.find_refresh(ended.refresh, "app") is None
    assert grants.find_access(other.access)


def test_a_person_who_is_signed_out_everywhere_has_nothing_left(database: Database, clock: Clock) -> None:
    grants, browsers = Grants(database, clock), Browsers(database, clock)
    invitations = Invitations(database, clock)
    waiting = {person: grants.give_code(person, REQUEST) for person in ("ann", "bo")}
    tokens = {person: allowed(grants, person) for person in waiting}
    secrets = {person: browsers.sign_in(person) for person in waiting}
    invited = {person: invitations.invite(person, days=1) for person in waiting}
    for end in (grants.end_all, browsers.end_all, invitations.withdraw):
        end("ann")
    assert {person for person, code in waiting.items() if grants.find_code(code, "app")} == {"bo"}
    assert {person for person, each in tokens.items() if grants.find_access(each.access)} == {"bo"}
    assert [browsers.find(secret) for secret in secrets.values()] == [None, "bo"]
    assert [invitations.accept(code) for code in invited.values()] == [None, "bo"]
    browsers.sign_out(secrets["bo"])
    assert browsers.find(secrets["bo"]) is None


def test_a_new_invitation_replaces_the_persons_earlier_one_and_is_typed_in_any_way(
    database: Database, clock: Clock
) -> None:
    invitations = Invitations(database, clock)
    earlier, of_another = invitations.invite("ann", days=1), invitations.invite("bo", days=1)
    newer = invitations.invite("ann", days=1)
    assert [len(group) for group in newer.split("-")] == [5] * 5
    assert invitations.accept(earlier) is None
    assert invitations.accept(f" {newer.upper().replace('-', '')}\n") == "ann"
    assert invitations.accept(of_another.replace("-", " - ")) == "bo"


def test_a_browser_stays_signed_in_for_half_a_year_after_its_last_visit(
    database: Database, clock: Clock
) -> None:
    browsers = Browsers(database, clock)
    secret = browsers.sign_in("ann")
    for _ in range(3):
        clock.now += 180 * DAY - 1
        assert browsers.find(secret) == "ann"
    clock.now += DAY + 1
    assert browsers.find(secret) == "ann"
    clock.now += 180 * DAY
    assert browsers.find(secret) is None


def test_a_client_in_use_stays_registered_and_one_that_nobody_let_in_does_not(
    database: Database, clock: Clock
) -> None:
    registered = Clients(database, clock)
    registered.add("used", '{"name": "An app"}')
    registered.note_use("used")
    for passed in (HOUR, 89 * DAY, 89 * DAY):
        clock.now += passed
        registered.note_use("used")
    clock.now += 2 * DAY
    assert registered.find("used") == '{"name": "An app"}'


def test_a_flood_replaces_the_oldest_of_what_nobody_has_decided(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "MOST_UNUSED", 3)
    monkeypatch.setattr(waiting, "MOST_WAITING", 3)
    registered, requests = Clients(database, clock), AuthorizationRequests(database, clock)
    sign_ins = Waiting("openid_sign_ins", database, clock)
    registered.add("used", "{}")
    registered.note_use("used")
    asked = [Asked() for _ in range(5)]
    for number, each in enumerate(asked):
        clock.now += 1
        registered.add(str(number), "{}")
        requests.keep(each, REQUEST)
        sign_ins.keep(each, str(number))
    left = [2, 3, 4]
    assert [number for number in range(5) if registered.find(str(number))] == left
    assert [number for number, each in enumerate(asked) if requests.find(each)] == left
    assert [number for number, each in enumerate(asked) if sign_ins.take(each)] == left
    assert registered.find("used")
