output "global" {
  description = "By environment, what argocd/envs/<environment>.yaml says under `global`: `make infra-values` writes it."
  value = {
    for name, _ in var.environments : name => {
      environment = name
      region      = var.region
      bucket      = data.aws_s3_bucket.artifacts[name].id
    }
  }
}

output "cluster" {
  description = "The cluster's name: `aws eks update-kubeconfig --name` takes it."
  value       = module.eks.name
}

output "endpoint" {
  description = "The address of the cluster's API: the destination of Argo CD's projects where it runs elsewhere."
  value       = module.eks.endpoint
}

output "karpenter" {
  description = "What Karpenter's values and its EC2NodeClass name: cluster, queue, role of the nodes, tag of subnets and groups."
  value = {
    cluster   = module.eks.name
    queue     = module.karpenter.queue
    nodeRole  = module.karpenter.node_role
    discovery = local.full
  }
}

output "secrets" {
  description = "The secrets of Secrets Manager that wait for their values."
  value       = module.secrets.names
}

output "roles" {
  description = "By environment and workload, the role that its service account gets."
  value       = { for name, one in module.identity : name => one.roles }
}
