"""What the tests find in a Grantor: realms, data, people, services and clients, all of it made
through the management API. As a program it prints where everything is and stays until its input
ends."""

import json
import sys
import urllib.parse

from server import Server, basic, fetch

HOUR = 3600

# Resource types: owners, and the audience of their API.
RESOURCE_TYPES = {
    "pets": ([], "https://pets.example.org"),
    "sales_order": (["customers", "employees"], "https://orders.example.org"),
    "application": ([], None),
}

# Scopes, and how they are granted.
SCOPES = {
    "pets.read": "assigned",
    "pets.write": "assigned",
    "sales_order.read": "owner",
    "sales_order.write": "owner",
    "sales_order.read_all": "assigned",
    "application.write": "assigned",
}

# Service users with a password, and what is assigned to them.
SERVICES = {
    "test0": ["pets.write", "application.write"],
    "stups_myapp": ["pets.write", "sales_order.read_all", "grantor.revocation_write"],
}

ALGORITHMS = ["ES256", "EdDSA", "RS256", "PS256", "ES384"]

STUPS = {
    "auth_method": "client_secret_basic",
    "grant_types": ["password"],
    "realms": ["services"],
    "token_profile": "stups",
    "access_token_seconds": 8 * HOUR,
    "compat": {"password_grant": True, "basic_raw": True, "any_secret_method": True},
}

MODERN = {"auth_method": "client_secret_basic", "grant_types": ["client_credentials"]}

# An application of today that may still take customers' passwords, and goes on with refresh tokens.
SHOP = {
    "auth_method": "client_secret_basic",
    "grant_types": ["password", "refresh_token"],
    "realms": ["customers"],
    "scopes": ["sales_order.read", "sales_order.write"],
    "compat": {"password_grant": True},
}

NATIVE = {"authorization": {"application_type": "native"}}

# How long access tokens live in the realms of STUPS, in seconds.
LIFETIMES = {
    "services": 8 * HOUR,
    "employees": 8 * HOUR,
    "customers": 30 * 24 * HOUR,
    "guest-customers": HOUR // 2,
}

# Where the clients of the code flow take over. Nothing listens there: a visitor stops at the address.
CALLBACK = "https://shop.example.org/callback"

# A web application of today: people sign in with their browser.
WEB = {
    "name": "Web shop",
    "auth_method": "client_secret_basic",
    "grant_types": ["authorization_code", "refresh_token"],
    "realms": ["customers"],
    "redirect_uris": [CALLBACK],
    "scopes": ["openid", "profile", "email", "offline_access", "sales_order.read", "sales_order.write"],
}

# Public clients of old: the token comes with the redirect.
IMPLICIT = {
    "auth_method": "none",
    "grant_types": ["implicit", "refresh_token"],
    "response_types": ["token"],
    "token_profile": "stups",
    "scopes": ["uid", "sales_order.read"],
    "default_scopes": ["uid"],
    "compat": {"implicit": True},
}

CLIENTS = {
    "test0": {**STUPS, "scopes": ["uid", "pets.write", "sales_order.read_all", "application.write"]},
    "stups_myapp": {
        **STUPS,
        "scopes": ["uid", "pets.write", "sales_order.read_all", "grantor.revocation_write"],
    },
    # Its tokens are below the 20 minutes at which the Python library asks for the next one.
    "brief": {**STUPS, "scopes": ["pets.write"], "access_token_seconds": 900},
    # Its tokens end while one waits.
    "fleeting": {**STUPS, "scopes": ["pets.write"], "access_token_seconds": 1},
    "shop": SHOP,
    "sealed-shop": {**SHOP, "token_format": "reference"},
    "batch": {**MODERN, "scopes": ["pets.read", "pets.write"]},
    "orders-batch": {**MODERN, "scopes": ["sales_order.read_all"]},
    "sealed": {**MODERN, "scopes": ["pets.read"], "token_format": "reference"},
    "web": WEB,
    "web-post": {**WEB, "auth_method": "client_secret_post"},
    # As social and enterprise logins of Django want it.
    "django": {**WEB, "redirect_uris": ["http://127.0.0.1:8000/oidc/callback/"], **NATIVE},
    # A page without a server of its own.
    "page": {**WEB, "auth_method": "none", "redirect_uris": ["http://127.0.0.1/callback"], **NATIVE},
    "native": {**WEB, "auth_method": "none", "redirect_uris": ["http://127.0.0.1/callback"], **NATIVE},
    # Zign says no scope and no state, and comes back to a port from 8081 up.
    "zign": {
        **IMPLICIT,
        **NATIVE,
        "realms": ["employees"],
        # The code flow is for `grantor login`, which leaves a refresh token for Zign.
        "grant_types": ["authorization_code", "implicit", "refresh_token"],
        "response_types": ["code", "token"],
        "redirect_uris": ["http://localhost"],
        "compat": {"implicit": True, "localhost_redirect": True},
    },
    "yourturn": {
        **IMPLICIT,
        "realms": ["employees"],
        "redirect_uris": ["https://yourturn.example.org/"],
        "compat": {"implicit": True, "sign_in_by_post": True},
    },
    # Code flow as Plan B has it: a secret, and no PKCE.
    **{
        f"planb-{realm}": {
            **STUPS,
            "access_token_seconds": None,
            "grant_types": ["authorization_code", "password"],
            "realms": [realm],
            "redirect_uris": [CALLBACK, f"{CALLBACK}/other"],
            "scopes": ["uid", "sales_order.read"],
            "compat": {**STUPS["compat"], "pkce_optional": True},
        }
        for realm in LIFETIMES
    },
    # The resource server whose audience the tokens of `batch` and `sealed` have.
    "pets-api": {**MODERN, "audiences": ["https://pets.example.org"]},
    "orders-api": {**MODERN, "audiences": ["https://orders.example.org"]},
    **{
        f"signed-{algorithm.lower()}": {**MODERN, "scopes": ["pets.read"], "signing_alg": algorithm}
        for algorithm in ALGORITHMS
    },
}


class World:
    """A seeded server."""

    def __init__(self, mutual_tls=False):
        self.server = Server(mutual_tls=mutual_tls)
        try:
            self._seed()
        except BaseException:
            self.server.stop()
            raise

    def _seed(self):
        api = self.server.api
        tenant = self._tenant(compat_tokeninfo_query=True)
        self.tenant = tenant["name"]
        for realm, seconds in LIFETIMES.items():
            body = {
                "services": realm == "services",
                "password_grant": True,
                "default_scopes": ["uid"],
            }
            if realm != "services":
                body["access_token_seconds"] = seconds
            if realm == "guest-customers":
                api("POST", "/realms", {"name": realm, **body})
            else:
                self._change("PUT", f"/realms/{realm}", body)
        for name, (owners, audience) in RESOURCE_TYPES.items():
            body = {"id": name, "name": name, "owners": owners, "audience": audience}
            api("POST", "/resource-types", body)
        for token, rule in SCOPES.items():
            body = {
                "token": token,
                "resource_type": token.split(".")[0],
                "rule": {"granted": rule},
                "summary": {"en": token},
            }
            api("POST", "/scopes", body)
        self.secrets, self.passwords = {}, {}
        for name, client in CLIENTS.items():
            self.secrets[name] = self.make_client(name, client)
        for name, scopes in SERVICES.items():
            self.make_user("services", name, scopes)
        self.make_user("customers", "dana", [], display_name="Dana Doe", email="dana@example.org")
        # One customer for each client that asks for consent, so that no test answers for another.
        for name in ["carla", "conrad", "clara", "cem"]:
            self.make_user("customers", name, [])
        self.make_user("employees", "erik", [])
        self.make_user("employees", "emma", [])
        self.make_user("guest-customers", "greta", [])
        self.make_application("parcel")

    def _tenant(self, **settings):
        found = self.server.api("GET", "/tenants")["items"][0]
        body = {k: v for k, v in found.items() if k != "name"}
        body["settings"] = {**found["settings"], **settings}
        self._change("PUT", f"/tenants/{found['name']}", body)
        return found

    def _change(self, method, path, body):
        self.server.api(method, path, body, headers={"If-Match": "*"})

    def make_client(self, name, client):
        """Makes a client; returns its secret, if it has one. What needs an assignment is assigned."""
        made = self.server.api("POST", "/clients", {"id": name, **client})
        if "client_credentials" in client["grant_types"]:
            for scope in client.get("scopes", []):
                self.assign({"client": name}, scope)
        return made.get("client_secret")

    def make_user(self, realm, name, scopes, **more):
        made = self.server.api("POST", "/users", {"realm": realm, "name": name, **more})
        self.passwords[name] = f"the password of {name}"
        self.server.api("POST", f"/users/{made['id']}/password", {"password": self.passwords[name]})
        for scope in scopes:
            self.assign({"user": made["id"]}, scope)
        return made["id"]

    def make_application(self, name):
        """An application and its service user, `stups_` before the name."""
        application = {"team": "logistics", "name": name}
        self.server.api("POST", "/applications", {"id": name, **application})
        user = self.make_user("services", f"stups_{name}", [], application=name)
        self._change("PUT", f"/applications/{name}", {**application, "service_user": user})

    def assign(self, principal, scope):
        body = {"principal": principal, "scope": scope, "reason": "the tests need it"}
        self.server.api("POST", "/assignments", body)

    def client_credentials(self, client, scope):
        """A token of a client that acts for itself."""
        form = {"grant_type": "client_credentials", "scope": scope}
        answer = self._as(client, "/oauth2/token", form)
        assert answer.status == 200, answer.text
        return answer.json()["access_token"]

    def revoke(self, client, token):
        """RFC 7009."""
        answer = self._as(client, "/oauth2/revoke", {"token": token})
        assert answer.status == 200, answer.text

    def _as(self, client, path, form):
        headers = {"Authorization": basic(client, self.secrets[client])}
        return fetch(f"{self.server.issuer}{path}", form=form, headers=headers)

    def describe(self):
        """What a test in another language needs."""
        return {
            "issuer": self.server.issuer,
            "operations": self.server.operations,
            "administrator_token": self.server.token,
            "secrets": self.secrets,
            "passwords": self.passwords,
            "callback": CALLBACK,
            "folder": str(self.server.folder),
        }

    def token_url(self, realm="/services"):
        query = urllib.parse.urlencode({"realm": realm}, safe="/")
        return f"{self.server.issuer}/oauth2/access_token?{query}"

    @property
    def tokeninfo_url(self):
        return f"{self.server.issuer}/oauth2/tokeninfo"

    def stop(self):
        self.server.stop()


def main():
    world = World(mutual_tls="mutual-tls" in sys.argv)
    try:
        print(json.dumps(world.describe()), flush=True)
        sys.stdin.read()
    finally:
        world.stop()


if __name__ == "__main__":
    main()
