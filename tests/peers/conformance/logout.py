"""The modules of the logout profiles: RP-Initiated, Session Management, Front-Channel, Back-Channel."""

import hashlib
import secrets
import urllib.parse

from jwcrypto.common import base64url_decode, base64url_encode

from conformance import checks
from conformance.core import NEEDS_A_PAGE, module
from visitor import _Forms

EVENT = "http://schemas.openid.net/event/backchannel-logout"
AFTERWARDS = "/post_logout_redirect"


def signed_in(play, **metadata):
    """A client that is registered for a logout, and somebody who is signed in at it."""
    if play.variant.get("dynamic", True):
        play.use(post_logout_redirect_uris=[play.party.at(AFTERWARDS)], **metadata)
    answered = play.flow()
    answered.hint = answered.params.get("id_token") or answered.bought["id_token"]
    return answered


def logout_request(play, answered, **more):
    # A longer state, so that nobody shortens it.
    params = {"id_token_hint": answered.hint, "post_logout_redirect_uri": play.party.at(AFTERWARDS),
              "state": secrets.token_urlsafe(96), **more}
    params = {name: value for name, value in params.items() if value is not None}
    address = play.op.metadata["end_session_endpoint"]
    return params, f"{address}?{urllib.parse.urlencode(params)}" if params else address


def redirected(play, browser, params):
    """RP-Initiated Logout §3: there, with the state if one was sent, and nothing else (trap 93); by a page with
    frames where a front channel is registered, as the static clients have it."""
    left = browser.left
    if left is None:
        assert browser.has("logged-out") and frames_of(browser.page), browser.words()
        left = next(link for link in links_of(browser.page) if AFTERWARDS in link)
    target = play.party.at(AFTERWARDS)
    state = params.get("state")
    assert left == (f"{target}?{urllib.parse.urlencode({'state': state})}" if state else target), left


def is_out(play):
    answered = play.ask(prompt="none")
    checks.authorization_error(play.op, answered.params, answered.state, *NEEDS_A_PAGE)
    assert not answered.pages


def is_in(play):
    assert "error" not in play.ask(prompt="none").params


@module("oidcc-rp-initiated-logout-discovery-endpoint-verification")
def discovery(play):
    assert play.op.metadata["end_session_endpoint"].startswith(play.op.issuer)


@module("oidcc-rp-initiated-logout")
def logout(play):
    answered = signed_in(play)
    params, address = logout_request(play, answered)
    redirected(play, play.browser.open(address), params)
    is_out(play)


@module("oidcc-rp-initiated-logout-no-state")
def logout_without_state(play):
    answered = signed_in(play)
    params, address = logout_request(play, answered, state=None)
    redirected(play, play.browser.open(address), params)
    is_out(play)


def stays_here(play, address):
    """An error, or the question whether to sign out; nobody is sent away, and nobody is signed out by it."""
    browser = play.browser.open(address)
    assert browser.left is None, browser.left
    assert browser.has("error-page") or browser.has("logout-form"), browser.words()
    is_in(play)


@module("oidcc-rp-initiated-logout-bad-post-logout-redirect-uri")
def bad_redirect(play):
    answered = signed_in(play)
    stays_here(play, logout_request(play, answered, post_logout_redirect_uri=play.party.at("/elsewhere"))[1])


@module("oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri")
def query_added(play):
    answered = signed_in(play)
    added = play.party.at(AFTERWARDS + "?foo=bar")
    stays_here(play, logout_request(play, answered, post_logout_redirect_uri=added)[1])


@module("oidcc-rp-initiated-logout-modified-id-token-hint")
def modified_hint(play):
    answered = signed_in(play)
    _, payload, _ = answered.hint.split(".")
    header = base64url_encode('{"alg":"none"}')
    stays_here(play, logout_request(play, answered, id_token_hint=f"{header}.{payload}.")[1])


@module("oidcc-rp-initiated-logout-bad-id-token-hint")
def bad_hint(play):
    answered = signed_in(play)
    head, payload, signature = answered.hint.split(".")
    spoiled = bytearray(base64url_decode(signature))
    spoiled[5] ^= 0x5A
    hint = f"{head}.{payload}.{base64url_encode(bytes(spoiled))}"
    stays_here(play, logout_request(play, answered, id_token_hint=hint)[1])


@module("oidcc-rp-initiated-logout-no-id-token-hint")
def no_hint(play):
    answered = signed_in(play)
    stays_here(play, logout_request(play, answered, id_token_hint=None)[1])


def signs_out(play, address):
    """With or without a question, and a page that says so."""
    browser = play.browser.open(address)
    assert browser.left is None, browser.left
    if browser.has("logout-form"):
        browser.submit("logout-form", "logout-confirm")
    assert browser.left is None and browser.has("logged-out"), browser.words()
    is_out(play)


@module("oidcc-rp-initiated-logout-no-params")
def no_params(play):
    answered = signed_in(play)
    nothing = {"id_token_hint": None, "post_logout_redirect_uri": None, "state": None}
    signs_out(play, logout_request(play, answered, **nothing)[1])


@module("oidcc-rp-initiated-logout-only-state")
def only_state(play):
    answered = signed_in(play)
    nothing = {"id_token_hint": None, "post_logout_redirect_uri": None}
    signs_out(play, logout_request(play, answered, **nothing)[1])


@module("oidcc-rp-initiated-logout-no-post-logout-redirect-uri")
def no_redirect(play):
    answered = signed_in(play)
    signs_out(play, logout_request(play, answered, post_logout_redirect_uri=None)[1])


@module("oidcc-session-management-discovery-endpoint-verification")
def session_discovery(play):
    discovery(play)
    assert play.op.metadata["check_session_iframe"].startswith(play.op.issuer)


@module("oidcc-session-management-rp-initiated-logout")
def session_logout(play):
    answered = signed_in(play)
    frame(play)
    assert says(play, answered) == "unchanged"
    params, address = logout_request(play, answered)
    redirected(play, play.browser.open(address), params)
    assert says(play, answered) == "changed"


def frame(play):
    """Session Management §3.2: other sites may frame it, and its script can do its work."""
    answer = play.op.fetch(play.op.metadata["check_session_iframe"])
    assert answer.status == 200 and checks.header(answer, "Content-Type").startswith("text/html")
    assert not checks.header(answer, "X-Frame-Options")
    policy = checks.header(answer, "Content-Security-Policy")
    ancestors = [part for part in policy.split(";") if part.strip().startswith("frame-ancestors")]
    assert not ancestors or "*" in ancestors[0], policy
    assert not checks.header(answer, "Cross-Origin-Resource-Policy").startswith("same-")
    assert "postMessage" in answer.text and "<script>" in answer.text


def says(play, answered):
    """What the script of the frame answers: its cookie and the party's origin against the session state.
    `tests/browser` runs the script itself."""
    state = play.browser.cookies.get("grantor-session-state", "")
    hashed, salt = answered.params["session_state"].split(".")
    text = f"{play.client.id} {play.party.home} {state} {salt}"
    same = base64url_encode(hashlib.sha256(text.encode()).digest()) == hashed
    return "unchanged" if same else "changed"


@module("oidcc-frontchannel-logout-discovery-endpoint-verification")
def front_discovery(play):
    discovery(play)
    said = play.op.metadata
    assert said["frontchannel_logout_supported"] is True and said["frontchannel_logout_session_supported"] is True


@module("oidcc-frontchannel-rp-initiated-logout")
def front_logout(play):
    uri = play.party.at("/frontchannel_logout")
    answered = signed_in(play, frontchannel_logout_uri=uri, frontchannel_logout_session_required=True)
    params, address = logout_request(play, answered)
    browser = play.browser.open(address)
    assert browser.left is None and browser.has("logged-out")
    policy = checks.header(browser, "Content-Security-Policy")
    assert "frame-src" in policy and play.party.home in policy, policy
    frames = [frame for frame in frames_of(browser.page) if frame.startswith(uri)]
    assert len(frames) == 1
    said = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(frames[0]).query))
    assert said == {"iss": play.op.issuer, "sid": answered.claims["sid"]}
    redirected(play, browser, params)
    assert "<script>" in browser.page, "without a click, once the frames have loaded"
    is_out(play)


class _Marks(_Forms):
    """Frames and links of a page."""

    def __init__(self, page):
        self.frames, self.links = [], []
        super().__init__(page)

    def handle_starttag(self, tag, attributes):
        super().handle_starttag(tag, attributes)
        have = dict(attributes)
        if tag == "iframe":
            self.frames.append(have.get("src") or "")
        if tag == "a":
            self.links.append(have.get("href") or "")


def frames_of(page):
    return _Marks(page).frames


def links_of(page):
    return _Marks(page).links


@module("oidcc-backchannel-logout-discovery-endpoint-verification")
def back_discovery(play):
    discovery(play)
    said = play.op.metadata
    assert said["backchannel_logout_supported"] is True and said["backchannel_logout_session_supported"] is True


@module("oidcc-backchannel-rp-initiated-logout")
def back_logout(play):
    path = f"/backchannel_logout/{secrets.token_hex(4)}"
    if not play.variant.get("dynamic", True):
        path = "/backchannel_logout"
    more = {"backchannel_logout_uri": play.party.at(path), "backchannel_logout_session_required": True}
    already = len([one for one in play.party.seen if one[1] == path])
    answered = signed_in(play, **more)
    params, address = logout_request(play, answered)
    redirected(play, play.browser.open(address), params)
    method, _, headers, body = play.party.wait_for(path, already + 1)[already]
    assert method == "POST" and headers["Content-Type"] == "application/x-www-form-urlencoded"
    form = urllib.parse.parse_qsl(body)
    assert [name for name, _ in form] == ["logout_token"]
    header, claims = checks.jwt_of(play.op, form[0][1])
    assert header["typ"] == "logout+jwt"
    assert claims["iss"] == play.op.issuer
    assert claims["aud"] in (play.client.id, [play.client.id])
    assert claims["iat"] <= claims["exp"] <= claims["iat"] + 120 and claims["jti"]
    assert claims["events"] == {EVENT: {}} and "nonce" not in claims
    assert claims["sub"] == answered.claims["sub"] and claims["sid"] == answered.claims["sid"]
    is_out(play)
