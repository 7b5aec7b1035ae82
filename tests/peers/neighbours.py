"""Small services for the tests: a relay that counts what passes, and a resource server that asks token
info about every caller."""

import datetime
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from server import fetch


class _Service:
    """An HTTP server of this process, on a free port, until the end of a `with`."""

    def __init__(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                status, headers, body = outer.handle(self, self.rfile.read(length))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


class Relay(_Service):
    """Passes requests on to another server, and remembers which."""

    def __init__(self, target):
        self.target, self.seen = target, []
        super().__init__()

    def handle(self, request, body):
        self.seen.append(request.path)
        kept = ["Authorization", "Content-Type", "User-Agent"]
        headers = {name: request.headers[name] for name in kept if name in request.headers}
        answer = fetch(self.target + request.path, request.command, data=body or None, headers=headers)
        kind = {"Content-Type": answer.headers.get("Content-Type", "text/plain")}
        return answer.status, kind, answer.text.encode()


class PetStore(_Service):
    """A resource server as STUPS wants it: bearer token, token info, one attribute per scope."""

    def __init__(self, tokeninfo_url, scope):
        self.tokeninfo_url, self.scope, self.callers = tokeninfo_url, scope, []
        super().__init__()

    def handle(self, request, _):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            return self._refusal(401, "Bearer")
        answer = fetch(self.tokeninfo_url, headers={"Authorization": f"Bearer {token}"})
        if answer.status != 200:
            return self._refusal(401, 'Bearer error="invalid_token"')
        info = answer.json()
        if not info.get(self.scope):
            return self._refusal(403, f'Bearer error="insufficient_scope", scope="{self.scope}"')
        self.callers.append(info["uid"])
        body = json.dumps({"hello": info["uid"]}).encode()
        return 200, {"Content-Type": "application/json"}, body

    @staticmethod
    def _refusal(status, challenge):
        return status, {"WWW-Authenticate": challenge}, b""


class UpstreamTokenInfo(_Service):
    """Token info of an older world behind TLS, which knows opaque tokens, as Plan B asks it for them."""

    def __init__(self, folder, known):
        self.known, self.asked = known, []
        self.certificate = self_signed(folder)
        super().__init__()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, folder / "key.pem")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://localhost:{self._server.server_port}"

    def handle(self, request, _):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        self.asked.append(token)
        kind = {"Content-Type": "application/json"}
        if scheme != "Bearer" or token not in self.known:
            return 401, kind, b'{"error": "invalid_token"}'
        return 200, kind, json.dumps({"access_token": token, **self.known[token]}).encode()


def self_signed(folder):
    """The path of a certificate for `localhost`; its key lies beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(pem, secret, serialization.NoEncryption()))
    (folder / "certificate.pem").write_bytes(made.public_bytes(pem))
    return folder / "certificate.pem"
