# The pods' role (IRSA): one service account in one namespace, one prefix of one bucket.

locals {
  issuer = replace(aws_eks_cluster.main.identity[0].oidc[0].issuer, "https://", "")
}

resource "aws_iam_role" "workers" {
  name = "${var.name}-workers"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = aws_iam_openid_connect_provider.main.arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = { StringEquals = {
        "${local.issuer}:aud" = "sts.amazonaws.com"
        "${local.issuer}:sub" = "system:serviceaccount:${var.namespace}:${var.name}"
      } }
    }]
  })
}

resource "aws_iam_role_policy" "workers_bucket" {
  name   = "bucket"
  role   = aws_iam_role.workers.id
  policy = module.bucket.worker_policy
}

resource "aws_iam_role_policy" "workers_key" {
  name = "key"
  role = aws_iam_role.workers.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = aws_kms_key.main.arn }]
  })
}
