"""simplejwt's routes, with and without the trailing slash."""

import os

from django.urls import re_path
from rest_framework_simplejwt import views

from email_login import EmailTokenView, LogOut, Me

obtain = views.TokenObtainPairView if os.environ.get("LOGIN_FIELD") == "username" else EmailTokenView
urlpatterns = [
    re_path(r"^api/token/?$", obtain.as_view()),
    re_path(r"^api/token/refresh/?$", views.TokenRefreshView.as_view()),
    re_path(r"^api/token/verify/?$", views.TokenVerifyView.as_view()),
    re_path(r"^api/token/blacklist/?$", views.TokenBlacklistView.as_view()),
    re_path(r"^api/auth/logout/?$", LogOut.as_view()),
    re_path(r"^api/users/me/?$", Me.as_view()),
]
