"""The pages beside the list of GL mappings that this app has itself."""

from __future__ import annotations

from mappings import explaining, pages, proposing
from mappings.pages import Page

LOOK, ADD = "mappings.view_glmapping", "mappings.add_glmapping"

pages.add(Page("explain", explaining.view, LOOK, "Which rule wins?"))
pages.add(Page("express", proposing.set_up, ADD, "Express set-up"))
pages.add(Page("copy", proposing.copy, ADD, "Copy from another division"))
