# An outage of one zone takes nothing else along.
cluster      = "production"
environments = { production = { reads = ["staging"] } }
region       = "eu-central-1"
cidr         = "10.30.0.0/16"
nat_per_zone = true
system_nodes = { types = ["m7i-flex.large", "m6a.large"], min = 3, max = 6 }
budget       = { monthly = 3000, alarm_emails = ["platform@example.org"] }
