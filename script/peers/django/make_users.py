"""Migrates the database of DATABASE_URL, creates users of every kind, and prints them as JSON."""

import json
import os
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

from django.conf import settings
from django.contrib.auth import hashers
from django.contrib.auth.hashers import get_hashers
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken

from people import fixtures

PASSWORD = fixtures.PASSWORD


def utc(moment):
    return moment and moment.strftime("%Y-%m-%dT%H:%M:%S.%f")


def make(email, password=PASSWORD, **fields):
    user = User.objects.create_user(username=email.lower(), password=password, **fields)
    # create_user would lower-case the domain. An older form saved it unchanged.
    user.email = email
    user.save()
    return user, password


def default_hashers():
    """Django's hashers with their own parameters, which take seconds. With DEFAULT_HASHES=1."""
    if os.environ.get("DEFAULT_HASHES") == "1":
        for path in settings.PASSWORD_HASHERS:
            name = path.rsplit(".", 1)[1]
            yield getattr(hashers, name)()


def people():
    for hasher in get_hashers():
        user, password = make(f"{hasher.algorithm}@example.com")
        user.password = hasher.encode(password, hasher.salt())
        user.save()
        yield user, password
    for hasher in default_hashers():
        user, password = make(f"default.{hasher.algorithm}@example.com")
        user.password = hasher.encode(password, hasher.salt())
        user.save()
        yield user, password
    yield make("unusable@example.com", password=None)
    yield make("inactive@example.com", is_active=False)
    yield make("root@example.com", is_staff=True, is_superuser=True)
    yield make("Mixed.Case@Example.COM", last_login=timezone.now())
    yield make("names@example.com", first_name="Zoë", last_name="Łukasiewicz-Ōe 李")
    yield make("unicode@example.com", password="Pässwörd-李-9")
    yield make("Zoe\u0308@Bu\u0308cher.example")


def rehashed(user, password):
    """The hash that Django's own sign-in stores in place of one with another algorithm."""
    stored = []
    assert hashers.check_password(password, user.password, setter=stored.append)
    return hashers.make_password(stored[0])


def large_argon2():
    """A hash of PASSWORD with 256 MiB of memory, the most that ARGON2_MAX_MEMORY permits."""
    hasher = hashers.Argon2PasswordHasher()
    hasher.memory_cost, hasher.time_cost, hasher.parallelism = 256 * 1024, 1, 1
    return hasher.encode(PASSWORD, hasher.salt())


def main():
    call_command("migrate", run_syncdb=True, verbosity=0)
    made = list(people())
    first, second = made[0][0], made[1][0]
    kept = RefreshToken.for_user(first)
    revoked = [RefreshToken.for_user(user) for user in (first, first, second)]
    for token in revoked:
        token.blacklist()
    gone = RefreshToken.for_user(second)
    gone.blacklist()
    past = timezone.now() - timedelta(days=1)
    OutstandingToken.objects.filter(jti=gone["jti"]).update(expires_at=past)
    blacklisted = BlacklistedToken.objects.filter(token__expires_at__gt=timezone.now())
    report = {
        "users": [
            {
                "id": user.pk,
                "email": user.email,
                "password": password,
                "hash": user.password,
                "first_name": user.first_name,
                "last_name": user.last_name,
                "is_active": user.is_active,
                "is_staff": user.is_staff,
                "is_superuser": user.is_superuser,
                "date_joined": utc(user.date_joined),
                "last_login": utc(user.last_login),
            }
            for user, password in made
        ],
        "blacklisted": [
            {
                "jti": entry.token.jti,
                "user_id": entry.token.user_id,
                "expires_at": utc(entry.token.expires_at),
                "revoked_at": utc(entry.blacklisted_at),
            }
            for entry in blacklisted
        ],
        "good": [kept["jti"]],
        "tokens": [str(token) for token in [kept, *revoked]],
        "people": fixtures.fill(),
        "rehashed": next(
            [user.pk, rehashed(user, password)]
            for user, password in made
            if user.email == "pbkdf2_sha1@example.com"
        ),
        "large_argon2": large_argon2(),
    }
    print(json.dumps(report))


main()
