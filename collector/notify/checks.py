"""What is wrong with the settings of notifications that one option alone cannot tell.  A secret is never repeated."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import yaml

from collector.notify.channel_settings import KINDS, NEXT_STEP, SECRET_WORDS, EmailSettings, WebhookSettings
from collector.notify.secret_files import SecretError, read_lines, read_secret
from collector.notify.settings import ChannelSettings, NotifySettings, RouteSettings
from watchbook.configfile import Node, Problem

#: Options that stood in the section 'alert' once.
_MOVED: Final = ("in_flight", "retry_first", "retry_max")


def present_form(root: Node) -> Node:
    """Return a configuration in which older forms of these settings are put into the present one.

    Once ``notify`` was the list of channels, and ``alert`` held the options of sending; both are read on.
    """
    if not root.is_mapping:
        return root
    options = root.mapping()
    notify, alert = options.get("notify"), options.get("alert")
    pairs = list(notify.yaml.value) if notify is not None and notify.is_mapping else []
    if notify is not None and notify.is_sequence:
        pairs = [(_key("channels", notify.yaml), notify.yaml)]
    moved = [] if alert is None or not alert.is_mapping else [
        pair for pair in alert.yaml.value if str(pair[0].value) in _MOVED
    ]  # fmt: skip
    if not moved and (notify is None or not notify.is_sequence):
        return root
    given = {str(key.value) for key, _ in pairs}
    pairs += [pair for pair in moved if str(pair[0].value) not in given]
    place = notify.yaml if notify is not None else alert.yaml if alert is not None else root.yaml
    made = yaml.MappingNode("tag:yaml.org,2002:map", pairs, place.start_mark, place.end_mark)
    kept = []
    for key, value in root.yaml.value:
        name = str(key.value)
        if name == "alert" and moved:
            rest = [pair for pair in value.value if pair not in moved]
            value = yaml.MappingNode(value.tag, rest, value.start_mark, value.end_mark)  # noqa: PLW2901
        if name != "notify":
            kept.append((key, value))
    kept.append((_key("notify", place), made))
    whole = yaml.MappingNode(root.yaml.tag, kept, root.yaml.start_mark, root.yaml.end_mark)
    return Node(root.path, root.option, whole)


def notify_problems(settings: NotifySettings, notify: Node) -> Iterator[Problem]:
    """Yield what is wrong; ``notify`` is the mapping that the settings were bound from."""
    options = notify.mapping()
    if "channels" in options:
        yield from _channel_problems(settings.channels, options["channels"])
    names = {channel.name for channel in settings.channels}
    if "routes" in options:
        yield from _route_problems(settings.routes, options["routes"], names)
        if settings.default is None and not any(route.takes_all for route in settings.routes):
            yield options["routes"].problem(
                "some alerts take none of these routes; say with 'default' which channels hear of them ([] for "
                "nobody), "
                "or add a route without conditions"
            )
    for name in settings.default or ():
        if name not in names:
            yield options["default"].problem(_unknown(name, names))


def _channel_problems(channels: Sequence[ChannelSettings], place: Node) -> Iterator[Problem]:
    first_lines: dict[str, int] = {}
    for channel, node in zip(channels, place.sequence(), strict=True):
        options = node.mapping()
        line = first_lines.setdefault(channel.name, options["name"].line)
        if line != options["name"].line:
            yield options["name"].problem(f"another channel has this name, on line {line}; give it its own")
        given = [kind for kind in KINDS if getattr(channel, kind) is not None]
        if len(given) != 1:
            found = f"both '{given[0]}' and '{given[1]}'" if given else "none of them"
            kinds = ", ".join(f"'{kind}'" for kind in KINDS)
            yield node.problem(f"expected one of {kinds}, found {found}")
            continue
        yield from _kind_problems(channel, options[given[0]])


def _kind_problems(channel: ChannelSettings, place: Node) -> Iterator[Problem]:
    options = place.mapping()
    if channel.webhook is not None:
        yield from _webhook_problems(channel.webhook, place)
    elif channel.email is not None:
        yield from _email_problems(channel.email, place)
    elif channel.apprise is not None:
        yield from _secret_problems(options["url_file"], many=True)
    for name in ("routing_key_file", "token_file") + (("url_file",) if channel.slack is not None else ()):
        if name in options:
            yield from _secret_problems(options[name])


def _webhook_problems(webhook: WebhookSettings, place: Node) -> Iterator[Problem]:
    given = [name for name in ("secret", "secret_file") if getattr(webhook, name) is not None]
    if len(given) != 1:
        found = "both" if given else "neither"
        yield place.problem(f"expected one of 'secret_file' and 'secret', found {found}; {NEXT_STEP}")
        return
    try:
        webhook.key()
    except SecretError as error:
        hint = "" if "expected" in str(error) else f"; it should hold {SECRET_WORDS}"
        yield place.mapping()[given[0]].problem(f"{error}{hint}")


def _email_problems(email: EmailSettings, place: Node) -> Iterator[Problem]:
    options = place.mapping()
    if (email.user is None) != (email.password_file is None):
        missing = "password_file" if email.password_file is None else "user"
        yield place.problem(f"'user' and 'password_file' belong together; add '{missing}'")
    if email.user is not None and email.security == "none":
        yield options["security"].problem("a password would be sent unencrypted; use 'starttls' or 'tls'")
    if "password_file" in options:
        yield from _secret_problems(options["password_file"])
    if email.ca_file is not None and not email.ca_file.is_file():
        yield options["ca_file"].problem(f"there is no file {email.ca_file}")


def _secret_problems(node: Node, *, many: bool = False) -> Iterator[Problem]:
    path = Path(node.text("a path"))
    try:
        if many:
            read_lines(path)
        else:
            read_secret(path)
    except SecretError as error:
        yield node.problem(str(error))


def _route_problems(routes: Sequence[RouteSettings], place: Node, names: set[str]) -> Iterator[Problem]:
    first_lines: dict[str, int] = {}
    for route, node in zip(routes, place.sequence(), strict=True):
        options = node.mapping()
        line = first_lines.setdefault(route.name, options["name"].line)
        if line != options["name"].line:
            yield options["name"].problem(f"another route has this name, on line {line}; give it its own")
        for name in route.channels:
            if name not in names:
                yield options["channels"].problem(_unknown(name, names))


def _unknown(name: str, names: set[str]) -> str:
    known = ", ".join(sorted(names)) or "none"
    return f"there is no channel {name!r}; the channels are: {known}"


def _key(name: str, place: yaml.Node) -> yaml.ScalarNode:
    return yaml.ScalarNode("tag:yaml.org,2002:str", name, place.start_mark, place.start_mark)
