variable "cluster_name" {
  description = "The cluster, by whose name everything is tagged."
  type        = string
}

variable "region" {
  description = "The region that it may start machines in."
  type        = string
}

variable "account" {
  description = "The AWS account's number."
  type        = string
}

variable "pod_trust" {
  description = "The policy by which pods get a role (EKS Pod Identity), as JSON."
  type        = string
}

variable "namespace" {
  description = "Where Karpenter is installed."
  type        = string
  default     = "karpenter"
}
