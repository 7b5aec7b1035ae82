"""The deployment under test, started as its documentation says: TLS with its own authority, and a host name that
resolves nowhere, so connections go to this machine."""

import base64
import http.client
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import urllib.parse

from server import PATIENCE, Answer
from visitor import Visitor

HOST = "op.conformance.example"
ROOT = pathlib.Path(os.environ.get("GRANTOR_ROOT", pathlib.Path(__file__).resolve().parents[3]))


class Connection(http.client.HTTPSConnection):
    """To this machine, whatever the name; the certificate is for the name."""

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        self.sock = self._context.wrap_socket(plain, server_hostname=self.host)


def free_ports(count):
    """The first of so many neighbouring ports that nobody has."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = probe.getsockname()[1]
        try:
            sockets = [socket.create_server(("0.0.0.0", first + n)) for n in range(count)]
        except OSError:
            continue
        for held in sockets:
            held.close()
        return first


class Deployment:
    """`start.py`, running. `party` is asked where the static clients take over."""

    def __init__(self, party):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="grantor-conformance-"))
        self.state = self.folder / "state"
        port = free_ports(4)
        self.issuer = f"https://{HOST}:{port}"
        self.resource = f"https://{HOST}:{port + 1}/"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GRANTOR_")}
        environment.update(CONFORMANCE_STATE=str(self.state), CONFORMANCE_PORT=str(port), GRANTOR_LOG="info")
        command = [sys.executable, ROOT / "deploy/conformance/start.py", "--host", HOST,
                   "--grantor", pathlib.Path(os.environ["GRANTOR_BIN"]).resolve(), *party.arguments()]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        env=environment)
        said = []
        for line in self.process.stdout:
            said.append(line)
            if line.strip() == "ready":
                break
        else:
            self.stop()
            raise RuntimeError("start.py ended:\n" + "".join(said))
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        self.trust = ssl.create_default_context(cafile=self.state / "ca.pem")
        world = json.loads((ROOT / "deploy/conformance/world.json").read_text())
        self.user, self.password = world["users"][0], world["password"]
        self.secrets = json.loads((self.state / "clients.json").read_text())

    def connect(self, parts):
        return Connection(parts.hostname, parts.port, timeout=PATIENCE, context=self.trust)

    def fetch(self, url, method="GET", form=None, json_body=None, headers=None):
        """One request; an answer for every status. No redirects."""
        parts, headers = urllib.parse.urlsplit(url), dict(headers or {})
        body = None
        if form is not None:
            method, body = ("POST" if method == "GET" else method), urllib.parse.urlencode(form)
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif json_body is not None:
            method, body = ("POST" if method == "GET" else method), json.dumps(json_body)
            headers["Content-Type"] = "application/json"
        connection = self.connect(parts)
        try:
            target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def administrator(self):
        """Headers of the administrator, as documented."""
        made = json.loads((self.state / "administrator.json").read_text())
        form = {"grant_type": "client_credentials"}
        pair = f"{urllib.parse.quote(made['client_id'])}:{urllib.parse.quote(made['client_secret'])}"
        header = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
        token = self.fetch(f"{self.issuer}/oauth2/token", form=form, headers=header)
        assert token.status == 200, token.text
        return {"Authorization": f"Bearer {token.json()['access_token']}"}

    def browser(self):
        return Browser(self)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Browser(Visitor):
    """A browser that trusts the authority of the deployment."""

    def __init__(self, deployment):
        super().__init__(deployment.issuer)
        self.deployment = deployment

    def connect(self, parts):
        return self.deployment.connect(parts)
