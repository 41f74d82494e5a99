output "name" {
  description = "The cluster's name, once it can be used."
  value       = aws_eks_cluster.this.name
}

output "arn" {
  description = "The cluster's ARN."
  value       = aws_eks_cluster.this.arn
}

output "endpoint" {
  description = "The address of its API."
  value       = aws_eks_cluster.this.endpoint
}

output "security_group_id" {
  description = "The group of the control plane and of all nodes."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}

output "node_role" {
  description = "The nodes' role: name and ARN."
  value       = { name = aws_iam_role.node.name, arn = aws_iam_role.node.arn }
}
