"""What the commands of the local stack do."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import httpx

from local_stack import folder as folders
from local_stack import gateway, health
from local_stack.cluster import Cluster
from local_stack.config import API_PORT, DATABASE_PORT, Stack
from local_stack.processes import REPOSITORY, StackError, environment, require_free_port
from local_stack.supervisor import Supervisor

START_TIMEOUT_S = 180
POLL_S = 0.05


def up(options: Namespace) -> int:
    if options.docker:
        return start_in_docker(options)
    if options.bare and options.demo:
        raise StackError("--demo needs the migrations, which --bare leaves out.")
    stack = running(options)
    if stack is not None and options.reset:
        folders.stop_owner(stack.folder)
        stack = None
    if options.demo:
        return demo(options, stack)
    if stack is None:
        return start_detached(options) if options.detach else start(options)
    wait_until_healthy(stack.folder, lambda: True)
    print(f"A stack runs in {stack.folder} already.\n\n{summary(stack)}")
    return 0


def down(options: Namespace) -> int:
    stack = running(options)
    was_running = stack is not None and folders.stop_owner(stack.folder)
    # A server may be left of a stack that was killed.
    if (kept := folders.load(options.dir.absolute())) is not None:
        Cluster(kept).stop()
    print("Stopped the stack." if was_running else f"No stack runs in {options.dir.absolute()}.")
    return 0


def status(options: Namespace) -> int:
    stack = running(options)
    if stack is None:
        raise StackError(f"No stack runs in {options.dir.absolute()}: start it with scripts/up.")
    if options.output == "env":
        print("\n".join(f'{name}="{value}"' for name, value in variables(stack).items()))
    else:
        print(summary(stack))
    return 0


def token(options: Namespace) -> int:
    claims = {"sub": options.name, "role": options.role, "aud": "authenticated", **options.claims}
    print(chosen(options).sign(claims, options.valid_for))
    return 0


def serve(options: Namespace) -> int:
    gateway.serve(chosen(options))
    return 0


def chosen(options: Namespace) -> Stack:
    """The stack of the options; what they leave open is as at the last start in that folder."""
    folder = options.dir.absolute()
    kept = folders.load(folder) or Stack(folder, API_PORT, DATABASE_PORT)
    ports = (options.api_port or kept.api_port, options.db_port or kept.db_port)
    return kept if ports == (kept.api_port, kept.db_port) else Stack(folder, *ports, kept.jwt_secret)


def running(options: Namespace) -> Stack | None:
    """The stack that runs in the chosen folder; raises when it does so on other ports than the given ones."""
    stack = folders.load(options.dir.absolute())
    if stack is None or folders.owner(stack.folder) is None:
        return None
    if (options.api_port or stack.api_port, options.db_port or stack.db_port) != (stack.api_port, stack.db_port):
        ports = f"{stack.api_port} (API) and {stack.db_port} (database)"
        raise StackError(f"The stack in {stack.folder} runs on ports {ports}: choose another folder with --dir.")
    return stack


def start(options: Namespace) -> int:
    """Runs the stack in this process."""
    stack = chosen(options)

    def say(part: str, line: str) -> None:
        if part == "stack" or not options.background:
            with contextlib.suppress(BrokenPipeError):  # nobody reads any more, and the logs go on
                print(f"{part:8} | {line}", flush=True)

    def announce() -> None:
        if not options.background:
            print(f"\n{summary(stack)}\n\nCtrl-C stops it. Logs are in {stack.folder / 'logs'}.\n", flush=True)

    with folders.hold(stack.folder) as held:
        cluster = Cluster(stack, fast=options.fast)
        cluster.stop()  # of a stack that was killed
        require_free_port(stack.api_port, "API", "--api-port")
        require_free_port(stack.db_port, "database", "--db-port")
        if not options.bare:
            require_free_port(stack.worker_port, "worker", "--db-port, which it follows")
        if options.reset:
            cluster.remove()
        folders.save(stack)
        asyncio.run(Supervisor(stack, cluster, bare=options.bare, say=say).run(held, announce))
    return 0


def start_detached(options: Namespace) -> int:
    """Runs the stack in a process of its own that stays."""
    folder: Path = options.dir.absolute()
    log = folder / "logs" / "stack.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    stack = chosen(options)
    arguments = ["--dir", str(folder), "--api-port", str(stack.api_port), "--db-port", str(stack.db_port)]
    arguments += [f"--{name}" for name in ("bare", "reset", "fast") if getattr(options, name)]
    with log.open("w+") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "local_stack", "up", "--background", *arguments],
            env=environment(), cwd="/", start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
        try:
            wait_until_healthy(folder, lambda: process.poll() is None)
        except BaseException as error:
            process.terminate()
            process.wait()
            if isinstance(error, StackError):
                raise StackError(log.read_text().strip().removeprefix("error: ")) from error
            raise
    print(f"Started the stack. Logs are in {log.parent}; scripts/down stops it.\n\n{summary(chosen(options))}")
    return 0


def wait_until_healthy(folder: Path, is_alive: Callable[[], bool]) -> None:
    end = time.monotonic() + START_TIMEOUT_S
    while (owner := folders.owner(folder)) is None or not owner.is_healthy:
        if not is_alive() or time.monotonic() > end:
            raise StackError(f"The stack in {folder} did not start.")
        time.sleep(POLL_S)


def start_in_docker(options: Namespace) -> int:
    if options.api_port or options.db_port:
        raise StackError("With --docker the ports are those of supabase/config.toml.")
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode != 0:
        raise StackError("No Docker engine answers (`docker info`): start one, or leave --docker out.")
    if subprocess.run([REPOSITORY / "scripts" / "setup", "--node", "--no-postgres"], check=False).returncode != 0:
        raise StackError("The Supabase CLI could not be installed.")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # where setup puts Node.js if need be
    command = [str(REPOSITORY / "node_modules" / ".bin" / "supabase"), "start"]
    return subprocess.run(command, cwd=REPOSITORY, env={**os.environ, "PATH": path}, check=False).returncode


def demo(options: Namespace, stack: Stack | None) -> int:
    was_running = stack is not None
    if not was_running:
        start_detached(options)
    try:
        env = environment(variables(chosen(options)))
        return subprocess.run([sys.executable, "-m", "demo"], env=env, check=False).returncode
    finally:
        if not was_running and not options.detach:
            folders.stop_owner(options.dir.absolute())


def variables(stack: Stack) -> dict[str, str]:
    """How to reach a stack, under the Supabase CLI's names."""
    return {
        "API_URL": stack.api_url,
        "DB_URL": stack.db_url,
        "ADMIN_DB_URL": stack.admin_db_url,
        "ANON_KEY": stack.anon_key,
        "SERVICE_ROLE_KEY": stack.service_role_key,
        "JWT_SECRET": stack.jwt_secret,
        "WORKER_URL": stack.worker_url,
    }


def summary(stack: Stack) -> str:
    names = ("API URL", "DB URL", "Admin DB URL", "anon key", "service_role key", "JWT secret", "worker URL")
    lines = dict(zip(names, variables(stack).values(), strict=True)) | {"worker": worker_health(stack)}
    if (told := health.line(stack)) is not None:
        lines["health"] = told
    return "\n".join(f"{name:>16}: {value}" for name, value in lines.items())


def worker_health(stack: Stack) -> str:
    try:
        return httpx.get(f"{stack.worker_url}/readyz").text
    except httpx.TransportError:
        return "does not run"
