"""A local AWS, and Terraform in a copy of infra/ that talks to it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config

from tests.doubles.aws import REGION
from tests.servers import free_port
from tools.terraform import environment, program

ROOT = Path(__file__).parents[2]
KEYS = {"AWS_ACCESS_KEY_ID": "AKIATWINTESTS0000000", "AWS_SECRET_ACCESS_KEY": "secret"}  # gitleaks:allow
OVERRIDE = 'provider "aws" {\n  s3_use_path_style = true\n}\n'


class LocalAws:
    """moto's server with what it lacks of EKS, in a process of its own. `log` is what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.log = folder / "aws.log"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        with self.log.open("wb") as log:
            command = [sys.executable, "-m", "tests.doubles.aws", str(self.port)]
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        until = time.monotonic() + 60
        while True:
            try:
                self.client("sts").get_caller_identity()
            except Exception:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"the local AWS did not start: {self.log.read_text()[-2000:]}") from None
                time.sleep(0.1)  # another process's port has no event to await
            else:
                return self

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def client(self, service: str, **credentials: str) -> Any:
        """A client of one service; with the test's own keys, or `aws_access_key_id` ... of somebody else."""
        own = {key.lower(): value for key, value in KEYS.items()} | credentials
        settings = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, config=settings, **own)


class Root:
    """One root module of a copy of infra/, its state in the copy."""

    def __init__(self, aws: LocalAws, folder: Path, name: str, *arguments: str) -> None:
        if not folder.exists():
            shutil.copytree(ROOT / "infra", folder, ignore=shutil.ignore_patterns(".terraform", "*.tfstate*"))
        self.aws, self.folder, self.arguments = aws, folder / name, arguments
        (self.folder / "aws_override.tf").write_text(OVERRIDE)

    def terraform(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one command. Raises AssertionError with what it said where it fails, unless `check` is false."""
        ours = {**environment(), **KEYS, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": self.aws.url, "AWS_MAX_ATTEMPTS": "2"}
        line = [program(), f"-chdir={self.folder}", *command]
        done = subprocess.run(line, env=ours | {"TF_IN_AUTOMATION": "1"}, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}"
        return done

    def init(self, *more: str) -> Self:
        self.terraform("init", "-input=false", "-no-color", "-lockfile=readonly", *more)
        return self

    def apply(self, *more: str) -> Self:
        self.terraform("apply", "-auto-approve", "-input=false", "-no-color", *self.arguments, *more)
        return self

    def changes(self, *more: str) -> dict[str, list[str]]:
        """What a plan would do, by address; empty where everything is as described."""
        self.terraform("plan", "-input=false", "-no-color", "-out=plan.tfplan", *self.arguments, *more)
        plan = json.loads(self.terraform("show", "-json", "plan.tfplan").stdout)
        actions = {one["address"]: one["change"]["actions"] for one in plan["resource_changes"]}
        return {address: what for address, what in actions.items() if what not in (["no-op"], ["read"])}

    def destroy(self) -> Self:
        self.terraform("destroy", "-auto-approve", "-input=false", "-no-color", *self.arguments)
        return self

    def outputs(self) -> dict[str, Any]:
        return {name: one["value"] for name, one in json.loads(self.terraform("output", "-json").stdout).items()}

    def left(self) -> list[str]:
        """The addresses in the state."""
        return self.terraform("state", "list", check=False).stdout.split()
