# What each environment of the cluster has: its secrets by name, and its workloads' roles.

locals {
  buckets = { for name, bucket in data.aws_s3_bucket.artifacts : name => bucket.arn }

  # In the order of the data. Service accounts are those of the charts.
  workloads = {
    for name, environment in var.environments : name => merge(
      {
        for kind in ["steps", "sync", "train", "promote"] : "pipelines-${kind}" => {
          read   = [for other in environment.reads : "${local.buckets[other]}/artifacts/"]
          write  = ["${local.buckets[name]}/artifacts/", "${local.buckets[name]}/${name}/argo/"] # and the logs of runs
          delete = ["${local.buckets[name]}/${name}/argo/"]
        }
      },
      {
        qdrant = {
          write  = ["${local.buckets[name]}/snapshots/"]
          delete = ["${local.buckets[name]}/snapshots/"] # its own old ones
        }
      },
      {
        for reader in ["vllm", "rag-gateway"] : reader => {
          read = [for one in concat([name], environment.reads) : "${local.buckets[one]}/artifacts/"]
        }
      },
    )
  }

  secrets = {
    twin-secrets   = "Addresses and keys of documents, index, models, forge, traces and notifications: one JSON object"
    twin-keys      = "Hashed keys of the gateway: keys.json, as `twin keys create` writes it"
    qdrant-api-key = "Keys of Qdrant: api-key and read-only-api-key"
  }
}

module "secrets" {
  source = "../modules/secrets"
  name   = local.full
  prefix = var.name
  secrets = merge(
    { "argocd/notifications" = "Where Argo CD tells of syncs: tokens by name" },
    [for name, _ in var.environments : { for one, what in local.secrets : "${name}/${one}" => what }]...
  )
  kms_key_arn   = aws_kms_key.this.arn
  recovery_days = var.disposable ? 0 : 30
  region        = var.region
  cluster_name  = module.eks.name
  pod_trust     = data.aws_iam_policy_document.pods.json
}

module "identity" {
  source         = "../modules/identity"
  for_each       = local.workloads
  name           = "${local.full}-${each.key}"
  workloads      = each.value
  bucket_key_arn = data.aws_kms_alias.account.target_key_arn
  region         = var.region
  cluster_name   = module.eks.name
  namespace      = "twin-${each.key}"
  pod_trust      = data.aws_iam_policy_document.pods.json
}
