"""Views that sign in with an email and a password, return the current user, and log out, as projects write them."""

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from rest_framework import serializers
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.serializers import TokenObtainPairSerializer
from rest_framework_simplejwt.views import TokenObtainPairView


class EmailBackend(ModelBackend):
    def authenticate(self, request, email=None, password=None, **_):
        user = User.objects.filter(email=email).first()
        if user and user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None


class EmailTokenSerializer(TokenObtainPairSerializer):
    username_field = "email"


class EmailTokenView(TokenObtainPairView):
    serializer_class = EmailTokenSerializer


class Me(APIView):
    permission_classes = [IsAuthenticated]

    def get(self, request):
        user = request.user
        return Response(
            {
                "id": user.pk,
                "email": user.email,
                "first_name": user.first_name,
                "last_name": user.last_name,
            }
        )


class LogOutSerializer(serializers.Serializer):
    refresh = serializers.CharField(required=False, allow_null=True, allow_blank=True)


class LogOut(APIView):
    """Ends nothing, because the client forgets its tokens."""

    authentication_classes = []

    def post(self, request):
        LogOutSerializer(data=request.data).is_valid(raise_exception=True)
        return Response(
            {"message": "Successfully logged out", "workos_logout_url": None, "redirect_to": "/login"}
        )
