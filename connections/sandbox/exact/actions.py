"""`POST /_sandbox/exact/<action>`: what people do in Exact's own screens, for who cannot reach into this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from connections.sandbox.exact.apps import Limits
from connections.sandbox.exact.switches import Switches

if TYPE_CHECKING:
    from connections.sandbox.exact.site import ExactSite


def _division(verb: str) -> Callable[[ExactSite, dict[str, Any]], Any]:
    """An action of a division, named like its method."""

    def act(site: ExactSite, arguments: dict[str, Any]) -> Any:
        code = int(arguments.pop("division", site.current_division))
        return getattr(site.division(code), verb)(**arguments)

    return act


def _site(verb: str) -> Callable[[ExactSite, dict[str, Any]], Any]:
    def act(site: ExactSite, arguments: dict[str, Any]) -> Any:
        if "division" in arguments:
            arguments["code"] = int(arguments.pop("division"))
        return getattr(site, verb)(**arguments)

    return act


def _switch(site: ExactSite, arguments: dict[str, Any]) -> Any:
    for name, value in arguments.items():
        if name not in Switches.__dataclass_fields__:
            raise LookupError(f"There is no switch {name}.")
        setattr(site.switches, name, value)
    return vars(site.switches)


def _language(site: ExactSite, arguments: dict[str, Any]) -> Any:
    site.language = str(arguments["language"])


def _add_division(site: ExactSite, arguments: dict[str, Any]) -> Any:
    arguments["code"] = int(arguments.pop("division", arguments.get("code", 0)))
    return {"division": site.add_division(**arguments).code}


def _register(site: ExactSite, arguments: dict[str, Any]) -> Any:
    limits = arguments.pop("limits", None)
    app = site.register_app(**arguments, limits=Limits(**limits) if limits else None)
    return {"client_id": app.client_id}


def _tokens(site: ExactSite, arguments: dict[str, Any]) -> Any:
    return vars(site.issue_tokens(**arguments))


_ACTIONS: dict[str, Callable[[ExactSite, dict[str, Any]], Any]] = {
    **{verb: _division(verb) for verb in ("close_period", "reopen_period", "block_account", "block_vat_code")},
    **{verb: _division(verb) for verb in ("block_relation", "set_relation_status", "block_journal", "set_vat_use")},
    **{verb: _division(verb) for verb in ("end_cost_center", "retype_account", "set_rate")},
    **{verb: _division(verb) for verb in ("add_gl_account", "add_journal", "add_account", "add_item")},
    **{verb: _division(verb) for verb in ("delete_entry", "receivables", "entries", "move", "match")},
    **{
        verb: _site(verb)
        for verb in ("rename_division", "remove_division", "restore_division", "set_current_division", "revoke")
    },
    "add_division": _add_division,
    "register_app": _register,
    "issue_tokens": _tokens,
    "set_language": _language,
    "switch": _switch,
}


def perform(site: ExactSite, action: str, arguments: Mapping[str, object]) -> Any:
    """Raises `LookupError` when there is no such action, `TypeError` when its arguments do not fit."""
    found = _ACTIONS.get(action)
    if found is None:
        raise LookupError(f"There is no action {action}; known are {', '.join(sorted(_ACTIONS))}.")
    done = found(site, dict(arguments))
    return {"done": action} if done is None else done
