# How a pod gets a role, and the key of what is this cluster's own.
#
# EKS Pod Identity rather than IRSA: a role's trust names neither the cluster's issuer nor a service account, so the same
# roles serve a cluster that is built anew, and no role of IAM changes when a pod's role does. EKS says who gets what, in the
# associations beside each role; the condition below lets none but this account's cluster ask.

data "aws_iam_policy_document" "pods" {
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]

    principals {
      type        = "Service"
      identifiers = ["pods.eks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = ["arn:aws:eks:${var.region}:${local.account}:cluster/${local.full}"]
    }
  }
}

resource "aws_kms_key" "this" {
  description             = "Kubernetes' secrets, Secrets Manager and logs of ${local.full}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "this" {
  name          = "alias/${local.full}"
  target_key_id = aws_kms_key.this.key_id
}

data "aws_iam_policy_document" "key" {
  # Without the account itself nobody could change this key any more; what its people and roles may do, their policies say.
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::${local.account}:root"]
    }
  }

  statement {
    sid       = "Logs"
    actions   = ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values = [
        "arn:aws:logs:${var.region}:${local.account}:log-group:/aws/eks/${local.full}/*",
        "arn:aws:logs:${var.region}:${local.account}:log-group:/aws/vpc/${local.full}/*",
      ]
    }
  }
}
