# Small and cheap: one NAT gateway, few nodes, GPUs only while somebody asks.
cluster      = "staging"
environments = { staging = {} }
region       = "eu-central-1"
cidr         = "10.20.0.0/16"
nat_per_zone = false
system_nodes = { types = ["m7i-flex.large", "m6a.large"], min = 2, max = 3 }
budget       = { monthly = 600, alarm_emails = ["platform@example.org"] }
