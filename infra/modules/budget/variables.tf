variable "name" {
  description = "The budget's name."
  type        = string
}

variable "monthly" {
  description = "US dollars a month."
  type        = number

  validation {
    condition     = var.monthly > 0
    error_message = "monthly must be more than 0 dollars."
  }
}

variable "alarm_emails" {
  description = "Who is told at 50 and 80 %, when the forecast exceeds it, and when the costs do."
  type        = list(string)

  validation {
    condition     = length(var.alarm_emails) > 0 && alltrue([for one in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+$", one))])
    error_message = "alarm_emails must name at least one mail address: a budget that nobody hears of holds nothing."
  }
}

variable "tag" {
  description = "The tag that marks what is counted; it must be activated as a cost allocation tag."
  type        = object({ key = string, value = string })
}
