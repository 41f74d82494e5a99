variable "name" {
  description = "What the roles are named after."
  type        = string
}

variable "workloads" {
  description = "By service account, what it reads, writes (and so reads) and deletes: ARNs of buckets with a folder."
  type = map(object({
    read   = optional(list(string), [])
    write  = optional(list(string), [])
    delete = optional(list(string), [])
  }))

  validation {
    condition     = alltrue([for one in var.workloads : length(concat(one.read, one.write)) > 0])
    error_message = "Each workload must read or write something: without a prefix its role would have the whole bucket or be of no use."
  }

  validation {
    condition     = alltrue(flatten([for one in var.workloads : [for prefix in concat(one.read, one.write, one.delete) : can(regex("^arn:aws:s3:::[^/*]+/[^*]+/$", prefix))]]))
    error_message = "What is read and written must be a folder of a bucket and end with / : artifacts would also be artifacts-2."
  }
}

variable "bucket_key_arn" {
  description = "The key that encrypts the buckets."
  type        = string
}

variable "region" {
  description = "The region of the bucket."
  type        = string
}

variable "cluster_name" {
  description = "The cluster that the workloads run in."
  type        = string
}

variable "namespace" {
  description = "The environment's namespace."
  type        = string
}

variable "pod_trust" {
  description = "The policy by which pods get a role (EKS Pod Identity), as JSON."
  type        = string
}
