"""The words of sources and what they mean: ``created`` is a create, ``login_failed`` a login that failed.

A word is looked up whole, then without the words that only tell how it ended, then by its last part (``role_edited``,
``user.login``) and its first (``Created notebook``).  A word that is not known passes through in lower case.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple


class Verb(NamedTuple):
    """What a source's word says: canonical action, and category, outcome and reason when the word tells them."""

    action: str
    category: str | None
    outcome: str | None
    reason: str | None


#: Canonical action -> its category ("" when it tells none), and the words of sources that mean it besides itself.
_ACTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "create": ("", "created add added insert inserted post"),
    "read": ("access", "viewed view accessed access fetch fetched get list listed opened seen"),
    "update": ("", "updated edited edit modified modify changed change put patch patched renamed rename"),
    "delete": ("", "deleted removed remove destroyed destroy purged purge"),
    "execute": ("", "executed run ran triggered trigger invoked invoke"),
    "cancel": ("", "cancelled canceled aborted abort"),
    "share": ("permission", "shared"),
    "unshare": ("permission", "unshared"),
    "revoke": ("permission", "revoked"),
    "grant": ("permission", "granted"),
    "promote": ("", "promoted"),
    "restore": ("", "restored"),
    "move": ("", "moved"),
    "export": ("export", "exported download downloaded"),
    "import": ("", "imported"),
    "invite": ("", "invited"),
    "register": ("", "registered signup signed_up"),
    "approve": ("", "approved"),
    "reject": ("", "rejected"),
    "enable": ("", "enabled activated"),
    "disable": ("", "disabled deactivated"),
    "rotate": ("", "rotated"),
    "release": ("", "released"),
    "publish": ("", "published"),
    "login": ("authentication", "logged_in log_in signin sign_in signed_in logon"),
    "logout": ("authentication", "logged_out log_out signout sign_out signed_out logoff"),
    "start": ("lifecycle", "started resume resumed"),
    "stop": ("lifecycle", "stopped terminated terminate paused pause suspended suspend"),
    "restart": ("lifecycle", "restarted"),
    "deploy": ("lifecycle", "deployed"),
    "fail": ("", "failed"),
    "log": ("", ""),
}
_CANONICAL: Final = {
    word: action for action, (_, words) in _ACTIONS.items() for word in (action, *words.split())
}  # fmt: skip
_OUTCOMES: Final = {
    "failed": ("failure", None), "fail": ("failure", None), "failure": ("failure", None), "error": ("failure", None),
    "unsuccessful": ("failure", None), "denied": ("failure", "denied"), "unauthorized": ("failure", "unauthorized"),
    "unauthorised": ("failure", "unauthorized"), "forbidden": ("failure", "forbidden"),
    "succeeded": ("success", None), "successful": ("success", None), "success": ("success", None),
    "completed": ("success", None),
}  # fmt: skip
_PERMISSION_PARTS: Final = frozenset({"permission", "permissions", "role", "roles", "privilege", "privileges"})
#: Actions that change nothing, whatever the resource.
_READS: Final = frozenset({"read", "log"})
#: Resource types whose changes are changes of permissions.
PERMISSION_TYPES: Final = frozenset(
    {"permission", "permissions", "role", "roles", "role_permissions", "privilege", "privileges", "access_policy"}
)

_PART: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|[0-9]+")


def verb_of(word: str) -> Verb | None:
    """Return what a source's word for an action says; None for an empty one."""
    if not word.strip():
        return None
    parts = [part.lower() for part in _PART.findall(word)]
    outcome = reason = None
    left = parts
    for place in (-1, 0):
        if len(left) > 1 and left[place] in _OUTCOMES:
            outcome, reason = _OUTCOMES[left[place]]
            left = left[:-1] if place else left[1:]
            break
    action = _known(left)
    if action is None:
        return Verb(word.strip().lower(), None, outcome, reason)
    if action == "fail":
        outcome = "failure"
    category = _ACTIONS[action][0] or None
    if action not in _READS and not _PERMISSION_PARTS.isdisjoint(left):
        category = "permission"
    return Verb(action, category, outcome, reason)


def changes_permissions(action: str, resource_type: str | None) -> bool:
    """Return whether an action on a resource of that type changes who may do what."""
    return resource_type in PERMISSION_TYPES and action not in _READS


def _known(parts: list[str]) -> str | None:
    if not parts:
        return None
    for name in ("_".join(parts), "_".join(parts[-2:]), parts[-1], parts[0]):
        if name in _CANONICAL:
            return _CANONICAL[name]
    return None
