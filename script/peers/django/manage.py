"""Django's own commands."""

import os
import sys

from django.core.management import execute_from_command_line
from django.core.servers.basehttp import WSGIRequestHandler

# The development server writes headers and body separately. Without this, the body of each answer on a
# connection that is kept open waits 40 ms for the client's acknowledgement of the headers.
WSGIRequestHandler.disable_nagle_algorithm = True

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
execute_from_command_line(sys.argv)
