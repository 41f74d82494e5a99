output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "private_subnet_ids" {
  description = "The subnets of the nodes, one a zone."
  value       = [for subnet in aws_subnet.private : subnet.id]
}
