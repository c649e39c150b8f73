"""simplejwt's routes, with and without the trailing slash."""

from django.urls import re_path
from rest_framework_simplejwt import views

from email_login import EmailTokenView, LogOut, Me

urlpatterns = [
    re_path(r"^api/token/?$", EmailTokenView.as_view()),
    re_path(r"^api/token/refresh/?$", views.TokenRefreshView.as_view()),
    re_path(r"^api/token/verify/?$", views.TokenVerifyView.as_view()),
    re_path(r"^api/token/blacklist/?$", views.TokenBlacklistView.as_view()),
    re_path(r"^api/auth/logout/?$", LogOut.as_view()),
    re_path(r"^api/users/me/?$", Me.as_view()),
]
