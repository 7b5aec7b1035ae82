"""The compatibility checks of STUPS, command by command, one test a number: here 1 to 21, what the server
answers. Client secrets are made by the server, so `test0:test0` is `test0` with its secret here.

Left out are, in the other file, 26 to 30, 32 to 37, 39 to 44, 49 and 50, which are about sign-in
pages, berry, mint and Kio.
"""

import json
import subprocess
import time
import uuid

import jwt

from neighbours import UpstreamTokenInfo
from server import PATIENCE, Server, basic, fetch
from stups import ask, granted, password_of, refused, token_for, tokeninfo, wait_for_the_clock


def test_check_01_a_password_grant_with_basic(world):
    """password grant, form body, Basic, realm in the query"""
    answer = ask(world)
    body = granted(answer)
    assert body["token_type"] == "Bearer"
    assert body["realm"] == "/services"
    assert type(body["expires_in"]) is int and body["expires_in"] == 28800
    assert body["scope"] == "uid"
    assert body["access_token"].count(".") == 2
    assert set(body) == {"access_token", "token_type", "expires_in", "scope", "realm"}
    assert answer.headers["Grantor-Decision-Id"], "beside the body, whose shape is fixed"
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Pragma"] == "no-cache"


def test_check_02_a_realm_without_slash(world):
    """`realm=services` is `realm=/services`"""
    with_slash, without = granted(ask(world)), granted(ask(world, query="?realm=services"))
    assert without["realm"] == with_slash["realm"] == "/services"
    assert set(without) == set(with_slash)


def guide_request(world):
    return json.dumps({**password_of(world, "stups_myapp"), "scope": "uid sales_order.read_all"})


def test_check_03_the_call_of_the_guide(world, tmp_path):
    """the guide's curl: JSON body under a form header; scope sorted"""
    (tmp_path / "request.json").write_text(guide_request(world).replace(", ", ",\n"))
    command = ["curl", "-s", "-X", "POST", "-u", f"stups_myapp:{world.secrets['stups_myapp']}"]
    url = f"{world.server.issuer}/oauth2/access_token?realm=services"
    done = subprocess.run(
        [*command, "-d", "@request.json", url], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["scope"] == "sales_order.read_all uid", done.stdout


def test_check_04_the_same_with_a_json_header(world):
    """JSON body under a JSON header"""
    headers = {"Content-Type": "application/json"}
    answer = ask(world, client="stups_myapp", data=guide_request(world).encode(), headers=headers)
    assert granted(answer)["scope"] == "sales_order.read_all uid"


def test_check_05_the_realm_from_the_host(world):
    """no realm, `Host: token.services.example.org`"""
    answer = ask(world, query="", headers={"Host": "token.services.example.org"})
    assert granted(answer)["realm"] == "/services"


def test_check_06_the_realm_in_the_form(world):
    """realm as a form field"""
    assert granted(ask(world, {"realm": "/services"}, query=""))["realm"] == "/services"


def test_check_07_the_other_path(world):
    """`/z/oauth2/access_token`"""
    assert granted(ask(world, path="/z/oauth2/access_token"))["realm"] == "/services"


def test_check_08_credentials_in_the_body_win(world):
    """client id and secret in the body beat a wrong Basic header"""
    form = {"client_id": "test0", "client_secret": world.secrets["test0"]}
    granted(ask(world, form, headers={"Authorization": basic("test0", "wrong")}))


def test_check_09_an_empty_scope_is_none(world):
    """`scope=` gives the default scopes"""
    assert granted(ask(world, {"scope": ""}))["scope"] == "uid"


def test_check_10_clients_that_are_not_known(world):
    """wrong secret 401; no or malformed Authorization 400; all `invalid_client`"""
    wrong = ask(world, headers={"Authorization": basic("test0", "wrong")})
    none = fetch(world.token_url(), form=password_of(world, "test0"))
    malformed = ask(world, headers={"Authorization": "Basic @@"})
    texts = {
        refused(wrong, 401, "invalid_client"),
        refused(none, 400, "invalid_client"),
        refused(malformed, 400, "invalid_client"),
    }
    assert texts == {"Client authentication failed"}
    assert wrong.headers["WWW-Authenticate"].startswith("Basic")


def test_check_11_users_that_are_not_known(world):
    """wrong password, unknown user, empty name: 400 `invalid_grant`, one text, similar time"""
    text = "The provided access grant is invalid, expired, or revoked."

    def seconds(form):
        start = time.monotonic()
        assert refused(ask(world, form), 400, "invalid_grant") == text
        return time.monotonic() - start

    wrong = min(seconds({"password": "wrong"}) for _ in range(3))
    unknown = min(seconds({"username": f"nobody{n}"}) for n in range(3))
    seconds({"username": ""})
    assert 1 / 3 < wrong / unknown < 3, (wrong, unknown)


def test_check_12_scopes_that_are_not_allowed(world):
    """not assigned to the user, not allowed for the client: 400 `invalid_scope` naming it"""
    for scope in ["sales_order.read_all", "pets.read"]:
        text = refused(ask(world, {"scope": f"uid {scope}"}), 400, "invalid_scope")
        assert text == f"Unknown/invalid scope(s): [{scope}]"


def test_check_13_unknown_realm_and_wrong_method(world):
    """unknown realm 400 `realm_not_found`; GET 405 with Allow"""
    assert refused(ask(world, query="?realm=/nowhere"), 400, "realm_not_found") == "/nowhere not found"
    answer = fetch(world.token_url())
    refused(answer, 405, "not_allowed")
    assert answer.headers["Allow"] == "POST"


def test_check_14_three_ways_to_ask_token_info(world, note):
    """token in query, header and form: three equal answers, each scope an attribute"""
    note("the query form only with the tenant's switch `compat_tokeninfo_query`, on here")
    token = token_for(world, "uid pets.write")
    answers = [
        fetch(f"{world.tokeninfo_url}?access_token={token}"),
        tokeninfo(world, token),
        fetch(world.tokeninfo_url, form={"access_token": token}),
    ]
    bodies = [granted(answer) for answer in answers]
    left = [body.pop("expires_in") for body in bodies]
    assert bodies[0] == bodies[1] == bodies[2]
    assert all(28800 - PATIENCE < seconds <= 28800 for seconds in left)
    assert bodies[0] == {
        "access_token": token,
        "uid": "test0",
        "realm": "/services",
        "scope": ["uid", "pets.write"],
        "pets.write": True,
        "grant_type": "password",
        "token_type": "Bearer",
    }


def test_check_15_tokens_that_are_not_valid(world):
    """no token 400 `invalid_request`; nonsense, tampered, expired 401 `invalid_token`"""
    refused(fetch(world.tokeninfo_url), 400, "invalid_request")
    refused(fetch(f"{world.tokeninfo_url}?access_token=x.y.z"), 401, "invalid_token")
    head, body, signature = token_for(world, "uid").split(".")
    other = ("A" if signature[0] != "A" else "B") + signature[1:]
    refused(tokeninfo(world, f"{head}.{body}.{other}"), 401, "invalid_token")
    refused(tokeninfo(world, f"{head}.{body}"), 401, "invalid_token")
    fleeting = granted(ask(world, client="fleeting"))
    wait_for_the_clock(jwt.decode(fleeting["access_token"], options={"verify_signature": False})["exp"])
    refused(tokeninfo(world, fleeting["access_token"]), 401, "invalid_token")


def test_check_16_opaque_tokens_of_an_older_world(tmp_path, note):
    """opaque token with a configured upstream, twice: 200, `X-Cache` MISS then HIT"""
    token = str(uuid.uuid4())
    known = {token: {"uid": "jane", "realm": "/employees", "scope": ["uid"], "expires_in": 3600}}
    with UpstreamTokenInfo(tmp_path, known) as upstream:
        outbound = f"""
            [outbound]
            allowed_hosts = ["localhost"]
            certificate_authorities = ["{upstream.certificate}"]
            """
        with Server(outbound) as server:
            tenant = server.api("GET", "/tenants")["items"][0]
            settings = {**tenant["settings"], "upstream_tokeninfo": {"url": f"{upstream.url}/oauth2/tokeninfo"}}
            body = {**{k: v for k, v in tenant.items() if k != "name"}, "settings": settings}
            server.api("PUT", f"/tenants/{tenant['name']}", body, headers={"If-Match": "*"})
            for hit in ["MISS", "HIT"]:
                told = ask_about(server, token)
                assert (told.status, told.headers["X-Cache"]) == (200, hit), told.text
                assert (told.json()["uid"], told.json()["access_token"]) == ("jane", token)
            assert upstream.asked == [token]
            assert ask_about(server, "unknown").status == 401
            # What is ours is judged here, and so is whatever looks like a JWT.
            assert ask_about(server, server.token).status == 200
            assert ask_about(server, "x.y.z").status == 401
            assert upstream.asked == [token, "unknown"]
    note("only what has not the form of a token of ours is asked about")


def ask_about(server, token):
    headers = {"Authorization": f"Bearer {token}"}
    return fetch(f"{server.issuer}/oauth2/tokeninfo", headers=headers)


def test_check_17_the_way_to_the_keys(world):
    """discovery, then its `jwks_uri`: the key of the token is there, `use` is sig"""
    token = token_for(world, "uid")
    document = granted(fetch(f"{world.server.issuer}/.well-known/openid-configuration"))
    keys = {key["kid"]: key for key in granted(fetch(document["jwks_uri"]))["keys"]}
    assert keys[jwt.get_unverified_header(token)["kid"]]["use"] == "sig"
    for path in ["/oauth2/connect/keys", "/oauth2/v3/certs"]:
        assert {key["kid"] for key in granted(fetch(world.server.issuer + path))["keys"]} == set(keys)


def test_check_18_verified_offline(world):
    """PyJWT verifies the token against the JWKS; its header is `kid` and `alg`"""
    token = token_for(world, "uid pets.write")
    key = jwt.PyJWKClient(f"{world.server.issuer}/oauth2/connect/keys").get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key, algorithms=["ES256"], issuer="B")
    assert set(jwt.get_unverified_header(token)) == {"kid", "alg"}
    assert set(claims) == {"sub", "realm", "scope", "iss", "iat", "exp"}
    assert (claims["sub"], claims["realm"]) == ("test0", "/services")
    assert claims["scope"] == ["uid", "pets.write"]
    assert claims["exp"] - claims["iat"] == 28800


def revoke(world, caller, kind, **data):
    answer = fetch(
        f"{world.server.issuer}/revocations",
        json_body={"type": kind, "data": data},
        headers={"Authorization": f"Bearer {caller}"},
    )
    assert answer.status == 201, answer.text


def test_check_19_one_token_is_revoked(world):
    """POST TOKEN: that token 401 at once, no other"""
    revoked, other = token_for(world, "uid"), token_for(world, "uid pets.write")
    revoke(world, other, "TOKEN", token=revoked)
    refused(tokeninfo(world, revoked), 401, "invalid_token")
    granted(tokeninfo(world, other))


def test_check_20_everything_of_a_user_is_revoked(world, note):
    """POST CLAIM `sub`: tokens from before 401, the next login 200"""
    note("one's own `sub`; the claims of others need the scope `grantor.revocation_write`")
    before = token_for(world, "uid")
    other = granted(ask(world, password_of(world, "stups_myapp"), client="stups_myapp"))
    wait_for_the_clock(jwt.decode(before, options={"verify_signature": False})["iat"] + 1)
    revoke(world, before, "CLAIM", claims={"sub": "test0"})
    refused(tokeninfo(world, before), 401, "invalid_token")
    granted(tokeninfo(world, token_for(world, "uid")))
    granted(tokeninfo(world, other["access_token"]))


def test_check_21_the_hashes(world):
    """the three hash vectors, in GET /revocations"""
    operator = granted(
        ask(
            world,
            {**password_of(world, "stups_myapp"), "scope": "grantor.revocation_write"},
            client="stups_myapp",
        )
    )["access_token"]
    start = int(time.time())
    revoke(world, operator, "TOKEN", token="abc.def.ghi")
    long_ago = start - 3600
    revoke(world, operator, "CLAIM", claims={"sub": "test0"}, issued_before=long_ago)
    revoke(world, operator, "CLAIM", claims={"realm": "/services", "sub": "stups_kio"})
    listed = granted(fetch(f"{world.server.issuer}/revocations?from={start - 60}"))
    hashes = {(one["type"], one["data"].get("token_hash") or one["data"]["value_hash"]) for one in listed["revocations"]}
    assert {
        ("TOKEN", "6Os3QMqS2oQ7IKT0hFdiMki_zGEagKEDP32B2krBG3o="),
        ("CLAIM", "n0IjlRXi_XQ61ivtYA_3obb1UoVrU6Ct8SVQm_iF_6I="),
        ("CLAIM", "FOLtyLMARcHtkzQF9WgfNuTOoHKiwxzCna61fZyHF0o="),
    } <= hashes
    assert listed["meta"]["MAX_TIME_DELTA"] == 2678400
