variable "name" {
  description = "The platform's name, as in infra/account."
  type        = string
  default     = "llm-twin"
}

variable "region" {
  description = "The region of everything."
  type        = string
}

variable "disposable" {
  description = "Whether a destroy deletes the states too."
  type        = bool
  default     = false
}
