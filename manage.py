#!/usr/bin/env python
"""Django's command line for Tillbridge."""

import os
import sys

# Commands that bring a world of their own: nothing real, so nothing to configure.
SELF_CONTAINED = ("demo", "prove", "sandbox")


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if sys.argv[1:2] and sys.argv[1] in SELF_CONTAINED:
        from config.demo import environment

        environment.prepare(sys.argv)
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as wrong:
        sys.exit(f"Tillbridge cannot start: {wrong}")


if __name__ == "__main__":
    main()
