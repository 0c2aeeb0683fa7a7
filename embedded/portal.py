"""``manage.py run``: the portal under the supervisor, without sandbox and demo content."""

from __future__ import annotations

from django.conf import settings

from embedded import prepare
from embedded.assets import build_assets, collect_static
from embedded.ports import LOOPBACK, check_free
from embedded.runtime import ROOT, Progress, parts, running, stay, wait_for


def run_portal() -> None:
    """Run the portal until it is told to stop.

    Raises AlreadyRunning, PortTaken, NoRedis, PrepareError, SupervisorError or Stopped.
    """
    say = Progress()
    with prepare.own_var_dir():
        check_free({"PORT": settings.PORT})
        if settings.EMBEDDED_REDIS:
            prepare.make_redis_directory()
        with running(parts(), {}, say) as supervisor:
            say("preparing the database and the pages")
            prepare.migrate()
            build_assets(ROOT)
            collect_static()
            supervisor.start(*(part.name for part in supervisor.parts))
            wait_for(supervisor, f"http://{LOOPBACK}:{settings.PORT}/healthz")
            say(f"Slipway is ready: {settings.PUBLIC_URL}")
            stay(supervisor)
