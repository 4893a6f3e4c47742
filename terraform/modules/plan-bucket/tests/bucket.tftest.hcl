variables {
  name = "acme-clips"
}

run "the_url_and_the_rules_are_below_the_prefix" {
  command = plan
  assert {
    condition     = output.storage_url == "s3://acme-clips/telecine"
    error_message = "the URL that the chart gets"
  }
  assert {
    condition     = alltrue([for rule in output.lifecycle_rules : startswith(rule.prefix, "telecine/")])
    error_message = "no rule reaches the weights"
  }
  assert {
    condition     = [for rule in output.lifecycle_rules : rule.days] == [30, 14, 14]
    error_message = "the defaults"
  }
}

run "workers_write_only_their_own" {
  command = plan
  assert {
    condition = alltrue([
      for s in jsondecode(output.worker_policy).Statement :
      s.Resource == "arn:aws:s3:::acme-clips/telecine/*" if contains(s.Action, "s3:PutObject")
    ])
    error_message = "put is allowed below the prefix alone"
  }
  assert {
    condition     = !strcontains(output.worker_policy, "s3:*")
    error_message = "no wildcard action"
  }
}

run "plain_http_is_denied" {
  command = plan
  assert {
    condition     = jsondecode(output.bucket_policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "TLS only"
  }
}

run "results_that_vanish_too_early_are_refused" {
  command = plan
  variables {
    result_days = 1
  }
  expect_failures = [var.result_days]
}

run "evidence_that_vanishes_before_its_review_is_refused" {
  command = plan
  variables {
    draft_days = 3
  }
  expect_failures = [var.draft_days]
}

run "a_bucket_with_dots_is_refused" {
  command = plan
  variables {
    name = "Acme.Clips"
  }
  expect_failures = [var.name]
}

run "a_prefix_with_a_slash_at_its_end_is_refused" {
  command = plan
  variables {
    prefix = "telecine/"
  }
  expect_failures = [var.prefix]
}

run "no_time_to_undelete_is_refused" {
  command = plan
  variables {
    noncurrent_days = 0
  }
  expect_failures = [var.noncurrent_days]
}
