output "roles" {
  description = "The ARN of each role, by purpose."
  value       = { for name, role in aws_iam_role.this : name => role.arn }
}
