"""A Django site whose people sign in through mozilla-django-oidc. As a program it plays one sign-in: what it
needs comes as JSON on stdin, what the site then knows goes as JSON to stdout."""

import json
import sys

import django
from django.conf import settings
from django.http import HttpResponse
from django.urls import include, path

TOLD = json.load(sys.stdin)
METADATA = TOLD["metadata"]

settings.configure(
    SECRET_KEY="of the tests",
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
        "mozilla_django_oidc",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    AUTHENTICATION_BACKENDS=["mozilla_django_oidc.auth.OIDCAuthenticationBackend"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": TOLD["database"]}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    LOGIN_REDIRECT_URL="/",
    OIDC_RP_CLIENT_ID="django",
    OIDC_RP_CLIENT_SECRET=TOLD["client_secret"],
    OIDC_RP_SIGN_ALGO="RS256",
    OIDC_RP_SCOPES="openid email profile",
    OIDC_USE_PKCE=True,
    OIDC_TOKEN_USE_BASIC_AUTH=True,
    OIDC_OP_AUTHORIZATION_ENDPOINT=METADATA["authorization_endpoint"],
    OIDC_OP_TOKEN_ENDPOINT=METADATA["token_endpoint"],
    OIDC_OP_USER_ENDPOINT=METADATA["userinfo_endpoint"],
    OIDC_OP_JWKS_ENDPOINT=METADATA["jwks_uri"],
)
django.setup()

urlpatterns = [
    path("oidc/", include("mozilla_django_oidc.urls")),
    path("", lambda request: HttpResponse(str(request.user))),
]


def main():
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.test import Client

    from visitor import Visitor

    call_command("migrate", verbosity=0)
    site = Client(headers={"host": "127.0.0.1:8000"})
    begun = site.get("/oidc/authenticate/")
    assert begun.status_code == 302, begun.content
    back = Visitor(TOLD["issuer"]).authorize(begun["Location"], "dana", TOLD["password"])
    path_and_query = back.removeprefix("http://127.0.0.1:8000")
    done = site.get(path_and_query)
    assert done.status_code == 302, done.content
    print(json.dumps({"location": done["Location"], "email": User.objects.get().email}))


if __name__ == "__main__":
    main()
