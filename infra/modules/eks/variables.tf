variable "name" {
  description = "The cluster's name."
  type        = string
}

variable "kubernetes" {
  description = "The version of Kubernetes, for example 1.33."
  type        = string

  validation {
    condition     = contains(["1.32", "1.33", "1.34"], var.kubernetes)
    error_message = "kubernetes must be 1.32, 1.33 or 1.34: the charts are checked against these."
  }
}

variable "subnet_ids" {
  description = "Private subnets of at least two zones."
  type        = list(string)
}

variable "kms_key_arn" {
  description = "The key that encrypts Kubernetes' secrets and the control plane's logs."
  type        = string
}

variable "pod_trust" {
  description = "The policy by which pods get a role (EKS Pod Identity), as JSON."
  type        = string
}

variable "public_access_cidrs" {
  description = "From where the API answers over the internet, besides from inside the VPC. Empty: from nowhere."
  type        = list(string)
  default     = []

  validation {
    condition     = !anytrue([for cidr in var.public_access_cidrs : endswith(cidr, "/0")])
    error_message = "public_access_cidrs must not be the whole internet: name the addresses of your offices or your VPN."
  }
}

variable "access" {
  description = "Who may do what in the cluster. `policy` is one of EKS's access policies; without namespaces it counts everywhere."
  type = map(object({
    principal_arn = string
    policy        = string
    namespaces    = optional(list(string), [])
  }))
  default = {}
}

variable "system_nodes" {
  description = "The nodes of the cluster's own pods: instance types, how many, GiB of disk."
  type = object({
    types = list(string)
    min   = number
    max   = number
    disk  = optional(number, 50)
  })
}

variable "addon_versions" {
  description = "Versions of EKS add-ons by name; without one, EKS's default of the Kubernetes version."
  type        = map(string)
  default     = {}
}

variable "log_days" {
  description = "How long the control plane's logs are kept."
  type        = number
  default     = 90
}
