resource "google_service_account" "workers" {
  account_id   = "${var.name}-workers"
  display_name = "Pods of ${var.name}"
}

resource "google_service_account_iam_member" "workers" {
  service_account_id = google_service_account.workers.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[${var.namespace}/${var.name}]"
}

resource "google_storage_bucket_iam_member" "workers" {
  bucket = google_storage_bucket.clips.name
  role   = "roles/storage.objectUser"
  member = "serviceAccount:${google_service_account.workers.email}"
}
