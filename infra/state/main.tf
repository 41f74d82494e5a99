# The bucket that keeps the state of the other two. Its own state stays where it was made: whoever loses it imports one bucket.

locals {
  tags = { "twin/platform" = var.name, "twin/root" = "state" }
}

data "aws_caller_identity" "here" {}

resource "aws_kms_key" "this" {
  description             = "Terraform's state of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}-state"
  target_key_id = aws_kms_key.this.key_id
}

module "state" {
  source             = "../modules/storage"
  name               = "${var.name}-state-${data.aws_caller_identity.here.account_id}"
  kms_key_arn        = aws_kms_key.this.arn
  keep_versions_days = 365
  force_destroy      = var.disposable
}
