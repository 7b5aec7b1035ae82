"""Django OAuth Toolkit as a resource server: it asks our introspection endpoint about every token."""

import pytest

from campus import RIGHT, token_of_cora
from django_api import as_campus_api, forget_tokens, status


@pytest.mark.parametrize("client", ["batch", "sealed"])
def test_django_oauth_toolkit_asks_us(world, site, client):
    """About a JWT, and about a token that only the server can read."""
    token = world.client_credentials(client, "pets.read")
    assert site.get("/pets", secure=True).status_code in (401, 403)
    assert status(site, "nonsense") in (401, 403)
    assert status(site, token) == 200
    assert status(site, token, "/feed") in (401, 403), "the scope is missing"
    world.revoke(client, token)
    forget_tokens()
    assert status(site, token) in (401, 403)


def test_a_token_for_another_api_is_refused(world, site):
    token = world.client_credentials("orders-batch", "sales_order.read_all")
    assert status(site, token) in (401, 403)


@pytest.mark.parametrize("way", ["secret", "token"])
def test_campus_c01_c02_c06_c09_c10_a_campus_api_with_the_defaults_of_django(campus, site, way):
    """Its own audience rule, by secret and by token: people get a local user, machines get none"""
    from django.contrib.auth.models import User

    by_token = {
        "RESOURCE_SERVER_INTROSPECTION_CREDENTIALS": None,
        "RESOURCE_SERVER_AUTH_TOKEN": campus.client_credentials("campus-api", RIGHT),
    }
    person, machine = token_of_cora(campus), campus.client_credentials("campus-batch", "auth-none read")
    with as_campus_api(campus, **(by_token if way == "token" else {})):
        assert status(site, person, "/people") == 200
        assert [user.username for user in User.objects.all()] == ["cora"]
        assert status(site, machine, "/people") in (401, 403)
        assert status(site, machine, "/machines") == 200
        assert status(site, person, "/machines") in (401, 403)
        assert status(site, "nonsense", "/people") in (401, 403)
        assert User.objects.count() == 1, "a machine is nobody"
