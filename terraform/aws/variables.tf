variable "name" {
  description = "Of the cluster, and the first part of every other name."
  type        = string
  default     = "telecine"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "name has 3 to 30 characters: lower case, digits and dashes, a letter first."
  }
}

variable "region" {
  type = string
}

variable "vpc_id" {
  description = "Your network. Telecine brings none: its subnets, routes and NAT are yours to choose and to pay for."
  type        = string
}

variable "private_subnet_ids" {
  description = "At least two zones for the API and the database."
  type        = list(string)
  validation {
    condition     = length(var.private_subnet_ids) >= 2
    error_message = "EKS and the database want subnets in two zones."
  }
}

variable "gpu_subnet_id" {
  description = "One zone for the GPU machines: gangs over zones are slow, and traffic between zones is paid for. It also has to have capacity for the machine type."
  type        = string
}

variable "api_cidrs" {
  description = "Who may reach the Kubernetes API from outside; empty: nobody, only your network."
  type        = list(string)
  default     = []
}

variable "kubernetes_version" {
  type    = string
  default = "1.34"
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
  description = "Where the chart will be installed; the pods' role trusts only it."
  type        = string
  default     = "telecine"
}

variable "cpu_machine" {
  description = "For Ray's head, screening, moderation and the API. Two of the default carry the chart's defaults."
  type        = string
  default     = "m7i.2xlarge"
}

variable "cpu_nodes" {
  type    = object({ min = number, max = number })
  default = { min = 2, max = 6 }
}

variable "database_class" {
  description = "The job store takes a few writes a second for each gang: small is enough (docs/measurements.md)."
  type        = string
  default     = "db.m7g.large"
}

variable "is_database_in_two_zones" {
  description = "Doubles its price. Without it, a lost zone stops every job until RDS has made a new one."
  type        = bool
  default     = true
}

variable "keep_on_destroy" {
  description = "Protects database and bucket from `terraform destroy`; set it to false and apply before you destroy."
  type        = bool
  default     = true
}
