variable "name" {
  description = "The bucket's name, unique in all of AWS."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that encrypts its objects."
  type        = string
}

variable "keep_versions_days" {
  description = "How long an overwritten or deleted object can be brought back."
  type        = number
  default     = 90
}

variable "expire_days" {
  description = "After how many days objects below a prefix are deleted, by prefix."
  type        = map(number)
  default     = {}
}

variable "force_destroy" {
  description = "Whether a destroy deletes what is in it. Only for environments that are thrown away."
  type        = bool
  default     = false
}
