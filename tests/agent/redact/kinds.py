"""Twenty kinds of secrets, made up: each looks like what a service hands out, and none ever was one."""
# ruff: noqa: E501 - a table of patterns or lines, one a line

import base64
import itertools
import json
import random
import string
from collections.abc import Callable
from typing import Final, NamedTuple

_ALNUM: Final = string.ascii_letters + string.digits
_HEX: Final = "0123456789abcdef"
_B64: Final = _ALNUM + "+/"
_URL64: Final = _ALNUM + "_-"


class Secret(NamedTuple):
    """A secret: its kind, what is written into a line, what must be found nowhere, and the names of keys it stands under.

    ``named``: it can only be known by its name.  ``needles``: parts of it, any of which would give it away.
    """

    kind: str
    text: str
    needles: tuple[str, ...]
    names: tuple[str, ...]
    named: bool


def some(rng: random.Random, letters: str, count: int) -> str:
    """Return random letters."""
    return "".join(rng.choices(letters, k=count))


def _token(kind: str, names: tuple[str, ...], make: Callable[[random.Random], str], *, named: bool = False) -> "Kind":
    def made(rng: random.Random) -> Secret:
        text = make(rng)
        return Secret(kind, text, (text,), names, named)

    return made


Kind = Callable[[random.Random], Secret]


def _jwt(rng: random.Random) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    claims = {"sub": some(rng, string.digits, 8), "iat": rng.randrange(10**9), "scope": some(rng, _ALNUM, 12)}
    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}.{some(rng, _URL64, 43)}"


def _private_key(rng: random.Random) -> Secret:
    kind = rng.choice(["RSA ", "EC ", "", "OPENSSH ", "ENCRYPTED "])
    body = [
        "MII" + some(rng, _B64, 61),
        *(some(rng, _B64, 64) for _ in range(rng.randrange(2, 6))),
        some(rng, _B64, 42) + "==",
    ]
    text = "\n".join([f"-----BEGIN {kind}PRIVATE KEY-----", *body, f"-----END {kind}PRIVATE KEY-----"])
    return Secret("private_key", text, tuple(body), ("private_key", "data", "key", "pem"), False)


def _password(rng: random.Random) -> Secret:
    # What people and generators make: never what would end a value of most formats.
    lower, upper, digits = string.ascii_lowercase, string.ascii_uppercase, string.digits
    text = rng.choice([
        some(rng, _ALNUM, rng.randrange(10, 24)),
        some(rng, lower, 7) + some(rng, digits, 3) + rng.choice("!*_"),
        "-".join(some(rng, lower, 6) for _ in range(3)) + some(rng, digits, 2),
        some(rng, upper, 1) + some(rng, _ALNUM, 9) + rng.choice("!*_.") + some(rng, _ALNUM, 3),
    ])  # fmt: skip
    names = ("password", "db_password", "userPassword", "DB_PASSWD", "client_secret", "passphrase", "secret", "apiKey")
    return Secret("password", text, (text,), names, True)


def _url_password(rng: random.Random) -> Secret:
    secret = some(rng, _ALNUM + "!*_.-", rng.randrange(10, 20))
    scheme = rng.choice(["postgres", "https", "redis", "amqp", "mongodb+srv", "ftp"])
    user = rng.choice(["app", "svc-1", "root", ""]) if scheme == "redis" else rng.choice(["app", "svc-1", "root"])
    text = f"{scheme}://{user}:{secret}@db{rng.randrange(9)}.example.com:5432/main"
    return Secret("url_password", text, (secret,), ("url", "dsn", "target", "remote"), False)


def _azure_sas(rng: random.Random) -> Secret:
    secret = some(rng, _ALNUM, 41) + "2"
    text = (
        f"https://acct{rng.randrange(9)}.blob.core.windows.net/c1?sv=2024-11-04&se=2026-12-01&sr=b&sp=r&sig={secret}%3D"
    )
    return Secret("azure_sas", text, (secret,), ("url", "sas_url", "target", "blob"), False)


def _card(rng: random.Random) -> Secret:
    prefix, length = rng.choice(
        [("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("37", 15), ("6011", 16), ("3530", 16)]
    )
    digits = prefix + some(rng, string.digits, length - len(prefix) - 1)
    total = sum(int(digit) for digit in digits[-2::-2]) + sum(
        sum(divmod(2 * int(digit), 10)) for digit in digits[-1::-2]
    )
    digits += str(-total % 10)
    text = digits
    if rng.random() < 0.4:
        mark = rng.choice(" -")
        cuts = (0, 4, 10, 15) if length == 15 else (0, 4, 8, 12, 16)
        text = mark.join(digits[start:end] for start, end in itertools.pairwise(cuts))
    return Secret("card_number", text, tuple({text, digits}), ("card", "pan", "value", "input", "note"), False)


_NEUTRAL: Final = ("value", "note", "data", "arg", "detail")

KINDS: Final[dict[str, Kind]] = {
    "aws_access_key": _token("aws_access_key", _NEUTRAL, lambda rng: rng.choice(["AKIA", "ASIA"]) + some(rng, string.ascii_uppercase + "234567", 16)),
    "aws_secret_key": _token("aws_secret_key", ("aws_secret_access_key", "SecretAccessKey", "secretAccessKey", "AWS_SECRET_ACCESS_KEY"), lambda rng: some(rng, _B64, 40), named=True),
    "google_api_key": _token("google_api_key", _NEUTRAL, lambda rng: "AIzaSy" + some(rng, _URL64, 33)),
    "azure_key": _token("azure_key", ("AccountKey", "storage_account_key", "SharedAccessKey"), lambda rng: some(rng, _B64, 86) + "==", named=True),
    "azure_sas": _azure_sas,
    "github": _token("github", _NEUTRAL, lambda rng: rng.choice(["ghp_", "gho_", "ghs_", "github_pat_"]) + some(rng, _ALNUM, 36)),
    "gitlab": _token("gitlab", _NEUTRAL, lambda rng: rng.choice(["glpat-", "gldt-", "glrt-"]) + some(rng, _URL64, 20)),
    "slack": _token("slack", _NEUTRAL, lambda rng: f"{rng.choice(['xoxb', 'xoxp', 'xoxa'])}-{some(rng, string.digits, 12)}-{some(rng, string.digits, 12)}-{some(rng, _ALNUM, 24)}"),
    "npm": _token("npm", _NEUTRAL, lambda rng: "npm_" + some(rng, _ALNUM, 36)),
    "pypi": _token("pypi", _NEUTRAL, lambda rng: "pypi-AgEIcHlwaS5vcmc" + some(rng, _URL64, 60)),
    "stripe": _token("stripe", _NEUTRAL, lambda rng: rng.choice(["sk_live_", "rk_live_", "sk_test_"]) + some(rng, _ALNUM, 24)),
    "sendgrid": _token("sendgrid", _NEUTRAL, lambda rng: f"SG.{some(rng, _URL64, 22)}.{some(rng, _URL64, 43)}"),
    "openai": _token("openai", _NEUTRAL, lambda rng: rng.choice(["sk-proj-", "sk-"]) + some(rng, _ALNUM, 48)),
    "anthropic": _token("anthropic", _NEUTRAL, lambda rng: "sk-ant-api03-" + some(rng, _URL64, 80)),
    "vault": _token("vault", _NEUTRAL, lambda rng: "hvs." + some(rng, _ALNUM, 28)),
    "jwt": _token("jwt", _NEUTRAL, _jwt),
    "private_key": _private_key,
    "url_password": _url_password,
    "password": _password,
    "card_number": _card,
}  # fmt: skip
