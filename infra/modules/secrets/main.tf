# Names of secrets, never their values: those are put by hand or by who makes them, and stay out of every state file.

resource "aws_secretsmanager_secret" "this" {
  for_each                = var.secrets
  name                    = "${var.prefix}/${each.key}"
  description             = each.value
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.recovery_days
}

resource "aws_secretsmanager_secret_policy" "this" {
  for_each            = var.secrets
  secret_arn          = aws_secretsmanager_secret.this[each.key].arn
  policy              = data.aws_iam_policy_document.readers[each.key].json
  block_public_policy = true
}

# Whoever else in the account may read secrets in general reads none of these.
data "aws_iam_policy_document" "readers" {
  for_each = var.secrets

  statement {
    sid       = "OnlyTheReader"
    effect    = "Deny"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.this[each.key].arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "ArnNotEquals"
      variable = "aws:PrincipalArn"
      values   = [aws_iam_role.reader.arn]
    }
  }
}

resource "aws_iam_role" "reader" {
  name               = "${var.name}-external-secrets"
  assume_role_policy = var.pod_trust
}

resource "aws_iam_role_policy" "reader" {
  name   = "read"
  role   = aws_iam_role.reader.id
  policy = data.aws_iam_policy_document.reader.json
}

data "aws_iam_policy_document" "reader" {
  statement {
    sid       = "Read"
    actions   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    resources = [for secret in aws_secretsmanager_secret.this : secret.arn]
  }

  statement {
    sid       = "Decrypt"
    actions   = ["kms:Decrypt"]
    resources = [var.kms_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_eks_pod_identity_association" "reader" {
  cluster_name    = var.cluster_name
  namespace       = var.namespace
  service_account = "external-secrets"
  role_arn        = aws_iam_role.reader.arn
}
