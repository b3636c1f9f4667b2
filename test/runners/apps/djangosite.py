"""A Django project in one file: two views, a form, a session in a cookie, the admin's login page and its static files."""
import os

from django.conf import settings

settings.configure(
    SECRET_KEY="not a secret",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    STATIC_URL="static/",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
)

import django

django.setup()

from django.contrib import admin
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.urls import path, reverse
from django.views.decorators.csrf import csrf_exempt


def index(request):
    return HttpResponse("Hello from Django, news are at %s" % reverse("news"))


def news(request):
    return HttpResponse("News, page %s" % request.GET.get("page", "1"))


@csrf_exempt
def form(request):
    if request.method == "POST":
        request.session["name"] = request.POST["name"]
    return HttpResponse("You are %s" % request.session.get("name", "nobody"))


@csrf_exempt
def upload(request):
    sent = request.FILES["file"]
    return HttpResponse("%s %d" % (sent.name, sum(map(len, sent.chunks()))))


def stream(request):
    return StreamingHttpResponse(("line %d\n" % n for n in range(1000)), content_type="text/plain")


def source(request):
    return FileResponse(open(os.path.abspath(__file__), "rb"))


def boom(request):
    raise LookupError("no such thing")


urlpatterns = [
    path("", index),
    path("news/", news, name="news"),
    path("form", form),
    path("upload", upload),
    path("stream", stream),
    path("source", source),
    path("boom", boom),
    path("admin/", admin.site.urls),
]

application = StaticFilesHandler(get_wsgi_application())
