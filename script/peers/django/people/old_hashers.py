"""Hashers that Django has removed, and those of its documentation that wrap them.

See https://docs.djangoproject.com/en/5.2/topics/auth/passwords/#password-upgrading-without-requiring-a-login
"""

import hashlib

from django.contrib.auth.hashers import MD5PasswordHasher, PBKDF2PasswordHasher


def sha1(password, salt):
    """SHA1PasswordHasher of Django 5.0; without a salt UnsaltedSHA1PasswordHasher."""
    return f"sha1${salt}${hashlib.sha1((salt + password).encode()).hexdigest()}"


def unsalted_md5(password):
    """UnsaltedMD5PasswordHasher of Django 5.0."""
    return hashlib.md5(password.encode()).hexdigest()


class PBKDF2WrappedSHA1PasswordHasher(PBKDF2PasswordHasher):
    algorithm = "pbkdf2_wrapped_sha1"
    iterations = 1_000

    def encode(self, password, salt, iterations=None):
        return super().encode(sha1(password, salt).split("$", 2)[2], salt, iterations)


class PBKDF2WrappedMD5PasswordHasher(PBKDF2PasswordHasher):
    algorithm = "pbkdf2_wrapped_md5"
    iterations = 1_000

    def encode(self, password, salt, iterations=None):
        _, _, md5_hash = MD5PasswordHasher().encode(password, salt).split("$", 2)
        return super().encode(md5_hash, salt, iterations)


def hashes(password):
    """A hash of each kind, by name."""
    return {
        "md5": MD5PasswordHasher().encode(password, "seasalt"),
        "sha1": sha1(password, "seasalt"),
        "unsalted_md5": unsalted_md5(password),
        "unsalted_sha1": sha1(password, ""),
        "wrapped_sha1": PBKDF2WrappedSHA1PasswordHasher().encode(password, "seasalt"),
        "wrapped_md5": PBKDF2WrappedMD5PasswordHasher().encode(password, "seasalt"),
    }
