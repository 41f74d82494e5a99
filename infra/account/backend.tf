# Where its state is kept, encrypted and locked while somebody works (a lock file beside it, so no table is needed).
# The bucket is made by infra/state; `make infra-init` fills in its name and region.

terraform {
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}
