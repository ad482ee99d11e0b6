"""Migrates a fresh database with the Supabase CLI itself, has the CLI judge it, and runs the pgTAP tests on it."""

import json
import subprocess
import sys
from pathlib import Path

from local_stack.config import Stack
from local_stack.testing import temporary_stack

ROOT = Path(__file__).resolve().parents[1]
SUPABASE = ROOT / "node_modules" / ".bin" / "supabase"
OUR_SCHEMAS = ("public", "private")


def supabase(stack: Stack, *command: str, capture: bool = False) -> str:
    """Runs a command of the Supabase CLI against the stack's database, as `postgres`."""
    target = f"--remote={stack.db_url}?sslmode=disable"
    result = subprocess.run(
        [SUPABASE, *command, target, "--yes"],
        cwd=ROOT,
        check=True,
        text=True,
        stdout=subprocess.PIPE if capture else None,
    )
    return result.stdout or ""


def findings(advice: str) -> list[str]:
    """What the advisors say of our objects; the platform's are not ours to mend."""
    return [
        f"{finding['level']} {finding['name']}: {finding['detail']}"
        for finding in json.loads(advice or "[]")
        if finding["metadata"].get("schema") in OUR_SCHEMAS or "hourglass" in finding["cache_key"]
    ]


def run_pgtap(stack: Stack) -> int:
    """In alphabetical order, one by one: the first file makes the helpers that the others use."""
    tests = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "supabase" / "tests").rglob("*.test.sql"))
    return subprocess.run(["pg_prove", "--dbname", stack.db_url, *tests], cwd=ROOT, check=False).returncode


def main() -> int:
    with temporary_stack(bare=True, api=False) as stack:
        supabase(stack, "migration", "up")
        supabase(stack, "db", "lint", "--schema", ",".join(OUR_SCHEMAS), "--level", "warning", "--fail-on", "warning")
        if found := findings(supabase(stack, "db", "advisors", "--level", "warn", capture=True)):
            print("The advisors of the Supabase CLI found:", *found, sep="\n")
            return 1
        return run_pgtap(stack)


if __name__ == "__main__":
    sys.exit(main())
