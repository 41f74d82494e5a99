output "names" {
  description = "The secrets' names in Secrets Manager."
  value       = [for secret in aws_secretsmanager_secret.this : secret.name]
}

output "reader" {
  description = "The role that reads them."
  value       = aws_iam_role.reader.arn
}
