"""Owns what others wrote: where it is installed, outside of what is committed, and how it gets there."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
FOLDER = REPOSITORY / ".interop"

NODE, JAVA = 20, 17


class NotHere(Exception):
    """A kit cannot be had on this machine; the message says why."""


def remembered(install: Callable[[Kits], Path]) -> Callable[[Kits], Path]:
    """*install*, which is not tried again by each check once it could not be done."""

    @wraps(install)
    def once(kits: Kits) -> Path:
        known = kits.failed.get(install.__name__)
        if known is not None:
            raise NotHere(known)
        try:
            return install(kits)
        except NotHere as why:
            kits.failed[install.__name__] = str(why)
            raise

    return once


class Kits:
    """Installs a kit when it is first asked for, and again only when what is locked has changed.

    An installation that takes longer than *longest_s* is given up.
    """

    def __init__(self, folder: Path = FOLDER, longest_s: float = 900) -> None:
        self._folder = folder
        self._longest_s = longest_s
        self.failed: dict[str, str] = {}

    @remembered
    def node(self) -> Path:
        """The folder with the packages of npm, and beside them our scripts that use them."""
        _needs("node", "npm")
        _at_least("node", NODE)
        folder = self._folder / "node"
        folder.mkdir(parents=True, exist_ok=True)
        for script in (HERE / "node").iterdir():
            shutil.copy(script, folder)
        if self._is_new(folder, folder / "package-lock.json"):
            _told("installing what package-lock.json locks")
            quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
            self._run(["npm", "ci", *quiet], folder)
            self._is_done(folder, folder / "package-lock.json")
        return folder

    def npm_version(self, package: str) -> str:
        """The version of an installed package."""
        found = json.loads((self.node() / "node_modules" / package / "package.json").read_text())
        return str(found["version"])

    @remembered
    def python(self) -> Path:
        """A Python that has the packages of requirements.txt and none of ours."""
        uv, folder = REPOSITORY / ".uv/bin/uv", self._folder / "python"
        locked = HERE / "python" / "requirements.txt"
        python = folder / "bin" / "python"
        if not uv.exists():
            raise NotHere("uv is missing; run scripts/install")
        if self._is_new(folder, locked):
            _told("installing what requirements.txt locks")
            self._run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder])
            self._run([uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", locked])
            self._is_done(folder, locked)
        return python

    def pip_version(self, package: str) -> str:
        """The version of an installed package."""
        code = f"import importlib.metadata; print(importlib.metadata.version({package!r}))"
        return self._run([self.python(), "-c", code]).strip()

    @remembered
    def hapi(self) -> Path:
        """The folder with HAPI FHIR's libraries in `lib` and our starter's class in `classes`."""
        _needs("java", "javac", "mvn")
        _at_least("javac", JAVA)
        source, folder = HERE / "hapi", self._folder / "hapi"
        folder.mkdir(parents=True, exist_ok=True)
        pom, starter = source / "pom.xml", source / "HapiServer.java"
        if self._is_new(folder, pom):
            _told("downloading HAPI FHIR's JPA server, some 370 MB")
            shutil.rmtree(folder / "lib", ignore_errors=True)
            copy = ("dependency:copy-dependencies", "-DincludeScope=runtime")
            self._run(["mvn", "-q", "-B", "-f", pom, *copy, f"-DoutputDirectory={folder / 'lib'}"])
            self._is_done(folder, pom)
        self._run(["javac", "-cp", f"{folder / 'lib'}/*", "-d", folder / "classes", starter])
        return folder

    def debian(self, program: Path | str, package: str) -> None:
        """Sees to it that *program* is there, by installing the Debian *package*."""
        if shutil.which(program) is None:
            _told(f"installing Debian's {package}")
            self._run([REPOSITORY / "scripts/debian", package])

    def _run(self, command: Sequence[Path | str], folder: Path | None = None) -> str:
        return _said_by(command, self._longest_s, folder)

    def _is_new(self, folder: Path, locked: Path) -> bool:
        mark = folder / "installed"
        return not mark.exists() or mark.read_text() != _digest(locked)

    def _is_done(self, folder: Path, locked: Path) -> None:
        (folder / "installed").write_text(_digest(locked))


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _needs(*programs: str) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise NotHere(f"{missing[0]} is not installed")


def _at_least(program: str, major: int) -> None:
    said = _said_by([program, "--version"], 60)
    found = re.search(r"\d+", said)
    if found is None or int(found[0]) < major:
        raise NotHere(f"{program} {major} is needed; here is {said.strip()[:40]}")


def _said_by(command: Sequence[Path | str], longest_s: float, folder: Path | None = None) -> str:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "UV_SYSTEM_CERTS": "1"},
            capture_output=True,
            text=True,
            timeout=longest_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotHere(f"`{Path(command[0]).name}` took more than {longest_s:.0f} s") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        raise NotHere(f"`{Path(command[0]).name}` failed: {said[0][:200]}")
    return done.stdout


def _told(what: str) -> None:
    sys.stderr.write(f"  {what} …\n")
