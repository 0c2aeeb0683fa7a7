"""WSGI entry point."""

import gc
import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()
# Import all views now, so that the first request does not wait for it. The imported objects live as long as the
# process. Freezing them excludes them from full garbage collections, which would take 0.1 s during a request.
import_module(settings.ROOT_URLCONF)
gc.collect()
gc.freeze()
