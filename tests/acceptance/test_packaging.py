"""The distribution: what it holds, and that the client installs and works without the server."""

import subprocess
import sys
import tarfile
import venv
import zipfile
from dataclasses import dataclass
from email import message_from_bytes
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
CLIENT_NEEDS = {"grpcio", "grpcio-status", "protobuf"}
THOSE_NEED = {"googleapis-common-protos", "typing_extensions"}


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program to its end and return what it printed; its complaints go into the failure."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=5 * PATIENCE)
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}{done.stderr}"
    return done.stdout


def files_below(directory: str, *suffixes: str) -> set[str]:
    """The committed kinds of file below a directory of this checkout, by their path from it."""
    base = ROOT / directory
    return {str(path.relative_to(base)) for path in base.rglob("*") if path.suffix in suffixes}


@dataclass(frozen=True)
class Distributions:
    sdist: Path
    wheel: Path

    def sdist_names(self) -> set[str]:
        with tarfile.open(self.sdist) as archive:
            return {name.partition("/")[2] for name in archive.getnames()}

    def wheel_names(self) -> set[str]:
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """Both, the wheel made from the sdist: so the sdist has all that a build needs."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    (sdist,) = out.glob("holdfastdb-*.tar.gz")
    (wheel,) = out.glob("holdfastdb-*.whl")
    return Distributions(sdist, wheel)


@pytest.fixture(scope="session")
def client_python(distributions: Distributions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment of the wheel, without extras, and of what it says that it needs."""
    home = tmp_path_factory.mktemp("client")
    venv.create(home)
    python = home / "bin" / "python"
    pip(python, "install", "--quiet", "--no-index", "--no-deps", str(distributions.wheel))
    needed = needs_of(installed(python)["holdfastdb"])
    for name in needed:
        package = metadata.distribution(name)
        link(package, packages_of(python))
        needed += needs_of(package)
    return python


def packages_of(python: Path) -> Path:
    """Where an environment has its packages."""
    (packages,) = python.parent.parent.glob("lib/python*/site-packages")
    return packages


def installed(python: Path) -> dict[str, metadata.Distribution]:
    """The packages of an environment, by name."""
    found = metadata.distributions(path=[str(packages_of(python))])
    return {package.name: package for package in found}


def needs_of(package: metadata.Distribution) -> list[str]:
    """What a package needs without extras."""
    requirements = map(Requirement, package.requires or ())
    return [each.name for each in requirements if not each.marker or each.marker.evaluate({"extra": ""})]


def pip(python: Path, *arguments: str) -> str:
    """Run pip for an environment that has none, without the package index."""
    return run(sys.executable, "-m", "pip", "--python", python, *arguments, cwd=python.parent)


def link(package: metadata.Distribution, packages: Path) -> None:
    """Put a package of this environment into another one."""
    for file in package.files or ():
        place = packages / file
        if ".." not in file.parts and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(Path(str(file.locate())))


def test_the_wheel_holds_both_packages_the_migrations_and_the_licence(distributions: Distributions) -> None:
    names = distributions.wheel_names()
    expected = {
        *(f"holdfastdb/{name}" for name in files_below("client/python/holdfastdb", ".py", ".pyi", ".typed")),
        *(f"holdfastdb_server/{name}" for name in files_below("server/holdfastdb_server", ".py", ".typed")),
        *(
            f"holdfastdb_server/migrations/{name}"
            for name in files_below("migrations", ".py", ".mako", ".sql")
        ),
        "holdfastdb-0.1.0.dist-info/licenses/LICENSE",
    }
    assert expected <= names
    assert {"holdfastdb/py.typed", "holdfastdb_server/py.typed"} <= names
    assert {"holdfastdb_server/migrations/env.py", "holdfastdb_server/migrations/script.py.mako"} <= names


def test_the_migrations_run_from_the_wheel(distributions: Distributions, tmp_path: Path) -> None:
    with zipfile.ZipFile(distributions.wheel) as archive:
        archive.extractall(tmp_path)
    program = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from holdfastdb_server.storage.engines import migrations
assert migrations.__file__.startswith({str(tmp_path)!r}), migrations.__file__
print(migrations.sqlite_script(), end="")
"""
    printed = run(sys.executable, "-c", program, cwd=tmp_path)
    assert printed == (ROOT / "migrations/sqlite.sql").read_text()


def test_the_wheel_holds_nothing_else(distributions: Distributions) -> None:
    names = distributions.wheel_names()
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"holdfastdb", "holdfastdb_server", "holdfastdb-0.1.0.dist-info"}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".db", ".pyc"))]


def test_the_wheel_holds_the_stubs_of_every_proto(distributions: Distributions) -> None:
    protos = files_below("protos", ".proto")
    assert protos
    stubs = {
        name.removesuffix(".proto") + ending
        for name in protos
        for ending in ("_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi")
    }
    assert stubs <= distributions.wheel_names()


def test_the_sdist_holds_the_contract_and_the_tests(distributions: Distributions) -> None:
    names = distributions.sdist_names()
    assert {f"protos/{name}" for name in files_below("protos", ".proto", ".binpb")} <= names
    assert {"LICENSE", "README.md", "CHANGELOG.md", "Makefile", "buf.yaml", "constraints.txt"} <= names
    assert "tests/acceptance/test_packaging.py" in names
    assert not [name for name in names if "__pycache__" in name or name.startswith((".venv", "build/"))]


def test_the_client_asks_for_grpc_and_protobuf_only(distributions: Distributions) -> None:
    with zipfile.ZipFile(distributions.wheel) as archive:
        about = message_from_bytes(archive.read("holdfastdb-0.1.0.dist-info/METADATA"))
    needs = about.get_all("Requires-Dist", [])
    assert {need.partition(">")[0] for need in needs if "extra ==" not in need} == CLIENT_NEEDS


def test_nothing_but_grpc_and_protobuf_comes_with_the_client(client_python: Path) -> None:
    names = set(installed(client_python))
    assert CLIENT_NEEDS | {"holdfastdb"} <= names
    assert names - {"holdfastdb"} <= CLIENT_NEEDS | THOSE_NEED
    assert pip(client_python, "check") == "No broken requirements found.\n"


def test_the_client_imports_and_makes_stubs_without_the_server(client_python: Path) -> None:
    program = """
import grpc, holdfastdb, holdfastdb.v1
from holdfastdb.v1 import history_service_pb2_grpc, session_service_pb2, session_service_pb2_grpc
with grpc.insecure_channel("127.0.0.1:1") as channel:
    session_service_pb2_grpc.SessionServiceStub(channel)
    history_service_pb2_grpc.HistoryServiceStub(channel)
print(session_service_pb2.CreateSessionRequest.DESCRIPTOR.full_name)
"""
    printed = run(client_python, "-I", "-W", "error", "-c", program, cwd=client_python.parent)
    assert printed == "holdfastdb.v1.CreateSessionRequest\n"


def test_the_command_without_the_server_says_what_to_install(client_python: Path) -> None:
    command = client_python.parent / "holdfast"
    done = subprocess.run([command, "serve"], capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "the command line needs: pip install 'holdfastdb[server]'\n"
