"""Django OAuth Toolkit as a resource server: it asks our introspection endpoint about every token."""

import pytest
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session

from visitor import Visitor
from world import CALLBACK

SCOPES = {"pets.read": "See pets", "pets.write": "Change pets", "sales_order.read": "See orders"}


@pytest.fixture(scope="module")
def site(world):
    """A Django site of three views that Django OAuth Toolkit protects."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    settings.configure(
        SECRET_KEY="only for tests",
        ALLOWED_HOSTS=["pets.example.org"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        OAUTH2_PROVIDER={
            "SCOPES": SCOPES,
            "RESOURCE_SERVER_INTROSPECTION_URL": f"{world.server.issuer}/oauth2/introspect",
            "RESOURCE_SERVER_INTROSPECTION_CREDENTIALS": ("pets-api", world.secrets["pets-api"]),
            # By default it compares audiences with the address of the request, of which it looks at
            # the path only; so this site says who it is.
            "RESOURCE_SERVER_TOKEN_RESOURCE_VALIDATOR": f"{__name__}.is_for_us",
        },
    )
    django.setup()
    call_command("migrate", verbosity=0)
    from django.test import Client

    return Client(headers={"host": "pets.example.org"})


def is_for_us(_, audiences):
    return "https://pets.example.org" in audiences


def forget_tokens():
    """It keeps what it was told for hours, unless it is made to forget."""
    from oauth2_provider.models import AccessToken

    AccessToken.objects.all().delete()


def _views():
    from django.http import JsonResponse
    from django.urls import path
    from oauth2_provider.decorators import protected_resource

    @protected_resource(scopes=["pets.read"])
    def pets(request):
        return JsonResponse({"pets": ["rex"]})

    @protected_resource(scopes=["pets.write"])
    def feed(request):
        return JsonResponse({"fed": True})

    @protected_resource(scopes=["auth-campus", "read"])
    def people(request):
        return JsonResponse({"read": True})

    @protected_resource(scopes=["auth-none", "read"])
    def machines(request):
        return JsonResponse({"read": True})

    return [
        path("pets", pets),
        path("feed", feed),
        path("people", people),
        path("machines", machines),
    ]


def __getattr__(name):
    # Django asks this module for its views, once it is set up.
    if name == "urlpatterns":
        return _views()
    raise AttributeError(name)


def status(site, token, path="/pets"):
    return site.get(path, secure=True, headers={"authorization": f"Bearer {token}"}).status_code


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


@pytest.fixture(scope="module")
def campus(world):
    """A resource server of the campus: it decides by the way to sign in, and no token names it."""
    api = world.server.api
    for token, rule in [("auth-campus", "selector"), ("auth-none", "selector"), ("read", "always")]:
        api("POST", "/scopes", {"token": token, "rule": {"granted": rule}, "summary": {"en": token}})
    own = {"auth_method": "client_secret_basic", "grant_types": ["client_credentials"]}
    batch = {"id": "campus-batch", **own, "scopes": ["auth-none", "read"]}
    web = {
        "id": "campus-web",
        "auth_method": "client_secret_basic",
        "grant_types": ["authorization_code"],
        "realms": ["customers"],
        "redirect_uris": [CALLBACK],
        "scopes": ["openid", "auth-campus", "read"],
    }
    right = "grantor.token_introspect"
    server = {
        "id": "campus-api",
        **own,
        "audiences": [world.server.issuer],
        "scopes": [right],
        "default_scopes": [right],
        "compat": {"basic_raw": True, "introspection_no_audience": True},
    }
    for client in [batch, web, server]:
        world.secrets[client["id"]] = api("POST", "/clients", client)["client_secret"]
    world.assign({"client": "campus-api"}, right)
    world.make_user("customers", "cora", [])
    return world


def token_of_cora(world):
    """A token of somebody who signed in on our pages."""
    session = OAuth2Session(
        "campus-web",
        world.secrets["campus-web"],
        scope="auth-campus read",
        redirect_uri=CALLBACK,
        code_challenge_method="S256",
    )
    endpoint = f"{world.server.issuer}/oauth2"
    verifier = generate_token(48)
    url, state = session.create_authorization_url(f"{endpoint}/authorize", code_verifier=verifier)
    back = Visitor(world.server.issuer).authorize(url, "cora", world.passwords["cora"])
    token = session.fetch_token(
        f"{endpoint}/token", authorization_response=back, state=state, code_verifier=verifier
    )
    assert set(token["scope"].split()) == {"auth-campus", "read"}
    return token["access_token"]


@pytest.mark.parametrize("way", ["secret", "token"])
def test_campus_c01_c02_c06_c09_c10_a_campus_api_with_the_defaults_of_django(campus, site, way):
    """Its own audience rule, by secret and by token: people get a local user, machines get none"""
    from django.contrib.auth.models import User
    from django.test import override_settings

    provider = {
        "SCOPES": {"read": "Read", "auth-campus": "A person", "auth-none": "No person"},
        "RESOURCE_SERVER_INTROSPECTION_URL": f"{campus.server.issuer}/oauth2/introspect",
    }
    if way == "secret":
        credentials = ("campus-api", campus.secrets["campus-api"])
        provider["RESOURCE_SERVER_INTROSPECTION_CREDENTIALS"] = credentials
    else:
        right = campus.client_credentials("campus-api", "grantor.token_introspect")
        provider["RESOURCE_SERVER_AUTH_TOKEN"] = right
    person, machine = token_of_cora(campus), campus.client_credentials("campus-batch", "auth-none read")
    with override_settings(OAUTH2_PROVIDER=provider):
        User.objects.all().delete()
        forget_tokens()
        assert status(site, person, "/people") == 200
        assert [user.username for user in User.objects.all()] == ["cora"]
        assert status(site, machine, "/people") in (401, 403)
        assert status(site, machine, "/machines") == 200
        assert status(site, person, "/machines") in (401, 403)
        assert status(site, "nonsense", "/people") in (401, 403)
        assert User.objects.count() == 1, "a machine is nobody"
    forget_tokens()
