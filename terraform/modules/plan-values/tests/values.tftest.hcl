variables {
  storage_url     = "s3://acme-clips/telecine"
  storage_region  = "eu-central-1"
  service_account = { name = "telecine", annotations = { "eks.amazonaws.com/role-arn" = "arn:aws:iam::1:role/t" } }
  database_cidrs  = ["10.0.0.0/16"]
  models          = { "wan2.1-t2v-14b" = { hosts = 1, gpusPerHost = 8 } }
}

run "the_yaml_is_the_values" {
  command = plan
  assert {
    condition     = yamldecode(output.values_yaml) == yamldecode(yamlencode(output.values))
    error_message = "the fragment says what the object says"
  }
  assert {
    condition     = output.values.serviceAccount.annotations["eks.amazonaws.com/role-arn"] == "arn:aws:iam::1:role/t"
    error_message = "the pods get the role"
  }
}

run "of_two_models_one_is_the_default" {
  command = plan
  variables {
    models        = { "a" = {}, "b" = {} }
    default_model = "b"
  }
  assert {
    condition     = output.values.generation.defaultModel == "b" && length(output.values.generation.models) == 2
    error_message = "the chart gets both"
  }
}

run "two_models_without_a_default_are_refused" {
  command = plan
  variables {
    models = { "a" = {}, "b" = {} }
  }
  expect_failures = [var.default_model]
}

run "a_default_that_is_no_model_is_refused" {
  command = plan
  variables {
    default_model = "c"
  }
  expect_failures = [var.default_model]
}

run "a_cidr_that_is_none_is_refused" {
  command = plan
  variables {
    database_cidrs = ["10.0.0.0"]
  }
  expect_failures = [var.database_cidrs]
}
