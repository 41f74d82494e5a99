# What the controller may do besides EC2: read images and prices, hear of interruptions, give its nodes their role.

data "aws_iam_policy_document" "around" {
  statement {
    sid       = "Images"
    actions   = ["ssm:GetParameter"]
    resources = ["arn:aws:ssm:${var.region}::parameter/aws/service/*"]
  }

  statement {
    sid       = "Prices"
    actions   = ["pricing:GetProducts"]
    resources = ["*"] # it has no resources
  }

  statement {
    sid       = "Interruptions"
    actions   = ["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"]
    resources = [aws_sqs_queue.interruption.arn]
  }

  statement {
    sid       = "GiveNodesTheirRole"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.node.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ec2.amazonaws.com"]
    }
  }

  # Tagging somebody else's profile would make it one's own: a tag goes to a new one or to what is own already.
  statement {
    sid       = "MakeProfiles"
    actions   = ["iam:CreateInstanceProfile"]
    resources = [local.profiles]

    dynamic "condition" {
      for_each = local.own_profile

      content {
        test     = "StringEquals"
        variable = "aws:RequestTag/${condition.key}"
        values   = [condition.value]
      }
    }
  }

  statement {
    sid       = "TagOwnProfiles"
    actions   = ["iam:TagInstanceProfile"]
    resources = [local.profiles]

    dynamic "condition" {
      for_each = merge([for tag, value in local.own_profile : { for kind in ["Request", "Resource"] : "${kind}Tag/${tag}" => value }]...)

      content {
        test     = "StringEquals"
        variable = "aws:${condition.key}"
        values   = [condition.value]
      }
    }
  }

  statement {
    sid = "ChangeOwnProfiles"
    actions = [
      "iam:AddRoleToInstanceProfile",
      "iam:DeleteInstanceProfile",
      "iam:RemoveRoleFromInstanceProfile",
    ]
    resources = [local.profiles]

    dynamic "condition" {
      for_each = local.own_profile

      content {
        test     = "StringEquals"
        variable = "aws:ResourceTag/${condition.key}"
        values   = [condition.value]
      }
    }
  }

  statement {
    sid       = "ReadProfiles"
    actions   = ["iam:GetInstanceProfile"]
    resources = [local.profiles]
  }

  statement {
    sid       = "ListProfiles"
    actions   = ["iam:ListInstanceProfiles"]
    resources = ["*"] # it lists by path, which has no resource
  }

  statement {
    sid       = "FindTheCluster"
    actions   = ["eks:DescribeCluster"]
    resources = ["arn:aws:eks:${var.region}:${var.account}:cluster/${var.cluster_name}"]
  }
}
