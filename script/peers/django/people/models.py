"""User tables as projects write them, each of which an import has to treat in its own way."""

import uuid

from django.contrib.auth.models import AbstractBaseUser
from django.db import models


class Person(AbstractBaseUser):
    """Password, last_login and email. There is no column is_active."""

    email = models.EmailField()

    class Meta:
        abstract = True


class Member(Person):
    """Says that an account is closed with a flag of another name."""

    active = models.CharField(max_length=5, default="yes")


class Reader(Person):
    """Has two ways to close an account besides is_active."""

    is_active = models.BooleanField(default=True)
    is_banned = models.BooleanField(default=False)
    deleted_at = models.DateTimeField(null=True)


class Guest(Person):
    """May sign in until a time, or until a day."""

    is_active = models.BooleanField(default=True)
    active_until = models.DateTimeField(null=True)
    expires_on = models.DateField(null=True)


class Customer(Person):
    """Has UUIDs as keys."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    is_active = models.BooleanField(default=True)


class Author(Person):
    """Has texts as keys."""

    id = models.CharField(max_length=40, primary_key=True)
    is_active = models.BooleanField(default=True)


class Subscriber(AbstractBaseUser):
    """Keeps the email in the user name."""

    username = models.CharField(max_length=150, unique=True)
    is_active = models.BooleanField(default=True)


class Veteran(Person):
    """Has passwords hashed by hashers that Django has removed, and by hashers from its documentation."""

    is_active = models.BooleanField(default=True)
