"""Which proxy a request goes through, and how its address is shown."""

from collections.abc import Callable
from urllib.parse import urlsplit

from agent.ship.settings import ENVIRONMENT


def proxy_for(proxy: str | None, url: str) -> str | None:
    """Return the proxy's address for a URL, None for a direct way.  Reads the environment when the setting says so."""
    if proxy != ENVIRONMENT:
        return proxy
    import urllib.request  # 1 MB, and only the few that ask for this need it

    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.netloc):
        return None
    found = urllib.request.getproxies().get(parts.scheme)
    return found if found is None or "://" in found else f"http://{found}"


def shown(proxy: str) -> str:
    """Return a proxy's address without its user and password."""
    parts = urlsplit(proxy)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def without_password(proxy: str | None) -> Callable[[str], str]:
    """Return a function that takes a proxy's user and password out of a text."""
    secret = urlsplit(proxy).netloc.rpartition("@")[0] if proxy else ""
    return lambda text: text.replace(f"{secret}@", "") if secret else text
