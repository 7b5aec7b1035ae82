"""The compatibility checks of STUPS in which somebody sits before a browser: 26 to 30, 41 to 43, 49, 50."""

import base64
import hashlib
import json
import pathlib
import secrets
import sys
import urllib.parse
import uuid

import pytest

from server import basic, fetch
from stups import ask, granted, refused, tokeninfo
from test_stups_software import run
from visitor import Visitor, query_of
from world import CALLBACK, LIFETIMES

LOGIN = pathlib.Path(__file__).with_name("login.py")


@pytest.fixture
def zign(world, tmp_path):
    """Zign as erik, an employee, has it; a function that runs a command of it."""

    def call(*command, decision="allow", user="erik"):
        issuer = world.server.issuer
        return run(
            command,
            tmp_path,
            # In the background, as Zign serves only after its browser returned.
            BROWSER=f"{sys.executable} {LOGIN} %s &",
            LOGIN_USER=user,
            LOGIN_PASSWORD=world.passwords[user],
            LOGIN_DECISION=decision,
            ZALANDO_TOKEN_CLI_AUTHORIZE_URL=f"{issuer}/oauth2/authorize",
            ZALANDO_TOKEN_CLI_TOKEN_URL=f"{issuer}/oauth2/access_token",
            ZALANDO_TOKEN_CLI_CLIENT_ID="zign",
            ZALANDO_TOKEN_CLI_BUSINESS_PARTNER_ID="x",
        )

    call.folder = tmp_path / "config/zalando-token-cli"
    return call


def printed(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_check_26_zign_signs_in_with_the_browser(world, zign):
    """`zign token -n testing` opens the browser and prints the token that came back"""
    token = printed(zign("zign", "token", "-n", "testing"))
    told = tokeninfo(world, token).json()
    assert (told["realm"], told["scope"]) == ("/employees", ["uid"])


def test_check_27_at_once_again_under_another_name(world, zign):
    """A second login right after the first: on port 8082, or with the refresh token"""
    first = printed(zign("zign", "token", "-n", "one"))
    second = printed(zign("zign", "token", "-n", "two"))
    assert first != second
    assert tokeninfo(world, second).json()["uid"] == tokeninfo(world, first).json()["uid"]


def test_check_28_what_zign_keeps(zign):
    """Listed; the same token without network; gone"""
    token = printed(zign("zign", "token", "-n", "testing"))
    assert "testing" in zign("zign", "list").stdout
    listed = json.loads(zign("zign", "list", "-o", "json").stdout)
    assert [one["name"] for one in listed] == ["testing"]
    assert printed(zign("zign", "token", "-n", "testing", decision="nobody asks")) == token
    assert zign("zign", "delete", "testing").returncode == 0
    assert "testing" not in zign("zign", "list").stdout


@pytest.mark.parametrize("program, code", [("ztoken token", 2), ("zign token", 1)])
def test_check_29_the_person_says_no(zign, program, code):
    """`ztoken` ends with 2, `zign token` with 1, both naming the failure; neither hangs"""
    done = zign(*program.split(), "-n", "x", decision="deny", user="emma")
    assert done.returncode == code, (done.stdout, done.stderr)
    assert "Authentication failed: Failed to retrieve token" in done.stdout + done.stderr


def test_check_30_zign_renews(zign, world, note):
    """`ztoken -n x -r` posts the refresh token; the file is replaced, the old one is unusable"""
    note("the redirect carries no refresh token (RFC 6749 4.2.2): it comes from the code flow with PKCE")
    first = refresh_token_of(world, "erik")
    zign.folder.mkdir(parents=True)
    kept = zign.folder / "refresh-token.yaml"
    kept.write_text(f"refresh_token: {first}\n")
    token = printed(zign("ztoken", "token", "-n", "x", "-r", decision="nobody asks"))
    assert tokeninfo(world, token).json()["realm"] == "/employees"
    second = kept.read_text().split()[-1]
    assert second != first
    third = printed(zign("ztoken", "token", "-n", "x", "-r", decision="nobody asks"))
    assert third != token and kept.read_text().split()[-1] != second
    # The first has had its successor, which was used: now it is reuse, and ends the grant.
    form = {"grant_type": "refresh_token", "client_id": "zign", "refresh_token": first}
    again = fetch(f"{world.server.issuer}/oauth2/access_token", form=form)
    assert refused(again, 400, "invalid_grant")


def refresh_token_of(world, who):
    """As `grantor login` gets one: code and PKCE, a public client, a free port."""
    redirect_uri, verifier = "http://localhost:49152", secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "response_type": "code",
        "client_id": "zign",
        "redirect_uri": redirect_uri,
        "scope": "uid",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    url = f"{world.server.issuer}/oauth2/authorize?{urllib.parse.urlencode(asked)}"
    back = Visitor(world.server.issuer).authorize(url, who, world.passwords[who])
    form = {
        "grant_type": "authorization_code",
        "client_id": "zign",
        "code": query_of(back)["code"],
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    return granted(fetch(f"{world.server.issuer}/oauth2/token", form=form))["refresh_token"]


def test_check_41_your_turn(world, note):
    """The implicit flow of a single-page UI: the fragment carries `state`, `scope` and `expires_in`"""
    state = str(uuid.uuid4())
    asked = {
        "realm": "employees",
        "response_type": "token",
        "client_id": "yourturn",
        "redirect_uri": "https://yourturn.example.org/",
        "scope": "uid sales_order.read",
        "state": state,
    }
    url = f"{world.server.issuer}/oauth2/authorize?{urllib.parse.urlencode(asked)}"
    back = Visitor(world.server.issuer).authorize(url, "erik", world.passwords["erik"])
    target, _, fragment = back.partition("#")
    assert target == "https://yourturn.example.org/"
    told = dict(urllib.parse.parse_qsl(fragment))
    assert (told["state"], sorted(told["scope"].split())) == (state, ["sales_order.read", "uid"])
    assert told["token_type"] == "Bearer" and 0 < int(told["expires_in"]) <= LIFETIMES["employees"]
    note("a token that travels through a browser lives ten minutes at most (SEC-023)")
    assert tokeninfo(world, told["access_token"]).status == 200


def test_check_42_signing_in_with_json(world, note):
    """First it says that consent is needed, then it has a redirect, and the third time at once"""
    url = f"{world.server.issuer}/oauth2/authorize"
    form = {
        "response_type": "token",
        "client_id": "yourturn",
        "realm": "employees",
        "redirect_uri": "https://yourturn.example.org/",
        "scope": "uid sales_order.read",
        "state": "s",
        "username": "emma",
        "password": world.passwords["emma"],
    }
    post = lambda **more: fetch(url, form={**form, **more}, headers={"Accept": "application/json"})
    first = post()
    assert first.status == 200, first.text
    told = first.json()
    assert told["consent_needed"] is True
    assert sorted(told["scopes"]) == ["sales_order.read", "uid"]
    assert told["redirect"] == "https://yourturn.example.org/"
    second = post(decision="allow").json()
    assert second["consent_needed"] is False
    assert query_of(second["redirect"])["access_token"]
    third = post().json()
    assert third["consent_needed"] is False and "access_token=" in third["redirect"]
    wrong = post(password="wrong")
    assert (wrong.status, wrong.json()["error"]) == (400, "invalid_grant")
    note("a switch of the client, off by default")


def test_check_43_consents(world):
    """What somebody allowed is read and withdrawn, with one slash before the realm or with two"""
    asked = {
        "realm": "employees",
        "response_type": "token",
        "client_id": "yourturn",
        "redirect_uri": "https://yourturn.example.org/",
        "scope": "uid sales_order.read",
        "prompt": "consent",
    }
    authorize = f"{world.server.issuer}/oauth2/authorize?{urllib.parse.urlencode(asked)}"
    headers = {"Authorization": f"Bearer {world.server.token}"}
    for slashes in ["/", "//"]:
        Visitor(world.server.issuer).authorize(authorize, "emma", world.passwords["emma"])
        url = f"{world.server.issuer}/consents{slashes}employees/emma/yourturn"
        assert fetch(url).status == 401
        read = fetch(url, headers=headers)
        assert read.status == 200, read.text
        assert sorted(read.json()["scopes"]) == ["sales_order.read", "uid"]
        assert fetch(url, method="DELETE", headers=headers).status == 204
        assert fetch(url, headers=headers).json() == {"scopes": []}


def code_of(world, client, who, realm, redirect_uri=CALLBACK):
    asked = {
        "realm": realm,
        "response_type": "code",
        "client_id": client,
        "redirect_uri": redirect_uri,
        "scope": "uid",
        "state": "s",
    }
    url = f"{world.server.issuer}/oauth2/authorize?{urllib.parse.urlencode(asked)}"
    back = Visitor(world.server.issuer).authorize(url, who, world.passwords[who])
    assert query_of(back)["state"] == "s"
    return query_of(back)["code"]


def redeem(world, client, code, redirect_uri=CALLBACK):
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    headers = {"Authorization": basic(client, world.secrets[client])}
    return fetch(f"{world.server.issuer}/oauth2/access_token", form=form, headers=headers)


def test_check_49_the_code_flow_of_plan_b(world, note):
    """A code is good once, for its client and its redirect"""
    client = "planb-customers"
    code = code_of(world, client, "dana", "customers")
    first = granted(redeem(world, client, code))
    assert (first["realm"], first["scope"]) == ("/customers", "uid")
    replayed = redeem(world, client, code)
    assert replayed.status == 400, replayed.text
    other = code_of(world, client, "dana", "customers")
    redirect = redeem(world, client, other, f"{CALLBACK}/other")
    assert redirect.status == 400, redirect.text
    foreign = redeem(world, "planb-employees", code_of(world, client, "dana", "customers"))
    assert foreign.status == 400, foreign.text
    errors = [answer.json()["error"] for answer in (replayed, redirect, foreign)]
    assert errors == ["invalid_grant"] * 3
    note("`invalid_grant` as RFC 6749 5.2 has it and one text, not `invalid_request` and three texts")


def test_check_50_a_login_in_each_realm(world):
    """`expires_in` is that of the realm"""
    for realm, who in [("employees", "erik"), ("customers", "dana"), ("guest-customers", "greta")]:
        client = f"planb-{realm}"
        told = granted(redeem(world, client, code_of(world, client, who, realm)))
        assert (told["expires_in"], told["realm"]) == (LIFETIMES[realm], f"/{realm}")
    told = granted(ask(world, {"scope": "uid"}))
    assert (told["expires_in"], told["realm"]) == (LIFETIMES["services"], "/services")
