"""A worker that applies a plan, to be killed: ``python -m tests.integrations.terraform.apply_worker JOB.json``.

The job: ``settings`` of TerraformSettings as strings, ``directory``, ``env``, ``planfile``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from integrations.terraform.directory import RunDirectory
from integrations.terraform.files import TerraformSettings


def main(job_file: str) -> None:
    job = json.loads(Path(job_file).read_text())
    given = job["settings"]
    settings = TerraformSettings(
        binary=Path(given["binary"]),
        cli_config=Path(given["cli_config"]),
        lock_file=Path(given["lock_file"]),
        module_dir=Path(given["module_dir"]),
        provider_flavour=given["provider_flavour"],
    )
    RunDirectory(Path(job["directory"]), settings=settings, env=job["env"]).apply(job["planfile"])


if __name__ == "__main__":
    main(sys.argv[1])
