"""Runs every script of this folder, or those that are named.

python -m benchmarks [NAME…]
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main(names: list[str]) -> int:
    known = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no benchmark named {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    worst = 0
    for name in names or known:
        print(f"== {name}", flush=True)
        worst = max(worst, abs(subprocess.run([sys.executable, FOLDER / f"{name}.py"]).returncode))
    return min(worst, 1)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
