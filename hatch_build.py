"""Build hook: takes the console's style sheet from a pinned PyPI package, so that no CDN and no node is needed.

The packages stand in pyproject's [build-system]; each file's SHA-256 is checked before it is copied into the
ignored folder bot/console/static/vendor.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGET = Path("bot/console/static/vendor")
FILES = {
    "tabler.min.css": ("sqladmin", "statics/css/tabler.min.css"),
}
SHA256 = {
    "tabler.min.css": "b200b267a969ac1163229932a92bc6b2af8ce2d5bd1de056a2ef40b13ded965a",
}


class CustomBuildHook(BuildHookInterface):
    """Fills static/vendor before the package is built or installed in place."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Copy every file after its checksum was compared."""
        target = Path(self.root) / TARGET
        target.mkdir(parents=True, exist_ok=True)
        for name, (package, path) in FILES.items():
            spec = find_spec(package)
            if spec is None or not spec.submodule_search_locations:
                raise RuntimeError(f"the build requirement {package} is missing")
            content = (Path(next(iter(spec.submodule_search_locations))) / path).read_bytes()
            if hashlib.sha256(content).hexdigest() != SHA256[name]:
                raise RuntimeError(f"{package}/{path} is not the file that was reviewed")
            (target / name).write_bytes(content)
        build_data["artifacts"].append(f"{TARGET}/*")
