# What every node needs, before and after there are nodes. The network's own permissions are a pod's, not each node's.

locals {
  before_nodes = {
    # Network policies count only where something enforces them: this does.
    vpc-cni                = jsonencode({ enableNetworkPolicy = "true" })
    kube-proxy             = null
    eks-pod-identity-agent = null
  }

  after_nodes = {
    coredns            = null
    aws-ebs-csi-driver = null
    metrics-server     = null # what an autoscaler by CPU reads
  }

  own_roles = {
    aws-node              = "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"
    ebs-csi-controller-sa = "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"
  }
}

resource "aws_eks_addon" "before_nodes" {
  for_each                    = local.before_nodes
  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = lookup(var.addon_versions, each.key, null)
  configuration_values        = each.value
  resolve_conflicts_on_update = "OVERWRITE"
  depends_on                  = [aws_eks_pod_identity_association.addon]
}

resource "aws_eks_addon" "after_nodes" {
  for_each                    = local.after_nodes
  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  addon_version               = lookup(var.addon_versions, each.key, null)
  configuration_values        = each.value
  resolve_conflicts_on_update = "OVERWRITE"
  depends_on                  = [aws_eks_node_group.system, aws_eks_pod_identity_association.addon]
}

resource "aws_iam_role" "addon" {
  for_each           = local.own_roles
  name               = "${var.name}-${each.key}"
  assume_role_policy = var.pod_trust
}

resource "aws_iam_role_policy_attachment" "addon" {
  for_each   = local.own_roles
  role       = aws_iam_role.addon[each.key].name
  policy_arn = each.value
}

resource "aws_eks_pod_identity_association" "addon" {
  for_each        = local.own_roles
  cluster_name    = aws_eks_cluster.this.name
  namespace       = "kube-system"
  service_account = each.key
  role_arn        = aws_iam_role.addon[each.key].arn
}
