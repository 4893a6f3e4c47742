output "values_yaml" {
  description = "For `helm ... -f`: terraform output -raw values_yaml > values.cluster.yaml"
  value       = module.values.values_yaml
}

output "gpus" {
  description = "What is always paid for, at most, and at most during an upgrade."
  value       = module.gangs.gpus
}

output "cluster_name" {
  value = google_container_cluster.main.name
}

output "database_address" {
  value = google_sql_database_instance.jobs.private_ip_address
}

output "workers_email" {
  description = "Whose HMAC key the pods use for the S3 interface: docs/deploy-gke.md"
  value       = google_service_account.workers.email
}
