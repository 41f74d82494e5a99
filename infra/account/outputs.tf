output "buckets" {
  description = "By environment, where artifacts and snapshots are kept."
  value       = { for name, bucket in module.artifacts : name => bucket.name }
}

output "registry" {
  description = "What the names of images begin with: host and the platform's name."
  value       = dirname(module.registry.repositories["gateway"])
}

output "ci_roles" {
  description = "The roles of the workflows: what .github/ takes as variables of the repository."
  value       = module.ci.roles
}
