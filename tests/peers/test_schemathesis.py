"""schemathesis against the management API: requests made up from our own description of it."""

import os
import pathlib
import subprocess
import sys

from server import Server

# The whole run, in seconds.
BUDGET = 120

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",
]


def test_schemathesis_finds_no_answer_that_the_description_does_not_allow(tmp_path):
    with Server() as server:
        command = [
            str(pathlib.Path(sys.executable).parent / "schemathesis"),
            "run",
            f"{server.operations}/api/v1/openapi.json",
            f"--url={server.issuer}",
            f"--checks={','.join(CHECKS)}",
            "--generation-deterministic",
            f"--max-time={BUDGET}",
            "--continue-on-failure",
            "--no-color",
        ]
        administrator = {
            "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
            "PYTHONPATH": str(pathlib.Path(__file__).parent),
            "ADMIN_ISSUER": server.issuer,
            "ADMIN_ID": server.administrator["client_id"],
            "ADMIN_SECRET": server.administrator["client_secret"],
        }
        environment = {**os.environ, **administrator}
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=BUDGET * 2
        )
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr
