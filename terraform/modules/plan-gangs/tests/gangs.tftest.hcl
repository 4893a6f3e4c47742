variables {
  cloud = "aws"
  gangs = {
    "wan2.1-t2v-14b" = {
      machine        = "p5.48xlarge", hosts = 2, gpus_per_host = 8, min = 1, max = 4
      weights_source = "s3://models/wan2.1-t2v-14b"
    }
  }
}

run "several_hosts_are_whole_machines_with_efa" {
  command = plan
  assert {
    condition     = output.node_groups["wan2.1-t2v-14b"].efa == 32
    error_message = "a gang over two machines needs EFA"
  }
  assert {
    condition     = output.node_groups["wan2.1-t2v-14b"].min_nodes == 2
    error_message = "one gang is two machines"
  }
  assert {
    condition     = output.node_groups["wan2.1-t2v-14b"].max_nodes == 10
    error_message = "four gangs and one more during an upgrade are ten machines"
  }
  assert {
    condition     = output.gpus == { always = 16, at_most = 64, upgrade = 80 }
    error_message = "GPUs are hosts x GPUs x gangs"
  }
  assert {
    condition     = output.models["wan2.1-t2v-14b"].resources == { cpu = "172", memory = "1740Gi" }
    error_message = "a whole machine less what the kubelet keeps"
  }
  assert {
    condition     = output.models["wan2.1-t2v-14b"].extraResources["vpc.amazonaws.com/efa"] == 32
    error_message = "the pods ask for the EFA devices"
  }
  assert {
    condition     = output.models["wan2.1-t2v-14b"].nodeSelector["telecine.pool"] == "gen-wan2-1-t2v-14b"
    error_message = "the pods go to their own pool"
  }
}

run "one_host_needs_no_efa_and_machines_are_shared" {
  command = plan
  variables {
    gangs = {
      "wan2.1-t2v-1.3b" = { machine = "g6e.12xlarge", gpus_per_host = 2, min = 0, max = 5, headroom = 1 }
    }
  }
  assert {
    condition     = output.node_groups["wan2.1-t2v-1.3b"].efa == 0
    error_message = "NVLink or PCIe is inside the machine"
  }
  assert {
    condition     = output.node_groups["wan2.1-t2v-1.3b"].min_nodes == 0
    error_message = "nothing is paid for without work"
  }
  assert {
    condition     = output.node_groups["wan2.1-t2v-1.3b"].max_nodes == 3
    error_message = "six gangs of two GPUs fit on three machines of four"
  }
  assert {
    condition     = output.models["wan2.1-t2v-1.3b"].resources.cpu == "21"
    error_message = "half a machine"
  }
}

run "gcp_has_its_own_machines" {
  command = plan
  variables {
    cloud = "gcp"
    gangs = { "wan2.1-t2v-14b" = { machine = "a3-highgpu-8g", gpus_per_host = 8, max = 1 } }
  }
  assert {
    condition     = output.node_groups["wan2.1-t2v-14b"].accelerator == "nvidia-h100-80gb"
    error_message = "GKE wants the accelerator's name"
  }
}

run "an_unknown_machine_is_refused" {
  command = plan
  variables {
    gangs = { "m" = { machine = "p9.huge", gpus_per_host = 8, max = 1 } }
  }
  expect_failures = [terraform_data.checked["m"]]
}

run "more_gpus_than_the_machine_has_are_refused" {
  command = plan
  variables {
    gangs = { "m" = { machine = "g6e.xlarge", gpus_per_host = 2, max = 1 } }
  }
  expect_failures = [terraform_data.checked["m"]]
}

run "several_hosts_with_part_of_a_machine_are_refused" {
  command = plan
  variables {
    gangs = { "m" = { machine = "p5.48xlarge", hosts = 2, gpus_per_host = 4, max = 1 } }
  }
  expect_failures = [terraform_data.checked["m"]]
}

run "spot_gangs_have_one_host" {
  command = plan
  variables {
    gangs = { "m" = { machine = "p5.48xlarge", hosts = 2, gpus_per_host = 8, max = 1, spot = true } }
  }
  expect_failures = [terraform_data.checked["m"]]
}

run "max_below_min_is_refused" {
  command = plan
  variables {
    gangs = { "m" = { machine = "p5.48xlarge", gpus_per_host = 8, min = 2, max = 1 } }
  }
  expect_failures = [var.gangs]
}

run "no_gangs_are_refused" {
  command = plan
  variables {
    gangs = {}
  }
  expect_failures = [var.gangs]
}

run "a_third_cloud_is_refused" {
  command = plan
  variables {
    cloud = "azure"
  }
  expect_failures = [var.cloud]
}
