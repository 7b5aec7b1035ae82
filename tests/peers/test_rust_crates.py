"""The crates `oauth2` and `openidconnect`: a program of their own (`rust`), built here once."""

import json
import os
import pathlib
import subprocess

import pytest

from server import fetch
from visitor import Visitor
from world import CALLBACK

SOURCE = pathlib.Path(__file__).with_name("rust")


@pytest.fixture(scope="module")
def program():
    target = pathlib.Path(os.environ["GRANTOR_BIN"]).parent.parent / "peers/rust"
    subprocess.run(
        ["cargo", "build", "--quiet", "--locked", "--manifest-path", SOURCE / "Cargo.toml"],
        check=True,
        env={**os.environ, "CARGO_TARGET_DIR": str(target)},
    )
    return target / "debug/grantor-peers"


@pytest.mark.parametrize("crate, who", [("oauth2", "carla"), ("openidconnect", "dana")])
def test_the_crate_signs_somebody_in(world, program, crate, who):
    """Discovery (where the crate has it), code and PKCE, id_token and its at_hash, userinfo"""
    metadata = fetch(f"{world.server.issuer}/.well-known/openid-configuration").json()
    told = {
        "issuer": world.server.issuer,
        "client_secret": world.secrets["web"],
        "callback": CALLBACK,
        "authorization_endpoint": metadata["authorization_endpoint"],
        "token_endpoint": metadata["token_endpoint"],
    }
    running = subprocess.Popen(
        [program, crate], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    running.stdin.write(json.dumps(told) + "\n")
    running.stdin.flush()
    url = running.stdout.readline().strip()
    assert url, running.communicate()[1]
    back = Visitor(world.server.issuer).authorize(url, who, world.passwords[who])
    said, complaint = running.communicate(back + "\n", timeout=60)
    assert running.returncode == 0, complaint
    learnt = json.loads(said)
    if crate == "oauth2":
        assert learnt["scopes"] == ["sales_order.read"] and learnt["expires_in"] > 0
    else:
        assert learnt["email"] == "dana@example.org" and learnt["sub"] != "dana"
