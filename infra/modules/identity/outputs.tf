output "roles" {
  description = "The ARN of each workload's role."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}
