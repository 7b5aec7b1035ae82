"""Applications that people sign in to: Authlib, requests-oauthlib and mozilla-django-oidc, each with the
authorization code flow over our pages. The checks are those of campus.md, section 15."""

import json
import pathlib
import subprocess
import sys
import time

import pytest
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.jwk import KeySet
from oauthlib.oauth2 import MismatchingStateError
from requests_oauthlib import OAuth2Session as RequestsSession

from server import basic, fetch
from visitor import Visitor, query_of
from world import CALLBACK


@pytest.fixture(scope="module")
def metadata(world):
    return fetch(f"{world.server.issuer}/.well-known/openid-configuration").json()


def visitor(world, **more):
    return Visitor(world.server.issuer, **more)


def verified(world, metadata, id_token, nonce, client="web"):
    """What joserfc, which knows nothing of us, says of an id_token."""
    keys = KeySet.import_key_set(fetch(metadata["jwks_uri"]).json())
    token = jwt.decode(id_token, keys, algorithms=metadata["id_token_signing_alg_values_supported"])
    rules = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": world.server.issuer},
        aud={"essential": True, "value": client},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    rules.validate(token.claims)
    return token.claims


@pytest.mark.parametrize("client, method", [("web", "client_secret_basic"), ("web-post", "client_secret_post")])
def test_campus_c22_c23_authlib_signs_in_with_code_and_pkce(world, metadata, client, method):
    """C22, C23: discovery, code and PKCE, id_token, userinfo, with the secret in the header and in the body"""
    session = OAuth2Session(
        client,
        world.secrets[client],
        scope="openid profile email sales_order.read",
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
        token_endpoint_auth_method=method,
    )
    nonce, verifier = generate_token(20), generate_token(48)
    url, state = session.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=verifier, nonce=nonce
    )
    back = visitor(world).authorize(url, "carla", world.passwords["carla"])
    assert query_of(back)["iss"] == world.server.issuer
    assert query_of(back)["state"] == state
    token = session.fetch_token(
        metadata["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier
    )
    assert "sales_order.read" in token["scope"]
    claims = verified(world, metadata, token["id_token"], nonce, client)
    told = session.get(metadata["userinfo_endpoint"]).json()
    assert told["sub"] == claims["sub"]
    assert claims["sub"] != "carla", "an id that is never given to another"


def test_campus_c24_authlib_is_told_of_a_refusal(world, metadata):
    """C24: the error comes back to the client, and what Authlib makes of it opens nothing"""
    session = OAuth2Session("web", world.secrets["web"], scope="openid", redirect_uri=CALLBACK,
                            code_challenge_method="S256")
    url, state = session.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=generate_token(48), prompt="consent"
    )
    browser = visitor(world).open(url)
    browser.sign_in("conrad", world.passwords["conrad"])
    back = browser.deny().left
    assert query_of(back)["error"] == "access_denied"
    assert query_of(back)["state"] == state
    with pytest.raises(OAuthError, match="access_denied|unauthorized_client"):
        session.fetch_token(metadata["token_endpoint"], authorization_response=back, state=state)


def test_campus_c28_native_clients_come_back_to_any_loopback_port(world, metadata):
    """C28: 127.0.0.1 with any port, and nothing else"""
    endpoint = metadata["authorization_endpoint"]
    for redirect_uri, taken in [
        ("http://127.0.0.1:5432/callback", True),
        ("http://127.0.0.1/callback", True),
        ("http://127.0.0.1:5432/callback/", False),
        ("http://127.0.0.1:5432/other", False),
        ("http://localhost:5432/callback", False),
        ("http://127.0.0.2:5432/callback", False),
        ("https://127.0.0.1:5432/callback", False),
    ]:
        session = OAuth2Session("native", scope="openid", redirect_uri=redirect_uri, code_challenge_method="S256")
        url, _ = session.create_authorization_url(endpoint, code_verifier=generate_token(48), prompt="none")
        browser = visitor(world).open(url)
        if taken:
            assert browser.left.startswith(redirect_uri + "?"), redirect_uri
            assert query_of(browser.left)["error"] == "login_required"
        else:
            assert (browser.left, browser.status) == (None, 400), redirect_uri
            assert browser.has("error-page"), browser.page


def test_campus_c38_consent_is_asked_once_and_may_leave_out_a_scope(world, metadata):
    """C38: without bypass a page, an unticked scope stays out of the token; with bypass no page"""
    browser = visitor(world)
    session = OAuth2Session("web", world.secrets["web"], redirect_uri=CALLBACK, code_challenge_method="S256",
                            scope="openid sales_order.read sales_order.write")

    def begin(**more):
        verifier = generate_token(48)
        url, state = session.create_authorization_url(
            metadata["authorization_endpoint"], code_verifier=verifier, **more
        )
        return verifier, state, browser.open(url)

    verifier, state, _ = begin()
    browser.sign_in("clara", world.passwords["clara"])
    for words in ["Web shop", "sales_order.read", "sales_order.write"]:
        assert words in browser.words(), words
    without = [("scope", "sales_order.write")]
    assert ("scope", "sales_order.write") in browser._form("consent-form")["fields"], browser.page
    back = browser.submit("consent-form", "consent-approve", without=without).left
    token = session.fetch_token(
        metadata["token_endpoint"], authorization_response=back, state=state, code_verifier=verifier
    )
    granted = token["scope"].split()
    assert "sales_order.read" in granted and "sales_order.write" not in granted
    # What was decided is remembered, the no as well as the yes.
    verifier, state, _ = begin()
    assert browser.left, browser.words()
    token = session.fetch_token(
        metadata["token_endpoint"], authorization_response=browser.left, state=state, code_verifier=verifier
    )
    assert set(token["scope"].split()) == set(granted)
    begin(prompt="consent")
    assert browser.left is None and browser.has("consent-form")


def test_requests_oauthlib_signs_in(world, metadata, monkeypatch):
    """The library of many scripts, with its own PKCE; a callback of another login is refused by it"""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")
    session = RequestsSession("web", redirect_uri=CALLBACK, scope=["openid", "sales_order.read"], pkce="S256")
    nonce = generate_token(20)
    url, _ = session.authorization_url(metadata["authorization_endpoint"], nonce=nonce)
    back = visitor(world).authorize(url, "cem", world.passwords["cem"])
    token = session.fetch_token(
        metadata["token_endpoint"], authorization_response=back, client_secret=world.secrets["web"]
    )
    claims = verified(world, metadata, token["id_token"], nonce)
    assert session.get(metadata["userinfo_endpoint"]).json()["sub"] == claims["sub"]
    if "refresh_token" in token:
        renewed = session.refresh_token(
            metadata["token_endpoint"],
            refresh_token=token["refresh_token"],
            auth=("web", world.secrets["web"]),
        )
        assert renewed["access_token"] != token["access_token"]
    with pytest.raises(MismatchingStateError):
        session.fetch_token(
            metadata["token_endpoint"],
            authorization_response=back.replace("state=", "state=x"),
            client_secret=world.secrets["web"],
        )


def test_mozilla_django_oidc_signs_in(world, metadata, tmp_path):
    """mozilla-django-oidc: its own views, PKCE, nonce and state; the user is made from userinfo"""
    # A process of its own: Django can be configured once only, and the other tests have done so.
    told = {
        "client_secret": world.secrets["django"],
        "password": world.passwords["dana"],
        "issuer": world.server.issuer,
        "metadata": metadata,
        "database": str(tmp_path / "django.db"),
    }
    site = pathlib.Path(__file__).with_name("django_site.py")
    done = subprocess.run([sys.executable, site], input=json.dumps(told), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["email"] == "dana@example.org"
    assert seen["location"] == "/"


def test_sec_046_a_code_that_comes_twice_ends_what_it_bought(world, metadata):
    """oidc-traps 62 and 63, with requests only"""
    session = OAuth2Session("web", world.secrets["web"], scope="openid sales_order.read", redirect_uri=CALLBACK,
                            code_challenge_method="S256")
    verifier = generate_token(48)
    url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
    back = visitor(world).authorize(url, "dana", world.passwords["dana"])
    code = query_of(back)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": verifier}
    redeem = lambda client: fetch(
        metadata["token_endpoint"],
        form=form,
        headers={"Authorization": basic(client, world.secrets[client])},
    )
    other = redeem("django")
    assert (other.status, other.json()["error"]) == (400, "invalid_grant"), other.text
    bought = redeem("web")
    assert bought.status == 200, "another client's attempt does not burn it: " + bought.text
    userinfo = lambda: fetch(
        metadata["userinfo_endpoint"], headers={"Authorization": f"Bearer {bought.json()['access_token']}"}
    )
    assert userinfo().status == 200
    again = redeem("web")
    assert (again.status, again.json()["error"]) == (400, "invalid_grant")
    deadline = time.monotonic() + 1
    while userinfo().status == 200:
        assert time.monotonic() < deadline, "the token that the code bought still works"
        time.sleep(0.02)
    assert userinfo().status == 401
