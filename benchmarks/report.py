"""Where benchmarks write their results, and the page that is generated from them.

python -m benchmarks.report     # writes docs/performance.md from results/benchmarks.json
"""

import json
import os
import sys
from pathlib import Path

from nnet.files.atomic import write_file

ROOT = Path(__file__).resolve().parent.parent
RESULTS, PAGE = ROOT / "results/benchmarks.json", ROOT / "docs/performance.md"


def write_section(path: Path, name: str, content: dict) -> None:
    """Replace one section of a JSON file, with the command and the machine that made it; the others stay."""
    sections = json.loads(path.read_text()) if path.exists() else {}
    command = " ".join(["python", *sys.orig_argv[1:]])
    sections[name] = {"command": command, "machine": machine(), **content}
    write_file(path, (json.dumps(sections, indent=1) + "\n").encode())


def machine() -> dict:
    """Processor, cores, libraries and commit."""
    import torch  # here: the page is written without it

    from nnet.record.provenance import provenance

    return {"cores": os.cpu_count(), **provenance(torch.device("cpu"))}


def main() -> None:
    """Write the page."""
    from benchmarks.page import page

    write_file(PAGE, page(json.loads(RESULTS.read_text())).encode())
    print(PAGE)


if __name__ == "__main__":
    main()
