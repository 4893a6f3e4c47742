# All arithmetic is in the plan modules, which are tested offline; the other files hold resources.

module "gangs" {
  source = "../modules/plan-gangs"
  cloud  = "gcp"
  gangs  = var.gangs
}

module "bucket" {
  source = "../modules/plan-bucket"
  name   = var.bucket_name
}

module "values" {
  source               = "../modules/plan-values"
  storage_url          = module.bucket.storage_url
  storage_region       = "auto"
  storage_endpoint_url = "https://storage.googleapis.com"
  # The S3 interface of Cloud Storage takes HMAC keys only: docs/deploy-gke.md makes the secret.
  storage_secret   = "telecine-storage"
  service_account  = { name = var.name, annotations = { "iam.gke.io/gcp-service-account" = google_service_account.workers.email } }
  database_cidrs   = [var.network.database_cidr]
  models           = module.gangs.models
  default_model    = var.default_model
  reaches_metadata = true
}

resource "google_kms_key_ring" "main" {
  name     = var.name
  location = var.region
}

resource "google_kms_crypto_key" "main" {
  name            = var.name
  key_ring        = google_kms_key_ring.main.id
  rotation_period = "7776000s"

  lifecycle {
    prevent_destroy = true # a lost key is a lost bucket
  }
}
