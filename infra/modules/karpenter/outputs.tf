output "queue" {
  description = "The name of the queue of interruptions: Karpenter's `settings.interruptionQueue`."
  value       = aws_sqs_queue.interruption.name
}

output "node_role" {
  description = "The name of the nodes' role: `spec.role` of an EC2NodeClass."
  value       = aws_iam_role.node.name
}
