# All arithmetic is in the plan modules, which are tested offline; the other files hold resources.

module "gangs" {
  source = "../modules/plan-gangs"
  cloud  = "aws"
  gangs  = var.gangs
}

module "bucket" {
  source = "../modules/plan-bucket"
  name   = var.bucket_name
}

module "values" {
  source          = "../modules/plan-values"
  storage_url     = module.bucket.storage_url
  storage_region  = var.region
  service_account = { name = var.name, annotations = { "eks.amazonaws.com/role-arn" = aws_iam_role.workers.arn } }
  database_cidrs  = [for subnet in data.aws_subnet.private : subnet.cidr_block]
  models          = module.gangs.models
  default_model   = var.default_model
}

data "aws_subnet" "private" {
  for_each = toset(var.private_subnet_ids)
  id       = each.value
}

data "aws_caller_identity" "me" {}

resource "aws_kms_key" "main" {
  description             = "${var.name}: bucket, database, Kubernetes secrets and the cluster's log"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "ByIam"
        Effect    = "Allow"
        Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "ClusterLog"
        Effect    = "Allow"
        Principal = { Service = "logs.${var.region}.amazonaws.com" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
        Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:${var.region}:${data.aws_caller_identity.me.account_id}:log-group:/aws/eks/${var.name}/*" } }
      },
    ]
  })
}

resource "aws_kms_alias" "main" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.main.key_id
}
