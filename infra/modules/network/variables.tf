variable "name" {
  description = "What its parts are named after."
  type        = string
}

variable "cidr" {
  description = "The addresses of the VPC: a /16 to /18, since every pod takes one."
  type        = string

  validation {
    condition     = can(cidrnetmask(var.cidr)) && try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 18, false)
    error_message = "cidr must be an IPv4 block of /16 to /18, for example 10.20.0.0/16."
  }
}

variable "zones" {
  description = "How many availability zones it spans."
  type        = number
  default     = 3

  validation {
    condition     = var.zones >= 2 && var.zones <= 4
    error_message = "zones must be 2 to 4: EKS asks for two, and the address plan has room for four."
  }
}

variable "nat_per_zone" {
  description = "A NAT gateway in each zone (an outage of one takes none of the others along), or one for all (cheaper)."
  type        = bool
}

variable "private_tags" {
  description = "More tags of the private subnets, by which Karpenter finds them."
  type        = map(string)
  default     = {}
}

variable "region" {
  description = "The region, which names of services contain."
  type        = string
}

variable "interface_endpoints" {
  description = "Services of AWS that are reached from inside without NAT. Each costs by the hour and zone."
  type        = list(string)
  default     = ["ecr.api", "ecr.dkr", "eks-auth", "sts"]
}

variable "kms_key_arn" {
  description = "The key that encrypts the flow logs."
  type        = string
}

variable "flow_logs" {
  description = "Which traffic is logged: ALL, ACCEPT or REJECT."
  type        = string
  default     = "REJECT"
}

variable "log_days" {
  description = "How long flow logs are kept."
  type        = number
  default     = 90
}
