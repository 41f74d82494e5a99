"""infra/ on a local AWS: it applies, stays as it is described, refuses what it must, and leaves nothing behind."""

import json

import pytest

from tests.doubles.aws import ACCOUNT, REGION
from tests.infra.conftest import ADMIN

pytestmark = pytest.mark.timeout(1200)


@pytest.mark.parametrize("root", ["state", "account", "cluster"])
def test_what_was_applied_is_what_is_described(root, request):
    assert request.getfixturevalue(root).changes() == {}


def test_states_are_in_the_bucket_and_in_no_file(aws, state, account, cluster):
    kept = aws.client("s3").list_objects_v2(Bucket=state.outputs()["bucket"])["Contents"]
    assert {one["Key"] for one in kept} == {"account.tfstate", "shared.tfstate"}
    assert not list(cluster.folder.glob("*.tfstate"))


def test_a_state_that_somebody_works_on_is_refused(aws, state, account):
    lock = {"ID": "9", "Operation": "OperationTypeApply", "Who": "ada", "Version": "1.11.4", "Created": "2026-11-28T00:00:00Z"}
    place = {"Bucket": state.outputs()["bucket"], "Key": "account.tfstate.tflock"}
    s3 = aws.client("s3")
    s3.put_object(**place, Body=json.dumps(lock))
    try:
        refused = account.terraform("plan", "-input=false", "-no-color", *account.arguments, check=False)
    finally:
        s3.delete_object(**place)
    assert refused.returncode
    assert "Error acquiring the state lock" in refused.stderr
    assert "ada" in refused.stderr


def test_no_state_holds_a_secret_value(aws, state, cluster):
    body = aws.client("s3").get_object(Bucket=state.outputs()["bucket"], Key="shared.tfstate")["Body"].read()
    kinds = {one["type"] for one in json.loads(body)["resources"]}
    assert "aws_secretsmanager_secret" in kinds
    assert not kinds & {"aws_secretsmanager_secret_version", "aws_iam_access_key"}


def test_the_network_spans_three_zones_and_reaches_aws_without_nat(aws, cluster):
    ec2 = aws.client("ec2")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": ["llm-twin-shared"]}])["Vpcs"][0]["VpcId"]
    here = [{"Name": "vpc-id", "Values": [vpc]}]
    private = [one for one in ec2.describe_subnets(Filters=here)["Subnets"] if "private" in str(one["Tags"])]
    assert len({one["AvailabilityZone"] for one in private}) == 3
    assert all({"Key": "karpenter.sh/discovery", "Value": "llm-twin-shared"} in one["Tags"] for one in private)
    services = {
        one["ServiceName"].partition(f"{REGION}.")[2] for one in ec2.describe_vpc_endpoints(Filters=here)["VpcEndpoints"]
    }
    assert {"s3", "ecr.api", "ecr.dkr", "sts"} <= services
    groups = ec2.describe_security_groups(Filters=[*here, {"Name": "group-name", "Values": ["default"]}])["SecurityGroups"]
    assert [one["IpPermissions"] + one["IpPermissionsEgress"] for one in groups] == [[]]


def test_the_cluster_is_private_logged_and_encrypted_and_nobody_is_its_admin_by_making_it(aws, cluster):
    made = aws.client("eks").describe_cluster(name=cluster.outputs()["cluster"])["cluster"]
    assert made["resourcesVpcConfig"]["endpointPublicAccess"] is False
    assert made["resourcesVpcConfig"]["endpointPrivateAccess"] is True
    assert made["accessConfig"] == {"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False}
    assert made["encryptionConfig"][0]["resources"] == ["secrets"]
    logging = made["logging"]["clusterLogging"][0]
    assert logging["enabled"]
    assert set(logging["types"]) == {"api", "audit", "authenticator", "controllerManager", "scheduler"}


def test_the_network_add_on_enforces_network_policies(aws, cluster):
    addon = aws.client("eks").describe_addon(clusterName=cluster.outputs()["cluster"], addonName="vpc-cni")["addon"]
    assert json.loads(addon["configurationValues"]) == {"enableNetworkPolicy": "true"}


def test_access_is_by_entries_of_a_cluster_or_of_namespaces(aws, cluster):
    eks, name = aws.client("eks"), cluster.outputs()["cluster"]
    scopes = {
        who: eks.list_associated_access_policies(clusterName=name, principalArn=who)["associatedAccessPolicies"]
        for who in (ADMIN, f"arn:aws:iam::{ACCOUNT}:role/reader")
    }
    kinds = {who.rpartition("/")[2]: one[0]["accessScope"]["type"] for who, one in scopes.items()}
    assert kinds == {"admin": "cluster", "reader": "namespace"}


def test_every_workload_gets_its_role_by_its_service_account(aws, cluster):
    eks, name = aws.client("eks"), cluster.outputs()["cluster"]
    found = eks.list_pod_identity_associations(clusterName=name)["associations"]
    pods = {
        (one["namespace"], one["serviceAccount"]): eks.describe_pod_identity_association(
            clusterName=name, associationId=one["associationId"]
        )["association"]["roleArn"].rpartition("/")[2]
        for one in found
    }
    assert pods["twin-staging", "rag-gateway"] == "llm-twin-shared-staging-rag-gateway"
    assert pods["twin-production", "pipelines-promote"] == "llm-twin-shared-production-pipelines-promote"
    assert pods["external-secrets", "external-secrets"] == "llm-twin-shared-external-secrets"
    assert pods["karpenter", "karpenter"] == "llm-twin-shared-karpenter"
    assert ("kube-system", "aws-node") in pods


def test_tags_of_images_never_move_and_every_push_is_scanned(aws, account):
    found = {one["repositoryName"]: one for one in aws.client("ecr").describe_repositories()["repositories"]}
    for name in ("llm-twin/gateway", "llm-twin/pipelines"):
        assert found[name]["imageTagMutability"] == "IMMUTABLE"
        assert found[name]["imageScanningConfiguration"] == {"scanOnPush": True}
        assert found[name]["encryptionConfiguration"]["encryptionType"] == "KMS"


def test_a_bucket_keeps_versions_encrypts_by_our_key_and_is_never_public(aws, account):
    s3, name = aws.client("s3"), account.outputs()["buckets"]["staging"]
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    rule = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert all(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values())
    assert s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]


def test_the_queue_hears_of_every_kind_of_interruption(aws, cluster):
    events = aws.client("events")
    patterns = [json.loads(one["EventPattern"])["detail-type"][0] for one in events.list_rules()["Rules"]]
    assert set(patterns) == {
        "EC2 Spot Instance Interruption Warning",
        "EC2 Instance Rebalance Recommendation",
        "EC2 Instance State-change Notification",
        "AWS Health Event",
    }
    targets = events.list_targets_by_rule(Rule="llm-twin-shared-spot-interruption")["Targets"]
    assert targets[0]["Arn"].endswith(cluster.outputs()["karpenter"]["queue"])


def test_the_budget_tells_somebody_before_and_when_it_is_spent(aws, cluster):
    budgets = aws.client("budgets")
    ask = {"AccountId": ACCOUNT, "BudgetName": "llm-twin-shared"}
    told = budgets.describe_notifications_for_budget(**ask)["Notifications"]
    assert {(one["NotificationType"], one["Threshold"]) for one in told} == {
        ("ACTUAL", 50), ("ACTUAL", 80), ("FORECASTED", 100), ("ACTUAL", 100),
    }  # fmt: skip
    filters = budgets.describe_budget(**ask)["Budget"]["CostFilters"]
    assert filters == {"TagKeyValue": ["user:twin/cluster$shared"]}


def test_what_would_open_the_cluster_or_say_nothing_is_refused_by_name(cluster):
    wrong = {
        "public_access_cidrs": '["0.0.0.0/0"]',
        "environments": "{testing={}}",
        "cidr": "10.0.0.0/24",
        "kubernetes": "1.29",
        "cluster": "X",
        "budget": "{monthly=10, alarm_emails=[]}",
    }
    refused = cluster.terraform(
        "plan",
        "-input=false",
        "-no-color",
        *cluster.arguments,
        *(f"-var={name}={value}" for name, value in wrong.items()),
        check=False,
    )
    said = " ".join(refused.stderr.replace("│", " ").split())
    assert refused.returncode
    for part in ("must not be the whole internet", "environments must be staging", "must be an IPv4 block", "1.32, 1.33 or 1.34",
                 "cluster must have 3 to 16", "a budget that nobody hears of"):  # fmt: skip
        assert part in said


def test_a_repository_with_a_wildcard_is_refused(account):
    refused = account.terraform("plan", "-input=false", "-no-color", *account.arguments, "-var=repository=ada/*", check=False)
    assert refused.returncode
    assert "without wildcards" in " ".join(refused.stderr.replace("│", " ").split())


def test_destroy_leaves_nothing(aws, state, account, cluster):
    for root in (cluster, account, state):
        root.destroy()
        assert root.left() == []
    assert aws.client("eks").list_clusters()["clusters"] == []
    assert aws.client("s3").list_buckets()["Buckets"] == []
    assert aws.client("ecr").describe_repositories()["repositories"] == []
    assert aws.client("secretsmanager").list_secrets()["SecretList"] == []
    mine = [one["RoleName"] for one in aws.client("iam").list_roles()["Roles"] if one["RoleName"].startswith("llm-twin")]
    assert mine == []
    left = aws.client("ec2").describe_vpcs(Filters=[{"Name": "is-default", "Values": ["false"]}])["Vpcs"]
    assert left == []
