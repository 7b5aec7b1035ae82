"""What the resource servers of a campus find in a Grantor: scopes that say how somebody signed in, a
client of people, one of machines, and the API, which decides by scopes alone, so that no token names it."""

from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session

from visitor import Visitor
from world import CALLBACK

SELECTORS = ["auth-campus", "auth-none"]
ALWAYS = ["read", "update", "demo-sla-gold"]

# The scope that tells an application the groups of a person, the claim that comes with it, and what the
# names of groups begin with that it tells of.
GROUP_SCOPE = "https://api.columbia.edu/scope/group"
GROUP_CLAIM = "https://api.columbia.edu/claim/group"
STEM = "cu:app:access:clm:"

# What allows a client to introspect with a token.
RIGHT = "grantor.token_introspect"

_OWN = {"auth_method": "client_secret_basic", "grant_types": ["client_credentials"]}

BATCH = {**_OWN, "scopes": ["auth-none", *ALWAYS]}

WEB = {
    "auth_method": "client_secret_basic",
    "grant_types": ["authorization_code"],
    "realms": ["customers"],
    "redirect_uris": [CALLBACK],
    "scopes": ["openid", "auth-campus", GROUP_SCOPE, *ALWAYS],
}

CLIENTS = {
    "campus-batch": BATCH,
    "campus-sealed-batch": {**BATCH, "token_format": "reference"},
    # Its tokens end while one waits.
    "campus-fleeting": {**BATCH, "access_token_seconds": 4},
    "campus-web": WEB,
    "campus-sealed-web": {**WEB, "token_format": "reference"},
}

API = {
    **_OWN,
    "scopes": [RIGHT],
    "default_scopes": [RIGHT],
    "compat": {"basic_raw": True, "introspection_no_audience": True},
}


def add_to(world):
    """Registers all of it, and Cora, who signs in."""
    api = world.server.api
    rules = {**dict.fromkeys(SELECTORS, "selector"), **dict.fromkeys(ALWAYS, "always")}
    for token, rule in rules.items():
        api("POST", "/scopes", {"token": token, "rule": {"granted": rule}, "summary": {"en": token}})
    claim = {"name": GROUP_CLAIM, "prefix": STEM}
    told = {"token": GROUP_SCOPE, "rule": {"granted": "identity"}, "group_claim": claim}
    api("POST", "/scopes", {**told, "summary": {"en": "Groups", "de": "Gruppen"}})
    server = {**API, "audiences": [world.server.issuer]}
    for name, client in {**CLIENTS, "campus-api": server}.items():
        world.secrets[name] = api("POST", "/clients", {"id": name, **client})["client_secret"]
    world.assign({"client": "campus-api"}, RIGHT)
    cora = world.make_user("customers", "cora", [])
    members = [{"who": {"user": cora}}]
    for name in [f"{STEM}demo:d:demo2", f"{STEM}demo:d:other", f"{STEM}x demo_d_admin", "staff"]:
        api("POST", "/groups", {"name": name, "members": members})


def sign_in_of_cora(world, scope, client="campus-web"):
    """What the token endpoint says after somebody signed in on our pages."""
    session = OAuth2Session(
        client,
        world.secrets[client],
        scope=scope,
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
    )
    endpoint = f"{world.server.issuer}/oauth2"
    verifier = generate_token(48)
    url, state = session.create_authorization_url(f"{endpoint}/authorize", code_verifier=verifier)
    back = Visitor(world.server.issuer).authorize(url, "cora", world.passwords["cora"])
    token = session.fetch_token(
        f"{endpoint}/token", authorization_response=back, state=state, code_verifier=verifier
    )
    assert set(token["scope"].split()) == set(scope.split())
    return token


def token_of_cora(world, scope="auth-campus read", client="campus-web"):
    """An access token of hers."""
    return sign_in_of_cora(world, scope, client)["access_token"]
