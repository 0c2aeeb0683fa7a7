"""WSGI entry point."""

import gc
import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()
# Every view is imported now, and not by whoever asks first. All that stays as long as the process: a full collection
# that walks it takes a tenth of a second, in the middle of somebody's request.
import_module(settings.ROOT_URLCONF)
gc.collect()
gc.freeze()
