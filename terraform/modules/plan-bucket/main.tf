# The bucket's rules, as data: what expires when, and who may do what. No provider.

terraform {
  required_version = ">= 1.9"
}

variable "name" {
  description = "The bucket's name, the same rules on both clouds."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "A bucket's name has 3 to 63 characters: lower case, digits and dashes."
  }
}

variable "prefix" {
  description = "Everything of Telecine lies below it."
  type        = string
  default     = "telecine"
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9/-]*[a-z0-9]$", var.prefix))
    error_message = "The prefix has no slash at either end."
  }
}

variable "models_prefix" {
  description = "Where the weights lie in the same bucket; the workers only read there."
  type        = string
  default     = "models"
}

variable "result_days" {
  description = <<-EOT
    Telecine deletes results itself after `result_ttl_s` (a day unless set). The bucket's rule is the
    net below: it must be later, or clips vanish that callers were promised.
  EOT
  type        = number
  default     = 30
  validation {
    condition     = var.result_days >= 2
    error_message = "result_days must be at least 2: Telecine keeps results for a day by default."
  }
}

variable "draft_days" {
  description = "Unreleased drafts and checkpoints. Drafts of blocked jobs are evidence: keep them as long as a review may take."
  type        = number
  default     = 14
  validation {
    condition     = var.draft_days >= 8
    error_message = "draft_days must be at least 8: a held job waits for a person for a week."
  }
}

variable "noncurrent_days" {
  description = "How long an overwritten or deleted object can be had back. Each day is paid for: deleted clips stay so long."
  type        = number
  default     = 7
  validation {
    condition     = var.noncurrent_days >= 1
    error_message = "noncurrent_days must be at least 1."
  }
}

locals {
  arn = "arn:aws:s3:::${var.name}"
  # quarantine, checkpoints and results: telecine_platform/storage/store.py
  lifecycle_rules = [
    { id = "results", prefix = "${var.prefix}/results/", days = var.result_days },
    { id = "drafts", prefix = "${var.prefix}/quarantine/", days = var.draft_days },
    { id = "checkpoints", prefix = "${var.prefix}/checkpoints/", days = var.draft_days },
  ]
}

output "name" {
  value = var.name
}

output "storage_url" {
  description = "TELECINE_STORAGE_URL"
  value       = "s3://${var.name}/${var.prefix}"
}

output "lifecycle_rules" {
  value = local.lifecycle_rules
}

output "noncurrent_days" {
  value = var.noncurrent_days
}

output "worker_policy" {
  description = "IAM policy of the pods: their own prefix, the weights read-only, nothing else."
  value = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "ListOwn"
        Effect    = "Allow"
        Action    = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
        Resource  = local.arn
        Condition = { StringLike = { "s3:prefix" = ["${var.prefix}/*", "${var.models_prefix}/*"] } }
      },
      {
        Sid      = "Clips"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
        Resource = "${local.arn}/${var.prefix}/*"
      },
      {
        Sid      = "Weights"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = "${local.arn}/${var.models_prefix}/*"
      },
    ]
  })
}

output "bucket_policy" {
  description = "Nobody reaches the bucket without TLS."
  value = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [local.arn, "${local.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
