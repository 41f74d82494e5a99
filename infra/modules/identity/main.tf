# One role a workload: what it may read and write in buckets of artifacts, and nothing else.

resource "aws_iam_role" "this" {
  for_each           = var.workloads
  name               = "${var.name}-${each.key}"
  assume_role_policy = var.pod_trust
}

resource "aws_iam_role_policy" "this" {
  for_each = var.workloads
  name     = "artifacts"
  role     = aws_iam_role.this[each.key].id
  policy   = data.aws_iam_policy_document.this[each.key].json
}

resource "aws_eks_pod_identity_association" "this" {
  for_each        = var.workloads
  cluster_name    = var.cluster_name
  namespace       = var.namespace
  service_account = each.key
  role_arn        = aws_iam_role.this[each.key].arn
}

data "aws_iam_policy_document" "this" {
  for_each = var.workloads

  dynamic "statement" {
    for_each = { for prefix in distinct(concat(each.value.read, each.value.write)) : split("/", prefix)[0] => prefix... }

    content {
      actions   = ["s3:ListBucket"]
      resources = [statement.key]

      condition {
        test     = "StringLike"
        variable = "s3:prefix"
        values   = [for prefix in statement.value : "${trimprefix(prefix, "${statement.key}/")}*"]
      }
    }
  }

  statement {
    sid       = "Read"
    actions   = ["s3:GetObject"]
    resources = [for prefix in distinct(concat(each.value.read, each.value.write)) : "${prefix}*"]
  }

  dynamic "statement" {
    for_each = length(each.value.write) > 0 ? [each.value.write] : []

    content {
      sid       = "Write"
      actions   = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"]
      resources = [for prefix in statement.value : "${prefix}*"]
    }
  }

  dynamic "statement" {
    for_each = length(each.value.delete) > 0 ? [each.value.delete] : []

    content {
      sid       = "Delete" # a version stays for a while, as the bucket says
      actions   = ["s3:DeleteObject"]
      resources = [for prefix in statement.value : "${prefix}*"]
    }
  }

  statement {
    sid       = "Encryption"
    actions   = length(each.value.write) > 0 ? ["kms:Decrypt", "kms:GenerateDataKey"] : ["kms:Decrypt"]
    resources = [var.bucket_key_arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }
}
