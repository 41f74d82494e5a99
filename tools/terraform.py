"""A folder of infra/ -> Terraform run in it: `python -m tools.terraform infra/account plan`.

Finds the program and, where this machine keeps the AWS provider in a folder, takes it from there instead of downloading it.
Whatever the user's own configuration (`TF_CLI_CONFIG_FILE`) says goes first. Knows nothing of what the folders describe.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

LEAST = (1, 11)
PROVIDER = "registry.terraform.io/hashicorp/aws"
IMPLIED = ("~/.terraform.d/plugins", "~/.local/share/terraform/plugins", "/usr/local/share/terraform/plugins")


class TerraformError(Exception):
    """Terraform cannot be run; the message says what is missing and how to get it."""


def program() -> str:
    """Where Terraform is. Raises TerraformError where it is missing or too old."""
    found = shutil.which("terraform")
    wanted = ".".join(map(str, LEAST))
    if not found:
        raise TerraformError(
            f"terraform is not on PATH: install {wanted} or later (https://developer.hashicorp.com/terraform/install)"
        )
    said = subprocess.run([found, "version", "-json"], env=environment(), capture_output=True, text=True, check=True).stdout
    version = json.loads(said)["terraform_version"]
    if tuple(int(part) for part in version.split(".")[:2]) < LEAST:
        raise TerraformError(f"{found} is {version}, which does not lock a state in S3 by itself: install {wanted} or later")
    return found


def environment() -> Mapping[str, str]:
    """The environment to run Terraform in: the user's own, with a configuration that finds the provider on this machine."""
    own = os.environ.get("TF_CLI_CONFIG_FILE")
    mirror = next(mirrors(), None)
    if mirror is None or (own and Path(own).exists()):
        return {key: value for key, value in os.environ.items() if key != "TF_CLI_CONFIG_FILE" or Path(value).exists()}
    return {**os.environ, "TF_CLI_CONFIG_FILE": str(_configuration(mirror)), "CHECKPOINT_DISABLE": "1"}


def mirrors() -> Iterator[Path]:
    """Folders of this machine that hold the provider, unpacked as `terraform providers mirror` and packagers lay it out."""
    for place in (*(Path(one).expanduser() for one in IMPLIED), *sorted(Path("/opt").glob("*"))):
        if (place / PROVIDER).is_dir():
            yield place


def _configuration(mirror: Path) -> Path:
    """A CLI configuration that takes from `mirror` what it holds, and everything else from where Terraform always does."""
    written = Path(tempfile.gettempdir()) / f"llm-twin-terraform-{os.getuid()}.rc"
    included = f'filesystem_mirror {{\n    path    = "{mirror}"\n    include = ["{PROVIDER}"]\n  }}'
    text = f'provider_installation {{\n  {included}\n  direct {{\n    exclude = ["{PROVIDER}"]\n  }}\n}}\n'
    partial = written.with_suffix(f".{os.getpid()}")
    partial.write_text(text)
    partial.rename(written)
    return written


def main() -> int:
    """Run Terraform with the arguments after the folder; its exit status."""
    folder, *command = [*sys.argv[1:], ""]
    if not any(command):
        print("usage: python -m tools.terraform FOLDER COMMAND [ARGUMENT ...]", file=sys.stderr)
        return 2
    try:
        line = [program(), f"-chdir={folder}", *command[:-1]]
    except TerraformError as exc:
        print(exc, file=sys.stderr)
        return 1
    return subprocess.run(line, env=environment(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
