"""The modules of the profiles Basic, Implicit, Hybrid and Form Post. Names and contents follow the suite."""

import time
import urllib.parse

from conformance import checks
from conformance.party import unsigned

MODULES = {}

NEEDS_A_PAGE = ("login_required", "interaction_required", "account_selection_required", "consent_required")


def module(name):
    def keep(function):
        MODULES[name] = function
        return function
    return keep


@module("oidcc-server")
@module("oidcc-server-client-secret-post")
def server(play):
    answered = play.flow()
    play.person(answered)
    if "access_token" in answered.params:
        checks.is_json(play.userinfo(answered.params["access_token"]), 200)


@module("oidcc-response-type-missing")
def response_type_missing(play):
    params = play.params(response_type=None)
    browser = play.browser.open(play.address(params))
    if browser.left:
        said = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(browser.left).query))
        checks.authorization_error(play.op, said, params["state"], "invalid_request", "unsupported_response_type")
    elif browser.has("form-post"):
        said = play._params(browser, params["redirect_uri"])
        checks.authorization_error(play.op, said, params["state"], "invalid_request", "unsupported_response_type")
    else:
        checks.error_page(browser, "response_type")


@module("oidcc-idtoken-signature")
def id_token_signature(play):
    answered = play.flow()
    for text in [answered.params.get("id_token"), getattr(answered, "bought", {}).get("id_token")]:
        if text:
            said, _ = checks.jwt_of(play.op, text)
            assert said["kid"]


@module("oidcc-idtoken-unsigned")
def id_token_unsigned(play):
    """Only where every ID token comes from the token endpoint; the suite leaves it out otherwise."""
    assert "none" in play.op.metadata["id_token_signing_alg_values_supported"]
    play.use(id_token_signed_response_alg="none")
    bought = play.redeem(play.ask())
    header, payload, signature = bought["id_token"].split(".")
    assert not signature and checks.json.loads(checks.jws.base64url_decode(header))["alg"] == "none"
    claims = checks.json.loads(checks.jws.base64url_decode(payload))
    assert claims["iss"] == play.op.issuer and claims["aud"] == play.client.id


@module("oidcc-userinfo-get")
def userinfo_get(play):
    play.person(play.flow())


@module("oidcc-userinfo-post-header")
def userinfo_post_header(play):
    play.person(play.flow(), method="POST")


@module("oidcc-userinfo-post-body")
def userinfo_post_body(play):
    play.person(play.flow(), how="body")


@module("oidcc-ensure-request-without-nonce-succeeds-for-code-flow")
def no_nonce(play):
    assert "nonce" not in play.flow(nonce=False).claims


@module("oidcc-ensure-request-without-nonce-fails")
def no_nonce_fails(play):
    answered = play.ask(nonce=False)
    checks.authorization_error(play.op, answered.params, answered.state, "invalid_request")


def scope(*names):
    def asked(play):
        scopes = ("openid", *names)
        answered = play.flow(scope=" ".join(scopes), beyond=[c for name in names for c in checks.CLAIMS[name]])
        said = play.person(answered, scopes)
        user = play.op.user
        if "email" in names:
            assert (said["email"], said["email_verified"]) == (user["email"], user["email_verified"])
        if "address" in names:
            assert said["address"] == user["person"]["address"]
    return asked


for each in checks.CLAIMS:
    module(f"oidcc-scope-{each}")(scope(each))
module("oidcc-scope-all")(scope(*checks.CLAIMS))


@module("oidcc-ensure-other-scope-order-succeeds")
def other_scope_order(play):
    beyond = checks.CLAIMS["email"]
    play.person(play.flow(scope="email openid", beyond=beyond), ("openid", "email"))


@module("oidcc-display-page")
def display_page(play):
    play.flow(display="page")


@module("oidcc-display-popup")
def display_popup(play):
    play.flow(display="popup")


@module("oidcc-prompt-login")
def prompt_login(play):
    first = play.flow()
    time.sleep(1.1)
    second = play.flow(prompt="login")
    assert "login" in second.pages, second.pages
    same_person(first, second)
    if "auth_time" in first.claims and "auth_time" in second.claims:
        assert second.claims["auth_time"] > first.claims["auth_time"]


@module("oidcc-prompt-none-not-logged-in")
def prompt_none_not_logged_in(play):
    answered = play.ask(prompt="none")
    assert not answered.pages
    checks.authorization_error(play.op, answered.params, answered.state, *NEEDS_A_PAGE)
    assert answered.params["error"] == "login_required"


@module("oidcc-prompt-none-logged-in")
def prompt_none_logged_in(play):
    first = play.flow()
    second = play.flow(prompt="none")
    assert not second.pages
    same_person(first, second)
    assert second.claims.get("auth_time") == first.claims.get("auth_time")


@module("oidcc-max-age-1")
def max_age_1(play):
    first = play.flow()
    time.sleep(1.6)
    second = play.flow(max_age=1)
    assert "login" in second.pages, second.pages
    same_person(first, second)
    assert second.claims["auth_time"] > first.claims.get("auth_time", 0)
    assert time.time() - second.claims["auth_time"] < 60


@module("oidcc-max-age-10000")
def max_age_10000(play):
    first = play.flow(max_age=15000)
    time.sleep(1.1)
    second = play.flow(max_age=10000)
    assert not second.pages, second.pages
    same_person(first, second)
    assert second.claims["auth_time"] == first.claims["auth_time"]


def same_person(first, second):
    assert first.claims["sub"] == second.claims["sub"]


@module("oidcc-ensure-request-with-unknown-parameter-succeeds")
def unknown_parameter(play):
    play.flow(extra="foobar")


@module("oidcc-id-token-hint")
def id_token_hint(play):
    first = play.flow()
    text = first.params.get("id_token") or first.bought["id_token"]
    second = play.flow(prompt="none", id_token_hint=text)
    assert not second.pages
    same_person(first, second)


@module("oidcc-login-hint")
def login_hint(play):
    play.flow(login_hint="buffy@localhost")


@module("oidcc-ui-locales")
def ui_locales(play):
    play.flow(ui_locales="se")


@module("oidcc-claims-locales")
def claims_locales(play):
    play.flow(claims_locales="se")


@module("oidcc-ensure-request-with-acr-values-succeeds")
def acr_values(play):
    answered = play.flow(acr_values="1 2")
    assert answered.claims["acr"] in ("1", "2")


@module("oidcc-codereuse")
def code_reuse(play):
    answered = play.flow()
    checks.token_error(play.client.token(play.code_form(answered)), "invalid_grant")


@module("oidcc-codereuse-30seconds")
def code_reuse_after_30_seconds(play):
    """The code was spent when the tests began: half a minute is over by now, or nearly."""
    answered, spent = play.begun or spend(play)
    checks.is_json(play.userinfo(answered.token), 200)
    time.sleep(max(0.0, spent + 30 - time.monotonic()))
    checks.token_error(play.client.token(play.code_form(answered)), "invalid_grant")
    over = play.userinfo(answered.token)
    assert 400 <= over.status < 500, "what the code bought ends with its second use"
    assert "invalid_token" in checks.header(over, "WWW-Authenticate")


def spend(play):
    return play.flow(), time.monotonic()


@module("oidcc-ensure-registered-redirect-uri")
def registered_redirect_uri(play):
    params = play.params(redirect_uri=play.party.at("/callback/not-registered"))
    checks.error_page(play.browser.open(play.address(params)), "redirect_uri")


@module("oidcc-ensure-post-request-succeeds")
def post_request(play):
    """A form of the client's page: another origin."""
    params = play.params()
    play.browser.origin = play.party.home
    play.browser.post(play.op.metadata["authorization_endpoint"], list(params.items()))
    play.browser.origin = None
    play.person(play.complete(play.follow(play.browser, params)))


@module("oidcc-claims-essential")
def claims_essential(play):
    place = "id_token" if play.kind == "id_token" else "userinfo"
    claims = checks.json.dumps({place: {"name": {"essential": True}}})
    answered = play.flow(claims=claims, beyond=["name"])
    if answered.token is None:
        said = answered.claims
    else:
        said = checks.is_json(play.userinfo(answered.token), 200)
    assert said["name"] == play.op.user["display_name"]
    checks.claims_of_scopes({name: value for name, value in said.items() if name != "name"}, ["openid"])


@module("oidcc-ensure-request-with-valid-pkce-succeeds")
def pkce(play):
    verifier, challenge = play.pkce()
    answered = play.ask(**challenge)
    play.complete(answered, code_verifier=verifier)
    answered = play.ask(**challenge)
    play.complete(answered, redeem=False)
    checks.token_error(play.client.token(play.code_form(answered, code_verifier="x" * 43)), "invalid_grant")


@module("oidcc-refresh-token")
def refresh_token(play):
    """And another client's refresh token is worth nothing."""
    if play.variant.get("dynamic", True):
        grants = [*play.request()["grant_types"], "refresh_token"]
        clients = [play.registered(grant_types=grants), play.registered(grant_types=grants)]
        play._client = clients[0]
    else:
        clients = [play.client, play.static("second")]
    wants = {"scope": "openid offline_access", "prompt": "consent"}
    for client in clients:
        first = play.flow(client=client, **wants)
        time.sleep(1.1)
        refreshed(play, client, first)
    stolen = {"grant_type": "refresh_token", "refresh_token": first.bought["refresh_token"]}
    checks.token_error(clients[0].token(stolen), "invalid_grant")


def refreshed(play, client, first):
    """OIDC Core §12.2."""
    form = {"grant_type": "refresh_token", "refresh_token": first.bought["refresh_token"],
            "scope": "openid offline_access"}
    again = checks.token_answer(client.token(form))
    assert again["access_token"] != first.bought["access_token"]
    first.bought["refresh_token"] = again.get("refresh_token", first.bought["refresh_token"])
    checks.is_json(play.userinfo(again["access_token"]), 200)
    before = first.claims
    _, claims = checks.jwt_of(play.op, again["id_token"])
    for name in ["iss", "sub", "aud", "auth_time", "azp"]:
        assert claims.get(name) == before.get(name), name
    assert claims["iat"] > before["iat"]
    assert "nonce" not in claims or claims["nonce"] == before["nonce"]
    return again


# Request objects, unsigned: clients of a tenant that asks for them (trap 44).


def beside(params, **more):
    """What has to stand outside as well (OIDC Core §6.1)."""
    return {name: params[name] for name in ["client_id", "scope", "response_type", "redirect_uri"]} | more


def by_reference(play, registered, compact_of):
    """Registers an address, puts the object there, and sends only that."""
    path = f"/requesturi/{time.time_ns()}"
    play.use(request_uris=[play.party.at(path)], **registered)
    params = play.params()
    play.party.publish(path, compact_of(params), "application/jose")
    outside = beside(params, request_uri=play.party.at(path))
    play.browser.open(play.address(outside))
    play.person(play.complete(play.follow(play.browser, params)))
    play.party.wait_for(path)


@module("oidcc-request-uri-unsigned")
@module("oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported")
def request_uri_unsigned(play):
    by_reference(play, {}, unsigned)


def by_value(play, params, **outside):
    claims = {**params, "aud": play.op.issuer, "iss": play.client.id}
    play.browser.open(play.address({**beside(params), "request": unsigned(claims), **outside}))
    play.person(play.complete(play.follow(play.browser, params)))


@module("oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported")
def unsigned_request_object(play):
    assert "none" in play.op.metadata["request_object_signing_alg_values_supported"]
    by_value(play, play.params())


@module("oidcc-ensure-request-object-with-redirect-uri")
def request_object_with_redirect_uri(play):
    by_value(play, play.params(), redirect_uri=play.party.at("/callback/wrong"))
