"""What has to hold of every answer. What the suite only warns of counts as a failure here."""

import json
import re
import time
import urllib.parse

from jwcrypto import jwk, jws

from conformance.party import half_hash

# What an error to the client may carry (RFC 6749 §4.1.2.1, RFC 9207, Session Management §2).
IN_AN_ERROR = {"error", "error_description", "error_uri", "state", "iss", "session_state"}
IN_AN_ANSWER = {"code", "access_token", "token_type", "expires_in", "scope", "id_token", "state", "iss",
                "session_state"}

# What an ID token says by itself: nothing about the person (OIDC Core §5.4).
OF_THE_PROTOCOL = {"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "azp", "at_hash", "c_hash",
                   "s_hash", "sid", "jti"}

CLAIMS = {
    "profile": ["name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile",
                "picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at"],
    "email": ["email", "email_verified"],
    "address": ["address"],
    "phone": ["phone_number", "phone_number_verified"],
}

LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|\d{3}))?\Z")


def header(answer, name):
    return (answer.headers.get(name) or "").strip()


def is_json(answer, status):
    assert answer.status == status, answer.text
    assert header(answer, "Content-Type").split(";")[0] == "application/json", answer.headers
    return answer.json()


def is_private(answer):
    """RFC 6749 §5.1."""
    assert "no-store" in header(answer, "Cache-Control"), answer.headers


def error_text(text):
    """RFC 6749 §5.2: the characters of a description."""
    assert all(c in " !" or "#" <= c <= "[" or "]" <= c <= "~" for c in text), text


def metadata(op):
    """OIDC Discovery §3, §4; RFC 8414 §2."""
    answer = op.fetch(f"{op.issuer}/.well-known/openid-configuration")
    said = is_json(answer, 200)
    assert said["issuer"] == op.issuer
    parts = urllib.parse.urlsplit(op.issuer)
    oauth = op.fetch(f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path}")
    assert is_json(oauth, 200) == said, "the documents of RFC 8414 and OIDC Discovery differ"
    for name, value in said.items():
        if name.endswith(("_endpoint", "_uri", "_iframe")):
            assert urllib.parse.urlsplit(value).scheme == "https", (name, value)
            assert urllib.parse.urlsplit(value).netloc == parts.netloc, (name, value)
        if name.endswith("_supported"):
            assert isinstance(value, bool if isinstance(value, bool) else list), (name, value)
    for name in ["issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri",
                 "registration_endpoint"]:
        assert said[name].startswith(op.issuer), name
    kinds = [set(kind.split(" ")) for kind in said["response_types_supported"]]
    assert all(kind in kinds for kind in [{"code"}, {"id_token"}, {"id_token", "token"}]), "OIDC Core §15.2"
    assert {"authorization_code", "implicit", "refresh_token"} <= set(said["grant_types_supported"])
    assert {"public", "pairwise"} == set(said["subject_types_supported"])
    assert "RS256" in said["id_token_signing_alg_values_supported"]
    assert "RS256" in said["userinfo_signing_alg_values_supported"]
    assert {"RS256", "none"} <= set(said["request_object_signing_alg_values_supported"])
    assert {"query", "fragment", "form_post"} <= set(said["response_modes_supported"])
    methods = {"client_secret_basic", "client_secret_post", "private_key_jwt"}
    assert methods <= set(said["token_endpoint_auth_methods_supported"])
    assert "RS256" in said["token_endpoint_auth_signing_alg_values_supported"]
    for name in ["request_parameter_supported", "request_uri_parameter_supported", "claims_parameter_supported",
                 "require_request_uri_registration", "authorization_response_iss_parameter_supported"]:
        assert said[name] is True, name
    scopes = said["scopes_supported"]
    assert {"openid", "offline_access", *CLAIMS} <= set(scopes)
    assert all(re.fullmatch(r"[!#-\[\]-~]+", scope) for scope in scopes)
    every = {claim for claims in CLAIMS.values() for claim in claims}
    assert every | {"sub", "iss"} <= set(said["claims_supported"])
    for name in ["ui_locales_supported", "claims_locales_supported"]:
        assert all(LANGUAGE.match(tag) for tag in said.get(name, [])), said[name]
    assert "S256" in said["code_challenge_methods_supported"]
    return said


def jwks(op):
    """RFC 7517 §4, §5; OIDC Core §10.1."""
    answer = op.fetch(op.metadata["jwks_uri"])
    said = is_json(answer, 200)
    kids = [key["kid"] for key in said["keys"]]
    assert len(set(kids)) == len(kids) and all(kids), "every key has a kid of its own"
    for key in said["keys"]:
        assert key["kty"] != "oct" and not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(key), key["kid"]
        assert key.get("use") == "sig" or key.get("alg"), key
        for member in ("n", "x", "y", "e"):
            assert re.fullmatch(r"[A-Za-z0-9_-]*", key.get(member, "")), "base64url"
        jwk.JWK(**key)
    return said


def jwt_of(op, text, alg="RS256"):
    """Header and claims of a JWT that a published key signed, the one it names."""
    token = jws.JWS()
    token.deserialize(text)
    said = json.loads(token.objects["protected"])
    assert said["alg"] == alg, said
    keys = [key for key in jwks(op)["keys"] if key["kid"] == said["kid"]]
    assert len(keys) == 1, said
    assert keys[0].get("alg", alg) == alg
    token.verify(jwk.JWK(**keys[0]), alg=alg)
    return said, json.loads(token.payload)


def id_token(op, claims, client, nonce=None, beyond=()):
    """OIDC Core §2, §3.1.3.7. `beyond` are claims that were asked for."""
    now = time.time()
    assert claims["iss"] == op.issuer
    aud = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    assert client.id in aud
    if "azp" in claims or len(aud) > 1:
        assert claims["azp"] == client.id
    assert isinstance(claims["sub"], str) and 0 < len(claims["sub"]) <= 255 and claims["sub"].isascii()
    for name in ["exp", "iat", "auth_time", "nbf"]:
        assert name not in claims or type(claims[name]) is int, name
    assert claims["exp"] > now - 5 and now - 300 < claims["iat"] <= now + 5
    assert claims.get("auth_time", 0) <= now + 5
    assert claims.get("nonce") == nonce
    assert "acr" not in claims or (isinstance(claims["acr"], str) and claims["acr"])
    assert isinstance(claims.get("amr", []), list) and all(isinstance(one, str) for one in claims.get("amr", []))
    more = set(claims) - OF_THE_PROTOCOL - set(beyond)
    assert not more, f"the ID token says more than was asked for: {more}"


def hashes(claims, access_token=None, code=None, state=None, required=()):
    """OIDC Core §3.2.2.9, §3.3.2.11."""
    for name, text in [("at_hash", access_token), ("c_hash", code), ("s_hash", state)]:
        if name in claims:
            assert text and claims[name] == half_hash(text), name
        else:
            assert name not in required, f"{name} is missing"


def token_answer(answer):
    """RFC 6749 §5.1."""
    said = is_json(answer, 200)
    is_private(answer)
    assert said["token_type"].lower() == "bearer"
    assert type(said["expires_in"]) is int and said["expires_in"] > 0
    for name in ["access_token", "refresh_token"]:
        text = said.get(name)
        assert text is None or (len(text) >= 32 and re.fullmatch(r"[A-Za-z0-9._~+/=-]+", text)), name
    return said


def token_error(answer, *codes):
    """RFC 6749 §5.2."""
    said = is_json(answer, answer.status)
    is_private(answer)
    assert said["error"] in codes, said
    allowed = (400, 401) if said["error"] == "invalid_client" else (400,)
    assert answer.status in allowed, answer.status
    error_text(said.get("error_description", ""))
    assert "access_token" not in said and "id_token" not in said
    return said


def authorization_answer(op, params, state):
    """RFC 6749 §4.1.2, §4.2.2; RFC 9207 §2."""
    assert "error" not in params, params
    assert set(params) <= IN_AN_ANSWER, set(params)
    same_state(params, state)
    assert params["iss"] == op.issuer
    assert params["session_state"] and " " not in params["session_state"]
    if "access_token" in params:
        assert params["token_type"].lower() == "bearer" and int(params["expires_in"]) > 0
        assert len(params["access_token"]) >= 32
    if "code" in params:
        assert len(params["code"]) >= 22


def authorization_error(op, params, state, *codes):
    """RFC 6749 §4.1.2.1, OIDC Core §3.1.2.6."""
    assert params.get("error") in codes, params
    assert set(params) <= IN_AN_ERROR, set(params)
    same_state(params, state)
    assert params["iss"] == op.issuer
    error_text(params.get("error_description", ""))


def same_state(params, state):
    assert params.get("state") == state, "state comes back as it was, or not at all"


def error_page(browser, *names):
    """The person stays here, and reads what is wrong."""
    assert browser.left is None and browser.status == 400, (browser.left, browser.status)
    assert browser.has("error-page"), browser.words()
    assert header(browser, "Content-Type").startswith("text/html")
    for name in names:
        assert name in browser.words(), browser.words()


def standard_claims(said):
    """OIDC Core §5.1: types, no nulls, nothing empty."""
    for name, value in said.items():
        assert value not in (None, "", [], {}), name
        if name in ("email_verified", "phone_number_verified"):
            assert isinstance(value, bool), name
        elif name == "updated_at":
            assert type(value) in (int, float), value
        elif name == "address":
            assert isinstance(value, dict) and all(isinstance(v, str) and v for v in value.values())
        elif name in {claim for claims in CLAIMS.values() for claim in claims} | {"sub"}:
            assert isinstance(value, str), name
    for name in ("profile", "picture", "website"):
        assert name not in said or urllib.parse.urlsplit(said[name]).scheme in ("http", "https")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d|\d{4}", said.get("birthdate", "2000"))
    assert LANGUAGE.match(said.get("locale", "en"))


def claims_of_scopes(said, scopes):
    """OIDC Core §5.4: the user of the deployment has every standard claim."""
    for scope in scopes:
        missing = [claim for claim in CLAIMS.get(scope, []) if claim not in said]
        assert not missing, f"the scope {scope} gives no {missing}"
    unasked = [claim for scope, claims in CLAIMS.items() if scope not in scopes for claim in claims if claim in said]
    assert not unasked, f"nobody asked for {unasked}"
