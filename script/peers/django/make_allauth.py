"""Migrates the database of DATABASE_URL, creates users with rows in the tables of django-allauth, django-otp
and of Django's groups, and prints the secrets of their authenticator apps, in base32, by the user's email."""

import base64
import json
import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "settings_allauth"
django.setup()

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django_otp.plugins.otp_hotp.models import HOTPDevice
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework.authtoken.models import Token

PASSWORD = "Correct-horse-9"


def make(name, **fields):
    email = f"{name}@example.com"
    return User.objects.create_user(username=name, email=email, password=PASSWORD, **fields)


def address(user, email=None, verified=True):
    EmailAddress.objects.create(
        user=user, email=email or user.email, verified=verified, primary=email is None
    )


def identity(user, provider, uid, **data):
    SocialAccount.objects.create(user=user, provider=provider, uid=uid, extra_data=data)


call_command("migrate", run_syncdb=True, verbosity=0)

ada = make("ada")
address(ada)
address(ada, "ada@work.example")
address(ada, "ada@old.example", verified=False)
bob = make("bob")
address(bob, verified=False)
address(ada, "bob@example.com")
root = make("root", is_staff=True, is_superuser=True)
address(root)
address(root, "root@work.example")

carol = make("carol")
identity(carol, "google", "1001", sub="1001", email="carol@example.com")
identity(carol, "okta", "carol@example.com", sub="00u1")
identity(carol, "acme", "c7", userinfo={"sub": "c7"}, id_token={"sub": "c7", "iss": "https://id.acme.example/"})
identity(carol, "github", "55", login="carol")

secrets = {}
dora = make("dora")
secrets[dora.email] = generate_totp_secret()
TOTP.activate(dora, secrets[dora.email])
RecoveryCodes.activate(dora)
erin = make("erin")
device = TOTPDevice.objects.create(user=erin, name="phone", confirmed=True)
secrets[erin.email] = base64.b32encode(device.bin_key).decode()
TOTPDevice.objects.create(user=erin, name="tablet", confirmed=False)
finn = make("finn")
Authenticator.objects.create(user=finn, type=Authenticator.Type.WEBAUTHN, data={"name": "key"})
gina = make("gina")
Authenticator.objects.create(user=gina, type=Authenticator.Type.TOTP, data={"secret": "gAAAAABencrypted-by-the-project"})
hugo = make("hugo")
HOTPDevice.objects.create(user=hugo, name="token", confirmed=True)
StaticDevice.objects.create(user=bob, name="never used", confirmed=False)

editors = Group.objects.create(name="editors")
night = Group.objects.create(name="Nachtschicht Ü")
editors.permissions.add(Permission.objects.first())
ada.groups.add(editors, night)
bob.groups.add(editors)
ada.user_permissions.add(*Permission.objects.all()[:3])
Token.objects.create(user=ada)

print(json.dumps({"secrets": secrets}))
