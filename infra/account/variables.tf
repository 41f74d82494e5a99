variable "name" {
  description = "The platform's name; what is made in AWS begins with it."
  type        = string
  default     = "llm-twin"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name must have 3 to 20 lower-case letters, digits or dashes: names of buckets and roles are made of it."
  }
}

variable "region" {
  description = "The region of everything."
  type        = string
}

variable "disposable" {
  description = "Whether a destroy deletes images and artifacts too. Never where somebody relies on a rollback."
  type        = bool
  default     = false
}

variable "repository" {
  description = "The repository on GitHub whose workflows push images: owner/name."
  type        = string
}

variable "default_branch" {
  description = "The branch whose schedule runs at night."
  type        = string
  default     = "main"
}

variable "github_provider_arn" {
  description = "GitHub's OpenID Connect provider, where this account has one already; null makes it."
  type        = string
  default     = null
}
