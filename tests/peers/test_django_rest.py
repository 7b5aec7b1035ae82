"""Django OAuth Toolkit behind Django REST framework as the API of a campus: the checks of resource
servers. It keeps what it heard about a token, so every refusal is that of a token it never saw."""

import time
import uuid

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from campus import GROUP_CLAIM, GROUP_SCOPE, sign_in_of_cora, token_of_cora
from django_api import as_campus_api, call, status
from neighbours import Relay
from server import basic, fetch, free_port

SLA = "demo-sla-gold"


def machine(campus, scope=f"auth-none {SLA} read", client="campus-batch"):
    return campus.client_credentials(client, scope)


def introspected(campus, token):
    headers = {"Authorization": basic("campus-api", campus.secrets["campus-api"])}
    url = f"{campus.server.issuer}/oauth2/introspect"
    answer = fetch(url, form={"token": token}, headers=headers)
    assert answer.status == 200, answer.text
    return answer.json()


def is_refused_as_invalid(answer):
    return answer.status_code == 401 and 'error="invalid_token"' in answer["WWW-Authenticate"]


def test_campus_c03_a_machine_is_refused_where_somebody_has_to_be_signed_in(campus, site):
    person, batch = token_of_cora(campus, f"auth-campus {SLA} read"), machine(campus)
    with as_campus_api(campus):
        assert call(site, person, "/courses").json() == {"user": "cora"}
        assert call(site, batch, "/courses").json() == {"user": None}
        assert call(site, person, "/my-courses").json() == {"user": "cora"}
        assert status(site, machine(campus), "/my-courses") == 403
        assert "username" not in introspected(campus, batch)


def test_campus_c04_a_token_without_the_scope_of_the_service_level_is_refused(campus, site):
    person, batch = token_of_cora(campus), machine(campus, "auth-none read")
    with as_campus_api(campus):
        assert status(site, person, "/courses") == 403
        assert status(site, batch, "/courses") == 403
        # Nor is one scope of each alternative enough.
        assert status(site, machine(campus, f"auth-none {SLA}"), "/courses") == 403
        assert status(site, machine(campus), "/courses") == 200


def test_campus_c05_a_method_that_is_not_in_the_table_is_refused(campus, site):
    token = machine(campus, f"auth-none {SLA} read update")
    with as_campus_api(campus):
        assert call(site, token, "/courses", "PATCH").status_code == 403
        assert call(site, token, "/courses").status_code == 200


def test_campus_c07_an_expired_token_is_inactive_at_once_and_exp_is_a_whole_number(campus, site):
    scope = f"auth-none {SLA} read"
    seen, unseen = (machine(campus, scope, "campus-fleeting") for _ in range(2))
    with as_campus_api(campus):
        assert status(site, seen, "/courses") == 200
        said = introspected(campus, seen)
        assert type(said["exp"]) is int and type(said["iat"]) is int
        assert said["exp"] - said["iat"] == 4
        # Both are within a second of each other; a clock that is a second off finds nothing alive.
        time.sleep(max(0, said["exp"] + 1 - time.time()))
        for token in [seen, unseen]:
            assert introspected(campus, token) == {"active": False}
            assert is_refused_as_invalid(call(site, token, "/courses"))


def test_campus_c08_no_id_and_no_secret_can_be_read_in_two_ways(campus, site):
    """Django sends both as they are, and splits nothing."""
    url = f"{campus.server.issuer}/api/v1/clients"
    headers = {"Authorization": f"Bearer {campus.server.token}"}
    own = {"auth_method": "client_secret_basic", "grant_types": ["client_credentials"]}
    refused = fetch(url, json_body={"id": "rs:x", **own}, headers=headers)
    assert (refused.status, refused.json()["errors"][0]["pointer"]) == (400, "/id"), refused.text
    # Secrets are made here and never chosen, neither an odd one nor any other.
    for chosen in ["p$w=&x", "pé%w", "plain"]:
        body = {"id": "rs-x", "client_secret": chosen, **own}
        assert fetch(url, json_body=body, headers=headers).status == 400, chosen
    made = [secret for secret in campus.secrets.values() if secret]
    assert made and all(secret.isascii() and secret.replace("_", "").replace("-", "").isalnum() for secret in made)
    # Whatever Django is told to send is only a wrong secret.
    for wrong in ["p$w=&x", "pé%w", "%zz", ""]:
        credentials = {"RESOURCE_SERVER_INTROSPECTION_CREDENTIALS": ("campus-api", wrong)}
        with as_campus_api(campus, **credentials):
            assert is_refused_as_invalid(call(site, machine(campus), "/courses")), wrong


def test_campus_c11_a_revocation_is_heard_when_what_was_kept_is_over(campus, site):
    """It asks once and believes that for as long as it is set to, whatever happens to the token"""
    with Relay(campus.server.issuer) as relay:
        through = {"RESOURCE_SERVER_INTROSPECTION_URL": f"{relay.url}/oauth2/introspect"}
        token = machine(campus)
        with as_campus_api(campus, **through):
            assert status(site, token, "/courses") == 200
            campus.revoke("campus-batch", token)
            assert status(site, token, "/courses") == 200
            assert relay.seen == ["/oauth2/introspect"]
        token = machine(campus)
        relay.seen.clear()
        with as_campus_api(campus, RESOURCE_SERVER_TOKEN_CACHING_SECONDS=1, **through):
            assert status(site, token, "/courses") == 200
            campus.revoke("campus-batch", token)
            time.sleep(1.2)
            assert is_refused_as_invalid(call(site, token, "/courses"))
            assert relay.seen == ["/oauth2/introspect"] * 2


def test_campus_c12_introspection_never_answers_with_a_redirect(campus):
    """Nor where the issuer is https and a proxy says that the request was not"""
    issuer = "https://sso.campus.example.org"
    body = {"name": "proxied", "issuer": issuer, "hosts": [], "enabled": True}
    campus.server.api("POST", "/tenants", body)
    token = machine(campus)
    right = {"Authorization": basic("campus-api", campus.secrets["campus-api"])}
    hosts = [{}, {"Host": "sso.campus.example.org"}, {"Host": "nowhere.example.org"}]
    proxied = [{}, {"X-Forwarded-Proto": "http"}, {"X-Forwarded-Proto": "https", "X-Forwarded-Port": "443"}]
    seen = set()
    for path in ["/oauth2/introspect", "/oauth2/introspect/", "//oauth2/introspect", "/oauth2/introspect?a=b"]:
        for headers in [{**h, **p, **c} for h in hosts for p in proxied for c in [{}, right]]:
            for method in ["POST", "GET"]:
                form = {"token": token} if method == "POST" else None
                answer = fetch(campus.server.issuer + path, method, form=form, headers=headers)
                assert not 300 <= answer.status < 400, (method, path, headers, answer.status)
                assert answer.headers.get("Location") is None
                seen.add(answer.status)
    assert {200, 401, 404, 405} <= seen, seen


@pytest.mark.parametrize("named", ["the issuer", "the introspection endpoint"])
def test_campus_c12a_an_assertion_of_the_resource_server_is_accepted_once(campus, site, named):
    """As the toolkit's main branch signs it; no release does so far, and when the pinned one does, it
    takes the place of these lines"""
    from oauth2_provider.settings import DEFAULTS

    assert not [name for name in DEFAULTS if "INTROSPECTION_JWT" in name]
    endpoint = f"{campus.server.issuer}/oauth2/introspect"
    audience = campus.server.issuer if named == "the issuer" else endpoint
    key, client = ECKey.generate_key("P-256"), f"campus-signs-{uuid.uuid4()}"
    body = {
        "id": client,
        "auth_method": "private_key_jwt",
        "jwks": {"keys": [{**key.as_dict(private=False), "kid": "1", "alg": "ES256", "use": "sig"}]},
        "grant_types": ["client_credentials"],
        "audiences": [campus.server.issuer],
        "compat": {"introspection_no_audience": True},
    }
    if audience == endpoint:
        body["compat"]["assertion_audience"] = True
    campus.server.api("POST", "/clients", body)
    now = int(time.time())
    claims = {"iss": client, "sub": client, "aud": audience, "jti": str(uuid.uuid4())}
    claims |= {"iat": now, "nbf": now, "exp": now + 60}
    form = {
        "token": machine(campus),
        "client_id": client,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": "ES256"}, claims, key),
    }
    first, replayed = fetch(endpoint, form=form), fetch(endpoint, form=form)
    assert first.status == 200 and first.json()["active"] is True, first.text
    assert (replayed.status, replayed.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("kind", ["batch", "web"])
def test_campus_c13_a_token_is_kept_whole_however_long_it_is(campus, site, kind):
    """Reference tokens carry what they say, sealed, and so are longer than what the toolkit kept
    before version 3 (255 characters)"""
    from oauth2_provider.models import AccessToken

    for client in [f"campus-{kind}", f"campus-sealed-{kind}"]:
        scope = f"{SLA} read"
        if kind == "batch":
            token = machine(campus, f"auth-none {scope}", client)
        else:
            token = token_of_cora(campus, f"auth-campus {scope}", client)
        # When they get shorter, `docs/divergences.md` has to say so.
        assert 255 < len(token) < 1024, client
        with as_campus_api(campus):
            assert status(site, token, "/courses") == 200
            assert AccessToken.objects.get().token == token
    assert AccessToken._meta.get_field("token").max_length is None


def test_campus_c14_nobody_gets_in_while_the_server_cannot_be_asked(campus, site):
    closed = f"http://127.0.0.1:{free_port()}/oauth2/introspect"
    with as_campus_api(campus, RESOURCE_SERVER_INTROSPECTION_URL=closed):
        assert is_refused_as_invalid(call(site, machine(campus), "/courses"))


def test_campus_c20_an_application_and_an_api_find_a_group_among_the_words_of_the_claim(campus, site):
    """In the `id_token` and at UserInfo, which the API asks with the token that it got"""
    scope = f"openid auth-campus {SLA} read"
    told = sign_in_of_cora(campus, f"{scope} {GROUP_SCOPE}")
    keys = KeySet.import_key_set(fetch(f"{campus.server.issuer}/oauth2/jwks").json())
    id_token = jwt.decode(told["id_token"], keys, algorithms=["RS256"]).claims
    assert id_token[GROUP_CLAIM] == "demo_d_demo2 demo_d_other"
    with as_campus_api(campus):
        assert status(site, told["access_token"], "/demo-courses") == 200
        assert status(site, token_of_cora(campus, scope), "/demo-courses") == 403, "no such claim"
        assert status(site, machine(campus), "/demo-courses") == 403
