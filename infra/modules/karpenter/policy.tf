# What the controller may do: start machines that carry this cluster's tags, and end or change those alone. The tags are
# Karpenter's own; https://karpenter.sh/docs/reference/cloudformation/ explains each statement.

locals {
  owned = "kubernetes.io/cluster/${var.cluster_name}"
  ec2   = "arn:aws:ec2:${var.region}:*"
  made  = ["fleet", "instance", "launch-template", "network-interface", "spot-instances-request", "volume"]

  profiles    = "arn:aws:iam::${var.account}:instance-profile/*"
  own_profile = { (local.owned) = "owned", "topology.kubernetes.io/region" = var.region }
}

data "aws_iam_policy_document" "ec2" {
  statement {
    sid     = "StartFromWhatIsThere"
    actions = ["ec2:CreateFleet", "ec2:RunInstances"]
    resources = concat(
      [for kind in ["image", "snapshot"] : "arn:aws:ec2:${var.region}::${kind}/*"],
      [for kind in ["capacity-reservation", "security-group", "subnet"] : "${local.ec2}:${kind}/*"],
    )
  }

  statement {
    sid       = "StartFromOwnTemplates"
    actions   = ["ec2:CreateFleet", "ec2:RunInstances"]
    resources = ["${local.ec2}:launch-template/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/${local.owned}"
      values   = ["owned"]
    }

    condition {
      test     = "StringLike"
      variable = "aws:ResourceTag/karpenter.sh/nodepool"
      values   = ["*"]
    }
  }

  dynamic "statement" {
    for_each = {
      StartWithTags = { actions = ["ec2:CreateFleet", "ec2:CreateLaunchTemplate", "ec2:RunInstances"], creates = [] }
      TagWhatStarts = { actions = ["ec2:CreateTags"], creates = ["CreateFleet", "CreateLaunchTemplate", "RunInstances"] }
    }

    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = [for kind in local.made : "${local.ec2}:${kind}/*"]

      condition {
        test     = "StringEquals"
        variable = "aws:RequestTag/${local.owned}"
        values   = ["owned"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:RequestTag/eks:eks-cluster-name"
        values   = [var.cluster_name]
      }

      condition {
        test     = "StringLike"
        variable = "aws:RequestTag/karpenter.sh/nodepool"
        values   = ["*"]
      }

      dynamic "condition" {
        for_each = length(statement.value.creates) > 0 ? [statement.value.creates] : []

        content {
          test     = "StringEquals"
          variable = "ec2:CreateAction"
          values   = condition.value
        }
      }
    }
  }

  statement {
    sid       = "NameOwnInstances"
    actions   = ["ec2:CreateTags"]
    resources = ["${local.ec2}:instance/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/${local.owned}"
      values   = ["owned"]
    }

    condition {
      test     = "StringLike"
      variable = "aws:ResourceTag/karpenter.sh/nodepool"
      values   = ["*"]
    }

    condition {
      test     = "StringEqualsIfExists"
      variable = "aws:RequestTag/eks:eks-cluster-name"
      values   = [var.cluster_name]
    }

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "aws:TagKeys"
      values   = ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"]
    }
  }

  statement {
    sid       = "EndWhatIsOwn"
    actions   = ["ec2:DeleteLaunchTemplate", "ec2:TerminateInstances"]
    resources = ["${local.ec2}:instance/*", "${local.ec2}:launch-template/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceTag/${local.owned}"
      values   = ["owned"]
    }

    condition {
      test     = "StringLike"
      variable = "aws:ResourceTag/karpenter.sh/nodepool"
      values   = ["*"]
    }
  }

  statement {
    sid = "Look" # EC2 knows no narrower resource for these
    actions = [
      "ec2:DescribeCapacityReservations",
      "ec2:DescribeImages",
      "ec2:DescribeInstances",
      "ec2:DescribeInstanceTypeOfferings",
      "ec2:DescribeInstanceTypes",
      "ec2:DescribeLaunchTemplates",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeSpotPriceHistory",
      "ec2:DescribeSubnets",
    ]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "aws:RequestedRegion"
      values   = [var.region]
    }
  }
}
