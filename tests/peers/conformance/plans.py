"""The plans of the suite: which modules, with which variants.

`CONFORMANCE=all` plays all of it. Without that, Form Post for the implicit and hybrid types, and the second and
third hybrid type, play only the modules that depend on how the answer is made and where it stands.
"""

import os

from conformance import core, dynamic, logout  # noqa: F401 - they register their modules

BASICS = """
oidcc-server oidcc-response-type-missing oidcc-idtoken-signature oidcc-userinfo-get oidcc-userinfo-post-header
oidcc-userinfo-post-body oidcc-scope-profile oidcc-scope-email oidcc-scope-address oidcc-scope-phone oidcc-scope-all
oidcc-ensure-other-scope-order-succeeds oidcc-display-page oidcc-display-popup oidcc-prompt-login
oidcc-prompt-none-not-logged-in oidcc-prompt-none-logged-in oidcc-max-age-1 oidcc-max-age-10000
oidcc-ensure-request-with-unknown-parameter-succeeds oidcc-id-token-hint oidcc-login-hint oidcc-ui-locales
oidcc-claims-locales oidcc-ensure-request-with-acr-values-succeeds oidcc-ensure-registered-redirect-uri
oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported
oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported oidcc-claims-essential
oidcc-ensure-request-object-with-redirect-uri
""".split()

WITH_A_CODE = """
oidcc-server-client-secret-post oidcc-codereuse oidcc-codereuse-30seconds oidcc-refresh-token
oidcc-ensure-request-with-valid-pkce-succeeds
""".split()

WITHOUT_USERINFO = {"oidcc-userinfo-get", "oidcc-userinfo-post-header", "oidcc-userinfo-post-body"}

NONCE_OPTIONAL = "oidcc-ensure-request-without-nonce-succeeds-for-code-flow"
NONCE_REQUIRED = "oidcc-ensure-request-without-nonce-fails"

BASIC = [*BASICS, *WITH_A_CODE, NONCE_OPTIONAL, "oidcc-idtoken-unsigned", "oidcc-ensure-post-request-succeeds"]
HYBRID = [*BASICS, *WITH_A_CODE]
IMPLICIT = [*BASICS, NONCE_REQUIRED]

DYNAMIC = """
oidcc-idtoken-rs256 oidcc-userinfo-rs256 oidcc-ensure-redirect-uri-in-authorization-request
oidcc-redirect-uri-query-OK oidcc-redirect-uri-query-mismatch oidcc-redirect-uri-query-added
oidcc-redirect-uri-regfrag oidcc-discovery-endpoint-verification oidcc-server oidcc-registration-logo-uri
oidcc-registration-policy-uri oidcc-registration-tos-uri oidcc-registration-jwks-uri oidcc-registration-sector-uri
oidcc-registration-sector-bad oidcc-request-uri-unsigned oidcc-request-uri-signed-rs256
oidcc-ensure-request-object-with-redirect-uri oidcc-ensure-client-assertion-with-iss-aud-succeeds
""".split()

DYNAMIC_CODE = ["oidcc-refresh-token-rp-key-rotation", "oidcc-refresh-token"]

LOGOUT = {
    "rp-initiated-logout": """
        oidcc-rp-initiated-logout-discovery-endpoint-verification oidcc-rp-initiated-logout
        oidcc-rp-initiated-logout-bad-post-logout-redirect-uri
        oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri
        oidcc-rp-initiated-logout-modified-id-token-hint oidcc-rp-initiated-logout-bad-id-token-hint
        oidcc-rp-initiated-logout-no-id-token-hint oidcc-rp-initiated-logout-no-params
        oidcc-rp-initiated-logout-no-post-logout-redirect-uri oidcc-rp-initiated-logout-no-state
        oidcc-rp-initiated-logout-only-state""".split(),
    "session-management": ["oidcc-session-management-discovery-endpoint-verification",
                                 "oidcc-session-management-rp-initiated-logout"],
    "frontchannel-rp-initiated-logout": ["oidcc-frontchannel-logout-discovery-endpoint-verification",
                                               "oidcc-frontchannel-rp-initiated-logout"],
    "backchannel-rp-initiated-logout": ["oidcc-backchannel-logout-discovery-endpoint-verification",
                                              "oidcc-backchannel-rp-initiated-logout"],
}

# What depends on the response type and mode; the rest is the same code for all of them.
OF_THE_ANSWER = {
    "oidcc-server", "oidcc-response-type-missing", "oidcc-idtoken-signature", "oidcc-scope-all", "oidcc-prompt-login",
    "oidcc-prompt-none-not-logged-in", "oidcc-prompt-none-logged-in", "oidcc-max-age-10000", "oidcc-id-token-hint",
    "oidcc-claims-essential", "oidcc-ensure-registered-redirect-uri", "oidcc-server-client-secret-post",
    "oidcc-codereuse", "oidcc-refresh-token", "oidcc-ensure-request-object-with-redirect-uri", NONCE_OPTIONAL,
    NONCE_REQUIRED,
}
ALL = os.environ.get("CONFORMANCE") == "all"


def shortened(modules):
    return modules if ALL else [name for name in modules if name in OF_THE_ANSWER]


# Not for clients that an administrator registered: they would have to be registered anew.
ONLY_DYNAMIC = {"oidcc-idtoken-unsigned", "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported"}

HYBRID_TYPES = ["code id_token", "code token", "code id_token token"]
IMPLICIT_TYPES = ["id_token", "id_token token"]


def variant(kind, auth="client_secret_basic", mode="default", dynamic=True):
    return {"response_type": kind, "auth": auth, "response_mode": mode, "dynamic": dynamic}


def profile(plan, kind, modules, mode="default", dynamic=True):
    """The modules of a plan for one response type."""
    for name in modules:
        if name in WITHOUT_USERINFO and kind == "id_token" or not dynamic and name in ONLY_DYNAMIC:
            continue
        auth = "client_secret_post" if name.endswith("client-secret-post") else "client_secret_basic"
        yield plan, variant(kind, auth, mode, dynamic), name


def hybrid(kind):
    return [*HYBRID, NONCE_REQUIRED if "id_token" in kind else NONCE_OPTIONAL]


def every():
    """Plan, variant and module of everything there is."""
    plan = "oidcc-{}-certification-test-plan".format
    yield from profile(plan("basic"), "code", BASIC)
    yield from profile(plan("basic") + "-static", "code", BASIC, dynamic=False)
    yield from profile(plan("formpost-basic"), "code", BASIC, "form_post")
    for kind in IMPLICIT_TYPES:
        yield from profile(plan("implicit"), kind, IMPLICIT)
        yield from profile(plan("formpost-implicit"), kind, shortened(IMPLICIT), "form_post")
    for kind in HYBRID_TYPES:
        whole = hybrid(kind) if kind == "code id_token token" else shortened(hybrid(kind))
        yield from profile(plan("hybrid"), kind, whole)
        yield from profile(plan("formpost-hybrid"), kind, shortened(hybrid(kind)), "form_post")
    yield plan("config"), variant("code"), "oidcc-discovery-endpoint-verification"
    for kind in ["code", "id_token", *HYBRID_TYPES] if ALL else ["code", "code id_token token"]:
        modules = [*DYNAMIC, *(DYNAMIC_CODE if "code" in kind else [])]
        modules += ["oidcc-idtoken-unsigned"] if "id_token" not in kind else []
        for name in modules:
            if not (name == "oidcc-userinfo-rs256" and kind == "id_token"):
                yield plan("dynamic"), variant(kind, "private_key_jwt"), name
    for name in ["oidcc-3rd_party-init-login", "oidcc-3rd_party-init-login-nonhttps"]:
        yield "oidcc-3rd-party-init-login-certification-test-plan", variant("code"), name
    for group, modules in LOGOUT.items():
        for kind in ["code", "id_token", "code id_token token"] if ALL else ["code", "id_token"]:
            for name in modules:
                yield plan(group), variant(kind), name
        yield plan(group) + "-static", variant("code", dynamic=False), modules[1]
    # Last, so that whatever came before was signed by one key.
    yield plan("dynamic"), variant("code", "private_key_jwt"), "oidcc-server-rotate-keys"
