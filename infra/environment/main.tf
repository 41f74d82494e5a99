locals {
  tags = { "twin/platform" = var.name, "twin/root" = "environment", "twin/environment" = var.environment }
  full = "${var.name}-${var.environment}"
}

module "network" {
  source       = "../modules/network"
  name         = local.full
  cidr         = var.cidr
  nat_per_zone = var.nat_per_zone
  private_tags = { "karpenter.sh/discovery" = local.full }
}
