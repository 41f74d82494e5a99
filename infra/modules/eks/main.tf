# A Kubernetes control plane and the few nodes that run the cluster's own pods; all other nodes are Karpenter's.

resource "aws_eks_cluster" "this" {
  name                          = var.name
  version                       = var.kubernetes
  role_arn                      = aws_iam_role.control_plane.arn
  bootstrap_self_managed_addons = false # each add-on is one below, with its version
  enabled_cluster_log_types     = ["api", "audit", "authenticator", "controllerManager", "scheduler"]

  # Entries of this API alone say who may do what: no ConfigMap that one bad edit locks everybody out with, and whoever
  # creates the cluster gets no hidden power in it.
  access_config {
    authentication_mode                         = "API"
    bootstrap_cluster_creator_admin_permissions = false
  }

  encryption_config {
    resources = ["secrets"]

    provider {
      key_arn = var.kms_key_arn
    }
  }

  vpc_config {
    subnet_ids              = var.subnet_ids
    endpoint_private_access = true
    endpoint_public_access  = length(var.public_access_cidrs) > 0
    public_access_cidrs     = length(var.public_access_cidrs) > 0 ? var.public_access_cidrs : null
  }

  upgrade_policy {
    support_type = "STANDARD" # never into the paid extended support by oversight
  }

  depends_on = [aws_iam_role_policy_attachment.control_plane, aws_cloudwatch_log_group.control_plane]
}

# EKS would make the group itself, without a key and for ever.
resource "aws_cloudwatch_log_group" "control_plane" {
  name              = "/aws/eks/${var.name}/cluster"
  kms_key_id        = var.kms_key_arn
  retention_in_days = var.log_days
}

# By this tag Karpenter finds the group that its nodes belong to.
resource "aws_ec2_tag" "discovery" {
  resource_id = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
  key         = "karpenter.sh/discovery"
  value       = var.name
}

resource "aws_eks_access_entry" "this" {
  for_each      = var.access
  cluster_name  = aws_eks_cluster.this.name
  principal_arn = each.value.principal_arn
}

resource "aws_eks_access_policy_association" "this" {
  for_each      = var.access
  cluster_name  = aws_eks_cluster.this.name
  principal_arn = aws_eks_access_entry.this[each.key].principal_arn
  policy_arn    = "arn:aws:eks::aws:cluster-access-policy/${each.value.policy}"

  access_scope {
    type       = length(each.value.namespaces) > 0 ? "namespace" : "cluster"
    namespaces = each.value.namespaces
  }
}
