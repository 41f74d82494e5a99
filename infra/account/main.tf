# What all environments share, made once: images, artifacts and who may push them. A release is the same digest in
# staging and in production, so both read it from one place.

locals {
  tags    = { "twin/platform" = var.name, "twin/root" = "account" }
  account = data.aws_caller_identity.here.account_id
}

data "aws_caller_identity" "here" {}

resource "aws_kms_key" "this" {
  description             = "Images and artifacts of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}

# A bucket an environment: below artifacts/ what releases pin, below snapshots/ Qdrant's own. They are here and not with the
# clusters, because a cluster that is taken down must take no release along: production runs what staging's bucket holds.
module "artifacts" {
  source        = "../modules/storage"
  for_each      = toset(["staging", "production"])
  name          = "${var.name}-${each.key}-${local.account}"
  kms_key_arn   = aws_kms_key.this.arn
  force_destroy = var.disposable
}

module "registry" {
  source       = "../modules/registry"
  name         = var.name
  kms_key_arn  = aws_kms_key.this.arn
  force_delete = var.disposable

  images = {
    gateway    = {}
    pipelines  = {}
    signatures = { mutable = true, keep = 2000 } # cosign adds to a tag of its own, which an immutable tag forbids
  }
}

module "ci" {
  source          = "../modules/ci"
  name            = var.name
  repository      = var.repository
  default_branch  = var.default_branch
  provider_arn    = var.github_provider_arn
  repository_arns = values(module.registry.arns)
  bucket_arn      = module.artifacts["staging"].arn
  bucket_key_arn  = aws_kms_key.this.arn
  region          = var.region
}
