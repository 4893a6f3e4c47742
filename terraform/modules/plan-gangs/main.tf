# From gangs to machines: which node group each model's gangs need, and the chart's values for it.
# No provider: `terraform test` runs offline.

terraform {
  required_version = ">= 1.9"
}

variable "cloud" {
  description = "aws or gcp: whose machine types are meant."
  type        = string
  validation {
    condition     = contains(["aws", "gcp"], var.cloud)
    error_message = "cloud must be aws or gcp."
  }
}

variable "gangs" {
  description = <<-EOT
    Catalogue name of a model -> its gangs. `min` 0 costs nothing while nobody asks, and the first
    clip then waits for nodes, image and weights (minutes). `headroom` is how many gangs a second
    cluster may have beside the first during an upgrade: null means as many as `min`.
  EOT
  type = map(object({
    machine        = string
    hosts          = optional(number, 1)
    gpus_per_host  = number
    min            = optional(number, 0)
    max            = number
    headroom       = optional(number)
    spot           = optional(bool, false)
    weights_source = optional(string, "")
    cache_gib      = optional(number, 200)
  }))
  validation {
    condition     = length(var.gangs) > 0
    error_message = "gangs names no model: there is nothing to generate with."
  }
  validation {
    condition     = alltrue([for g in values(var.gangs) : g.min >= 0 && g.max >= max(1, g.min)])
    error_message = "min must be 0 or more, and max at least 1 and at least min."
  }
  validation {
    condition     = alltrue([for g in values(var.gangs) : g.hosts >= 1 && g.gpus_per_host >= 1])
    error_message = "hosts and gpus_per_host must be 1 or more."
  }
  validation {
    condition     = alltrue([for name in keys(var.gangs) : length(name) <= 30 && can(regex("^[a-z0-9][a-z0-9.-]*$", name))])
    error_message = "A model's name has at most 30 characters: lower case, digits, dots and dashes."
  }
}

locals {
  # What one machine has. Sources: the clouds' pages of instance types, read 2026-11; `efa` counts
  # network cards that can be EFA interfaces. Add a machine here before you use it.
  machines = {
    aws = {
      "g6e.xlarge"    = { gpus = 1, cpus = 4, memory_gib = 32, efa = 0 }
      "g6e.12xlarge"  = { gpus = 4, cpus = 48, memory_gib = 384, efa = 1 }
      "p4d.24xlarge"  = { gpus = 8, cpus = 96, memory_gib = 1152, efa = 4 }
      "p4de.24xlarge" = { gpus = 8, cpus = 96, memory_gib = 1152, efa = 4 }
      "p5.48xlarge"   = { gpus = 8, cpus = 192, memory_gib = 2048, efa = 32 }
    }
    gcp = {
      "g2-standard-8"  = { gpus = 1, cpus = 8, memory_gib = 32, efa = 0, accelerator = "nvidia-l4" }
      "g2-standard-48" = { gpus = 4, cpus = 48, memory_gib = 192, efa = 0, accelerator = "nvidia-l4" }
      "a2-ultragpu-8g" = { gpus = 8, cpus = 96, memory_gib = 1360, efa = 0, accelerator = "nvidia-a100-80gb" }
      "a3-highgpu-8g"  = { gpus = 8, cpus = 208, memory_gib = 1872, efa = 0, accelerator = "nvidia-h100-80gb" }
    }
  }
  known = local.machines[var.cloud]

  # Unknown machines get an empty one here, so that the check below can name them.
  machine = {
    for name, gang in var.gangs :
    name => lookup(local.known, gang.machine, { gpus = 0, cpus = 0, memory_gib = 0, efa = 0 })
  }
  # The part of a machine that one host of a gang has; system pods and the kubelet keep a tenth.
  share = {
    for name, gang in var.gangs :
    name => local.machine[name].gpus == 0 ? 0 : gang.gpus_per_host / local.machine[name].gpus
  }
  # Several hosts of a gang talk over the network at each step: EFA, where the machine has it.
  efa = {
    for name, gang in var.gangs : name => gang.hosts > 1 ? local.machine[name].efa : 0
  }
  hosts_per_machine = {
    for name, gang in var.gangs : name => max(1, floor(local.machine[name].gpus / gang.gpus_per_host))
  }
  gangs_at_most = {
    for name, gang in var.gangs : name => gang.max + coalesce(gang.headroom, gang.min)
  }
  pool = { for name in keys(var.gangs) : name => replace("gen-${name}", ".", "-") }
}

# Nothing is made by this: it carries the checks that need more than one variable.
resource "terraform_data" "checked" {
  for_each = var.gangs
  input    = each.value.machine
  lifecycle {
    precondition {
      condition     = contains(keys(local.known), each.value.machine)
      error_message = "${each.key}: no machine ${each.value.machine} on ${var.cloud}; known: ${join(", ", keys(local.known))}."
    }
    precondition {
      condition     = each.value.gpus_per_host <= local.machine[each.key].gpus
      error_message = "${each.key}: ${each.value.machine} has ${local.machine[each.key].gpus} GPUs, not ${each.value.gpus_per_host}."
    }
    precondition {
      condition     = each.value.hosts == 1 || each.value.gpus_per_host == local.machine[each.key].gpus
      error_message = "${each.key}: a gang of several hosts takes whole machines; set gpus_per_host to ${local.machine[each.key].gpus}."
    }
    precondition {
      condition     = !each.value.spot || each.value.hosts == 1
      error_message = "${each.key}: losing one spot machine breaks a gang of several; use spot with hosts = 1."
    }
  }
}

output "node_groups" {
  description = "Model -> the machines that its gangs run on."
  value = {
    for name, gang in var.gangs : name => {
      pool        = local.pool[name]
      machine     = gang.machine
      gpus        = local.machine[name].gpus
      accelerator = lookup(local.machine[name], "accelerator", "")
      min_nodes   = ceil(gang.min * gang.hosts / local.hosts_per_machine[name])
      max_nodes   = ceil(local.gangs_at_most[name] * gang.hosts / local.hosts_per_machine[name])
      spot        = gang.spot
      efa         = local.efa[name]
      labels      = { "telecine.pool" = local.pool[name] }
      taint       = { key = "nvidia.com/gpu", value = "present" }
      disk_gib    = 100 + (gang.weights_source == "" ? 0 : gang.cache_gib)
    }
  }
  depends_on = [terraform_data.checked]
}

output "gpus" {
  description = "GPUs that are always paid for, at full size, and at full size during an upgrade."
  value = {
    always  = sum([for g in values(var.gangs) : g.min * g.hosts * g.gpus_per_host])
    at_most = sum([for g in values(var.gangs) : g.max * g.hosts * g.gpus_per_host])
    upgrade = sum([for n, g in var.gangs : local.gangs_at_most[n] * g.hosts * g.gpus_per_host])
  }
}

output "models" {
  description = "The chart's `generation.models`."
  value = {
    for name, gang in var.gangs : name => {
      device       = "cuda"
      hosts        = gang.hosts
      gpusPerHost  = gang.gpus_per_host
      gangs        = { min = gang.min, max = gang.max }
      resources    = { cpu = tostring(floor(local.machine[name].cpus * local.share[name] * 0.9)), memory = "${floor(local.machine[name].memory_gib * local.share[name] * 0.85)}Gi" }
      sharedMemory = "${max(8, floor(local.machine[name].memory_gib * local.share[name] * 0.05))}Gi"
      extraResources = local.efa[name] == 0 ? {} : {
        "vpc.amazonaws.com/efa" = local.efa[name]
      }
      weights = {
        source = gang.weights_source
        cache  = { type = "emptyDir", size = "${gang.cache_gib}Gi" }
      }
      nodeSelector = { "telecine.pool" = local.pool[name] }
      tolerations  = [{ key = "nvidia.com/gpu", operator = "Exists", effect = "NoSchedule" }]
    }
  }
  depends_on = [terraform_data.checked]
}
