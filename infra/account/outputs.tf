output "bucket" {
  description = "Where artifacts are kept."
  value       = module.artifacts.name
}

output "registry" {
  description = "What the names of images begin with: host and the platform's name."
  value       = dirname(module.registry.repositories["gateway"])
}
