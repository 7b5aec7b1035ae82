"""One module being played: a client, a browser, and the way from the request to the claims."""

import base64
import hashlib
import secrets
import urllib.parse

from conformance import checks
from conformance.party import Client, public_set
from visitor import _Forms


class Answered:
    """An authorization response: its parameters, where they stood, and which pages led to it."""

    def __init__(self, params, pages, state, nonce):
        self.params, self.pages, self.state, self.nonce = params, pages, state, nonce
        self.front, self.claims, self.token = None, None, None


class Play:
    """What a module has: the provider (`op`), the party, its variant and a client of it."""

    def __init__(self, op, party, variant, name):
        self.op, self.party, self.variant, self.name = op, party, variant, name
        self.kind, self.mode = variant["response_type"], variant.get("response_mode", "default")
        self.kinds = set(self.kind.split(" "))
        self.browser, self.made, self._client, self.begun = op.browser(), [], None, None

    # Clients.

    @property
    def client(self):
        """Registered as the module's variant says, at its first use."""
        if self._client is None:
            self._client = self.registered() if self.variant.get("dynamic", True) else self.static()
        return self._client

    def use(self, **metadata):
        """Registers with more than usual; modules that need it are for clients that register themselves."""
        self._client = self.registered(**metadata)
        return self._client

    def static(self, name=None):
        names = {"client_secret_basic": "basic", "client_secret_post": "post", "private_key_jwt": "private-key-jwt"}
        method = self.variant["auth"]
        name = name or names[method]
        key = self.op.static_key if name == "private-key-jwt" else None
        return Client(self.op, name, method, self.op.secrets.get(name), key, self.party.at("/callback"))

    def request(self, **metadata):
        """A registration as the suite makes it."""
        grants = ["authorization_code"] if "code" in self.kinds else []
        grants += ["implicit"] if self.kinds & {"token", "id_token"} else []
        return {
            "client_name": f"Conformance {self.name}",
            "grant_types": grants,
            "response_types": [self.kind],
            "redirect_uris": [self.party.at("/callback")],
            "token_endpoint_auth_method": self.variant["auth"],
            "contacts": ["conformance@example.org"],
            "jwks": public_set(self.party.key()),
            **metadata,
        }

    def register(self, body):
        body = {name: value for name, value in body.items() if value is not None}
        return self.op.fetch(self.op.metadata["registration_endpoint"], json_body=body)

    def registered(self, key=None, **metadata):
        body = self.request(**metadata)
        answer = self.register(body)
        said = checks.is_json(answer, 201)
        checks.is_private(answer)
        for name, value in body.items():
            if value is not None:
                same = sorted(said[name]) == sorted(value) if isinstance(value, list) else said[name] == value
                assert same, f"{name} is registered as {said[name]}"
        assert said["registration_client_uri"].startswith(self.op.issuer) and said["registration_access_token"]
        method = said["token_endpoint_auth_method"]
        assert ("client_secret" in said) == method.startswith("client_secret_")
        assert "client_secret" not in said or said["client_secret_expires_at"] == 0
        self.made.append(said)
        uri = said["redirect_uris"][0]
        key = key or self.party.key()
        return Client(self.op, said["client_id"], method, said.get("client_secret"), key, uri, said)

    def clean(self):
        """Unregisters what was registered, as the suite does."""
        for said in self.made:
            token = {"Authorization": f"Bearer {said['registration_access_token']}"}
            gone = self.op.fetch(said["registration_client_uri"], method="DELETE", headers=token)
            assert gone.status == 204, gone.text

    # Authorization.

    def params(self, scope="openid", nonce=True, state=True, client=None, **more):
        client = client or self.client
        params = {"client_id": client.id, "redirect_uri": client.redirect_uri, "scope": scope,
                  "response_type": self.kind}
        if state:
            params["state"] = secrets.token_urlsafe(8)
        if nonce:
            params["nonce"] = secrets.token_urlsafe(8)
        if self.mode == "form_post":
            params["response_mode"] = "form_post"
        params.update(more)
        return {name: value for name, value in params.items() if value is not None}

    def address(self, params):
        return f"{self.op.metadata['authorization_endpoint']}?{urllib.parse.urlencode(params)}"

    def ask(self, browser=None, client=None, **more):
        """Goes through it; signs in and agrees where that is asked."""
        params = self.params(client=client, **more)
        return self.follow((browser or self.browser).open(self.address(params)), params)

    def follow(self, browser, params):
        pages = []
        while browser.left is None and not self._posts(browser):
            if browser.has("login-form"):
                pages.append("login")
                browser.sign_in(self.op.user["name"], self.op.password)
            elif browser.has("consent-form"):
                pages.append("consent")
                browser.approve()
            else:
                raise AssertionError(f"{browser.url} ({browser.status}): {browser.words()}")
            assert len(pages) < 6, pages
        return Answered(self._params(browser, params["redirect_uri"]), pages, params.get("state"), params.get("nonce"))

    def _posts(self, browser):
        return any(form["action"].startswith(self.party.home) for form in _Forms(browser.page).forms)

    def _params(self, browser, redirect_uri):
        """Where the answer has to be, and nowhere else (Multiple Response Types §5)."""
        if self.mode == "form_post":
            assert browser.left is None, browser.left
            assert browser.status == 200 and "no-store" in checks.header(browser, "Cache-Control")
            form = next(f for f in _Forms(browser.page).forms if f["action"].startswith(self.party.home))
            assert form["action"] == redirect_uri and form["method"] == "post"
            assert self.party.home in checks.header(browser, "Content-Security-Policy")
            assert "<script" in browser.page and "<button" in browser.page
            pairs = form["fields"]
        else:
            parts, asked = urllib.parse.urlsplit(browser.left), urllib.parse.urlsplit(redirect_uri)
            assert (parts.scheme, parts.netloc, parts.path) == (asked.scheme, asked.netloc, asked.path), browser.left
            if self.kind == "code":
                assert not parts.fragment and parts.query.startswith(asked.query)
                pairs = urllib.parse.parse_qsl(parts.query[len(asked.query):].lstrip("&"), strict_parsing=True)
            else:
                assert parts.query == asked.query, "tokens and their errors are never in the query"
                pairs = urllib.parse.parse_qsl(parts.fragment, strict_parsing=True)
        assert len(dict(pairs)) == len(pairs), "a parameter comes twice"
        return dict(pairs)

    # What follows from an answer.

    def complete(self, answered, client=None, beyond=(), redeem=True, **form):
        """Checks an answer and everything in it, and redeems the code."""
        client = client or self.client
        params = answered.params
        checks.authorization_answer(self.op, params, answered.state)
        for kind, member in [("code", "code"), ("token", "access_token"), ("id_token", "id_token")]:
            assert (member in params) == (kind in self.kinds), (member, set(params))
        answered.token = params.get("access_token")
        if "id_token" in params:
            _, claims = checks.jwt_of(self.op, params["id_token"])
            alone = self.kind == "id_token"
            checks.id_token(self.op, claims, client, answered.nonce, beyond if alone else ())
            required = [name for name, there in [("at_hash", "token"), ("c_hash", "code")] if there in self.kinds]
            checks.hashes(claims, answered.token, params.get("code"), answered.state, required)
            answered.front = answered.claims = claims
        if "code" in params and redeem:
            said = self.redeem(answered, client, **form)
            _, claims = checks.jwt_of(self.op, said["id_token"])
            checks.id_token(self.op, claims, client, answered.nonce)
            checks.hashes(claims, said["access_token"], params["code"], answered.state)
            if answered.front:
                assert (claims["iss"], claims["sub"]) == (answered.front["iss"], answered.front["sub"])
            answered.claims, answered.token, answered.bought = claims, said["access_token"], said
        return answered

    def code_form(self, answered, client=None, **form):
        return {"grant_type": "authorization_code", "code": answered.params["code"],
                "redirect_uri": (client or self.client).redirect_uri, **form}

    def redeem(self, answered, client=None, **form):
        client = client or self.client
        return checks.token_answer(client.token(self.code_form(answered, client, **form)))

    def flow(self, client=None, browser=None, beyond=(), **more):
        """From the request to the tokens."""
        return self.complete(self.ask(client=client, browser=browser, **more), client, beyond)

    def userinfo(self, token, how="header", method="GET"):
        """OIDC Core §5.3; RFC 6750 §2."""
        endpoint = self.op.metadata["userinfo_endpoint"]
        if how == "body":
            return self.op.fetch(endpoint, form={"access_token": token})
        return self.op.fetch(endpoint, method=method, headers={"Authorization": f"Bearer {token}"})

    def person(self, answered, scopes=("openid",), **how):
        """What UserInfo says, or the ID token where there is no token to ask with."""
        if answered.token is None:
            said = answered.claims
        else:
            answer = self.userinfo(answered.token, **how)
            said = checks.is_json(answer, 200)
            assert answered.claims is None or said["sub"] == answered.claims["sub"]
        checks.standard_claims({name: value for name, value in said.items() if name not in ("amr", "aud")})
        checks.claims_of_scopes(said, scopes)
        return said

    # Small things.

    @staticmethod
    def pkce():
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return verifier, {"code_challenge": challenge, "code_challenge_method": "S256"}
