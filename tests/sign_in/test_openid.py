"""People sign in at an OpenID provider, which is a process of its own."""

from collections.abc import AsyncGenerator
from contextlib import closing

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from imagerouter_mcp.cli.checks import run_checks
from imagerouter_mcp.cli.team_checks import team_checks
from imagerouter_mcp.people.register import open_register
from imagerouter_mcp.sign_in import issuer
from support.openid_provider import CLIENT, SECRET, Provider
from support.sdk_signing_in import Browser, Kept, connected
from support.signing_in import Pkce, SignInServer, Visitor, examined, sign_in_server

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(
    tmp_path_factory: pytest.TempPathFactory, provider: Provider
) -> AsyncGenerator[SignInServer]:
    """Run a server whose people sign in there."""
    async with sign_in_server(
        tmp_path_factory.mktemp("team"),
        openid_issuer=provider.issuer,
        openid_client_id=CLIENT,
        openid_client_secret=SecretStr(SECRET),
        openid_allow=("@corp.example", "groups=artists"),
        openid_name="Corp",
        allow_private_issuer=True,
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def honest(provider: Provider) -> None:
    """Have the provider begin each test as it should be."""
    provider.told()


async def sign_in(visitor: Visitor, provider: Provider, handle: str = "") -> httpx.Response:
    """Sign in at the provider, and return what our server answers to the browser that comes back."""
    return await visitor.http.get(provider.authorize(await visitor.begin(handle)))


async def test_a_person_signs_in_at_the_provider_and_lets_an_app_in(
    visitor: Visitor, provider: Provider
) -> None:
    client, pkce = await visitor.client_id(), Pkce()
    asked = await visitor.authorize(client, pkce)
    consent = await visitor.http.get(asked.headers["location"])
    page = await visitor.http.get(consent.headers["location"])
    assert "Sign in with <bdi>Corp</bdi>" in page.text
    assert '<p class="foot" >No account at <bdi>Corp</bdi>?' in page.text
    assert '<p class="foot" hidden>No access' in page.text
    handle = httpx.URL(asked.headers["location"]).params["request"]
    back = await sign_in(visitor, provider, handle)
    assert back.headers["location"] == f"/consent?request={handle}"
    assert (
        "You are signed in as <strong><bdi>Ann</bdi></strong>"
        in (await visitor.http.get(back.headers["location"])).text
    )
    answer = await visitor.decide(handle)
    tokens = await visitor.exchange(client, pkce, httpx.URL(answer.headers["location"]).params["code"])
    assert (await visitor.call(tokens.json()["access_token"])).status_code == 200


async def test_the_sdks_client_signs_in_by_the_address_alone(server: SignInServer) -> None:
    browser, kept = Browser(server.url), Kept()
    async with browser.http, connected(server.resource, kept, browser) as client:
        assert (await client.call_tool("list_images", {})).is_error is False
    assert browser.opened == 1


async def test_somebody_who_comes_twice_is_one_person_and_a_namesake_is_another(
    server: SignInServer, provider: Provider
) -> None:
    for subject in ("bo-1", "bo-1", "bo-2"):
        provider.told(claims={"sub": subject, "name": "Bo  \u202e\n", "email": "bo@corp.example"})
        async with server.visitor() as visitor:
            assert (await sign_in(visitor, provider)).is_redirect
    with closing(open_register(server.settings)) as people:
        found = [each for each, _ in people.everybody() if each.name.startswith("Bo")]
    assert [(each.name, each.issuer, each.subject) for each in found] == [
        ("Bo", provider.issuer, "bo-1"),
        ("Bo 2", provider.issuer, "bo-2"),
    ]


async def test_only_those_are_let_in_whom_the_operator_names(visitor: Visitor, provider: Provider) -> None:
    provider.told(claims={"email": "ann@elsewhere.example"})
    refused = await sign_in(visitor, provider)
    assert refused.status_code == 403
    assert "knows you as ann@elsewhere.example" in refused.text
    provider.told(claims={"email": "ann@elsewhere.example", "groups": ["artists"]})
    assert (await sign_in(visitor, provider)).is_redirect


async def test_what_the_token_does_not_say_is_asked_for(visitor: Visitor, provider: Provider) -> None:
    lacking = {"name": None, "email": None, "email_verified": None}
    told = {"sub": "eve-1", "name": "Eve", "email": "eve@corp.example", "email_verified": True}
    provider.told(claims={**lacking, "sub": "eve-1"}, further={**told, "sub": "somebody-else"})
    assert (await sign_in(visitor, provider)).status_code == 403
    provider.told(claims={**lacking, "sub": "eve-1"}, further=told)
    assert (await sign_in(visitor, provider)).is_redirect
    assert "signed in as <bdi>Eve</bdi>" in (await visitor.http.get("/sign-in")).text


async def test_an_address_counts_only_where_the_same_answer_calls_it_verified(
    visitor: Visitor, provider: Provider
) -> None:
    own = {"sub": "mal-1", "email": "boss@corp.example", "email_verified": None}
    further = {"sub": "mal-1", "email": "mal@elsewhere.example", "email_verified": True}
    provider.told(claims=own, further=further)
    refused = await sign_in(visitor, provider)
    assert refused.status_code == 403
    assert "knows you as mal@elsewhere.example" in refused.text


async def test_a_provider_may_want_the_secret_in_the_form_and_not_say_who_answers(
    visitor: Visitor, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.told(metadata={"token_endpoint_auth_methods_supported": ["client_secret_basic", "none"]})
    assert (await sign_in(visitor, provider)).is_redirect
    for limit in ("FRESH_SECONDS", "AGAIN_SECONDS"):
        monkeypatch.setattr(issuer, limit, 0)
    provider.told(
        metadata={
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "authorization_response_iss_parameter_supported": None,
        },
        answer={"iss": None},
    )
    assert (await sign_in(visitor, provider)).is_redirect
    provider.told(answer={"iss": "https://elsewhere.example"})
    assert (await sign_in(visitor, provider)).status_code == 403


async def test_the_provider_may_change_its_keys(
    visitor: Visitor, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await sign_in(visitor, provider)).is_redirect
    provider.rotate()
    monkeypatch.setattr(issuer, "AGAIN_SECONDS", 0)
    assert (await sign_in(visitor, provider)).is_redirect


async def test_a_blocked_person_stays_out_until_allowed(
    server: SignInServer, visitor: Visitor, provider: Provider
) -> None:
    provider.told(claims={"sub": "cy-1", "name": "Cy", "email": "cy@corp.example"})
    assert (await sign_in(visitor, provider)).is_redirect
    token = (await visitor.tokens(await visitor.client_id()))["access_token"]
    with closing(open_register(server.settings)) as people:
        person = people.named("Cy")
        people.block(person)
        assert (await visitor.call(token)).status_code == 401
        assert "You are signed in" not in (await visitor.http.get("/sign-in")).text
        people.remove(person)
        assert "You no longer have access" in (await sign_in(visitor, provider)).text
        people.allow(person.id)
    assert (await sign_in(visitor, provider)).is_redirect


async def test_a_provider_that_is_down_is_told_and_the_sign_in_can_go_on_later(
    visitor: Visitor, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await visitor.authorize(await visitor.client_id(), Pkce())
    handle = httpx.URL(asked.headers["location"]).params["request"]
    address = await visitor.begin(handle)
    provider.told(down=["/token"])
    answer = await visitor.http.get(provider.authorize(address))
    assert answer.status_code == 503
    assert "Corp cannot be reached" in answer.text
    provider.told(down=["/.well-known/openid-configuration"])
    for limit in ("FRESH_SECONDS", "KEPT_SECONDS", "AGAIN_SECONDS"):
        monkeypatch.setattr(issuer, limit, 0)
    answer = await visitor.http.post("/sign-in/openid", data={"request": handle})
    assert answer.status_code == 503
    assert "status 503" in answer.text
    provider.told()
    monkeypatch.undo()
    assert (await sign_in(visitor, provider, handle)).headers["location"] == f"/consent?request={handle}"


async def test_a_setting_that_is_wrong_is_for_the_operator_to_correct(
    visitor: Visitor, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.told(answer={"code": None, "error": "redirect_uri_mismatch"})
    answer = await sign_in(visitor, provider)
    assert answer.status_code == 500
    assert "A setting has to be corrected first" in answer.text
    assert "Try again in a minute" not in answer.text
    for limit in ("FRESH_SECONDS", "KEPT_SECONDS", "AGAIN_SECONDS"):
        monkeypatch.setattr(issuer, limit, 0)
    provider.told(metadata={"issuer": f"{provider.issuer}/"})
    answer = await visitor.http.post("/sign-in/openid", data={"request": ""})
    assert (answer.status_code, "A setting has to be corrected" in answer.text) == (500, True)


async def test_doctor_asks_the_provider_whether_it_knows_this_server(
    server: SignInServer, provider: Provider
) -> None:
    async def told(**changed: object) -> tuple[str, str]:
        settings = server.settings.model_copy(update=changed)
        found = {each.name: each for each in await run_checks(team_checks(settings))}
        return found["sign-in"].state, f"{found['sign-in'].what} {found['sign-in'].remedy}"

    state, text = await told()
    assert (state, "/sign-in/callback must be registered there" in text) == ("ok", True)
    for changed, what in (
        ({"openid_client_secret": SecretStr("wrong")}, "'invalid_client' in place of a token; the client id"),
        ({"allow_private_issuer": False}, "IMAGEROUTER_ALLOW_PRIVATE_ISSUER=1"),
        (
            {"openid_issuer": f"{provider.issuer}/"},
            f"not exactly '{provider.issuer}/'. Correct the settings",
        ),
        ({"openid_issuer": "http://127.0.0.1:9"}, "Check that this machine can reach it"),
    ):
        state, text = await told(**changed)
        assert (state, what in text) == ("failure", True), text
    for metadata, what in (
        ({"token_endpoint": "http://elsewhere.example/token"}, "its token_endpoint is not an https address"),
        ({"id_token_signing_alg_values_supported": ["HS256"]}, "it does not sign its tokens with a key pair"),
    ):
        provider.told(metadata=metadata)
        assert what in (await told())[1]


async def test_doctor_looks_as_far_as_the_provider(visitor: Visitor, provider: Provider) -> None:
    found = await examined(visitor)
    assert (found["provider"].state, "too" in found["provider"].what) == ("ok", True)
    provider.told(down=["/authorize"])
    found = await examined(visitor)
    assert "sign-in/callback" in found["provider"].remedy
