# One repository an image: a tag never moves, every push is scanned, what was only tried goes.

resource "aws_ecr_repository" "this" {
  for_each             = var.images
  name                 = "${var.name}/${each.key}"
  image_tag_mutability = each.value.mutable ? "MUTABLE" : "IMMUTABLE"
  force_delete         = var.force_delete

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = var.kms_key_arn
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each   = var.images
  repository = aws_ecr_repository.this[each.key].name

  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        description  = "What no tag names is nobody's release"
        selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 14 }
        action       = { type = "expire" }
      },
      {
        rulePriority = 2
        description  = "Releases that can still be rolled back to"
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = each.value.keep }
        action       = { type = "expire" }
      },
    ]
  })
}
