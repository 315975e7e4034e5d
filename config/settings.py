"""Settings: one file, all of it from the environment (or a `.env` beside manage.py).

Development is asked for by name (`TILLBRIDGE_MODE=demo`); without it everything is as strict as in production, and
a missing secret stops the start with a sentence.
"""

from __future__ import annotations

from pathlib import Path

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

# Lets annotations such as ModelAdmin[Posting] stand at run time.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

MODES = ("production", "demo")
MODE = env.str("TILLBRIDGE_MODE", default="production")
if MODE not in MODES:
    raise ImproperlyConfigured(f"TILLBRIDGE_MODE is {MODE!r}; it must be one of {', '.join(MODES)}.")
IS_DEMO = MODE == "demo"


def secret(name: str, purpose: str) -> str:
    value: str = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set. It is needed for {purpose}; `make demo` sets its own.")
    return value


DEBUG = False
SECRET_KEY = secret("SECRET_KEY", "signing sessions")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
# Sealing key of secrets in the database. A list, or adding a second key would make the first one unreadable.
SALT_KEY = [key for key in secret("SALT_KEY", "sealing the vendors' secrets in the database").split(",") if key]

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost"] if IS_DEMO else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Where people reach us; the redirect address of the vendors' consent starts with it.
PUBLIC_URL = env.str("PUBLIC_URL", default="http://127.0.0.1:8000" if IS_DEMO else "https://localhost").rstrip("/")

DATA_DIR = Path(env.str("TILLBRIDGE_DATA", default=str(BASE_DIR / "data")))

INSTALLED_APPS = [
    "config.apps.ConfigConfig",
    "config.apps.BackOfficeConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_q",
    "encrypted_fields",
    "import_export",
    "audit",
    "connections",
    "mappings",
    "sync",
]

MIDDLEWARE = [
    "connections.webhook_middleware.WebhooksFirst",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "audit.context.RequestContextMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# --- Database ---------------------------------------------------------------------------------------------------
# SQLite needs WAL and IMMEDIATE transactions: Django's defaults lost 120 of 400 tasks to "database is locked".
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=67108864; "
        "PRAGMA cache_size=-20000; PRAGMA temp_store=MEMORY; PRAGMA foreign_keys=ON;"
    ),
}
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'tillbridge.sqlite3'}")}
DATABASES["default"]["CONN_MAX_AGE"] = 600
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS
    # Tests use a file: a worker process or a second thread cannot see a database in memory.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Queue ------------------------------------------------------------------------------------------------------
# The queue is a doorbell: tasks carry a primary key, and every retry, schedule and lock lives in our own rows.
Q_CLUSTER = {
    "name": "tillbridge",
    "workers": env.int("WORKERS", default=2),
    "queue_limit": 2,
    "bulk": 1,
    "timeout": 120,
    "retry": 900,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": 50,
    "poll": 0.5,
    "label": "Queue",
    "orm": "default",
}
# How far workers step back for pages and webhooks on the same machine: 0 not at all, 19 as far as they can.
WORKER_NICENESS = env.int("WORKER_NICENESS", default=5)
if env.str("REDIS_URL", default=""):
    del Q_CLUSTER["orm"]
    Q_CLUSTER["redis"] = env.str("REDIS_URL")

# --- People -----------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
ACCOUNT_ADAPTER = "config.signin.ClosedAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_GET = False
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "Tillbridge"
MFA_ADAPTER = "config.signin.SealedFactors"
# Our admin site asks for a second factor of everybody; only the demo, which holds nothing real, does without.
MFA_REQUIRED = env.bool("MFA_REQUIRED", default=not IS_DEMO)
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "admin:index"

CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}

# --- Security ---------------------------------------------------------------------------------------------------
HTTPS = PUBLIC_URL.startswith("https://")
SECURE_SSL_REDIRECT = HTTPS
# Probes come from the machine itself and tell no secret.
SECURE_REDIRECT_EXEMPT = [r"^healthz(/|$)"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 36_000
SESSION_COOKIE_NAME = "tillbridge_session"
CSRF_COOKIE_NAME = "tillbridge_csrf"
if env.bool("BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # Sign-in attempts are counted per address: that of the caller, not that of the proxy which all of them share.
    ALLAUTH_TRUSTED_PROXY_COUNT = 1
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}

# --- Language, time, files --------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
LANGUAGES = [("en-gb", "English"), ("nl", "Nederlands")]
LOCALE_PATHS = [BASE_DIR / "templates" / "locale"]
TIME_ZONE = env.str("TIME_ZONE", default="Europe/Amsterdam")
USE_TZ = True
USE_THOUSAND_SEPARATOR = True
FORMAT_MODULE_PATH = "config.formats"
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if IS_DEMO
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = IS_DEMO
WHITENOISE_AUTOREFRESH = False

EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
if env.str("EMAIL_URL", default=""):
    vars().update(env.email_url("EMAIL_URL"))
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="tillbridge@localhost")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"redacting": {"()": "config.log.RedactingFilter"}},
    "formatters": {
        "line": {
            "()": "config.log.RedactingFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["redacting"]}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="WARNING")},
}

# host:port of the own network that alerts may be sent to (also by http); everything else must be public and https.
OUTGOING_HOSTS = env.list("OUTGOING_HOSTS", default=[])
# What monitoring sends to read /metrics; without it there is no such page.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# Who gets the nightly mail: the head of the audit trail, which proves it from outside this database, and what waits.
SUMMARY_MAIL_TO = env.list("SUMMARY_MAIL_TO", default=[])
# Audit entries older than this many days move to signed files in the folder; 0 keeps them here for ever.
AUDIT_KEEP_DAYS = env.int("AUDIT_KEEP_DAYS", default=0)
AUDIT_ARCHIVE_DIR = env.str("AUDIT_ARCHIVE_DIR", default="")

# --- Tillbridge -------------------------------------------------------------------------------------------------
# '<origin>,<speed>': the one clock runs fast (connections.clock). Refused unless every connection is a local sandbox.
TILLBRIDGE_CLOCK = env.str("TILLBRIDGE_CLOCK", default="")
# What a connection in the environment "local sandbox" talks to. Any stand-in of the vendor may take its place.
SANDBOX_SQUARE_URL = env.str("SANDBOX_SQUARE_URL", default="http://127.0.0.1:9400/square").rstrip("/")
# Days that webhook events are kept: long enough to tell a replay, and to know a source's habits.
WEBHOOK_EVENTS_KEPT_DAYS = max(35, env.int("WEBHOOK_EVENTS_KEPT_DAYS", default=90))
SANDBOX_EXACT_URL = env.str("SANDBOX_EXACT_URL", default="http://127.0.0.1:9400/exact/{region}").rstrip("/")
SANDBOX_SNOWFLAKE_URL = env.str("SANDBOX_SNOWFLAKE_URL", default="http://127.0.0.1:9400/snowflake/{account}").rstrip(
    "/"
)
