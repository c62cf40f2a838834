"""The means of deployment that a workspace has, by the names of its files. Reads no file. Start at `find_means`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.team.permissions.paths import shorten_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

MOST_SHOWN = 20
_LOOKED_AT = 200_000
_MEANS = (
    (r"\.github/workflows/[^/]+\.ya?ml", "GitHub Actions", "push"),
    (r"\.gitlab-ci\.ya?ml", "GitLab CI", "push"),
    (r"\.forgejo/workflows/[^/]+\.ya?ml|\.gitea/workflows/[^/]+\.ya?ml", "Forgejo or Gitea Actions", "push"),
    (r"\.circleci/config\.ya?ml", "CircleCI", "push"),
    (r"azure-pipelines\.ya?ml", "Azure Pipelines", "push"),
    (r"bitbucket-pipelines\.ya?ml", "Bitbucket Pipelines", "push"),
    (r"Jenkinsfile", "Jenkins", "push"),
    (r"(?:docker-)?compose(?:\.[a-z-]+)?\.ya?ml", "Docker Compose", "compose"),
    (r"(?:Docker|Container)file", "a container image", "compose or commands"),
    (r"fly\.toml|vercel\.json|netlify\.toml|render\.ya?ml|app\.ya?ml|Procfile", "a hosting service", "commands"),
    (r"kustomization\.ya?ml|Chart\.ya?ml|helmfile\.ya?ml", "Kubernetes", "commands"),
    (r"ansible\.cfg|playbook\.ya?ml|site\.ya?ml", "Ansible", "commands"),
    (r"[^/]+\.tf", "Terraform", "commands"),
    (r"(?:scripts/|bin/)?deploy(?:\.(?:sh|py|js|ts))?", "a script", "commands"),
)


@dataclass(frozen=True, slots=True)
class Means:
    """One means of deployment: the file, what it is of, and the kind of target that suits it."""

    file: str
    what: str
    kind: str


def find_means(files: Iterable[Path], roots: Sequence[Path]) -> tuple[Means, ...]:
    """Return up to `MOST_SHOWN` means of deployment among `files`, in the order of the table of this module. Blocking.

    Looks at the first `_LOOKED_AT` files.
    """
    names = [shorten_path(path, roots) for _, path in zip(range(_LOOKED_AT), files, strict=False)]
    return tuple(
        Means(name, what, kind)
        for pattern, what, kind in _MEANS
        for name in sorted(names)
        if re.fullmatch(pattern, name)
    )[:MOST_SHOWN]


def format_means(means: Sequence[Means]) -> str:
    """Return the means as lines for a person or a model."""
    if not means:
        return "The workspace has no files of a pipeline, of containers or of a hosting service."
    lines = (f"- {one.file}: {one.what} (kind {one.kind})" for one in means)
    return "\n".join(("The workspace has:", *lines))
