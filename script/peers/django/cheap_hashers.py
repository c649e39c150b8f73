"""Django's slow hashers with cheap parameters. The form of their hashes is the same."""

from django.contrib.auth import hashers


class PBKDF2PasswordHasher(hashers.PBKDF2PasswordHasher):
    iterations = 1_000


class PBKDF2SHA1PasswordHasher(hashers.PBKDF2SHA1PasswordHasher):
    iterations = 1_000


class BCryptSHA256PasswordHasher(hashers.BCryptSHA256PasswordHasher):
    rounds = 4


class BCryptPasswordHasher(hashers.BCryptPasswordHasher):
    rounds = 4
