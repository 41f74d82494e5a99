output "bucket" {
  description = "The bucket of states: `-backend-config=bucket=` of the other roots."
  value       = module.state.name
}
