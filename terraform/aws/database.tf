resource "aws_db_subnet_group" "jobs" {
  name       = "${var.name}-jobs"
  subnet_ids = var.private_subnet_ids
}

resource "aws_security_group" "jobs" {
  name_prefix = "${var.name}-jobs-"
  description = "PostgreSQL, from the cluster alone"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "jobs" {
  description                  = "PostgreSQL from the cluster's machines"
  security_group_id            = aws_security_group.jobs.id
  referenced_security_group_id = aws_eks_cluster.main.vpc_config[0].cluster_security_group_id
  from_port                    = 5432
  to_port                      = 5432
  ip_protocol                  = "tcp"
}

resource "aws_db_parameter_group" "jobs" {
  name_prefix = "${var.name}-jobs-"
  family      = "postgres16"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "1000" # slow statements; their texts hold no prompts, which are parameters
  }
}

resource "aws_db_instance" "jobs" {
  identifier_prefix = "${var.name}-jobs-"
  engine            = "postgres"
  engine_version    = "16"
  instance_class    = var.database_class
  db_name           = "telecine"
  username          = "telecine"
  # RDS makes the password and keeps it in Secrets Manager: it is never in Terraform's state.
  manage_master_user_password   = true
  master_user_secret_kms_key_id = aws_kms_key.main.key_id

  allocated_storage     = 50
  max_allocated_storage = 200
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = aws_kms_key.main.arn

  multi_az                            = var.is_database_in_two_zones
  db_subnet_group_name                = aws_db_subnet_group.jobs.name
  vpc_security_group_ids              = [aws_security_group.jobs.id]
  parameter_group_name                = aws_db_parameter_group.jobs.name
  publicly_accessible                 = false
  iam_database_authentication_enabled = true

  backup_retention_period         = 14 # docs/backup.md: point in time within these days
  copy_tags_to_snapshot           = true
  deletion_protection             = var.keep_on_destroy
  skip_final_snapshot             = !var.keep_on_destroy
  final_snapshot_identifier       = "${var.name}-jobs-final"
  auto_minor_version_upgrade      = true
  performance_insights_enabled    = true
  performance_insights_kms_key_id = aws_kms_key.main.arn
  enabled_cloudwatch_logs_exports = ["postgresql", "upgrade"]
}
