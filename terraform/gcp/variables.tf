variable "project" {
  type = string
}

variable "region" {
  type = string
}

variable "gpu_zone" {
  description = "One zone for the GPU machines: not every zone has them, and gangs over zones are slow."
  type        = string
}

variable "name" {
  description = "Of the cluster, and the first part of every other name."
  type        = string
  default     = "telecine"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name has 3 to 20 characters: lower case, digits and dashes, a letter first."
  }
}

variable "network" {
  description = "Self links of your VPC and subnetwork; the subnetwork has the two secondary ranges."
  type = object({
    vpc            = string
    subnetwork     = string
    pods_range     = string
    services_range = string
    database_cidr  = string # reserved for private services access
  })
}

variable "api_cidrs" {
  description = "Who may reach the Kubernetes API."
  type        = list(string)
}

variable "bucket_name" {
  type = string
}

variable "gangs" {
  description = "See modules/plan-gangs. GPUs are nearly all of the bill: `min` is what you always pay."
  type        = any
}

variable "default_model" {
  description = "The model of a request that names none; has to be named where `gangs` has several."
  type        = string
  default     = ""
}

variable "namespace" {
  type    = string
  default = "telecine"
}

variable "cpu_machine" {
  type    = string
  default = "n2-standard-8"
}

variable "cpu_nodes" {
  type    = object({ min = number, max = number })
  default = { min = 1, max = 2 } # in each of the region's zones
}

variable "database_tier" {
  type    = string
  default = "db-custom-2-8192"
}

variable "is_database_in_two_zones" {
  description = "Doubles its price."
  type        = bool
  default     = true
}

variable "keep_on_destroy" {
  description = "Protects cluster, database and bucket from `terraform destroy`."
  type        = bool
  default     = true
}
