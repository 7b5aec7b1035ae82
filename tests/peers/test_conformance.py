"""Every module of the conformance suite's plans for OpenID Providers, played against the deployment that
`docs/conformance.md` describes. Warnings of the suite are failures here. A test is named after plan, variant
and module: `-k oidcc-refresh-token` plays one module in all plans."""

import json

import pytest
from jwcrypto import jwk

from conformance import checks, plans
from conformance.core import MODULES, spend
from conformance.deployment import Deployment
from conformance.party import Party
from conformance.play import Play

EVERY = list(plans.every())


@pytest.fixture(scope="module")
def party():
    made = Party()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def op(party):
    made = Deployment(party)
    try:
        party.listen(made.state)
        made.metadata = checks.metadata(made)
        keys = json.loads((made.state / "private-key-jwt.jwks").read_text())["keys"]
        made.static_key = jwk.JWK(**keys[0])
        yield made
    finally:
        made.stop()


def name_of(plan, variant, module):
    return f"{plan.replace('-certification-test-plan', '')}-{variant['response_type'].replace(' ', '+')}-{module}"


@pytest.fixture(scope="module")
def begun(request, op, party):
    """What has to lie for half a minute, of all tests that were chosen."""
    plays = {}
    for item in request.session.items:
        chosen = getattr(item, "callspec", None)
        if chosen and chosen.params.get("name") == "oidcc-codereuse-30seconds":
            play = Play(op, party, chosen.params["variant"], chosen.params["name"])
            play.begun = spend(play)
            plays[item.name] = play
    return plays


@pytest.mark.parametrize(("plan", "variant", "name"), EVERY, ids=[name_of(*one) for one in EVERY])
def test_module(request, op, party, begun, plan, variant, name):
    play = begun.get(request.node.name) or Play(op, party, variant, name)
    MODULES[name](play)
    play.clean()
