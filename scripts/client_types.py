"""Writes the client's types of the database with the Supabase CLI; with --check says whether they are up to date."""

import subprocess
import sys
from pathlib import Path

from local_stack.testing import temporary_stack

ROOT = Path(__file__).resolve().parents[1]
SUPABASE = ROOT / "node_modules" / ".bin" / "supabase"
CLIENT = ROOT / "client"
TYPES = CLIENT / "src" / "database.types.ts"


def run(*command: str | Path, text: str = "") -> str:
    return subprocess.run(command, cwd=CLIENT, check=True, text=True, input=text, stdout=subprocess.PIPE).stdout


def generated() -> str:
    with temporary_stack(api=False) as stack:
        target = f"--remote={stack.db_url}?sslmode=disable"
        types = run(SUPABASE, "gen", "types", "--lang", "typescript", "--schema", "public", target, "--yes")
    return run(CLIENT / "node_modules" / ".bin" / "biome", "format", f"--stdin-file-path={TYPES}", text=types)


def main() -> int:
    types = generated()
    if "--check" not in sys.argv:
        TYPES.write_text(types)
    elif types != TYPES.read_text():
        print(f"{TYPES.relative_to(ROOT)} is not what the migrations make: run scripts/client-types", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
