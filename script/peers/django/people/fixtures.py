"""Fills the tables of `models.py`. Every password is PASSWORD."""

from datetime import timedelta

from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from people.models import Author, Customer, Guest, Member, Reader, Subscriber, Veteran
from people.old_hashers import hashes

PASSWORD = "Correct-horse-9"


def add(model, **fields):
    hasher = PBKDF2PasswordHasher()
    password = hasher.encode(PASSWORD, hasher.salt(), iterations=1_000)
    return model.objects.create(password=password, **fields)


def tokens(user):
    """What simplejwt issues to a user of another model than AUTH_USER_MODEL, but valid for a day: the tables are
    filled once for a whole run of the tests, which may take longer than the five minutes of an access token."""
    refresh = RefreshToken()
    refresh["user_id"] = str(user.pk)
    access = AccessToken.for_user(user)
    access.set_exp(lifetime=timedelta(days=1))
    return {"access": str(access), "refresh": str(refresh)}


def fill():
    """Returns, for each table, its rows as JSON shows them."""
    for number, active in enumerate(["yes", "Y", "True", "no", "N", ""], start=1):
        add(Member, email=f"member{number}@example.com", active=active)
    add(Reader, email="open@example.com")
    add(Reader, email="banned@example.com", is_banned=True)
    add(Reader, email="deleted@example.com", deleted_at=timezone.now())
    add(Reader, email="inactive@example.com", is_active=False)
    add(Reader, email="Again@example.com", is_active=False)
    add(Reader, email="again@example.com")
    now, day, decade = timezone.now(), timedelta(days=1), timedelta(days=3650)
    add(Guest, email="endless@example.com")
    add(Guest, email="past@example.com", active_until=now - day)
    add(Guest, email="future@example.com", active_until=now + decade)
    add(Guest, email="yesterday@example.com", expires_on=(now - day).date())
    add(Guest, email="later@example.com", expires_on=(now + decade).date())
    add(Guest, email="inactive@example.com", is_active=False, active_until=now + decade)
    add(Subscriber, username="Ada@example.com")
    add(Subscriber, username="bob")
    for name, password in hashes(PASSWORD).items():
        Veteran.objects.create(email=f"{name}@example.com", password=password)
    customers = [add(Customer, email=f"customer{number}@example.com") for number in (1, 2)]
    authors = [add(Author, email=f"{handle}@example.com", id=handle) for handle in ("ada", "007")]
    return {
        "customers": [{"key": str(user.pk), "email": user.email, **tokens(user)} for user in customers],
        "authors": [{"key": user.pk, "email": user.email, **tokens(user)} for user in authors],
    }
