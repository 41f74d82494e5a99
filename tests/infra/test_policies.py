"""Who may do what: every policy that infra/ writes, read back from the local AWS and asked with concrete requests."""

import json

import pytest

from tests.doubles.aws import ACCOUNT, REGION
from tests.doubles.iam import Asked, allowed, denied
from tests.infra.conftest import REPOSITORY

pytestmark = pytest.mark.timeout(1200)

S, P = (f"arn:aws:s3:::llm-twin-{name}-{ACCOUNT}" for name in ("staging", "production"))
S3_KEY = {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}
SECRET_KEY = {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret"
ECR = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository"
EC2 = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
OWNED = "kubernetes.io/cluster/llm-twin-shared"
MINE = {f"aws:ResourceTag/{OWNED}": "owned", "aws:ResourceTag/karpenter.sh/nodepool": "gpu"}
NEW = {
    f"aws:RequestTag/{OWNED}": "owned",
    "aws:RequestTag/eks:eks-cluster-name": "llm-twin-shared",
    "aws:RequestTag/karpenter.sh/nodepool": "gpu",
}
THEIRS = {name: value.replace("owned", "shared") for name, value in MINE.items()}
PROFILE = f"arn:aws:iam::{ACCOUNT}:instance-profile/one"
PROFILE_TAGS = {OWNED: "owned", "topology.kubernetes.io/region": REGION}
NODE = f"arn:aws:iam::{ACCOUNT}:role/llm-twin-shared-karpenter-node"
STAGING, PRODUCTION = "llm-twin-shared-staging-", "llm-twin-shared-production-"

MAY = [
    (f"{STAGING}rag-gateway", "s3:GetObject", f"{S}/artifacts/blobs/1", {}),
    (f"{STAGING}rag-gateway", "s3:ListBucket", S, {"s3:prefix": "artifacts/artifacts/"}),
    (f"{STAGING}rag-gateway", "kms:Decrypt", "KEY", S3_KEY),
    (f"{PRODUCTION}rag-gateway", "s3:GetObject", f"{S}/artifacts/blobs/1", {}),
    (f"{STAGING}vllm", "s3:GetObject", f"{S}/artifacts/blobs/1", {}),
    (f"{PRODUCTION}vllm", "s3:GetObject", f"{S}/artifacts/blobs/1", {}),
    (f"{STAGING}pipelines-train", "s3:PutObject", f"{S}/artifacts/blobs/1", {}),
    (f"{STAGING}pipelines-train", "s3:PutObject", f"{S}/staging/argo/2026/run/pod/main.log", {}),
    (f"{STAGING}pipelines-train", "s3:DeleteObject", f"{S}/staging/argo/2026/run/pod/main.log", {}),
    (f"{STAGING}pipelines-train", "kms:GenerateDataKey", "KEY", S3_KEY),
    (f"{PRODUCTION}pipelines-steps", "s3:GetObject", f"{S}/artifacts/blobs/1", {}),
    (f"{STAGING}qdrant", "s3:PutObject", f"{S}/snapshots/1", {}),
    (f"{PRODUCTION}qdrant", "s3:DeleteObject", f"{P}/snapshots/1", {}),
    ("llm-twin-shared-external-secrets", "secretsmanager:GetSecretValue", "SECRET", {}),
    ("llm-twin-shared-external-secrets", "kms:Decrypt", "CLUSTER-KEY", SECRET_KEY),
    ("llm-twin-shared-flow-logs", "logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/vpc/llm-twin-shared/flow:*", {}),
    ("llm-twin-shared-karpenter", "ec2:RunInstances", f"{EC2}:instance/*", NEW),
    ("llm-twin-shared-karpenter", "ec2:RunInstances", f"{EC2}:subnet/subnet-1", {}),
    ("llm-twin-shared-karpenter", "ec2:CreateFleet", f"{EC2}:launch-template/lt-1", MINE),
    ("llm-twin-shared-karpenter", "ec2:CreateTags", f"{EC2}:instance/i-1", NEW | {"ec2:CreateAction": "RunInstances"}),
    ("llm-twin-shared-karpenter", "ec2:CreateTags", f"{EC2}:instance/i-1", MINE | {"aws:TagKeys": ["Name"]}),
    ("llm-twin-shared-karpenter", "ec2:TerminateInstances", f"{EC2}:instance/i-1", MINE),
    ("llm-twin-shared-karpenter", "ec2:DescribeSubnets", "*", {"aws:RequestedRegion": REGION}),
    ("llm-twin-shared-karpenter", "iam:PassRole", NODE, {"iam:PassedToService": "ec2.amazonaws.com"}),
    ("llm-twin-shared-karpenter", "sqs:ReceiveMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:llm-twin-shared-interruption", {}),
    ("llm-twin-shared-karpenter", "iam:CreateInstanceProfile", PROFILE, {f"aws:RequestTag/{k}": v for k, v in PROFILE_TAGS.items()}),
    ("llm-twin-shared-karpenter", "iam:DeleteInstanceProfile", PROFILE, {f"aws:ResourceTag/{k}": v for k, v in PROFILE_TAGS.items()}),
    ("llm-twin-ci-release", "ecr:PutImage", f"{ECR}/llm-twin/gateway", {}),
    ("llm-twin-ci-release", "ecr:PutImage", f"{ECR}/llm-twin/signatures", {}),
    ("llm-twin-ci-release", "s3:GetObject", f"{S}/artifacts/artifacts/1", {}),
    ("llm-twin-ci-production", "ecr:BatchGetImage", f"{ECR}/llm-twin/gateway", {}),
    ("llm-twin-ci-nightly", "ecr:DescribeImageScanFindings", f"{ECR}/llm-twin/gateway", {}),
    ("llm-twin-ci-pull-request", "ecr:BatchGetImage", f"{ECR}/llm-twin/pipelines", {}),
]  # fmt: skip

MAY_NOT = [
    (f"{STAGING}rag-gateway", "s3:PutObject", f"{S}/artifacts/blobs/1", {}),
    (f"{STAGING}rag-gateway", "s3:GetObject", f"{P}/artifacts/blobs/1", {}),
    (f"{STAGING}rag-gateway", "s3:GetObject", f"{S}/artifacts-2/blobs/1", {}),
    (f"{STAGING}rag-gateway", "s3:ListBucket", S, {"s3:prefix": ""}),
    (f"{STAGING}rag-gateway", "s3:ListBucket", S, {}),
    (f"{STAGING}rag-gateway", "kms:Decrypt", "KEY", SECRET_KEY),
    (f"{STAGING}rag-gateway", "kms:GenerateDataKey", "KEY", S3_KEY),
    (f"{STAGING}rag-gateway", "secretsmanager:GetSecretValue", "SECRET", {}),
    (f"{STAGING}vllm", "s3:PutObject", f"{S}/artifacts/blobs/1", {}),
    (f"{PRODUCTION}rag-gateway", "s3:PutObject", f"{P}/artifacts/blobs/1", {}),
    (f"{STAGING}pipelines-train", "s3:PutObject", f"{P}/artifacts/blobs/1", {}),
    (f"{STAGING}pipelines-train", "s3:DeleteObject", f"{S}/artifacts/blobs/1", {}),
    (f"{STAGING}pipelines-train", "s3:DeleteObjectVersion", f"{S}/artifacts/blobs/1", {}),
    (f"{STAGING}pipelines-train", "s3:PutBucketPolicy", S, {}),
    (f"{PRODUCTION}pipelines-steps", "s3:PutObject", f"{S}/artifacts/blobs/1", {}),
    (f"{STAGING}qdrant", "s3:GetObject", f"{S}/artifacts/blobs/1", {}),
    ("llm-twin-shared-external-secrets", "secretsmanager:GetSecretValue", f"{SECRET}:somebody-elses-abcdef", {}),
    ("llm-twin-shared-external-secrets", "secretsmanager:PutSecretValue", "SECRET", {}),
    ("llm-twin-shared-external-secrets", "kms:Decrypt", "CLUSTER-KEY", S3_KEY),
    ("llm-twin-shared-external-secrets", "kms:Decrypt", "KEY", SECRET_KEY),
    ("llm-twin-shared-flow-logs", "logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/eks/llm-twin-shared/cluster:*", {}),
    ("llm-twin-shared-karpenter", "ec2:RunInstances", f"{EC2}:instance/*", {}),
    ("llm-twin-shared-karpenter", "ec2:RunInstances", f"{EC2}:instance/*", NEW | {"aws:RequestTag/eks:eks-cluster-name": "other"}),
    ("llm-twin-shared-karpenter", "ec2:RunInstances", EC2.replace(REGION, "us-east-1") + ":instance/*", NEW),
    ("llm-twin-shared-karpenter", "ec2:CreateFleet", f"{EC2}:launch-template/lt-1", THEIRS),
    ("llm-twin-shared-karpenter", "ec2:CreateTags", f"{EC2}:instance/i-1", NEW),
    ("llm-twin-shared-karpenter", "ec2:CreateTags", f"{EC2}:instance/i-1", MINE | {"aws:TagKeys": [OWNED]}),
    ("llm-twin-shared-karpenter", "ec2:TerminateInstances", f"{EC2}:instance/i-1", {}),
    ("llm-twin-shared-karpenter", "ec2:TerminateInstances", f"{EC2}:instance/i-1", THEIRS),
    ("llm-twin-shared-karpenter", "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/admin", {"iam:PassedToService": "ec2.amazonaws.com"}),
    ("llm-twin-shared-karpenter", "iam:PassRole", NODE, {"iam:PassedToService": "lambda.amazonaws.com"}),
    ("llm-twin-shared-karpenter", "iam:TagInstanceProfile", PROFILE, {f"aws:RequestTag/{k}": v for k, v in PROFILE_TAGS.items()}),
    ("llm-twin-shared-karpenter", "iam:AddRoleToInstanceProfile", PROFILE, {}),
    ("llm-twin-ci-release", "ecr:PutImage", f"{ECR}/somebody/elses", {}),
    ("llm-twin-ci-release", "ecr:BatchDeleteImage", f"{ECR}/llm-twin/gateway", {}),
    ("llm-twin-ci-release", "ecr:PutImageTagMutability", f"{ECR}/llm-twin/gateway", {}),
    ("llm-twin-ci-release", "s3:PutObject", f"{S}/artifacts/artifacts/1", {}),
    ("llm-twin-ci-production", "ecr:PutImage", f"{ECR}/llm-twin/gateway", {}),
    ("llm-twin-ci-nightly", "ecr:PutImage", f"{ECR}/llm-twin/gateway", {}),
    ("llm-twin-ci-pull-request", "ecr:PutImage", f"{ECR}/llm-twin/gateway", {}),
    ("llm-twin-ci-pull-request", "s3:GetObject", f"{S}/artifacts/artifacts/1", {}),
]  # fmt: skip

# What AWS itself cannot narrow to a resource, each only to look or to log in.
UNSCOPED = {"ecr:GetAuthorizationToken", "iam:ListInstanceProfiles", "pricing:GetProducts"}


@pytest.fixture(scope="session")
def roles(aws, account, cluster):
    """The roles that infra/ makes, by name, as IAM has them."""
    found = aws.client("iam").get_account_authorization_details(Filter=["Role"], MaxItems=1000)["RoleDetailList"]
    return {one["RoleName"]: one for one in found if one["RoleName"].startswith("llm-twin")}


@pytest.fixture(scope="session")
def named(aws, cluster):
    """What the tables above call by a word."""
    keys = {one["AliasName"]: one["TargetKeyId"] for one in aws.client("kms").list_aliases()["Aliases"] if "TargetKeyId" in one}
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/"
    secret = aws.client("secretsmanager").describe_secret(SecretId="llm-twin/staging/twin-secrets")["ARN"]
    return {"KEY": key + keys["alias/llm-twin"], "CLUSTER-KEY": key + keys["alias/llm-twin-shared"], "SECRET": secret}


def _own(role):
    return [one["PolicyDocument"] for one in role["RolePolicyList"]]


@pytest.mark.parametrize(("who", "action", "resource", "context"), MAY)
def test_a_role_may_do_its_work(roles, named, who, action, resource, context):
    assert allowed(_own(roles[who]), Asked(action, named.get(resource, resource), context))


@pytest.mark.parametrize(("who", "action", "resource", "context"), MAY_NOT)
def test_a_role_may_do_nothing_else(roles, named, who, action, resource, context):
    assert not allowed(_own(roles[who]), Asked(action, named.get(resource, resource), context))


def test_every_role_with_a_policy_of_ours_is_asked_both_ways(roles):
    ours = {_kind(name) for name, role in roles.items() if role["RolePolicyList"]}
    assert ours == {_kind(who) for who, *_ in MAY} == {_kind(who) for who, *_ in MAY_NOT}


def _kind(role):
    """The same for roles that one line of infra/ makes for both environments, and for all kinds of steps."""
    name = role.removeprefix(STAGING).removeprefix(PRODUCTION)
    return "pipelines" if name.startswith("pipelines-") else name


def test_no_policy_allows_everything_of_a_service_or_on_everything(roles):
    for name, role in roles.items():
        for statement in (one for policy in _own(role) for one in policy["Statement"]):
            actions, resources = (
                one if isinstance(one, list) else [one] for one in (statement["Action"], statement["Resource"])
            )
            assert statement["Effect"] == "Allow"
            assert not [one for one in actions if "*" in one], name
            if "*" in resources:
                looked = [one for one in actions if one.startswith("ec2:Describe")] if "Condition" in statement else []
                assert set(actions) - set(looked) <= UNSCOPED, name


def test_no_role_carries_an_administrators_policy(roles):
    carried = {one["PolicyName"] for role in roles.values() for one in role["AttachedManagedPolicies"]}
    assert carried == {
        "AmazonEKSClusterPolicy", "AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly",
        "AmazonSSMManagedInstanceCore", "AmazonEKS_CNI_Policy", "AmazonEBSCSIDriverPolicy",
    }  # fmt: skip


SUBJECTS = {
    "pull-request": "pull_request",
    "release": "ref:refs/heads/staging",
    "production": "ref:refs/heads/production",
    "nightly": "ref:refs/heads/main",
}
STRANGERS = ["ada/twin-2", "mallory/twin", "ada/twi", "mallory/ada/twin"]


def _web(subject, audience="sts.amazonaws.com"):
    issuer = "token.actions.githubusercontent.com"
    who = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"
    return Asked("sts:AssumeRoleWithWebIdentity", "", {f"{issuer}:sub": subject, f"{issuer}:aud": audience}, who)


@pytest.mark.parametrize("purpose", SUBJECTS)
def test_a_runner_takes_only_the_role_of_its_repository_and_branch(roles, purpose):
    trust = [roles[f"llm-twin-ci-{purpose}"]["AssumeRolePolicyDocument"]]
    assert allowed(trust, _web(f"repo:{REPOSITORY}:{SUBJECTS[purpose]}"))
    others = [subject for other, subject in SUBJECTS.items() if other != purpose]
    for subject in [*others, "ref:refs/heads/staging-2", "ref:refs/tags/staging", "environment:staging"]:
        assert not allowed(trust, _web(f"repo:{REPOSITORY}:{subject}"))
    for stranger in STRANGERS:
        assert not allowed(trust, _web(f"repo:{stranger}:{SUBJECTS[purpose]}"))
    assert not allowed(trust, _web(f"repo:{REPOSITORY}:{SUBJECTS[purpose]}", audience="https://github.com/ada"))


def test_only_this_cluster_gives_pods_a_role(roles):
    trust = [roles[f"{STAGING}rag-gateway"]["AssumeRolePolicyDocument"]]
    arn = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/llm-twin-"

    def asks(cluster, account=ACCOUNT):
        return Asked(
            "sts:AssumeRole", "", {"aws:SourceAccount": account, "aws:SourceArn": arn + cluster}, "pods.eks.amazonaws.com"
        )

    assert allowed(trust, asks("shared"))
    assert not allowed(trust, asks("other"))
    assert not allowed(trust, asks("shared", account="210987654321"))


def test_a_bucket_answers_over_modern_tls_alone(aws, account):
    name = account.outputs()["buckets"]["staging"]
    policy = [json.loads(aws.client("s3").get_bucket_policy(Bucket=name)["Policy"])]
    for context, refused in [({"aws:SecureTransport": "false"}, True), ({"aws:SecureTransport": "true", "s3:TlsVersion": "1.1"}, True),
                             ({"aws:SecureTransport": "true", "s3:TlsVersion": "1.2"}, False)]:  # fmt: skip
        assert denied(policy, Asked("s3:GetObject", f"{S}/artifacts/1", context)) is refused


def test_only_the_rules_of_this_cluster_write_to_the_queue(aws, cluster):
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=cluster.outputs()["karpenter"]["queue"])["QueueUrl"]
    policy = [json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])]
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:llm-twin-shared-interruption"
    rule = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/llm-twin-"

    def sends(name, secure="true", who="events.amazonaws.com"):
        return Asked("sqs:SendMessage", queue, {"aws:SourceArn": rule + name, "aws:SecureTransport": secure}, who)

    assert allowed(policy, sends("shared-health"))
    assert not allowed(policy, sends("other-health"))
    assert not allowed(policy, sends("shared-health", secure="false"))
    assert not allowed(policy, sends("shared-health", who="sns.amazonaws.com"))


def test_a_secret_is_read_by_external_secrets_alone_whatever_others_may(aws, cluster):
    client = aws.client("secretsmanager")
    secret = client.describe_secret(SecretId="llm-twin/staging/twin-secrets")["ARN"]
    policy = [json.loads(client.get_resource_policy(SecretId=secret)["ResourcePolicy"])]
    role = f"arn:aws:iam::{ACCOUNT}:role/"

    def reads(who):
        return Asked("secretsmanager:GetSecretValue", secret, {"aws:PrincipalArn": role + who}, role + who)

    assert not denied(policy, reads("llm-twin-shared-external-secrets"))
    assert denied(policy, reads("admin"))
