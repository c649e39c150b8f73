"""A small Django project, like those that move to vestibule.

DATABASE_URL is sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/NAME; SECRET_KEY is the key; with
ROTATE=1, refresh tokens are rotated, and the old ones blacklisted; with CHEAP_HASHES=1, new password
hashes have cheap parameters; SIMPLE_JWT has further settings of simplejwt in JSON.
"""

import json
import os
from urllib.parse import unquote, urlsplit


def database(url):
    if url.startswith("sqlite:"):
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": url.removeprefix("sqlite:"),
            # Requests at the same time wait for each other instead of failing.
            "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE"},
        }
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.removeprefix("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
    }


SECRET_KEY = os.environ["SECRET_KEY"]
DATABASES = {"default": database(os.environ["DATABASE_URL"])}
DEBUG = False
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "urls"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "people",
]
# As `django-admin startproject` lists them, but for those of sessions, forms and messages.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
STATIC_URL = "static/"
# The pages of Django REST framework, which are among its default renderers.
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
# With LOGIN_FIELD=username, as Django is by default.
AUTHENTICATION_BACKENDS = ["email_login.EmailBackend"]
if os.environ.get("LOGIN_FIELD") == "username":
    AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
SIMPLE_JWT = {
    "ROTATE_REFRESH_TOKENS": os.environ.get("ROTATE") == "1",
    "BLACKLIST_AFTER_ROTATION": True,
    **json.loads(os.environ.get("SIMPLE_JWT", "{}")),
}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
}
SLOW_HASHERS = "django.contrib.auth.hashers"
if os.environ.get("CHEAP_HASHES") == "1":
    SLOW_HASHERS = "cheap_hashers"
# All of Django's hashers. The first one hashes new passwords.
PASSWORD_HASHERS = [
    f"{SLOW_HASHERS}.PBKDF2PasswordHasher",
    f"{SLOW_HASHERS}.PBKDF2SHA1PasswordHasher",
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    f"{SLOW_HASHERS}.BCryptSHA256PasswordHasher",
    f"{SLOW_HASHERS}.BCryptPasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
