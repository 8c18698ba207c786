"""Each file in `deploy/` passes the checker of its kind, and they agree with the server and each other."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from imagerouter_mcp.database.leases import Leases
from imagerouter_mcp.database.postgres import PostgresServer
from imagerouter_mcp.settings import Settings
from support.postgres import SUPERUSER, Cluster, postgres_programs

DEPLOY = Path(__file__).parents[2] / "deploy"
Checked = Callable[..., str]
DOMAIN = {"DOMAIN": "pictures.example"}


def test_compose_takes_its_file(checked: Checked, tmp_path: Path) -> None:
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    (tmp_path / "deploy/imagerouter-mcp.env").write_text("IMAGEROUTER_API_KEY=0123\n")
    file = str(tmp_path / "deploy/compose.yaml")
    told = checked("docker-compose", "--file", file, "--profile", "*", "config", **DOMAIN)
    assert "IMAGEROUTER_PUBLIC_URL: https://pictures.example" in told
    assert told.count("stop_grace_period: 5m20s") == 2


def test_caddy_takes_its_file(checked: Checked) -> None:
    told = checked("caddy", "validate", "--config", "Caddyfile", "--adapter", "caddyfile", **DOMAIN)
    assert "Valid configuration" in told
    checked("caddy", "fmt", "--diff", "Caddyfile")


def test_hadolint_has_nothing_against_the_dockerfile(checked: Checked) -> None:
    assert checked("hadolint", "../Dockerfile") == ""


def test_kustomize_builds_what_kubernetes_takes(checked: Checked) -> None:
    built = checked("kubectl", "kustomize", "kubernetes")
    assert "image: images.example/imagerouter-mcp:" in built
    assert built.count("app.kubernetes.io/name: imagerouter-mcp") >= 8, "each part carries the label"


def test_kustomize_builds_two_servers_that_are_replaced_one_by_one(checked: Checked) -> None:
    built = checked("kubectl", "kustomize", "kubernetes-replicas")
    kinds = re.findall(r"^kind: (\w+)$", built, re.MULTILINE)
    assert sorted(kinds) == ["ConfigMap", "Ingress", "PodDisruptionBudget", "Service", "StatefulSet"]
    for line in ("replicas: 2", "volumeClaimTemplates:", "path: /ready", "IMAGEROUTER_HTTP_STATELESS"):
        assert line in built


def test_the_role_that_compose_makes_is_one_that_the_server_takes(postgres: Cluster) -> None:
    script = (DEPLOY / "postgres-role.sh").read_text("utf-8")
    programs = postgres_programs()
    subprocess.run(
        ["/bin/sh"],
        input=script.replace("imagerouter", "composed"),  # the cluster has a role of the usual name
        env={
            "PATH": f"{programs}:/usr/bin:/bin",
            "PGHOST": str(postgres.folder),
            "POSTGRES_USER": SUPERUSER,
            "DATABASE_PASSWORD": 'it\'s "secret"',
        },
        text=True,
        check=True,
    )
    server = PostgresServer(postgres.address("composed", "composed"))
    leases = Leases(server, 30)
    assert leases.hold() == leases.name
    leases.release()
    server.close()


@pytest.mark.long
@pytest.mark.parametrize("folder", ["kubernetes", "kubernetes-replicas"])
def test_kubernetes_takes_every_part(checked: Checked, tmp_path: Path, folder: str) -> None:
    built = tmp_path / "built.yaml"
    built.write_text(checked("kubectl", "kustomize", folder))
    told = checked("kubernetes-validate", "--strict", str(built))
    assert told.count(" passed ") == 5


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="the unit for systemd: there is none here"
)
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = (DEPLOY / "imagerouter-mcp.service").read_text("utf-8")
    here = tmp_path / "imagerouter-mcp.service"
    here.write_text(unit.replace("/usr/local/bin/imagerouter-mcp", str(shutil.which("env"))))
    command = [str(shutil.which("systemd-analyze")), "verify", str(here)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the system's own
    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")


def test_what_the_guide_runs_as_the_service_has_its_user_files_and_settings() -> None:
    unit = (DEPLOY / "imagerouter-mcp.service").read_text("utf-8").splitlines()
    guide = (DEPLOY.parent / "docs/hosting.md").read_text("utf-8")
    properties = re.findall(r"--property (\S+)", guide)
    settings = [f"Environment={each}" for each in re.findall(r"--setenv (\S+)", guide)]
    assert len(properties) == 5
    assert {*properties, *settings} <= set(unit)
    assert {line for line in unit if line.startswith("Environment=") and "_DIR=" in line} == set(settings)


def test_every_setting_in_it_is_one() -> None:
    named = {
        name
        for file in DEPLOY.rglob("*")
        if file.is_file()
        for name in re.findall(r"IMAGEROUTER_[A-Z_]+", file.read_text("utf-8"))
    }
    assert len(named) > 8
    assert named <= {f"IMAGEROUTER_{field.upper()}" for field in Settings.model_fields}


def test_each_waits_longer_than_the_server_drains_and_finishes() -> None:
    for file, waits, drain in (
        ("compose.yaml", r"stop_grace_period: (\d+)s", r'DRAIN_SECONDS: "(\d+)"'),
        ("kubernetes/deployment.yaml", r"terminationGracePeriodSeconds: (\d+)", None),
        ("imagerouter-mcp.service", r"TimeoutStopSec=(\d+)", None),
    ):
        text = (DEPLOY / file).read_text("utf-8")
        drained = _number(drain, text) if drain else 10
        assert _number(waits, text) >= drained + 300 + 10


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    assert found
    return int(found[1])
