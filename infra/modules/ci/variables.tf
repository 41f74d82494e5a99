variable "name" {
  description = "What the roles' names begin with."
  type        = string
}

variable "repository" {
  description = "The repository on GitHub: owner/name."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+$", var.repository))
    error_message = "repository must be owner/name, without wildcards: it is all that keeps other repositories out."
  }
}

variable "default_branch" {
  description = "The branch whose schedule runs at night."
  type        = string
}

variable "provider_arn" {
  description = "GitHub's OpenID Connect provider in this account, where there is one already; null makes it."
  type        = string
  default     = null
}

variable "repository_arns" {
  description = "The repositories of images."
  type        = list(string)
}

variable "bucket_arn" {
  description = "The bucket of artifacts."
  type        = string
}

variable "bucket_key_arn" {
  description = "The key that encrypts the bucket."
  type        = string
}

variable "region" {
  description = "The region of the bucket."
  type        = string
}
