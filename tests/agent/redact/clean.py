"""Clean lines, as real systems write them: full of ids, hashes and words about secrets, without a single secret."""
# ruff: noqa: E501 - a table of patterns or lines, one a line

import base64
import hashlib
import json
import random
import string
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final

_ALNUM: Final = string.ascii_letters + string.digits
_WORDS: Final = [
    "order",
    "shipped",
    "invoice",
    "report",
    "revenue",
    "quarterly",
    "pipeline",
    "cluster",
    "node",
    "pod",
    "service",
    "gateway",
    "cache",
    "queue",
    "worker",
    "retry",
    "timeout",
    "connection",
    "closed",
    "opened",
    "started",
    "stopped",
    "completed",
    "failed",
    "user",
    "account",
    "profile",
    "session",
    "request",
    "response",
    "database",
    "table",
    "index",
    "column",
    "query",
    "rows",
    "bytes",
    "upload",
    "download",
    "export",
    "import",
    "schedule",
    "backup",
    "restore",
    "region",
    "zone",
]
_NAMES: Final = [
    "alice",
    "bob",
    "carol",
    "dave",
    "erin",
    "frank",
    "grace",
    "heidi",
    "ivan",
    "judy",
    "mallory",
    "niaj",
    "olivia",
    "peggy",
    "rupert",
    "sybil",
    "trent",
]
_SECRET_RESOURCES: Final = (
    "db-secret", "tls-secret", "token-service", "password-reset", "auth-token", "api-key-rotator", "credentials-sync",
    "cookie-consent", "secret-manager", "default-token-x7k2p", "registry-credentials", "oauth-proxy", "passwd-sync",
)  # fmt: skip


class _Chance:
    """Random values of the kinds that fill logs."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def pick(self, values: Any) -> Any:
        return self.rng.choice(values)

    def line(self, lines: list[str]) -> str:
        return self.rng.choice(lines)

    def number(self, digits: int) -> str:
        return str(self.rng.randrange(10 ** (digits - 1), 10**digits))

    def hexadecimal(self, count: int) -> str:
        return f"{self.rng.getrandbits(4 * count):0{count}x}"

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def base64(self, size: int) -> str:
        return base64.b64encode(self.rng.randbytes(size)).decode()

    def base64url(self, size: int) -> str:
        return base64.urlsafe_b64encode(self.rng.randbytes(size)).decode().rstrip("=")

    def sha(self) -> str:
        return hashlib.sha256(self.rng.randbytes(8)).hexdigest()

    def alnum(self, count: int) -> str:
        return "".join(self.rng.choices(_ALNUM, k=count))

    def words(self, count: int) -> str:
        return " ".join(self.rng.choices(_WORDS, k=count))

    def ip(self) -> str:
        return (
            f"{self.rng.choice(['10', '192.0.2', '198.51.100', '203.0.113'])}."
            + ".".join(str(self.rng.randrange(256)) for _ in range(1))
            if self.rng.random() < 0.8
            else "2001:db8::" + self.hexadecimal(4)
        )

    def time(self) -> str:
        rng = self.rng
        return f"2026-11-{rng.randrange(1, 29):02d}T{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}.{rng.randrange(1000):03d}Z"

    def syslog_time(self) -> str:
        rng = self.rng
        return f"Nov {rng.randrange(1, 29):2d} {rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}"

    def user(self) -> str:
        return f"{self.pick(_NAMES)}{self.rng.choice(['', '', '.smith', '7', '@example.com'])}"


def _access(c: _Chance) -> str:
    path = c.pick([
        f"/api/v1/orders/{c.number(16)}", f"/static/app.{c.hexadecimal(20)}.js", f"/users/{c.uuid()}/sessions", "/login", "/password/reset",
        f"/oauth/token?grant_type=authorization_code&state={c.base64url(12)}", f"/search?q={c.pick(_WORDS)}+{c.pick(_WORDS)}&page={c.number(2)}",
        f"/secrets/{c.pick(_SECRET_RESOURCES)}", f"/blob/{c.sha()}?v={c.number(10)}", f"/commit/{c.hexadecimal(40)}", "/auth/realms/main/token/introspect",
        f"/img/{c.number(13)}.png?w=640&h=480&cb={c.number(13)}", f"/items?cursor={c.base64url(24)}&sort=-created&limit=50", "/tokens?active=true&type=access",
        f"/t/{c.number(16)}/{c.number(4)}?utm_source=mail&utm_campaign={c.pick(_WORDS)}%20{c.pick(_WORDS)}", f"/pay/orders?order_id={c.number(16)}",
    ])  # fmt: skip
    return (
        f'{c.ip()} - {c.pick(["-", c.pick(_NAMES)])} [{c.number(2)}/Nov/2026:14:05:09 +0000] "{c.pick(["GET", "POST", "PUT"])} {path} HTTP/1.1" '
        f'{c.pick([200, 201, 302, 401, 404, 500])} {c.number(5)} "{c.pick(["-", "https://app.example.com/dash?tab=tokens", "https://example.com:8443/a"])}" '
        f'"{c.pick(["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36", "curl/8.5.0", "kube-probe/1.31", "python-requests/2.32.3"])}"'
    )


def _app(c: _Chance) -> str:
    event: dict[str, Any] = {
        "ts": c.time(), "level": c.pick(["info", "warn", "error", "debug"]), "logger": f"app.{c.pick(_WORDS)}",
        "msg": c.pick([
            c.words(6), "token expired", "invalid password for user", "password changed", "user entered wrong password",
            f"order {c.number(16)} shipped", f"refresh token rotated for {c.pick(_NAMES)}", "authorization failed: user is not allowed",
            "cookie consent accepted", f"secret {c.pick(_SECRET_RESOURCES)} mounted", "password policy updated: minimum length 12",
            "API token created for user", f"commit {c.hexadecimal(40)} deployed", f"key {c.pick(_WORDS)}:{c.number(6)} evicted", "Bearer authentication is required",
            "no credentials provided", "invalid token: signature is invalid", "unexpected token in JSON at position 12", "password: must be at least 12 characters",
            f"object key uploads/{c.uuid()}.pdf stored", "CSRF token missing or incorrect", f"token bucket refilled: {c.number(3)} left",
        ]),
        "request_id": c.pick([c.uuid(), f"req_{c.hexadecimal(24)}", c.base64url(16)]), "trace_id": c.hexadecimal(32), "span_id": c.hexadecimal(16),
        "user": c.user(), "duration_ms": c.rng.randrange(5000),
    }  # fmt: skip
    extra: dict[str, Any] = {
        "order_id": c.pick([c.number(16), int(c.number(16))]), "sha256": c.sha(), "etag": c.base64(16), "commit": c.hexadecimal(40), "token_type": "Bearer",
        "token_id": c.pick([c.uuid(), c.number(8)]), "password_changed_at": c.time(), "has_password": True, "credential_type": "password", "secretName": c.pick(_SECRET_RESOURCES),
        "token_count": c.rng.randrange(4000), "prompt_tokens": c.rng.randrange(900), "max_tokens": 4096, "next_token": c.base64(24), "nextPageToken": c.base64url(30),
        "hashed_token": c.base64(32), "accessKeyId": c.uuid(), "tokenIssuer": "https://login.example.com/", "authorization": {"action": "Microsoft.Compute/read", "scope": f"/subscriptions/{c.uuid()}"},
        "key": f"uploads/{c.uuid()}/{c.number(4)}.png", "idempotency_key": c.uuid(), "public_key": c.base64(32), "sort_key": c.pick(_WORDS), "cache_key": f"v1:{c.pick(_WORDS)}:{c.number(9)}",
        "session_id": c.hexadecimal(32), "build": f"2026.11.{c.number(3)}", "image": f"registry.example.com/app@sha256:{c.sha()}", "requires_password": False, "password_expired": False,
        "integrity": f"sha512-{c.base64(64)}", "fingerprint": f"SHA256:{c.base64(32).rstrip('=')}", "epoch_us": int(f"17{c.number(14)}"), "ns": int(f"17{c.number(17)}"), "tracking": c.number(16),
        "credentialsSource": "environment", "authMethod": "password", "cookieEnabled": True, "passwordless": True, "url": f"https://example.com:8443/{c.pick(_WORDS)}?id={c.number(6)}#a@b",
        "tokens_used": c.rng.randrange(900), "secret_count": 3, "auth": c.pick(["oidc", "ldap", "ok"]), "pass": c.rng.randrange(90), "account": c.number(16), "phone": "+1-555-0100",
    }  # fmt: skip
    for name in c.rng.sample(sorted(extra), 6):
        event[name] = extra[name]
    return json.dumps(event, separators=c.rng.choice([(",", ":"), (", ", ": ")]))


def _logfmt(c: _Chance) -> str:
    return (
        f'time={c.time()} level={c.pick(["info", "warn"])} msg="{c.words(4)}" request={c.base64url(12)} token_type=bearer '
        f"password_age=12d order={c.number(16)} secret_name={c.pick(_SECRET_RESOURCES)} id={c.hexadecimal(24)} took={c.number(3)}ms pass={c.number(2)} fail=0"
    )


def _syslog(c: _Chance) -> str:
    said = c.pick([
        f"sshd[{c.number(5)}]: Failed password for invalid user {c.pick(_NAMES)} from {c.ip()} port {c.number(5)} ssh2",
        f"sshd[{c.number(5)}]: Accepted publickey for {c.pick(_NAMES)} from {c.ip()} port {c.number(5)} ssh2: ED25519 SHA256:{c.base64(32).rstrip('=')}",
        f"sshd[{c.number(5)}]: Accepted password for {c.pick(_NAMES)} from {c.ip()} port {c.number(5)} ssh2",
        f"sshd[{c.number(5)}]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost={c.ip()}  user={c.pick(_NAMES)}",
        f"sudo:   {c.pick(_NAMES)} : TTY=pts/0 ; PWD=/home/{c.pick(_NAMES)} ; USER=root ; COMMAND=/usr/bin/{c.pick(['systemctl restart nginx', 'ls -la /etc', 'docker run -p 8080:80 app', 'psql -p 5432 -U app main', 'tail -n 50 -f /var/log/syslog'])}",
        f"passwd[{c.number(4)}]: pam_unix(passwd:chauthtok): password changed for {c.pick(_NAMES)}",
        f"useradd[{c.number(4)}]: new user: name={c.pick(_NAMES)}, UID=1001, GID=1001, home=/home/x, shell=/bin/bash, from=/dev/pts/0",
        f"systemd[1]: Started Session {c.number(3)} of User {c.pick(_NAMES)}.", f"CRON[{c.number(5)}]: (root) CMD (test -x /usr/sbin/anacron || run-parts /etc/cron.daily)",
        f"kernel: [{c.number(6)}.{c.number(6)}] audit: type=1400 audit(1795270000.123:{c.number(4)}): apparmor=\"STATUS\" operation=\"profile_load\" pid={c.number(4)} comm=\"apparmor_parser\"",
        f"kernel: audit: type=1701 audit(1795270000.1:{c.number(3)}): auid=1000 uid=1000 pid={c.number(4)} comm=\"app\" exe=\"/usr/bin/app\" sig=11 res=1",
        f"dockerd[{c.number(4)}]: time=\"{c.time()}\" level=info msg=\"container {c.hexadecimal(64)} started\" image=sha256:{c.sha()}",
        f"vault[{c.number(4)}]: [INFO]  core: seal configuration missing, token store ready: path=secret/", f"dovecot: imap-login: Login: user=<{c.pick(_NAMES)}>, method=PLAIN, rip={c.ip()}, lip=10.0.0.1, session=<{c.base64(12)}>",
        f"postfix/smtpd[{c.number(5)}]: {c.hexadecimal(10).upper()}: client=mail.example.com[{c.ip()}], sasl_method=PLAIN, sasl_username={c.pick(_NAMES)}",
    ])  # fmt: skip
    return f"{c.pick(['', '<134>', '<85>'])}{c.syslog_time()} host{c.number(2)} {said}"


def _cloudtrail(c: _Chance) -> str:
    return json.dumps({
        "eventVersion": "1.09", "userIdentity": {"type": "AssumedRole", "principalId": f"AROA{c.alnum(17).upper()}:{c.pick(_NAMES)}", "arn": f"arn:aws:sts::{c.number(12)}:assumed-role/admin/{c.pick(_NAMES)}", "accountId": c.number(12),
            "sessionContext": {"sessionIssuer": {"type": "Role", "principalId": f"AROA{c.alnum(17).upper()}"}, "attributes": {"creationDate": c.time(), "mfaAuthenticated": "false"}}},
        "eventTime": c.time(), "eventSource": c.pick(["secretsmanager.amazonaws.com", "iam.amazonaws.com", "s3.amazonaws.com", "sts.amazonaws.com"]), "eventName": c.pick(["GetSecretValue", "GetSessionToken", "ChangePassword", "ListAccessKeys", "DescribeInstances"]),
        "awsRegion": "eu-west-1", "sourceIPAddress": c.ip(), "userAgent": "aws-cli/2.19.1", "requestParameters": {"secretId": f"prod/{c.pick(_SECRET_RESOURCES)}", "versionStage": "AWSCURRENT", "clientRequestToken": c.uuid(), "nextToken": c.base64(30), "bucketName": "logs", "key": f"AWSLogs/{c.number(12)}/x.gz"},
        "responseElements": None, "additionalEventData": {"SignatureVersion": "SigV4", "CipherSuite": "TLS_AES_128_GCM_SHA256", "x-amz-id-2": c.base64(57), "AuthenticationMethod": "AuthHeader"},
        "requestID": c.uuid(), "eventID": c.uuid(), "readOnly": True, "eventType": "AwsApiCall", "recipientAccountId": c.number(12), "sessionCredentialFromConsole": "true", "tlsDetails": {"tlsVersion": "TLSv1.3"},
    }, separators=(",", ":"))  # fmt: skip


def _kubernetes(c: _Chance) -> str:
    kind, name = c.pick(
        [
            ("secrets", c.pick(_SECRET_RESOURCES)),
            ("pods", f"web-{c.hexadecimal(10)}-x7k2p"),
            ("serviceaccounts", "default"),
            ("configmaps", "kube-root-ca.crt"),
            ("tokenreviews", ""),
        ]
    )
    return json.dumps({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": c.uuid(), "stage": "ResponseComplete", "requestURI": f"/api/v1/namespaces/default/{kind}/{name}?timeout=10s&resourceVersion={c.number(9)}", "verb": c.pick(["get", "list", "create", "update"]),
        "user": {"username": f"system:serviceaccount:kube-system:{c.pick(['token-cleaner', 'default', 'secret-controller'])}", "uid": c.uuid(), "groups": ["system:serviceaccounts", "system:authenticated"], "extra": {"authentication.kubernetes.io/credential-id": [f"JTI={c.uuid()}"]}},
        "sourceIPs": [c.ip()], "userAgent": "kube-controller-manager/v1.31", "objectRef": {"resource": kind, "namespace": "default", "name": name, "uid": c.uuid(), "apiVersion": "v1", "resourceVersion": c.number(9)},
        "responseStatus": {"metadata": {}, "code": 200}, "requestReceivedTimestamp": c.time(), "stageTimestamp": c.time(),
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": f'RBAC: allowed by ClusterRoleBinding "system:controller:{c.pick(_SECRET_RESOURCES)}" of ClusterRole "admin"'},
    }, separators=(",", ":"))  # fmt: skip


def _auditd(c: _Chance) -> str:
    head = f"msg=audit(1795270000.{c.number(3)}:{c.number(5)})"
    return c.line([
        f'type=SYSCALL {head}: arch=c000003e syscall=59 success=yes exit=0 a0={c.hexadecimal(12)} a1={c.hexadecimal(12)} a2={c.hexadecimal(12)} a3={c.hexadecimal(3)} items=2 ppid={c.number(4)} pid={c.number(4)} auid=1000 uid=0 tty=pts0 ses=3 comm="ls" exe="/usr/bin/ls" key="exec"',
        f"type=PROCTITLE {head}: proctitle=" + c.pick([b"/usr/sbin/sshd\0-D\0-R", b"tail\0-n\0" + c.number(3).encode() + b"\0/var/log/syslog", b"python3\0/opt/app/run.py\0--port\0" + c.number(4).encode(), b"docker\0run\0--rm\0app"]).hex().upper(),
        f'type=EXECVE {head}: argc=3 a0="systemctl" a1="status" a2="{c.pick(_SECRET_RESOURCES)}"', f'type=USER_LOGIN {head}: pid={c.number(4)} uid=0 auid=1000 ses=2 msg=\'op=login id=1000 exe="/usr/sbin/sshd" hostname={c.ip()} addr={c.ip()} terminal=ssh res=success\'',
        f'type=CRYPTO_KEY_USER {head}: pid={c.number(4)} uid=0 msg=\'op=destroy kind=server fp=SHA256:{":".join(c.hexadecimal(2) for _ in range(16))} direction=? spid={c.number(4)} suid=0 exe="/usr/sbin/sshd" res=success\'',
    ])  # fmt: skip


def _database(c: _Chance) -> str:
    statement = c.pick([
        f"SELECT id, email, password_changed_at FROM users WHERE id = {c.number(6)}", f"UPDATE orders SET status = 'shipped' WHERE number = '{c.number(16)}'",
        "SELECT token_id, expires_at FROM refresh_tokens ORDER BY created_at", f"INSERT INTO events (id, kind, payload_hash) VALUES ('{c.uuid()}', 'x', '{c.sha()}')",
        f"GRANT SELECT ON secrets TO {c.pick(_NAMES)}", "ALTER TABLE users ADD COLUMN password_expires date", f"CREATE INDEX CONCURRENTLY idx_{c.pick(_WORDS)}_token_id ON tokens (token_id)",
    ])  # fmt: skip
    return c.line([
        f"2026-11-21 14:05:09.120 UTC [{c.number(5)}] {c.pick(_NAMES)}@main LOG:  statement: {statement}",
        f'2026-11-21 14:05:09.120 UTC,"{c.pick(_NAMES)}","main",{c.number(5)},"[local]",{c.hexadecimal(8)}.{c.hexadecimal(4)},{c.number(2)},"SELECT",2026-11-21 14:00:00 UTC,3/{c.number(4)},0,LOG,00000,"{statement}",,,,,,,,,"psql","client backend",,0',
        f'2026-11-21 14:05:09.120 UTC [{c.number(5)}] FATAL:  password authentication failed for user "{c.pick(_NAMES)}"',
    ])  # fmt: skip


_WRITERS: Final[tuple[Callable[[_Chance], str], ...]] = (_access, _app, _app, _logfmt, _syslog, _syslog, _cloudtrail, _kubernetes, _auditd, _database)  # fmt: skip
#: The kinds of lines, by name.
SOURCES: Final = {write.__name__.strip("_"): write for write in _WRITERS}


def clean_lines(count: int, seed: int = 11) -> Iterator[tuple[str, bytes]]:
    """Yield so many lines with the names of their kinds."""
    chance = _Chance(seed)
    for number in range(count):
        write = _WRITERS[number % len(_WRITERS)]
        yield write.__name__.strip("_"), write(chance).encode()
