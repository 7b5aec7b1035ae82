"""Authlib as a client: client credentials, introspection, revocation, and a key instead of a secret."""

import time

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client as HttpxClient
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwk import ECKey, RSAKey

from server import fetch
from world import MODERN


@pytest.fixture
def metadata(world):
    return fetch(f"{world.server.issuer}/.well-known/oauth-authorization-server").json()


def session(world, name, **more):
    return OAuth2Session(name, world.secrets[name], **more)


def test_client_credentials_with_requests_and_with_httpx(world, metadata):
    endpoint = metadata["token_endpoint"]
    token = session(world, "batch", scope="pets.read").fetch_token(endpoint, grant_type="client_credentials")
    assert (token["token_type"], token["scope"]) == ("Bearer", "pets.read")
    with HttpxClient("batch", world.secrets["batch"], scope="pets.write", trust_env=False) as client:
        token = client.fetch_token(endpoint, grant_type="client_credentials")
    assert token["scope"] == "pets.write"


def test_a_refusal_is_understood(world, metadata):
    wrong = OAuth2Session("batch", "wrong", scope="pets.read")
    with pytest.raises(OAuthError, match="invalid_client"):
        wrong.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")
    above = session(world, "batch", scope="sales_order.read_all")
    with pytest.raises(OAuthError, match="invalid_scope"):
        above.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")


@pytest.mark.parametrize("client", ["shop", "sealed-shop"])
def test_a_customers_token_is_refreshed(world, metadata, client):
    """Refresh tokens rotate; one that was lost on the way may be asked for again, one of long ago not."""
    shop, endpoint = session(world, client), metadata["token_endpoint"]
    credentials = {"username": "dana", "password": world.passwords["dana"]}
    first = shop.fetch_token(endpoint, grant_type="password", scope="sales_order.read", **credentials)
    second = shop.refresh_token(endpoint, refresh_token=first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    again = shop.refresh_token(endpoint, refresh_token=first["refresh_token"])
    assert again["refresh_token"] == second["refresh_token"]
    third = shop.refresh_token(endpoint, refresh_token=second["refresh_token"])
    for token in [first, third]:
        told = session(world, "orders-api").introspect_token(
            metadata["introspection_endpoint"], token=token["access_token"]
        )
        told = told.json()
        assert (told["client_id"], told["scope"]) == (client, "sales_order.read")
        assert told["sub"] not in (client, "dana"), "an id that is never given to another"
        assert told["username"] == "dana", "resource servers that know people by name ask for it"
    for stale in [first, third]:
        # The reuse of the first ends everything that came of it.
        with pytest.raises(OAuthError, match="invalid_grant"):
            shop.refresh_token(endpoint, refresh_token=stale["refresh_token"])


@pytest.mark.parametrize("client", ["batch", "sealed"])
def test_introspection_and_revocation(world, metadata, client):
    """Of a JWT, and of a token that only the server can read."""
    api = session(world, "pets-api")
    owner = session(world, client, scope="pets.read")
    token = owner.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")["access_token"]
    introspect = lambda who: who.introspect_token(metadata["introspection_endpoint"], token=token).json()
    told = introspect(api)
    assert told["active"] is True
    assert (told["client_id"], told["scope"], told["iss"]) == (client, "pets.read", world.server.issuer)
    # Whose business it is not learns nothing: SEC-103.
    assert introspect(session(world, "orders-api")) == {"active": False}
    answer = owner.revoke_token(metadata["revocation_endpoint"], token=token)
    assert answer.status_code == 200
    assert introspect(api) == {"active": False}


def generated(kind):
    if kind == "ES256":
        return ECKey.import_key(ec.generate_private_key(ec.SECP256R1()))
    return RSAKey.import_key(rsa.generate_private_key(public_exponent=65537, key_size=2048))


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
def test_sec_057_private_key_jwt(world, metadata, algorithm):
    """With an assertion for the issuer that lives shortly; Authlib's own default, for the token endpoint
    and an hour, is refused."""
    key, name = generated(algorithm), f"authlib-{algorithm.lower()}"
    public = {**key.as_dict(private=False), "kid": name, "alg": algorithm, "use": "sig"}
    method = {"auth_method": "private_key_jwt", "jwks": {"keys": [public]}}
    assert world.make_client(name, {**MODERN, **method, "scopes": ["pets.read"]}) is None

    def token(**claims):
        client = OAuth2Session(name, key, scope="pets.read", token_endpoint_auth_method="private_key_jwt")
        client.register_client_auth_method(PrivateKeyJWT(claims=claims, headers={"kid": name}, alg=algorithm))
        return client.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")

    soon = int(time.time()) + 60
    assert token(aud=world.server.issuer, exp=soon)["scope"] == "pets.read"
    for claims in [{}, {"aud": world.server.issuer}, {"exp": soon}]:
        with pytest.raises(OAuthError, match="invalid_client"):
            token(**claims)
