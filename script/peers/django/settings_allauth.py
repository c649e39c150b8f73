"""The project with django-allauth, django-otp and Django REST framework's tokens."""

from settings import *

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "django.contrib.sessions",
    "rest_framework.authtoken",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.mfa",
    "django_otp",
    "django_otp.plugins.otp_static",
    "django_otp.plugins.otp_hotp",
    "django_otp.plugins.otp_totp",
]
MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
