"""A Grantor of its own: `grantor serve` on a free port with a fresh embedded database, the first
administrator, and calls of its management API. Only the standard library: the JavaScript tests start
this too, with the Python of the system."""

import base64
import json
import os
import pathlib
import queue
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import urllib.error
import urllib.parse
import urllib.request

# How long anything may take on a busy machine, in seconds.
PATIENCE = 60

# The words before the one-time secret for the first administrator (SEC-168).
BOOTSTRAP_SECRET = re.compile(r"\bgbs_[A-Za-z0-9_-]+")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Answer:
    """Status, headers and body of an HTTP answer, whatever the status."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.text = status, headers, body.decode()

    def json(self):
        return json.loads(self.text)


def basic(client, secret):
    return "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()


class _Still(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


# No proxy of the environment, and no redirects: what is asked is what answers.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Still())


def fetch(url, method=None, form=None, json_body=None, data=None, headers=None):
    """One request; an answer for every status."""
    headers = dict(headers or {})
    if form is not None:
        data = urllib.parse.urlencode(form).encode()
    elif json_body is not None:
        data = json.dumps(json_body).encode()
        headers.setdefault("Content-Type", "application/json")
    if data is not None:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with _OPENER.open(request, timeout=PATIENCE) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return Answer(refusal.code, refusal.headers, refusal.read())


def _openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def make_certificates(folder):
    """An authority of clients; a server on 127.0.0.1; a client that the authority certifies and one that
    certifies itself. Names of files, PEM."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

    def own(name, subject, *more):
        files = ["-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"]
        _openssl("req", "-x509", *key, "-days", "2", "-subj", subject, *more, *files)

    own("authority", "/CN=Clients of the tests")
    own("server", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    own("self-signed", "/CN=self-signed")
    certified, extensions = folder / "certified", folder / "extensions"
    extensions.write_text("extendedKeyUsage=clientAuth\n")
    _openssl("req", *key, "-subj", "/C=DE/O=Example, Inc./CN=certified",
             "-keyout", f"{certified}.key", "-out", f"{certified}.csr")
    _openssl("x509", "-req", "-in", f"{certified}.csr", "-CA", folder / "authority.pem",
             "-CAkey", folder / "authority.key", "-CAcreateserial", "-days", "2",
             "-extfile", extensions, "-out", f"{certified}.pem")


class Server:
    """A running `grantor serve` and its administrator; with a listener that asks for certificates if that
    is wanted."""

    def __init__(self, more="", mutual_tls=False):
        """`more` is appended to the configuration."""
        self.more, self.mutual_tls = more, mutual_tls
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="grantor-peers-"))
        self.port, self.operations_port = free_port(), free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.operations = f"http://127.0.0.1:{self.operations_port}"
        self._process = None
        self._lines = queue.Queue()
        try:
            self._start()
            self._become_administrator()
        except BaseException:
            self.stop()
            raise

    def _start(self):
        configuration = self.folder / "grantor.toml"
        configuration.write_text(
            f"""
            [server]
            listen = "127.0.0.1:{self.port}"
            operations_listen = "127.0.0.1:{self.operations_port}"
            [tenant]
            hosts = ["token.services.example.org"]
            [database]
            url = "sqlite:{self.folder}/grantor.db"
            [passwords]
            queue = 64
            """
            + self.more
        )
        if self.mutual_tls:
            make_certificates(self.folder)
            with configuration.open("a") as more:
                more.write(
                    f"""
                    [mtls]
                    listen = "127.0.0.1:{free_port()}"
                    tls_certificate = "{self.folder}/server.pem"
                    tls_key = "{self.folder}/server.key"
                    client_authorities = ["{self.folder}/authority.pem"]
                    """
                )
        command = [os.environ["GRANTOR_BIN"], "serve", "--config", str(configuration)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GRANTOR_")}
        environment["GRANTOR_LOG"] = "info"
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=self.folder,
            env=environment,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with (self.folder / "log").open("w") as log:
            for line in self._process.stdout:
                log.write(line)
                log.flush()
                self._lines.put(line)
        self._lines.put(None)

    def _become_administrator(self):
        """Waits for the secret, which the server prints once it is ready, and redeems it."""
        secret, said = None, []
        while not secret:
            line = self._lines.get(timeout=PATIENCE)
            if line is None:
                raise RuntimeError("grantor serve ended:\n" + "".join(said))
            said.append(line)
            secret = BOOTSTRAP_SECRET.search(line)
        # Not a name that anybody would guess, least of all a program that makes up requests.
        body = {"secret": secret.group(), "client_id": "administrator-of-the-tests"}
        answer = fetch(f"{self.issuer}/api/v1/bootstrap", json_body=body)
        assert answer.status == 201, answer.text
        self.administrator = answer.json()
        self.token = self.administrator_token()

    def administrator_token(self):
        """A fresh access token that may do everything."""
        made = self.administrator
        authorization = basic(made["client_id"], made["client_secret"])
        answer = fetch(
            f"{self.issuer}/oauth2/token",
            form={"grant_type": "client_credentials"},
            headers={"Authorization": authorization},
        )
        assert answer.status == 200, answer.text
        return answer.json()["access_token"]

    def api(self, method, path, body=None, headers=None):
        """A call of the management API as the administrator; every refusal is an error."""
        answer = fetch(
            f"{self.issuer}/api/v1{path}",
            method=method,
            json_body=body,
            headers={"Authorization": f"Bearer {self.token}", **(headers or {})},
        )
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.text}"
        return answer.json() if answer.text else None

    def stop(self):
        """Ends the server at once, as a power cut would; nothing of it stays."""
        if self._process:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
