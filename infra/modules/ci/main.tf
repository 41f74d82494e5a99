# Who GitHub's runners are in AWS: a role a purpose, taken for minutes by a signed statement of which repository and
# branch is running. No key of this cloud is kept in GitHub.

locals {
  issuer   = "token.actions.githubusercontent.com"
  provider = coalesce(var.provider_arn, one(aws_iam_openid_connect_provider.this[*].arn))

  roles = {
    pull-request = { subject = "pull_request", push = false, findings = false, artifacts = [] }
    release      = { subject = "ref:refs/heads/staging", push = true, findings = true, artifacts = ["artifacts/"] }
    production   = { subject = "ref:refs/heads/production", push = false, findings = false, artifacts = ["artifacts/"] }
    nightly      = { subject = "ref:refs/heads/${var.default_branch}", push = false, findings = true, artifacts = [] }
  }
}

# An account has one provider of an issuer: where somebody made it already, it is named instead.
resource "aws_iam_openid_connect_provider" "this" {
  count          = var.provider_arn == null ? 1 : 0
  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "this" {
  for_each             = local.roles
  name                 = "${var.name}-ci-${each.key}"
  max_session_duration = 3600
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
}

data "aws_iam_policy_document" "trust" {
  for_each = local.roles

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.provider]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }

    # Equal, not like: a pattern here has let in other repositories and branches elsewhere.
    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = ["repo:${var.repository}:${each.value.subject}"]
    }
  }
}

resource "aws_iam_role_policy" "this" {
  for_each = local.roles
  name     = "ci"
  role     = aws_iam_role.this[each.key].id
  policy   = data.aws_iam_policy_document.this[each.key].json
}

data "aws_iam_policy_document" "this" {
  for_each = local.roles

  statement {
    sid       = "Login"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # it has no resources
  }

  statement {
    sid       = "Pull"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer"]
    resources = var.repository_arns
  }

  dynamic "statement" {
    for_each = each.value.push ? ["Push"] : []

    content {
      sid       = statement.value
      actions   = ["ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart"]
      resources = var.repository_arns
    }
  }

  dynamic "statement" {
    for_each = each.value.findings ? ["Findings"] : []

    content {
      sid       = statement.value
      actions   = ["ecr:DescribeImageScanFindings"]
      resources = var.repository_arns
    }
  }

  # A promotion looks whether what it pins is there.
  dynamic "statement" {
    for_each = length(each.value.artifacts) > 0 ? [each.value.artifacts] : []

    content {
      sid       = "Artifacts"
      actions   = ["s3:GetObject"]
      resources = [for prefix in statement.value : "${var.bucket_arn}/${prefix}*"]
    }
  }

  dynamic "statement" {
    for_each = length(each.value.artifacts) > 0 ? [each.value.artifacts] : []

    content {
      sid       = "Listing"
      actions   = ["s3:ListBucket"]
      resources = [var.bucket_arn]

      condition {
        test     = "StringLike"
        variable = "s3:prefix"
        values   = [for prefix in statement.value : "${prefix}*"]
      }
    }
  }

  dynamic "statement" {
    for_each = length(each.value.artifacts) > 0 ? ["Encryption"] : []

    content {
      sid       = statement.value
      actions   = ["kms:Decrypt"]
      resources = [var.bucket_key_arn]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${var.region}.amazonaws.com"]
      }
    }
  }
}
