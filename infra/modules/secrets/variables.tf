variable "name" {
  description = "What the reader's role is named after."
  type        = string
}

variable "prefix" {
  description = "What the secrets' names begin with, the platform."
  type        = string
}

variable "secrets" {
  description = "The secrets: what they are for, by environment/name."
  type        = map(string)
}

variable "kms_key_arn" {
  description = "The key that encrypts them."
  type        = string
}

variable "recovery_days" {
  description = "How long a deleted secret can be brought back; 0 for environments that are thrown away."
  type        = number
}

variable "region" {
  description = "The region of the secrets."
  type        = string
}

variable "cluster_name" {
  description = "The cluster whose External Secrets reads them."
  type        = string
}

variable "namespace" {
  description = "Where External Secrets is installed; its service account has its own name."
  type        = string
  default     = "external-secrets"
}

variable "pod_trust" {
  description = "The policy by which pods get a role (EKS Pod Identity), as JSON."
  type        = string
}
