# What was built, as a values file for helm/telecine. No provider; tests/terraform holds it against
# the chart's schema.

terraform {
  required_version = ">= 1.9"
}

variable "storage_url" {
  type = string
}

variable "storage_region" {
  type = string
}

variable "storage_endpoint_url" {
  description = "Empty on AWS."
  type        = string
  default     = ""
}

variable "storage_secret" {
  description = "An existing secret with access keys; empty: the service account's identity."
  type        = string
  default     = ""
}

variable "service_account" {
  description = "Name and annotations of the pods' service account."
  type        = object({ name = string, annotations = map(string) })
}

variable "database_secret" {
  description = "The secret that you make with the database's URL; Terraform never sees the URL."
  type        = string
  default     = "telecine-database"
}

variable "database_cidrs" {
  description = "Where the database is: all that the network policies let the pods reach there."
  type        = list(string)
  validation {
    condition     = alltrue([for cidr in var.database_cidrs : can(cidrnetmask(cidr))])
    error_message = "database_cidrs are IPv4 networks, as 10.0.0.0/16."
  }
}

variable "models" {
  description = "plan-gangs' output."
  type        = any
  validation {
    condition     = length(var.models) > 0
    error_message = "A release serves one model at least."
  }
}

variable "default_model" {
  description = "The model of a request that names none; may be empty where there is one model."
  type        = string
  default     = ""
  validation {
    condition     = var.default_model == "" ? length(var.models) == 1 : contains(keys(var.models), var.default_model)
    error_message = "default_model names one of the models, and has to where there are several."
  }
}

variable "reaches_metadata" {
  description = "GKE's workload identity asks the metadata address."
  type        = bool
  default     = false
}

locals {
  values = {
    storage = {
      url            = var.storage_url
      region         = var.storage_region
      endpointUrl    = var.storage_endpoint_url
      existingSecret = var.storage_secret
    }
    database       = { existingSecret = var.database_secret, key = "url" }
    serviceAccount = { create = true, name = var.service_account.name, annotations = var.service_account.annotations }
    generation     = { models = var.models, defaultModel = var.default_model }
    networkPolicy = {
      database = { cidrs = var.database_cidrs, port = 5432 }
      metadata = var.reaches_metadata
    }
  }
}

output "values" {
  value = local.values
}

output "values_yaml" {
  description = "`terraform output -raw values_yaml > values.cluster.yaml`, then `helm ... -f values.cluster.yaml`."
  value       = yamlencode(local.values)
}
