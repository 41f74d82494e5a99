# Staging and production as two namespaces of one cluster: the least that costs. An upgrade of the cluster meets both at once.
cluster      = "shared"
environments = { staging = {}, production = { reads = ["staging"] } }
region       = "eu-central-1"
cidr         = "10.40.0.0/16"
nat_per_zone = false
system_nodes = { types = ["m7i-flex.large", "m6a.large"], min = 2, max = 4 }
budget       = { monthly = 2500, alarm_emails = ["platform@example.org"] }
