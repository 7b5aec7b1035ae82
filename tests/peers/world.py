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

    def __init__(self):
        self.server = Server()
        try:
            self._seed()
        except BaseException:
            self.server.stop()
            raise

    def _seed(self):
        api = self.server.api
        tenant = self._tenant(compat_tokeninfo_query=True)
        self.tenant = tenant["name"]
        for realm in ["services", "customers", "employees"]:
            body = {
                "services": realm == "services",
                "password_grant": True,
                "default_scopes": ["uid"],
            }
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
        self.make_user("customers", "dana", [])
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
    world = World()
    try:
        print(json.dumps(world.describe()), flush=True)
        sys.stdin.read()
    finally:
        world.stop()


if __name__ == "__main__":
    main()
