"""Whom the operator's rules let in, by what a provider says of them."""

import pytest

from imagerouter_mcp.sign_in.vouched import is_let_in, vouched_name


@pytest.mark.parametrize(
    ("rule", "claims", "let_in"),
    [
        ("everybody", {}, True),
        ("@corp.example", {"email": "Ann@CORP.example"}, True),
        ("@corp.example", {"email": "ann@sub.corp.example"}, False),
        ("@corp.example", {"email": "ann@evilcorp.example"}, False),
        ("@corp.example", {"email": "ann@corp.example.evil.example"}, False),
        ("@corp.example", {"email": "ann@evil.example@corp.example"}, False),
        ("@corp.example", {"email": "ann@corp.example", "email_verified": False}, False),
        ("@corp.example", {"email": "ann@corp.example", "email_verified": None}, False),
        ("@corp.example", {"email": "ann@corp.example", "email_verified": "yes"}, False),
        ("@corp.example", {"email": ["ann@corp.example"]}, False),
        ("ann@corp.example", {"email": "Ann@corp.example"}, True),
        ("ann@corp.example", {"email": "joann@corp.example"}, False),
        ("kate@corp.example", {"email": "\N{KELVIN SIGN}ate@corp.example"}, False),
        ("@kites.example", {"email": "ann@\N{KELVIN SIGN}ites.example"}, False),
        ("@corp.example", {"email": "Zoë@CORP.example"}, True),
        ("groups=artists", {"groups": ["readers", "artists"]}, True),
        ("groups=artists", {"groups": "artists"}, True),
        ("groups=artists", {"groups": "artists readers"}, False),
        ("groups=artists", {"groups": ["Artists", "artists2"]}, False),
        ("groups=artists", {"groups": {"artists": True}}, False),
        ("groups=everybody", {}, False),
        ("scope=pictures", {"scope": "openid pictures"}, True),
        ("scope=openid pictures", {"scope": "openid pictures"}, False),
        ("level=3", {"level": [2, 3]}, True),
        ("level=3", {"level": 3}, False),
        ("realm.roles=artist", {"realm.roles": ["artist"], "realm": {"roles": []}}, True),
        ("realm.roles=artist", {}, False),
        ("realm.roles=artist", {"realm": {"roles": ["artist"]}}, True),
        ("realm.roles=artist", {"realm": "roles=artist"}, False),
        ("https://corp.example/groups=artists", {"https://corp.example/groups": ["artists"]}, True),
        ("hd=corp.example", {"hd": "corp.example"}, True),
        ("staff=true", {"staff": True}, True),
    ],
)
def test_a_rule_lets_in_whom_it_names_and_nobody_else(
    rule: str, claims: dict[str, object], *, let_in: bool
) -> None:
    assert is_let_in([rule], {"email_verified": True, **claims}) is let_in
    assert not is_let_in([], {"email_verified": True, **claims})


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"name": "Ann", "preferred_username": "ann", "email": "ann@corp.example"}, "Ann"),
        ({"name": " ", "preferred_username": "ann", "email": "ann@corp.example"}, "ann"),
        ({"name": ["Ann"], "email": "ann@corp.example"}, "ann@corp.example"),
        ({"sub": "ann-1"}, ""),
    ],
)
def test_a_person_is_called_by_the_first_name_that_the_provider_has(
    claims: dict[str, object], name: str
) -> None:
    assert vouched_name(claims) == name
