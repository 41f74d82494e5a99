variable "name" {
  description = "What the names of the repositories begin with."
  type        = string
}

variable "kms_key_arn" {
  description = "The key that encrypts the layers."
  type        = string
}

variable "images" {
  description = "The repositories. `keep` is how many pushes stay: more than the releases that anybody would go back to."
  type = map(object({
    keep    = optional(number, 300)
    mutable = optional(bool, false)
  }))
}

variable "force_delete" {
  description = "Whether a destroy deletes the images. Only for accounts that are thrown away."
  type        = bool
  default     = false
}
