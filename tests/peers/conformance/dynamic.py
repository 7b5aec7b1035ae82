"""The modules of the profiles Dynamic, Config and Third-Party-Initiated Login."""

import time

from conformance import checks
from conformance.core import by_reference, module, refreshed
from conformance.party import public_set

QUERY = "/callback?dummy1=lorem&dummy2=ipsum"


@module("oidcc-discovery-endpoint-verification")
def discovery(play):
    said = checks.metadata(play.op)
    assert said == play.op.metadata
    checks.jwks(play.op)


@module("oidcc-idtoken-rs256")
def id_token_rs256(play):
    play.use(id_token_signed_response_alg="RS256")
    answered = play.flow()
    text = answered.params.get("id_token") or answered.bought["id_token"]
    assert checks.jwt_of(play.op, text)[0]["alg"] == "RS256"


@module("oidcc-userinfo-rs256")
def userinfo_rs256(play):
    play.use(userinfo_signed_response_alg="RS256")
    answered = play.flow()
    answer = play.userinfo(answered.token)
    assert answer.status == 200 and checks.header(answer, "Content-Type").split(";")[0] == "application/jwt"
    _, said = checks.jwt_of(play.op, answer.text)
    aud = said["aud"] if isinstance(said["aud"], list) else [said["aud"]]
    assert said["iss"] == play.op.issuer and play.client.id in aud and "nonce" not in said
    assert said["sub"] == answered.claims["sub"]


@module("oidcc-ensure-redirect-uri-in-authorization-request")
def redirect_uri_missing(play):
    play.use(redirect_uris=[play.party.at("/callback"), play.party.at(QUERY)])
    checks.error_page(play.browser.open(play.address(play.params(redirect_uri=None))), "redirect_uri")
    alone = play.use()
    params = play.params(redirect_uri=None, client=alone)
    checks.error_page(play.browser.open(play.address(params)), "redirect_uri")


@module("oidcc-redirect-uri-query-OK")
def query_ok(play):
    play.use(redirect_uris=[play.party.at(QUERY)])
    play.person(play.flow())


@module("oidcc-redirect-uri-query-mismatch")
def query_mismatch(play):
    play.use(redirect_uris=[play.party.at(QUERY)])
    for other in ["/callback?dummy1=lorem&dummy2=other", "/callback?dummy2=ipsum&dummy1=lorem", "/callback"]:
        params = play.params(redirect_uri=play.party.at(other))
        checks.error_page(play.browser.open(play.address(params)), "redirect_uri")


@module("oidcc-redirect-uri-query-added")
def query_added(play):
    for more in ["?dummy1=lorem", "?", "#f"]:
        params = play.params(redirect_uri=play.party.at("/callback" + more))
        checks.error_page(play.browser.open(play.address(params)), "redirect_uri")


@module("oidcc-redirect-uri-regfrag")
def registered_fragment(play):
    refused(play, "invalid_redirect_uri", redirect_uris=[play.party.at("/callback#foobar")])


def refused(play, *codes, **metadata):
    """RFC 7591 §3.2.2."""
    answer = play.register(play.request(**metadata))
    said = checks.is_json(answer, 400)
    checks.is_private(answer)
    assert said["error"] in codes, said
    checks.error_text(said.get("error_description", ""))
    assert "client_id" not in said


@module("oidcc-registration-logo-uri")
def logo_uri(play):
    page_with(play, "logo_uri", play.party.at("/logo.png"))


@module("oidcc-registration-policy-uri")
def policy_uri(play):
    page_with(play, "policy_uri", play.party.at("/policy.html"))


@module("oidcc-registration-tos-uri")
def tos_uri(play):
    page_with(play, "tos_uri", play.party.at("/tos.html"))


def page_with(play, member, uri):
    """The suite wants pictures of the pages: sign-in and consent both show it."""
    play.use(**{member: uri})
    params = play.params()
    browser = play.browser.open(play.address(params))
    mark = f'src="{uri}"' if member == "logo_uri" else f'href="{uri}"'
    for page in ["login-form", "consent-form"]:
        assert browser.has(page), browser.words()
        assert mark in browser.page, f"{member} is not on the page with {page}"
        policy = checks.header(browser, "Content-Security-Policy")
        assert member != "logo_uri" or play.party.home in policy, policy
        if page == "login-form":
            assert play.request()["client_name"] in browser.words()
            browser.sign_in(play.op.user["name"], play.op.password)
    play.person(play.complete(play.follow(browser, params)))


@module("oidcc-registration-jwks-uri")
def jwks_uri(play):
    key, path = play.party.key("first"), f"/jwks/{time.time_ns()}"
    uri = play.party.publish(path, public_set(key))
    play.use(jwks=None, jwks_uri=uri, key=key)
    play.person(play.flow())
    if "code" in play.kinds:
        play.party.wait_for(path)


@module("oidcc-registration-sector-uri")
def sector_uri(play):
    """And the name of the person is the sector's, not the client's."""
    path = f"/sector/{time.time_ns()}"
    uri = play.party.publish(path, [play.party.at("/callback"), play.party.at("/other")])
    subjects = []
    for _ in range(2):
        play.use(sector_identifier_uri=uri, subject_type="pairwise")
        answered = play.flow()
        play.person(answered)
        subjects.append(answered.claims["sub"])
    play.party.wait_for(path)
    assert subjects[0] == subjects[1]
    play.use(subject_type="public")
    assert play.flow().claims["sub"] != subjects[0]


@module("oidcc-registration-sector-bad")
def sector_bad(play):
    codes = ("invalid_client_metadata", "invalid_redirect_uri")
    uri = play.party.publish("/sector/bad", [play.party.at("/not-the-callback")])
    refused(play, *codes, sector_identifier_uri=uri)
    for document in [{}, [1], "nonsense"]:
        uri = play.party.publish("/sector/bad", document)
        refused(play, *codes, sector_identifier_uri=uri)


@module("oidcc-server-rotate-keys")
def rotate_keys(play):
    """As docs/conformance.md says, while it runs."""
    before = {key["kid"] for key in checks.jwks(play.op)["keys"]}
    old = play.flow()
    text = old.params.get("id_token") or old.bought["id_token"]
    answer = play.op.fetch(f"{play.op.issuer}/api/v1/keys", json_body={"alg": "RS256", "ahead_seconds": 0},
                           headers=play.op.administrator())
    assert answer.status == 201, answer.text
    after = {key["kid"] for key in checks.jwks(play.op)["keys"]}
    assert before < after, "the old key stays, and there is a new one"
    checks.jwt_of(play.op, text)
    new = play.flow()
    text = new.params.get("id_token") or new.bought["id_token"]
    assert checks.jwt_of(play.op, text)[0]["kid"] in after - before, "the new key signs"
    hinted = play.flow(prompt="none", id_token_hint=old.params.get("id_token") or old.bought["id_token"])
    assert not hinted.pages, "what the old key signed is still known"


@module("oidcc-refresh-token-rp-key-rotation")
def party_key_rotation(play):
    """The suite waits a minute before it uses the new key; here it is used at once, a moment after the old one."""
    old, new, path = play.party.key("old"), play.party.key("new"), f"/jwks/{time.time_ns()}"
    uri = play.party.publish(path, public_set(old))
    grants = [*play.request()["grant_types"], "refresh_token"]
    client = play.use(jwks=None, jwks_uri=uri, key=old, grant_types=grants)
    first = play.flow(scope="openid offline_access", prompt="consent")
    play.party.publish(path, public_set(new))
    # The set is not fetched more often than every five seconds because of an unknown key.
    time.sleep(5.5)
    client.key = new
    refreshed(play, client, first)
    play.party.wait_for(path, 2)
    client.key = old
    form = {"grant_type": "refresh_token", "refresh_token": first.bought["refresh_token"]}
    checks.token_error(client.token(form), "invalid_client")


@module("oidcc-request-uri-signed-rs256")
def request_uri_signed(play):
    """As the suite signs it: with iss and aud, and without exp."""
    def signed(params):
        return play.client.signed({**params, "aud": play.op.issuer, "iss": play.client.id})
    by_reference(play, {"request_object_signing_alg": "RS256"}, signed)


@module("oidcc-ensure-client-assertion-with-iss-aud-succeeds")
def assertion_for_the_issuer(play):
    if "code" not in play.kinds:
        play.flow()
        return
    answered = play.ask()
    checks.token_answer(play.client.token(play.code_form(answered), audience=play.op.issuer))
    answered = play.ask()
    endpoint = play.op.metadata["token_endpoint"]
    checks.token_answer(play.client.token(play.code_form(answered), audience=[play.op.issuer, endpoint]))
    answered = play.ask()
    for wrong in ["https://elsewhere.example", [], endpoint + "/"]:
        checks.token_error(play.client.token(play.code_form(answered), audience=wrong), "invalid_client")


@module("oidcc-3rd_party-init-login")
def initiate_login(play):
    uri = play.party.at("/initiate_login")
    made = play.use(initiate_login_uri=uri).made
    token = {"Authorization": f"Bearer {made['registration_access_token']}"}
    said = checks.is_json(play.op.fetch(made["registration_client_uri"], headers=token), 200)
    assert said["initiate_login_uri"] == uri and said["client_id"] == made["client_id"]


@module("oidcc-3rd_party-init-login-nonhttps")
def initiate_login_without_tls(play):
    refused(play, "invalid_client_metadata", initiate_login_uri=play.party.at("/x").replace("https:", "http:"))
