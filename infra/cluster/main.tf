# One cluster and the environments in it: mostly one, or staging and production side by side where one cluster has to do.
# Artifacts and images are those of infra/account.

locals {
  full    = "${var.name}-${var.cluster}"
  account = data.aws_caller_identity.here.account_id
  tags    = { "twin/platform" = var.name, "twin/root" = "cluster", "twin/cluster" = var.cluster }
}

data "aws_caller_identity" "here" {}

data "aws_s3_bucket" "artifacts" {
  for_each = toset(concat(keys(var.environments), flatten([for one in var.environments : one.reads])))
  bucket   = "${var.name}-${each.key}-${local.account}"
}

data "aws_kms_alias" "account" {
  name = "alias/${var.name}"
}

module "network" {
  source       = "../modules/network"
  name         = local.full
  region       = var.region
  cidr         = var.cidr
  nat_per_zone = var.nat_per_zone
  kms_key_arn  = aws_kms_key.this.arn
  private_tags = { "karpenter.sh/discovery" = local.full }
}

module "eks" {
  source              = "../modules/eks"
  name                = local.full
  kubernetes          = var.kubernetes
  subnet_ids          = module.network.private_subnet_ids
  kms_key_arn         = aws_kms_key.this.arn
  pod_trust           = data.aws_iam_policy_document.pods.json
  public_access_cidrs = var.public_access_cidrs
  access              = var.access
  system_nodes        = var.system_nodes
  addon_versions      = var.addon_versions
}

module "karpenter" {
  source       = "../modules/karpenter"
  cluster_name = module.eks.name
  region       = var.region
  account      = local.account
  pod_trust    = data.aws_iam_policy_document.pods.json
}

module "budget" {
  source       = "../modules/budget"
  name         = local.full
  monthly      = var.budget.monthly
  alarm_emails = var.budget.alarm_emails
  tag          = { key = "twin/cluster", value = var.cluster }
}
