#!/usr/bin/env python3
"""Starts Grantor for tests of conformance, fills it from world.json, and serves a small protected resource.

    deploy/conformance/start.py [--host NAME] [--grantor PROGRAM] [--redirect-uri URI]... (and more: --help)

Everything is kept in deploy/conformance/state (CONFORMANCE_STATE names another folder); remove it to begin anew.
Ports: CONFORMANCE_PORT (8443), and the three behind it. The secrets of the clients are in state/clients.json.
Only the standard library and openssl are needed. See docs/conformance.md."""

import argparse
import base64
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
STATE = pathlib.Path(os.environ.get("CONFORMANCE_STATE", HERE / "state")).resolve()
BOOTSTRAP_SECRET = re.compile(r"\bgbs_[A-Za-z0-9_-]+")
PORT = int(os.environ.get("CONFORMANCE_PORT", "8443"))
RESOURCE_PORT, OPERATIONS_PORT, MTLS_PORT = PORT + 1, PORT + 2, PORT + 3
EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "365"]


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def make_certificates(host):
    """An authority of its own, and a certificate for the host and for localhost."""
    authority, key, server = STATE / "ca.pem", STATE / "ca.key", STATE / "server"
    extensions = STATE / "extensions"
    if authority.exists():
        before = (STATE / "host").read_text()
        if before == host:
            return
        # The issuer is in the database: every request for another name would be 421.
        sys.exit(f"{STATE} is of --host {before}; remove it, or name another folder in CONFORMANCE_STATE")
    names = ",".join(f"DNS:{name}" for name in dict.fromkeys([host, "localhost"]))
    extensions.write_text(f"subjectAltName={names},IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365", "-subj", "/CN=Grantor conformance",
            "-keyout", key, "-out", authority)
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={host}",
            "-keyout", f"{server}.key", "-out", f"{server}.csr")
    openssl("x509", "-req", "-in", f"{server}.csr", "-CA", authority, "-CAkey", key, "-CAcreateserial",
            "-days", "365", "-extfile", extensions, "-out", f"{server}.pem")
    for secret in [key, STATE / "server.key"]:
        secret.chmod(0o600)
    (STATE / "host").write_text(host)


def make_client_key():
    """The key of the static client that signs assertions: as PEM, and as a JWK set with its private members."""
    key, kept = STATE / "private-key-jwt.key", STATE / "private-key-jwt.jwks"
    if not kept.exists():
        openssl("genrsa", "-traditional", "-out", key, "2048")
        told = subprocess.run(["openssl", "rsa", "-in", key, "-noout", "-text"], check=True, capture_output=True)
        parts = re.findall(r"^(\w+):\s*\n((?: +[0-9a-f:]+\n)+)", told.stdout.decode(), re.MULTILINE)
        parts = {name: bytes.fromhex(re.sub(r"[\s:]", "", hexed)) for name, hexed in parts}
        text = lambda number: base64.urlsafe_b64encode(number.lstrip(b"\0")).rstrip(b"=").decode()
        names = {"n": "modulus", "d": "privateExponent", "p": "prime1", "q": "prime2", "dp": "exponent1",
                 "dq": "exponent2", "qi": "coefficient"}
        jwk = {"kty": "RSA", "kid": "private-key-jwt", "use": "sig", "alg": "RS256", "e": "AQAB",
               **{member: text(parts[name]) for member, name in names.items()}}
        kept.touch(0o600)
        kept.write_text(json.dumps({"keys": [jwk]}, indent=2))
    jwk = json.loads(kept.read_text())["keys"][0]
    return {"keys": [{member: jwk[member] for member in ["kty", "kid", "use", "alg", "e", "n"]}]}


def make_client_certificates():
    """An authority of clients, a certificate of it, and one that a client made itself."""
    authority, key, client = STATE / "clients-ca.pem", STATE / "clients-ca.key", STATE / "mtls"
    if authority.exists():
        return
    usage = STATE / "client-extensions"
    usage.write_text("extendedKeyUsage=clientAuth\n")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/C=DE/O=Grantor conformance/CN=mtls",
            "-keyout", f"{client}.key", "-out", f"{client}.csr")
    own = STATE / "mtls-self-signed"
    openssl("req", "-x509", *EC, "-subj", "/CN=mtls-self-signed", "-keyout", f"{own}.key", "-out", f"{own}.pem")
    openssl("req", "-x509", *EC, "-subj", "/CN=Grantor conformance clients", "-keyout", key, "-out", authority)
    openssl("x509", "-req", "-in", f"{client}.csr", "-CA", authority, "-CAkey", key, "-CAcreateserial",
            "-days", "365", "-extfile", usage, "-out", f"{client}.pem")
    for secret in [key, STATE / "mtls.key", STATE / "mtls-self-signed.key"]:
        secret.chmod(0o600)


def certificate_jwks(name):
    """The key of a certificate on P-256 with the certificate, as RFC 8705 §2.2.2 has it registered."""
    text = (STATE / f"{name}.pem").read_text()
    public = subprocess.run(["openssl", "x509", "-in", STATE / f"{name}.pem", "-noout", "-pubkey"],
                            check=True, capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=public,
                         check=True, capture_output=True).stdout
    x, y = (base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (der[-64:-32], der[-32:]))
    certificate = "".join(line for line in text.splitlines() if "-" not in line)
    return {"keys": [{"kty": "EC", "crv": "P-256", "x": x, "y": y, "x5c": [certificate]}]}


class Server:
    """The running program, and calls of it."""

    def __init__(self, program, host, outbound_hosts, outbound_authorities):
        self.issuer = f"https://{host}:{PORT}"
        self.trust = ssl.create_default_context(cafile=STATE / "ca.pem")
        environment = {
            **os.environ,
            "GRANTOR_TENANT_ISSUER": self.issuer,
            "GRANTOR_SERVER_LISTEN": f"0.0.0.0:{PORT}",
            "GRANTOR_SERVER_OPERATIONS_LISTEN": f"127.0.0.1:{OPERATIONS_PORT}",
            "GRANTOR_SERVER_TLS_CERTIFICATE": str(STATE / "server.pem"),
            "GRANTOR_SERVER_TLS_KEY": str(STATE / "server.key"),
            "GRANTOR_MTLS_LISTEN": f"0.0.0.0:{MTLS_PORT}",
            "GRANTOR_MTLS_CLIENT_AUTHORITIES": json.dumps([str(STATE / "clients-ca.pem")]),
            "GRANTOR_DATABASE_URL": f"sqlite:{STATE / 'grantor.db'}",
            "GRANTOR_OUTBOUND_CERTIFICATE_AUTHORITIES": json.dumps([str(STATE / "ca.pem"), *outbound_authorities]),
            "GRANTOR_OUTBOUND_ALLOWED_HOSTS": json.dumps(list(dict.fromkeys([host, "localhost", *outbound_hosts]))),
        }
        command = [program, "serve", "--config", HERE / "grantor.toml"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.said, self.secret = [], None
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with (STATE / "log").open("a") as log:
            for line in self.process.stdout:
                log.write(line)
                log.flush()
                self.said.append(line)
                found = BOOTSTRAP_SECRET.search(line)
                self.secret = self.secret or (found and found.group())

    def ask(self, method, path, body=None, form=None, headers=None):
        """Status and JSON. The name need not resolve here: the connection goes to this machine."""
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json", **(headers or {})}
        if form is not None:
            data = urllib.parse.urlencode(form).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        headers["Host"] = self.issuer.removeprefix("https://")
        request = urllib.request.Request(f"https://localhost:{PORT}{path}", data, headers, method=method)
        handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.trust)]
        try:
            with urllib.request.build_opener(*handlers).open(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, json.loads(refusal.read() or b"null")

    def wait(self):
        for _ in range(600):
            if self.process.poll() is not None:
                sys.exit("grantor serve ended:\n" + "".join(self.said[-20:]))
            try:
                if self.ask("GET", "/oauth2/jwks")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        sys.exit("grantor serve does not answer")

    def administrator(self):
        """Credentials of the first administrator, made once."""
        kept = STATE / "administrator.json"
        if not kept.exists():
            for _ in range(100):
                if self.secret:
                    break
                time.sleep(0.1)
            status, made = self.ask("POST", "/api/v1/bootstrap", {"secret": self.secret, "client_id": "administrator"})
            assert status == 201, made
            kept.touch(0o600)
            kept.write_text(json.dumps(made))
        made = json.loads(kept.read_text())
        status, token = self.ask("POST", "/oauth2/token", form={"grant_type": "client_credentials"},
                                 headers={"Authorization": basic(made["client_id"], made["client_secret"])})
        assert status == 200, token
        return {"Authorization": f"Bearer {token['access_token']}"}


def basic(client, secret):
    return "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()


def fill(server, chosen):
    """Makes what is in world.json; clients that are there already get what it says now, and keep their secrets."""
    world, admin = json.loads((HERE / "world.json").read_text()), server.administrator()
    change = {**admin, "If-Match": "*"}
    tenant = server.ask("GET", "/api/v1/tenants", headers=admin)[1]["items"][0]
    name = tenant.pop("name")
    tenant["settings"].update(world["settings"])
    status, told = server.ask("PUT", f"/api/v1/tenants/{name}", tenant, headers=change)
    assert status == 200, told
    for user in world["users"]:
        status, made = server.ask("POST", "/api/v1/users", user, headers=admin)
        if status == 201:
            password = {"password": world["password"]}
            status, told = server.ask("POST", f"/api/v1/users/{made['id']}/password", password, headers=admin)
            assert status in (200, 204), told
        else:
            assert status == 409, made
    secrets = STATE / "clients.json"
    known = json.loads(secrets.read_text()) if secrets.exists() else {}
    for client in world["clients"]:
        if client.get("redirect_uris"):
            client["redirect_uris"] = chosen.redirect_uri or client["redirect_uris"]
        if client.get("logout"):
            client["logout"] = {**client["logout"], **logout_of(chosen)}
        if client["id"] == "resource":
            client["audiences"] = [server.issuer]
        if client["auth_method"] == "private_key_jwt":
            client["jwks"] = make_client_key()
        if client["auth_method"] == "self_signed_tls_client_auth":
            client["jwks"] = certificate_jwks(client["id"])
        status, made = server.ask("POST", "/api/v1/clients", client, headers=admin)
        if status == 409:
            body = {name: value for name, value in client.items() if name != "id"}
            status, made = server.ask("PUT", f"/api/v1/clients/{client['id']}", body, headers=change)
        assert status in (200, 201), made
        if status == 201:
            known[client["id"]] = made.get("client_secret")
    secrets.touch(0o600)
    secrets.write_text(json.dumps(known, indent=2))
    return known


def logout_of(chosen):
    """What the static clients say about logout, where it was chosen."""
    session = {"frontchannel_logout_session_required": True, "backchannel_logout_session_required": True}
    told = {"post_logout_redirect_uris": chosen.post_logout_redirect_uri,
            "frontchannel_logout_uri": chosen.frontchannel_logout_uri,
            "backchannel_logout_uri": chosen.backchannel_logout_uri}
    return {**session, **{name: value for name, value in told.items() if value}}


def protected_resource(server, secret):
    """Answers who asks with a good token, in the header or (RFC 6750 §2.2) in the form, and looks at no other
    header."""

    class Resource(http.server.BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            scheme, _, token = self.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer":
                token = urllib.parse.parse_qs(body.decode("latin-1")).get("access_token", [""])[0]
            told = {"active": False}
            if token:
                _, told = server.ask("POST", "/oauth2/introspect", form={"token": token},
                                     headers={"Authorization": basic("resource", secret)})
            good = bool(told.get("active")) and self.holds(told.get("cnf"))
            text = json.dumps({"resource": "ok"} if good else {"error": "invalid_token"}).encode()
            self.send_response(200 if good else 401)
            if not good:
                challenge = 'Bearer error="invalid_token"' if token else "Bearer"
                self.send_header("WWW-Authenticate", challenge)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def holds(self, cnf):
            """RFC 8705 §3: a bound token counts together with its certificate only."""
            if cnf is None:
                return True
            shown = hashlib.sha256(self.connection.getpeercert(binary_form=True) or b"").digest()
            return cnf == {"x5t#S256": base64.urlsafe_b64encode(shown).rstrip(b"=").decode()}

        do_GET = do_POST = answer

        def log_message(self, *_):
            pass

    listener = http.server.ThreadingHTTPServer(("0.0.0.0", RESOURCE_PORT), Resource)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(STATE / "server.pem", STATE / "server.key")
    # Of the clients with a certificate; whoever has none may come as well.
    for known in ["clients-ca.pem", "mtls-self-signed.pem"]:
        context.load_verify_locations(STATE / known)
    context.verify_mode = ssl.CERT_OPTIONAL
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    threading.Thread(target=listener.serve_forever, daemon=True).start()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--host", default="localhost", help="the host name of the issuer")
    arguments.add_argument("--grantor", default="grantor", help="the program; default: the one in PATH")
    arguments.add_argument("--redirect-uri", action="append", help="of the static clients; may be repeated")
    arguments.add_argument("--post-logout-redirect-uri", action="append", help="the same, after a logout")
    arguments.add_argument("--frontchannel-logout-uri", help="of the static clients")
    arguments.add_argument("--backchannel-logout-uri", help="of the static clients")
    arguments.add_argument("--outbound-host", action="append", default=[],
                           help="a host name that the server may fetch from wherever it is; may be repeated")
    arguments.add_argument("--outbound-ca", action="append", default=[],
                           help="a file (PEM) of certificates that the server trusts where it fetches; may be repeated")
    chosen = arguments.parse_args()
    program = shutil.which(chosen.grantor)
    if program is None:
        sys.exit(f"--grantor {chosen.grantor}: no such program, seen from {pathlib.Path.cwd()}")
    authorities = [str(pathlib.Path(file).resolve()) for file in chosen.outbound_ca]
    for file in authorities:
        if not pathlib.Path(file).is_file():
            sys.exit(f"--outbound-ca {file}: no such file")
    # Whoever ends this ends the server with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    STATE.mkdir(mode=0o700, exist_ok=True)
    make_certificates(chosen.host)
    make_client_certificates()
    server = Server(pathlib.Path(program).resolve(), chosen.host, chosen.outbound_host, authorities)
    try:
        server.wait()
        secrets = fill(server, chosen)
        if "resource" in secrets:
            protected_resource(server, secrets["resource"])
        print(f"issuer    {server.issuer}\nresource  https://{chosen.host}:{RESOURCE_PORT}/\n"
              f"authority {STATE / 'ca.pem'}\nclients   {STATE / 'clients.json'}\nready", flush=True)
        server.process.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.process.terminate()
        server.process.wait()


if __name__ == "__main__":
    main()
