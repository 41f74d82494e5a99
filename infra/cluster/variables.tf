variable "name" {
  description = "The platform's name, as in infra/account."
  type        = string
  default     = "llm-twin"
}

variable "region" {
  description = "The region of everything, as in infra/account."
  type        = string
}

variable "cluster" {
  description = "The cluster's own name; with the platform's before it, it names everything here."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,14}[a-z0-9]$", var.cluster))
    error_message = "cluster must have 3 to 16 lower-case letters, digits or dashes: names of roles are made of it."
  }
}

variable "environments" {
  description = "The environments that run in it. `reads` are environments whose artifacts it reads too, as production reads what staging released."
  type        = map(object({ reads = optional(list(string), []) }))

  validation {
    condition     = length(var.environments) > 0 && alltrue([for name, _ in var.environments : contains(["staging", "production"], name)])
    error_message = "environments must be staging, production or both: those are the branches that releases live on."
  }
}

variable "kubernetes" {
  description = "The version of Kubernetes."
  type        = string
  default     = "1.33"
}

variable "cidr" {
  description = "The addresses of its VPC (/16 to /18); clusters that are to be peered must not overlap."
  type        = string
}

variable "nat_per_zone" {
  description = "A NAT gateway in each zone, or one for all."
  type        = bool
}

variable "public_access_cidrs" {
  description = "From where the API answers over the internet. Empty: only from inside the VPC, by VPN or a session through a node."
  type        = list(string)
  default     = []
}

variable "access" {
  description = "Who may do what in the cluster, by EKS's access policies."
  type = map(object({
    principal_arn = string
    policy        = string
    namespaces    = optional(list(string), [])
  }))
  default = {}
}

variable "system_nodes" {
  description = "The nodes of the cluster's own pods."
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

variable "budget" {
  description = "US dollars a month, and who hears of it."
  type        = object({ monthly = number, alarm_emails = list(string) })
}

variable "disposable" {
  description = "Whether a destroy deletes secrets at once. Never where somebody may need them back."
  type        = bool
  default     = false
}
