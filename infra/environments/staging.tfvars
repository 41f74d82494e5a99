region       = "eu-central-1"
environment  = "staging"
cidr         = "10.20.0.0/16"
nat_per_zone = false
