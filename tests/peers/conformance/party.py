"""The client: a web server for whatever it publishes and is sent, its keys, and what it registers."""

import base64
import hashlib
import http.server
import json
import secrets
import ssl
import threading
import time
import urllib.parse

from jwcrypto import jwk, jwt
from jwcrypto.common import base64url_encode

from server import PATIENCE


class Party:
    """What is at `https://localhost:PORT`: documents by path, and a record of who asked for what."""

    def __init__(self):
        party = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                path = urllib.parse.urlsplit(self.path).path
                with party.changed:
                    party.seen.append((self.command, self.path, self.headers, body))
                    party.changed.notify_all()
                kind, text = party.documents.get(path, ("text/plain", ""))
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Cache-Control", "no-store")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.documents, self.seen, self.changed = {}, [], threading.Condition()
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.home = f"https://localhost:{self.server.server_address[1]}"
        self._keys = []

    def listen(self, state):
        """With the certificate of the deployment, which is for localhost too."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(state / "server.pem", state / "server.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def arguments(self):
        """Of start.py: where its static clients take over."""
        return ["--redirect-uri", self.at("/callback"), "--redirect-uri", self.at("/callback?dummy1=lorem&dummy2=ipsum"),
                "--post-logout-redirect-uri", self.at("/post_logout_redirect"),
                "--frontchannel-logout-uri", self.at("/frontchannel_logout"),
                "--backchannel-logout-uri", self.at("/backchannel_logout")]

    def at(self, path):
        return self.home + path

    def publish(self, path, document, kind="application/json"):
        """Puts something there; returns its address."""
        self.documents[path] = (kind, document if isinstance(document, str) else json.dumps(document))
        return self.at(path)

    def wait_for(self, path, count=1):
        """The requests of a path, once there are so many."""
        end = time.monotonic() + PATIENCE
        with self.changed:
            while True:
                found = [one for one in self.seen if urllib.parse.urlsplit(one[1]).path == path]
                if len(found) >= count:
                    return found
                assert self.changed.wait(end - time.monotonic()), f"nobody asked for {path}"

    def key(self, kid=None):
        """A key of RS256; the same one without a kid each time, since making one takes long."""
        if kid or not self._keys:
            made = jwk.JWK.generate(kty="RSA", size=2048, use="sig", alg="RS256", **({"kid": kid} if kid else {}))
            if kid:
                return made
            self._keys.append(made)
        return self._keys[0]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def public_set(*keys):
    """The public members alone, and no thumbprint for a kid."""
    return {"keys": [key.export_public(as_dict=True) for key in keys]}


class Client:
    """A client that is registered, one way or the other."""

    def __init__(self, op, client_id, method, secret=None, key=None, redirect_uri=None, made=None):
        self.op, self.id, self.method, self.secret, self.key = op, client_id, method, secret, key
        self.redirect_uri, self.made = redirect_uri, made or {}

    def token(self, form, audience=None):
        """A token request with the client's authentication."""
        form, headers = dict(form), {}
        if self.method == "client_secret_basic":
            quote = urllib.parse.quote_plus
            pair = f"{quote(self.id)}:{quote(self.secret)}".encode()
            headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()
        elif self.method == "client_secret_post":
            form.update(client_id=self.id, client_secret=self.secret)
        elif self.method == "private_key_jwt":
            form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            form["client_assertion"] = self.assertion(self.op.metadata["token_endpoint"] if audience is None else audience)
        else:
            form["client_id"] = self.id
        return self.op.fetch(self.op.metadata["token_endpoint"], form=form, headers=headers)

    def assertion(self, audience):
        """As the suite makes it: a minute long."""
        now = int(time.time())
        claims = {"iss": self.id, "sub": self.id, "aud": audience, "jti": secrets.token_urlsafe(15),
                  "iat": now, "exp": now + 60}
        return self.signed(claims)

    def signed(self, claims):
        kid = self.key.get("kid")
        header = {"alg": "RS256", **({"kid": kid} if kid else {})}
        made = jwt.JWT(header=header, claims=claims)
        made.make_signed_token(self.key)
        return made.serialize()


def unsigned(claims):
    """A JWT of the algorithm `none`."""
    part = lambda value: base64url_encode(json.dumps(value))
    return f"{part({'alg': 'none'})}.{part(claims)}."


def half_hash(text):
    """OIDC Core §3.1.3.6, for algorithms with SHA-256."""
    return base64url_encode(hashlib.sha256(text.encode()).digest()[:16])
