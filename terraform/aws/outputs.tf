output "values_yaml" {
  description = "For `helm ... -f`: terraform output -raw values_yaml > values.cluster.yaml"
  value       = module.values.values_yaml
}

output "gpus" {
  description = "What is always paid for, at most, and at most during an upgrade."
  value       = module.gangs.gpus
}

output "cluster_name" {
  value = aws_eks_cluster.main.name
}

output "database_endpoint" {
  value = aws_db_instance.jobs.endpoint
}

output "database_password_secret" {
  description = "ARN in Secrets Manager; docs/deploy-eks.md makes the Kubernetes secret from it."
  value       = aws_db_instance.jobs.master_user_secret[0].secret_arn
}
