"""Our tokens, verified by the JOSE libraries of others from nothing but our JWKS."""

import json

import joserfc.jwk
import joserfc.jwt
import jwcrypto.jwk
import jwcrypto.jwt
import jwt
import pytest

from server import basic, fetch
from world import ALGORITHMS


def token_signed_with(world, algorithm):
    client = f"signed-{algorithm.lower()}"
    answer = fetch(
        f"{world.server.issuer}/oauth2/token",
        form={"grant_type": "client_credentials", "scope": "pets.read"},
        headers={"Authorization": basic(client, world.secrets[client])},
    )
    assert answer.status == 200, answer.text
    token = answer.json()["access_token"]
    header = jwt.get_unverified_header(token)
    assert (header["alg"], header["typ"]) == (algorithm, "at+jwt")
    return client, token


@pytest.fixture
def jwks(world):
    return fetch(f"{world.server.issuer}/oauth2/jwks")


def check(world, client, claims):
    assert claims["iss"] == world.server.issuer
    assert claims["aud"] == "https://pets.example.org"
    assert claims["client_id"] == claims["sub"] == client
    assert claims["scope"] == "pets.read"
    assert claims["jti"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_pyjwt_verifies_our_tokens(world, algorithm):
    client, token = token_signed_with(world, algorithm)
    keys = jwt.PyJWKClient(f"{world.server.issuer}/oauth2/jwks")
    options = {"require": ["exp", "iat", "sub", "aud", "iss", "jti"]}
    claims = jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token),
        algorithms=[algorithm],
        audience="https://pets.example.org",
        issuer=world.server.issuer,
        options=options,
    )
    check(world, client, claims)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_jwcrypto_verifies_our_tokens(world, jwks, algorithm):
    client, token = token_signed_with(world, algorithm)
    keys = jwcrypto.jwk.JWKSet.from_json(jwks.text)
    verified = jwcrypto.jwt.JWT(jwt=token, key=keys, algs=[algorithm])
    check(world, client, json.loads(verified.claims))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_joserfc_verifies_our_tokens(world, jwks, algorithm):
    client, token = token_signed_with(world, algorithm)
    keys = joserfc.jwk.KeySet.import_key_set(jwks.json())
    # The name that RFC 9864 gives it is the only one joserfc knows by default.
    verified = joserfc.jwt.decode(token, keys, algorithms=[algorithm])
    check(world, client, verified.claims)


def test_the_jwks_holds_public_keys_only(jwks):
    keys = jwks.json()["keys"]
    assert {key["alg"] for key in keys} == set(ALGORITHMS)
    for key in keys:
        assert key["use"] == "sig"
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key)
        assert not jwcrypto.jwk.JWK(**key).has_private


def test_a_changed_token_is_refused_by_all_of_them(world, jwks):
    _, token = token_signed_with(world, "ES256")
    head, body, signature = token.split(".")
    other = token_signed_with(world, "ES256")[1].split(".")[1]
    forged = f"{head}.{other}.{signature}"
    with pytest.raises(jwt.InvalidSignatureError):
        key = jwt.PyJWKClient(f"{world.server.issuer}/oauth2/jwks").get_signing_key_from_jwt(forged)
        jwt.decode(forged, key, algorithms=["ES256"], options={"verify_aud": False})
    with pytest.raises(jwcrypto.jwt.JWException):
        jwcrypto.jwt.JWT(jwt=forged, key=jwcrypto.jwk.JWKSet.from_json(jwks.text), algs=["ES256"])
    with pytest.raises(joserfc.errors.BadSignatureError):
        keys = joserfc.jwk.KeySet.import_key_set(jwks.json())
        joserfc.jwt.decode(forged, keys, algorithms=["ES256"])
