"""All settings, read from environment variables. A bad value raises ImproperlyConfigured with the variable's name.

Without DATABASE_URL the portal runs embedded: SQLite, generated keys and its own Redis under VAR_DIR.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from pathlib import Path

import dj_database_url
import django_stubs_ext
from cryptography.fernet import Fernet
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from portal.caching import caches
from portal.env import env_bool, env_int, env_list, env_path, env_secret, env_str, env_url, kept_secret
from portal.logs import logging_config

# Allows type parameters on Django's generic classes at run time: admin.ModelAdmin[User].
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = env_path("VAR_DIR", BASE_DIR / "var")
EMBEDDED = not os.environ.get("DATABASE_URL", "").strip()
DEBUG = env_bool("DEBUG", False)
PORT = env_int("PORT", 8000, low=1, high=65535)
SANDBOX_PORT = env_int("SANDBOX_PORT", 8081, low=1, high=65535)


def _secret(name: str, file_name: str, make: object) -> str:
    """A required secret. Only an embedded portal generates it if it is missing."""
    value = env_secret(name)
    if value:
        return value
    if not EMBEDDED:
        raise ImproperlyConfigured(f"{name} is not set: a portal with a DATABASE_URL needs it")
    return kept_secret(VAR_DIR / "secrets" / file_name, make)


SECRET_KEY = _secret("SECRET_KEY", "secret_key", lambda: secrets.token_urlsafe(50))
# Fernet keys, newest first. The first encrypts; all of them decrypt, which allows rotation.
STATE_KEYS = _secret("STATE_KEYS", "state_key", lambda: Fernet.generate_key().decode()).split(",")

PUBLIC_URL = env_url("PUBLIC_URL", f"http://127.0.0.1:{PORT}", schemes=("http", "https"))
# The URL at which Terraform, started by a worker, reaches the portal's state backend.
INTERNAL_URL = env_url("INTERNAL_URL", f"http://127.0.0.1:{PORT}", schemes=("http", "https"))
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", ["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "auditlog",
    "csp",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "knox",
    "rest_framework",
    "accounts",
    "catalog",
    "deployments",
    "monitoring",
    "portal",
    "embedded",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.middleware.htmx_login",
    "portal.middleware.htmx_toasts",
    "portal.middleware.AuditMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
# knox's migrations create the table of the token model that accounts.AccessToken replaces. A table without a model
# stops PostgreSQL from truncating the users' table between tests.
MIGRATION_MODULES = {"knox": None}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["web.templatetags.ui"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.navigation",
            ],
        },
    }
]

SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": VAR_DIR / "slipway.sqlite3",
    # A file, not memory, so that tests with threads and a live server get the locking of production.
    "TEST": {"NAME": VAR_DIR / "test.sqlite3"},
    "OPTIONS": {
        # IMMEDIATE: transactions take the write lock at the start and cannot fail later to upgrade a read lock.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;",
    },
}


def _database() -> dict[str, object]:
    if EMBEDDED:
        return dict(SQLITE)
    try:
        config = dj_database_url.parse(os.environ["DATABASE_URL"], conn_max_age=60, conn_health_checks=True)
    except (ValueError, dj_database_url.UnknownSchemeError):
        raise ImproperlyConfigured("DATABASE_URL is not a database URL, for example postgres://...") from None
    if "sqlite" in config["ENGINE"]:
        return {**SQLITE, "NAME": config["NAME"]}
    return dict(config)


DATABASES = {"default": _database()}

PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en-gb"
TIME_ZONE = env_str("TIME_ZONE", "UTC")
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env_path("STATIC_ROOT", VAR_DIR / "staticfiles")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}

# -- security ------------------------------------------------------------------------------------
HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = env_bool("SECURE_SSL_REDIRECT", HTTPS)
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env_bool("BEHIND_PROXY", False) else None
# HSTS for all subdomains (W005) and browsers' preload lists (W021) affect the company's whole domain.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
# Cookies ignore the port of a host, so several portals on one machine need different names.
SESSION_COOKIE_NAME = f"slipway_session_{PORT}"
CSRF_COOKIE_NAME = f"slipway_csrf_{PORT}"
CSRF_FAILURE_VIEW = "portal.views.csrf_failure"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
# Entries of the audit trail have the same request id as the log lines.
AUDITLOG_CID_GETTER = "portal.logs.request_id"
DATA_UPLOAD_MAX_MEMORY_SIZE = 20 * 1024 * 1024

# -- API -----------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.tokens.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["web.rest.ORJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["web.rest.StrictJSONParser"],
    "DEFAULT_FILTER_BACKENDS": [
        "django_filters.rest_framework.DjangoFilterBackend",
        "rest_framework.filters.SearchFilter",
        "web.rest.StrictOrderingFilter",
        "web.rest.StrictQueryFilter",
    ],
    "DEFAULT_PAGINATION_CLASS": "web.rest.CursorPagination",
    "DEFAULT_METADATA_CLASS": "web.rest.Metadata",
    "DEFAULT_SCHEMA_CLASS": "web.openapi.PortalSchema",
    "DEFAULT_THROTTLE_CLASSES": ["web.counting.UserRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"user": env_str("API_RATE", "6000/minute")},
    "EXCEPTION_HANDLER": "web.rest.exception_handler",
    "SEARCH_PARAM": "q",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
REST_KNOX = {"TOKEN_MODEL": "accounts.AccessToken", "TOKEN_PREFIX": "slw_", "AUTH_HEADER_PREFIX": "Bearer"}
KNOX_TOKEN_MODEL = "accounts.AccessToken"
SPECTACULAR_SETTINGS = {
    "TITLE": "Slipway",
    "DESCRIPTION": "Deploy registered models the same way every time.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    # OpenAPI 3.1 uses the JSON Schema dialect that pydantic writes.
    "OAS_VERSION": "3.1.0",
    "ENUM_NAME_OVERRIDES": {
        "RunStatus": "deployments.runs.statuses.RunStatus",
        "RunKind": "deployments.runs.statuses.RunKind",
        "StageStatus": "deployments.runs.statuses.StageStatus",
        "Level": "deployments.runs.statuses.Level",
        "Decision": "deployments.models.Approval.Decision",
        "PolicyLevel": "deployments.models.PolicyLevel",
        "PolicyOutcome": "deployments.models.PolicyResult.Outcome",
        "ChangeKind": "deployments.models.ChangeKind",
        "FreezeScope": "deployments.models.Freeze.Scope",
        "Risk": "catalog.registered_models.models.Risk",
        "ConfigStatus": "deployments.models.ConfigCheck.Status",
        "TestRequestStatus": "deployments.models.TestRequest.Status",
        "ModelVersionStatus": "catalog.registered_models.models.ModelVersionStatus",
        "Role": "accounts.teams.roles.Role",
        "TokenScope": "accounts.tokens.models.TokenScope",
        "Standing": "monitoring.watched.states.Standing",
        "Severity": "monitoring.alerts.states.Severity",
        "AlertState": "monitoring.alerts.states.AlertState",
        "AlertSubject": "monitoring.alerts.states.AlertSubject",
        "QualityMetric": "monitoring.models.LabelSource.Metric",
        "ReceiverKind": "monitoring.models.ReceiverKind",
        "DeliveryStatus": "monitoring.models.Delivery.Status",
        "WorkspaceJobStatus": "monitoring.watched.models.WorkspaceJob.Status",
    },
    "ENUM_ADD_EXPLICIT_BLANK_NULL_CHOICE": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# -- tasks ---------------------------------------------------------------------------------------


def _embedded_redis_socket() -> Path:
    """A Unix socket in VAR_DIR, or in the temporary directory if the path would be too long for a socket."""
    path = VAR_DIR / "redis" / "redis.sock"
    if len(str(path)) < 100:
        return path
    digest = hashlib.sha256(str(VAR_DIR).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"slipway-{os.getuid()}-{digest}" / "redis.sock"


EMBEDDED_REDIS_SOCKET = _embedded_redis_socket()
REDIS_URL = env_url("REDIS_URL", "", schemes=("redis", "rediss", "redis+socket"))
EMBEDDED_REDIS = not REDIS_URL
CELERY_BROKER_URL = REDIS_URL or f"redis+socket://{EMBEDDED_REDIS_SOCKET}"
# Throttles and the log-in guard share counters in a Redis database other than the broker's.
CACHES = caches(env_str("CACHE_URL", ""), CELERY_BROKER_URL)
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {"deployments.tasks.advance_run": {"queue": "runs"}}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Longer than any task. A task that is delivered twice finds its run claimed and does nothing.
    "visibility_timeout": 7200,
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "socket_keepalive": True,
}
CELERY_TIMEZONE = "UTC"
CONFIG_DRIFT_EVERY_S = env_int("CONFIG_DRIFT_EVERY_S", 600, low=10, high=86400)
COST_EVERY_S = env_int("COST_EVERY_S", 3600, low=30, high=86400)
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat" / "schedule")
CELERY_BEAT_SCHEDULE = {
    "wake-runs": {"task": "deployments.tasks.wake_runs", "schedule": 2.0},
    "expire-approvals": {"task": "deployments.tasks.expire_approvals", "schedule": 60.0},
    "observe-endpoints": {"task": "deployments.tasks.observe_endpoints", "schedule": 30.0},
    "check-configs": {"task": "deployments.tasks.check_configs", "schedule": float(CONFIG_DRIFT_EVERY_S)},
    "list-endpoints": {"task": "deployments.tasks.list_all_endpoints", "schedule": float(CONFIG_DRIFT_EVERY_S)},
    "purge-idempotency-keys": {"task": "accounts.tasks.purge_idempotency_keys", "schedule": 3600.0},
    "scrape-endpoints": {"task": "monitoring.tasks.health.scrape_endpoints", "schedule": 60.0},
    "forget-old-health": {"task": "monitoring.tasks.health.forget_old_health", "schedule": 3600.0},
    "forget-old-drift": {"task": "monitoring.tasks.drift.forget_old_drift", "schedule": 3600.0},
    "export-lake": {"task": "monitoring.tasks.lake.export_lake", "schedule": 3600.0},
    "tidy-lake": {"task": "monitoring.tasks.lake.tidy_lake", "schedule": 86400.0},
    "watch-alerts": {"task": "monitoring.tasks.alerts.watch_alerts", "schedule": 10.0},
    "send-alerts": {"task": "monitoring.tasks.alerts.send_alerts", "schedule": 5.0},
    "watch-drift": {"task": "monitoring.tasks.drift.watch_all_drift", "schedule": 30.0},
    "watch-quality": {"task": "monitoring.tasks.quality.watch_all_quality", "schedule": 30.0},
    "import-costs": {"task": "monitoring.tasks.cost.import_all_costs", "schedule": 30.0},
    "sync-catalog": {"task": "catalog.tasks.sync_all_workspaces", "schedule": 60.0},
}
DJANGO_STRUCTLOG_CELERY_ENABLED = True

# -- drift -----------------------------------------------------------------------------------------
# The interval at which requests are counted.
DRIFT_EVERY_S = env_int("DRIFT_EVERY_S", 600, low=10, high=86400)
DRIFT_JOB_TIMEOUT_S = env_int("DRIFT_JOB_TIMEOUT_S", 1800, low=30, high=86400)
# The number of first predictions that form the baseline if none is configured.
DRIFT_BASELINE_ROWS = env_int("DRIFT_BASELINE_ROWS", 1000, low=100, high=5000)

# -- labels ----------------------------------------------------------------------------------------
# The interval at which predictions are compared with newly arrived labels.
QUALITY_EVERY_S = env_int("QUALITY_EVERY_S", 21600, low=10, high=86400)
QUALITY_JOB_TIMEOUT_S = env_int("QUALITY_JOB_TIMEOUT_S", 1800, low=30, high=86400)

# -- lake ------------------------------------------------------------------------------------------
# A directory, or a URL with s3://, abfss:// or gs://. The store's own variables (AWS_REGION and so on) give access.
LAKE_URI = env_str("LAKE_URI", str(VAR_DIR / "lake"))

# -- runs ----------------------------------------------------------------------------------------
# Length of one minute of bake time in seconds; tests shorten it.
ROLLOUT_MINUTE_S = env_int("ROLLOUT_MINUTE_S", 60, low=1, high=3600)
LEASE_S = env_int("LEASE_S", 20, low=3, high=600)
RUN_DIR = env_path("RUN_DIR", VAR_DIR / "runs")
TERRAFORM_HOME = env_path("TERRAFORM_HOME", VAR_DIR / "terraform")
TERRAFORM_MODULE_DIR = env_path("TERRAFORM_MODULE_DIR", BASE_DIR / "terraform" / "modules" / "model_endpoint")
TERRAFORM_CANCEL_GRACE_S = env_int("TERRAFORM_CANCEL_GRACE_S", 20, low=1, high=3600)
PLAN_TIMEOUT_S = env_int("PLAN_TIMEOUT_S", 600, low=5, high=86400)
APPLY_TIMEOUT_S = env_int("APPLY_TIMEOUT_S", 3600, low=5, high=86400)
ENDPOINT_TIMEOUT_S = env_int("ENDPOINT_TIMEOUT_S", 5400, low=5, high=86400)
# Whether a version is validated in a job of the workspace before its deployment.
VALIDATION = env_bool("VALIDATION", True)
VALIDATION_TIMEOUT_S = env_int("VALIDATION_TIMEOUT_S", 900, low=1, high=86400)

LOGGING_CONFIG = None
LOGGING = logging_config(level=env_str("LOG_LEVEL", "INFO"), human=env_bool("LOG_HUMAN", False))
