"""Lines of about 1.5 KB as the audit logs of clouds have them: CloudTrail's records and Kubernetes' audit events."""

import json
import random
from datetime import timedelta
from typing import Any

from watchbook.clock import EPOCH

_PEOPLE = ("alice", "bob", "carol", "deploy", "svc-billing")
_CALLS = (
    ("s3.amazonaws.com", "GetBucketPolicy", True),
    ("iam.amazonaws.com", "AttachRolePolicy", False),
    ("ec2.amazonaws.com", "RunInstances", False),
    ("kms.amazonaws.com", "Decrypt", True),
    ("rds.amazonaws.com", "DescribeDBInstances", True),
)
_VERBS = (("get", 200), ("list", 200), ("create", 201), ("update", 200), ("delete", 200), ("get", 403), ("patch", 200))
_RESOURCES = (
    ("secrets", ""),
    ("pods", ""),
    ("configmaps", ""),
    ("deployments", "apps"),
    ("roles", "rbac.authorization.k8s.io"),
)
_ACCOUNT = "123456789012"


class _JsonLog:
    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)

    def _uuid(self) -> str:
        digits = f"{self._random.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def _stamp(self, time_us: int, timespec: str) -> str:
        moment = EPOCH + timedelta(microseconds=time_us)
        return moment.isoformat(timespec=timespec).replace("+00:00", "Z")


class CloudTrailLog(_JsonLog):
    """Writes CloudTrail's records, one a line, of people with an assumed role."""

    def line(self, time_us: int) -> bytes:
        """Return one record, with its newline."""
        draw = self._random
        source, call, reads = draw.choice(_CALLS)
        user, name = draw.choice(_PEOPLE), f"resource-{draw.randrange(10_000)}"
        role = f"arn:aws:iam::{_ACCOUNT}:role/Engineer"
        record: dict[str, Any] = {
            "eventVersion": "1.09",
            "userIdentity": {
                "type": "AssumedRole",
                "principalId": f"AROAEXAMPLE{draw.randrange(1000, 9999)}:{user}",
                "arn": f"arn:aws:sts::{_ACCOUNT}:assumed-role/Engineer/{user}",
                "accountId": _ACCOUNT,
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role", "principalId": "AROAEXAMPLE", "arn": role, "accountId": _ACCOUNT,
                        "userName": "Engineer",
                    },
                    "attributes": {
                        "creationDate": self._stamp(time_us - 600_000_000, "seconds"), "mfaAuthenticated": "true",
                    },
                },
            },
            "eventTime": self._stamp(time_us, "seconds"),
            "eventSource": source,
            "eventName": call,
            "awsRegion": draw.choice(("eu-central-1", "us-east-1")),
            "sourceIPAddress": f"198.51.100.{draw.randrange(1, 255)}",
            "userAgent": f"aws-cli/2.{draw.randrange(30)}.1 md/awscrt#0.23.8 ua/2.0 os/linux#6.8.0 lang/python#3.12.9",
            "requestParameters": {"name": name, "marker": f"{draw.getrandbits(64):016x}", "maxItems": 100},
            "responseElements": None,
            "requestID": self._uuid(),
            "eventID": self._uuid(),
            "readOnly": reads,
            "resources": [
                {"accountId": _ACCOUNT, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{name}"},
                {"accountId": _ACCOUNT, "type": "AWS::IAM::Role", "ARN": role},
            ],
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": _ACCOUNT,
            "eventCategory": "Management",
            "tlsDetails": {
                "tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": source,
            },
        }  # fmt: skip
        if draw.random() < 0.1:
            record["errorCode"] = "AccessDenied"
            record["errorMessage"] = f"User: {user} is not authorized to perform: {call} on resource: {name}"
        return json.dumps(record, separators=(",", ":")).encode() + b"\n"


class KubernetesLog(_JsonLog):
    """Writes audit events of the API server at the stage ResponseComplete."""

    def line(self, time_us: int) -> bytes:
        """Return one event, with its newline."""
        draw = self._random
        verb, code = draw.choice(_VERBS)
        (resource, group), namespace = draw.choice(_RESOURCES), draw.choice(("shop", "billing", "kube-system"))
        name, pod = f"{resource}-{draw.randrange(10_000)}", f"api-{draw.getrandbits(40):010x}"
        account = f"system:serviceaccount:{namespace}:api"
        path = f"/apis/{group}/v1" if group else "/api/v1"
        event: dict[str, Any] = {
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": self._uuid(),
            "stage": "ResponseComplete",
            "requestURI": f"{path}/namespaces/{namespace}/{resource}/{name}?timeout={draw.randrange(1, 60)}s",
            "verb": verb,
            "user": {
                "username": account, "uid": self._uuid(),
                "groups": ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"],
                "extra": {
                    "authentication.kubernetes.io/credential-id": [f"JTI={self._uuid()}"],
                    "authentication.kubernetes.io/node-name": [f"node-{draw.randrange(1, 40)}"],
                    "authentication.kubernetes.io/node-uid": [self._uuid()],
                    "authentication.kubernetes.io/pod-name": [pod],
                    "authentication.kubernetes.io/pod-uid": [self._uuid()],
                },
            },
            "sourceIPs": [f"10.{draw.randrange(256)}.{draw.randrange(256)}.{draw.randrange(1, 255)}"],
            "userAgent": "api/v1.31.2 (linux/amd64) kubernetes/1234abc",
            "objectRef": {
                "resource": resource, "namespace": namespace, "name": name, "uid": self._uuid(), "apiVersion": "v1",
                "resourceVersion": str(draw.randrange(10**9)),
            },
            "responseStatus": {"metadata": {}, "code": code},
            "requestReceivedTimestamp": self._stamp(time_us, "microseconds"),
            "stageTimestamp": self._stamp(time_us + draw.randrange(1000, 90_000), "microseconds"),
            "annotations": {
                "authorization.k8s.io/decision": "forbid" if code == 403 else "allow",
                "authorization.k8s.io/reason": f'RBAC: allowed by RoleBinding "api/{namespace}" of Role "api" to '
                f'ServiceAccount "api/{namespace}"',
            },
        }  # fmt: skip
        if group:
            event["objectRef"]["apiGroup"] = group
        return json.dumps(event, separators=(",", ":")).encode() + b"\n"
