"""A faithful stand-in for Exact Online, written from the reference."""

from connections.sandbox.exact.apps import Limits, TokenPair
from connections.sandbox.exact.division import ExactDivision
from connections.sandbox.exact.sandbox import ExactSandbox
from connections.sandbox.exact.site import ExactSite
from connections.sandbox.exact.switches import Switches

__all__ = ["ExactDivision", "ExactSandbox", "ExactSite", "Limits", "Switches", "TokenPair"]
