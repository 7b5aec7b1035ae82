"""How STUPS asks for tokens and about them: what the compatibility checks share."""

import time

from server import basic, fetch


def ask(world, form=None, *, client="test0", query="?realm=/services", path="/oauth2/access_token", **more):
    """A token request of the user `test0` as curl sends it, unless told otherwise."""
    form = {**password_of(world, "test0"), **(form or {})}
    form = {name: value for name, value in form.items() if value is not None}
    more.setdefault("headers", {}).setdefault("Authorization", basic(client, world.secrets[client]))
    if "data" not in more:
        more["form"] = form
    return fetch(f"{world.server.issuer}{path}{query}", **more)


def password_of(world, user):
    return {"grant_type": "password", "username": user, "password": world.passwords[user]}


def granted(answer):
    assert answer.status == 200, answer.text
    return answer.json()


def token_for(world, scope, **more):
    return granted(ask(world, {"scope": scope}, **more))["access_token"]


def tokeninfo(world, token):
    return fetch(world.tokeninfo_url, headers={"Authorization": f"Bearer {token}"})


def refused(answer, status, error):
    assert (answer.status, answer.json()["error"]) == (status, error), answer.text
    return answer.json()["error_description"]


def wait_for_the_clock(second):
    """Until the clock of the machine shows this second."""
    while (left := second - time.time()) > 0:
        time.sleep(left)
