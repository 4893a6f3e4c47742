resource "aws_iam_role" "nodes" {
  name = "${var.name}-nodes"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy_attachment" "nodes" {
  for_each   = toset(["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryReadOnly"])
  role       = aws_iam_role.nodes.name
  policy_arn = "arn:aws:iam::aws:policy/${each.value}"
}

resource "aws_launch_template" "cpu" {
  name_prefix = "${var.name}-cpu-"

  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_size = 100
      volume_type = "gp3"
      encrypted   = true
    }
  }

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1 # pods cannot reach the node's own credentials
  }
}

resource "aws_eks_node_group" "cpu" {
  cluster_name    = aws_eks_cluster.main.name
  node_group_name = "cpu"
  node_role_arn   = aws_iam_role.nodes.arn
  subnet_ids      = var.private_subnet_ids
  instance_types  = [var.cpu_machine]
  ami_type        = "AL2023_x86_64_STANDARD"

  launch_template {
    id      = aws_launch_template.cpu.id
    version = aws_launch_template.cpu.latest_version
  }

  scaling_config {
    min_size     = var.cpu_nodes.min
    max_size     = var.cpu_nodes.max
    desired_size = var.cpu_nodes.min
  }

  lifecycle {
    ignore_changes = [scaling_config[0].desired_size] # the autoscaler's
  }

  depends_on = [aws_iam_role_policy_attachment.nodes]
}

# Traffic of EFA is allowed by security groups alone: everything among the machines of a group.
resource "aws_security_group" "gangs" {
  name_prefix = "${var.name}-gangs-"
  description = "EFA between the machines of one gang"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "gangs" {
  description                  = "All of EFA, from the group itself"
  security_group_id            = aws_security_group.gangs.id
  referenced_security_group_id = aws_security_group.gangs.id
  ip_protocol                  = "-1"
}

resource "aws_vpc_security_group_egress_rule" "gangs" {
  description                  = "All of EFA, to the group itself"
  security_group_id            = aws_security_group.gangs.id
  referenced_security_group_id = aws_security_group.gangs.id
  ip_protocol                  = "-1"
}

resource "aws_placement_group" "gangs" {
  for_each = { for name, group in module.gangs.node_groups : name => group if group.efa > 0 }
  name     = "${var.name}-${each.value.pool}"
  strategy = "cluster"
}

resource "aws_launch_template" "gangs" {
  for_each    = module.gangs.node_groups
  name_prefix = "${var.name}-${each.value.pool}-"

  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_size = each.value.disk_gib
      volume_type = "gp3"
      encrypted   = true
    }
  }

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  # One card carries the pods' own traffic as well; the others are EFA alone.
  dynamic "network_interfaces" {
    for_each = range(each.value.efa)
    content {
      network_card_index = network_interfaces.value
      device_index       = network_interfaces.value == 0 ? 0 : 1
      interface_type     = network_interfaces.value == 0 ? "efa" : "efa-only"
      security_groups    = [aws_security_group.gangs.id, aws_eks_cluster.main.vpc_config[0].cluster_security_group_id]
    }
  }

  dynamic "placement" {
    for_each = each.value.efa > 0 ? [each.key] : []
    content {
      group_name = aws_placement_group.gangs[placement.value].name
    }
  }
}

resource "aws_eks_node_group" "gangs" {
  for_each        = module.gangs.node_groups
  cluster_name    = aws_eks_cluster.main.name
  node_group_name = each.value.pool
  node_role_arn   = aws_iam_role.nodes.arn
  subnet_ids      = [var.gpu_subnet_id]
  instance_types  = [each.value.machine]
  ami_type        = "AL2023_x86_64_NVIDIA"
  capacity_type   = each.value.spot ? "SPOT" : "ON_DEMAND"
  labels          = each.value.labels

  launch_template {
    id      = aws_launch_template.gangs[each.key].id
    version = aws_launch_template.gangs[each.key].latest_version
  }

  scaling_config {
    min_size     = each.value.min_nodes
    max_size     = each.value.max_nodes
    desired_size = each.value.min_nodes
  }

  taint {
    key    = each.value.taint.key
    value  = each.value.taint.value
    effect = "NO_SCHEDULE"
  }

  lifecycle {
    ignore_changes = [scaling_config[0].desired_size]
  }

  depends_on = [aws_iam_role_policy_attachment.nodes]
}
