"""Django OAuth Toolkit as a resource server: it asks our introspection endpoint about every token."""

import pytest

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

    return [path("pets", pets), path("feed", feed)]


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
