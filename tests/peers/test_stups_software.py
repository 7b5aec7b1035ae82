"""The compatibility checks of STUPS from 22 on: its own clients, registries, browsers, resource servers and
dashboards. See `test_stups_server.py` for what is left out.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

from neighbours import PetStore, Relay
from server import PATIENCE, basic, fetch
from stups import ask, granted, password_of, token_for, tokeninfo
from world import World

BIN = pathlib.Path(sys.executable).parent


@pytest.fixture
def credentials(world, tmp_path):
    """A folder as berry leaves it."""
    return credentials_of(world, tmp_path, "stups_myapp", "stups_myapp")


def credentials_of(world, folder, user, client):
    user = {"application_username": user, "application_password": world.passwords[user]}
    client = {"client_id": client, "client_secret": world.secrets[client]}
    (folder / "user.json").write_text(json.dumps(user))
    (folder / "client.json").write_text(json.dumps(client))
    return folder


def run(command, folder, **environment):
    """Runs a program with nothing of the caller's environment that could matter to it."""
    clean = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "LC_ALL": "C.UTF-8",
        "BROWSER": "false",
    }
    return subprocess.run(
        command, cwd=folder, env={**clean, **environment}, capture_output=True, text=True, timeout=PATIENCE
    )


def python(program, folder, **environment):
    done = run([sys.executable, "-c", program], folder, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_check_22_the_tokens_library(world, credentials):
    """stups-tokens 1.1.19: a token; the second `get` makes no request"""
    program = (
        "import tokens; tokens.configure(); tokens.manage('myapp', ['uid', 'pets.write']); "
        "print(tokens.get('myapp')); print(tokens.get('myapp'))"
    )
    with Relay(world.server.issuer) as relay:
        url = f"{relay.url}/oauth2/access_token?realm=/services"
        first, second = python(program, credentials, OAUTH2_ACCESS_TOKEN_URL=url, CREDENTIALS_DIR=".")
        assert len(relay.seen) == 1
    assert first == second
    assert granted(tokeninfo(world, first))["pets.write"] is True


def test_check_23_other_ways_of_the_tokens_library(world, credentials):
    """stups-tokens: no scopes, fixed tokens, tokens from files"""
    program = "import tokens; tokens.manage('myapp', []); print(tokens.get('myapp'))"
    (token,) = python(program, credentials, OAUTH2_ACCESS_TOKEN_URL=world.token_url(), CREDENTIALS_DIR=".")
    assert granted(tokeninfo(world, token))["scope"] == ["uid"]
    assert python(program, credentials, OAUTH2_ACCESS_TOKENS="myapp=abc") == ["abc"]
    (credentials / "myapp-token-secret").write_text("from a file\n")
    from_file = program.replace("tokens.manage", "tokens.configure(from_file_only=True); tokens.manage")
    assert " ".join(python(from_file, credentials, CREDENTIALS_DIR=".")) == "from a file"


def test_check_24_the_server_goes_away(tmp_path):
    """stups-tokens: the server stops after the first token; the old one is returned with a warning"""
    program = (
        "import sys, tokens; tokens.manage('myapp', ['pets.write']); print(tokens.get('myapp'), flush=True); "
        "sys.stdin.readline(); print(tokens.get('myapp'))"
    )
    going = World()
    try:
        credentials_of(going, tmp_path, "test0", "brief")
        library = subprocess.Popen(
            [sys.executable, "-c", program],
            env={"OAUTH2_ACCESS_TOKEN_URL": going.token_url(), "CREDENTIALS_DIR": str(tmp_path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with library:
            first = library.stdout.readline().strip()
            granted(tokeninfo(going, first))
            going.stop()
            second, warnings = library.communicate("go on\n", timeout=PATIENCE)
    finally:
        going.stop()
    assert second.strip() == first != ""
    assert 'Failed to refresh access token "myapp"' in warnings


def test_check_25_zign_as_a_service(world, credentials):
    """stups-zign 1.2.2: `zign token -n myapp pets.write` with service credentials"""
    done = run(
        ["zign", "token", "-n", "myapp", "pets.write"],
        credentials,
        OAUTH2_ACCESS_TOKEN_URL=world.token_url(),
        CREDENTIALS_DIR=".",
    )
    assert done.returncode == 0, done.stderr
    token = done.stdout.strip()
    assert token.count(".") == 2
    assert granted(tokeninfo(world, token))["pets.write"] is True


def test_check_31_httpie(world, credentials):
    """HTTPie 3.2.4 with httpie-zign 0.2, as a service and with a token that zign keeps"""
    service = {"OAUTH2_ACCESS_TOKEN_URL": world.token_url(), "CREDENTIALS_DIR": "."}
    command = ["http", "--ignore-stdin", "--check-status", "--print=b", "--auth-type=zign"]
    with PetStore(world.tokeninfo_url, "pets.write") as pets:
        done = run([*command, "-a", "myapp:uid,pets.write", pets.url], credentials, **service)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"hello": "stups_myapp"}
        done = run([*command, "-a", "other:uid", pets.url], credentials, **service)
        assert done.returncode == 4, "the scope is missing: 403"
        keep_for_zign(credentials, "testing", token_for(world, "uid pets.write"))
        done = run([*command, "-a", "testing:", pets.url], credentials)
        assert done.returncode == 0, done.stderr
        assert pets.callers == ["stups_myapp", "test0"]


def keep_for_zign(folder, name, token):
    """Zign's cache of tokens, as its sign-in would leave it."""
    cache = folder / "config/zalando-token-cli"
    cache.mkdir(parents=True)
    kept = {
        "access_token": token,
        "creation_time": time.time(),
        "expires_in": 28800,
        "name": name,
        "refresh_token": None,
        "scope": "",
        "token_type": "Bearer",
    }
    # JSON is YAML.
    (cache / "tokens.yaml").write_text(json.dumps({name: kept}))


def test_check_46_an_attribute_for_each_scope(world):
    """`application.write` is an attribute of token info only with that scope"""
    having = granted(tokeninfo(world, token_for(world, "uid application.write")))
    lacking = granted(tokeninfo(world, token_for(world, "uid pets.write")))
    assert having["application.write"] is True
    assert "application.write" not in lacking
    assert having["uid"] == lacking["uid"] == "test0", "a scope does not hide the name"


def test_check_38_essentials(world):
    """essentials: a type with owners and three scopes; listed by id; owners cannot be emptied"""
    # The application that the type is named after may write it.
    essentials = Essentials(world, "stups_parcel")
    owners = ["employees", "customers"]
    body = {"name": "Parcel", "description": "What is sent", "resource_owners": owners}
    essentials.put("parcel", body)
    for scope, owned in [("write", True), ("read", True), ("read_all", False)]:
        essentials.put(f"parcel/scopes/{scope}", {"summary": scope, "is_resource_owner_scope": owned})
    listed = granted(essentials.get(""))
    assert [one["id"] for one in listed] == sorted(one["id"] for one in listed)
    assert {"id": "parcel", "name": "Parcel"} in listed
    read = granted(essentials.get("parcel"))
    assert sorted(read.pop("resource_owners")) == sorted(owners)
    assert read == {"id": "parcel", "name": "Parcel", "description": "What is sent"}
    scopes = granted(essentials.get("parcel/scopes"))
    assert [scope["id"] for scope in scopes] == ["read", "read_all", "write"]
    assert [scope["is_resource_owner_scope"] for scope in scopes] == [True, False, True]
    assert all(scope["criticality_level"] == 2 for scope in scopes)
    refusal = essentials.call("PUT", "parcel", {**body, "resource_owners": []})
    assert refusal.status == 400
    told = refusal.json()
    assert told["message"].startswith("Cannot remove resource owners from resource type")
    assert told["details"]["resource_type_id"] == "parcel"
    assert sorted(told["details"]["affected_scope_ids"]) == ["read", "write"]


class Essentials:
    """The scope registry, as its user interface calls it."""

    def __init__(self, world, user):
        self.url = f"{world.server.issuer}/resource-types"
        self.token = granted(ask(world, password_of(world, user)))["access_token"]

    def call(self, method, path, body=None):
        url = f"{self.url}/{path}" if path else self.url
        return fetch(url, method, json_body=body, headers={"Authorization": f"Bearer {self.token}"})

    def get(self, path):
        return self.call("GET", path)

    def put(self, path, body):
        answer = self.call("PUT", path, body)
        assert answer.status == 200, answer.text


def test_check_45_preflight(world, note):
    """CORS preflight on token info and essentials: answered without a token"""
    note("Kio and mint are not built")
    for path, method in [("/oauth2/tokeninfo", "GET"), ("/resource-types", "GET"), ("/resource-types/pets", "PUT")]:
        headers = {
            "Origin": "https://yourturn.example.org",
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        answer = fetch(world.server.issuer + path, "OPTIONS", headers=headers)
        assert answer.status == 200 and answer.text == "", path
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert method in answer.headers["Access-Control-Allow-Methods"]
        allowed = answer.headers["Access-Control-Allow-Headers"].lower()
        assert "authorization" in allowed and "content-type" in allowed
        assert "Access-Control-Allow-Credentials" not in answer.headers


PETS_API = {
    "openapi": "3.0.0",
    "info": {"title": "Pets", "version": "1"},
    "components": {
        "securitySchemes": {
            "oauth2": {
                "type": "oauth2",
                "flows": {"clientCredentials": {"tokenUrl": "/", "scopes": {"uid": "", "pets.write": ""}}},
            }
        }
    },
    "paths": {
        "/pets": {
            "get": {
                "operationId": "test_stups_software.pets",
                "security": [{"oauth2": ["uid", "pets.write"]}],
                "responses": {"200": {"description": "the pets"}},
            }
        }
    },
}


async def pets(user):
    """What connexion protects."""
    return {"hello": user}


def test_check_47_connexion(world, monkeypatch):
    """connexion 3.3.0 with TOKENINFO_URL: 401 without token, 403 without scope, 200"""
    import connexion

    monkeypatch.setenv("TOKENINFO_URL", world.tokeninfo_url)
    app = connexion.AsyncApp(__name__)
    app.add_api(PETS_API)
    with app.test_client() as client:

        def status(token):
            return client.get("/pets", headers={"Authorization": f"Bearer {token}"}).status_code

        assert client.get("/pets").status_code == 401
        assert status("x.y.z") == 401
        assert status(token_for(world, "uid application.write")) == 403
        assert status(token_for(world, "uid pets.write")) == 200
        answer = client.get("/pets", headers={"Authorization": f"Bearer {token_for(world, 'uid pets.write')}"})
        assert answer.json() == {"hello": "test0"}


def test_check_48_health_and_metrics(world, note):
    """`/health` as text, `/metrics` as flat JSON with the names of Plan B"""
    note("one listener for both; JSON metrics for `Accept: application/json`, otherwise Prometheus; counts, no times")
    health = fetch(f"{world.server.operations}/health")
    assert health.status == 200 and health.text.startswith("OK\n")
    granted(tokeninfo(world, token_for(world, "uid")))
    fetch(f"{world.tokeninfo_url}?access_token=x.y.z")
    ask(world, headers={"Authorization": basic("test0", "wrong")})
    ask(world, {"password": "wrong"})
    asked = fetch(f"{world.server.operations}/metrics", headers={"Accept": "application/json"})
    metrics = granted(asked)
    assert all(isinstance(value, (int, float)) for value in metrics.values())
    assert metrics["planb.openidprovider.numkeys"] >= 1
    for counted in [
        "planb.provider.access_token.services.success.count",
        "planb.provider.access_token.services.error.client.count",
        "planb.provider.access_token.services.error.user.count",
        "planb.tokeninfo.jwt./services.requests.count",
        "planb.tokeninfo.jwt.errors.invalid_token.count",
        "planb.provider.jwt.signing.ES256.count",
    ]:
        assert metrics[counted] >= 1, counted
    prometheus = fetch(f"{world.server.operations}/metrics")
    assert "# TYPE grantor_token_requests counter" in prometheus.text
