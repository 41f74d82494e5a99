variable "name" {
  description = "The platform's name, as in infra/account."
  type        = string
  default     = "llm-twin"
}

variable "region" {
  description = "The region of everything."
  type        = string
}

variable "environment" {
  description = "The environment: the branch, and what its namespace ends with."
  type        = string
}

variable "cidr" {
  description = "The addresses of its VPC (/16 to /18); environments that are to be peered must not overlap."
  type        = string
}

variable "nat_per_zone" {
  description = "A NAT gateway in each zone, or one for all."
  type        = bool
}
