"""A Django site whose views Django OAuth Toolkit protects, by its decorators and through Django REST
framework. Django takes its settings once in a process, so all tests share this site."""

from contextlib import contextmanager

from campus import GROUP_CLAIM
from server import PATIENCE

SCOPES = {"pets.read": "See pets", "pets.write": "Change pets", "sales_order.read": "See orders"}

# What an API of the campus knows.
CAMPUS_SCOPES = ["auth-campus", "auth-none", "read", "update", "demo-sla-gold"]


def set_up(world):
    """Django's own client of the site, which asks the server of `world`."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    settings.configure(
        SECRET_KEY="only for tests",
        ALLOWED_HOSTS=["pets.example.org"],
        ROOT_URLCONF=__name__,
        USE_TZ=True,
        CAMPUS_USERINFO=f"{world.server.issuer}/oauth2/userinfo",
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


@contextmanager
def as_campus_api(campus, **more):
    """The site as an API of the campus, with the toolkit's own audience rule; by secret unless `more`
    says otherwise. It knows nobody and no token before."""
    from django.contrib.auth.models import User
    from django.test import override_settings

    provider = {
        "SCOPES": {name: name for name in CAMPUS_SCOPES},
        "RESOURCE_SERVER_INTROSPECTION_URL": f"{campus.server.issuer}/oauth2/introspect",
        "RESOURCE_SERVER_INTROSPECTION_CREDENTIALS": ("campus-api", campus.secrets["campus-api"]),
    }
    with override_settings(OAUTH2_PROVIDER={**provider, **more}):
        User.objects.all().delete()
        forget_tokens()
        yield
    forget_tokens()


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

    plain = {"pets": pets, "feed": feed, "people": people, "machines": machines}
    return [path(name, view) for name, view in {**plain, **_rest_views()}.items()]


def _rest_views():
    """Views of Django REST framework that decide by a table of alternatives."""
    import requests
    from django.conf import settings
    from oauth2_provider.contrib.rest_framework import OAuth2Authentication, TokenMatchesOASRequirements
    from rest_framework.permissions import BasePermission, IsAuthenticated
    from rest_framework.renderers import JSONRenderer
    from rest_framework.response import Response
    from rest_framework.views import APIView

    class Courses(APIView):
        """For people and for machines."""

        authentication_classes = [OAuth2Authentication]
        permission_classes = [TokenMatchesOASRequirements]
        renderer_classes = [JSONRenderer]
        required_alternate_scopes = {
            "GET": [["auth-campus", "demo-sla-gold", "read"], ["auth-none", "demo-sla-gold", "read"]]
        }

        def get(self, request):
            return Response({"user": request.user and request.user.username})

        def patch(self, request):
            return Response({"changed": True})

    class MyCourses(Courses):
        """Those of somebody."""

        permission_classes = [TokenMatchesOASRequirements, IsAuthenticated]

    class InTheGroup(BasePermission):
        """Asks UserInfo once for each token, and looks for a word of the claim."""

        def has_permission(self, request, view):
            headers = {"Authorization": f"Bearer {request.auth.token}"}
            answer = requests.get(settings.CAMPUS_USERINFO, headers=headers, timeout=PATIENCE)
            said = answer.json() if answer.ok else {}
            return view.required_group in said.get(GROUP_CLAIM, "").split()

    class DemoCourses(Courses):
        """Those of a group."""

        permission_classes = [TokenMatchesOASRequirements, IsAuthenticated, InTheGroup]
        required_group = "demo_d_demo2"

    views = {"courses": Courses, "my-courses": MyCourses, "demo-courses": DemoCourses}
    return {name: view.as_view() for name, view in views.items()}


def __getattr__(name):
    # Django asks this module for its views, once it is set up.
    if name == "urlpatterns":
        return _views()
    raise AttributeError(name)


def call(site, token, path, method="GET"):
    """The answer of the site to the bearer of a token."""
    return site.generic(method, path, secure=True, headers={"authorization": f"Bearer {token}"})


def status(site, token, path="/pets"):
    return call(site, token, path).status_code
