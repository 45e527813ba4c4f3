"""``wrk``, which asks a server over and over; where it cannot be had, a generator written in Python takes its place."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 60e3}


@dataclass(frozen=True)
class Request:
    """What is asked. Where ``{}`` stands in the URL, a number of three digits does that changes from one request to the
    next, up to ``numbers``."""

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    numbers: int = 100

    @property
    def target(self) -> str:
        """The path and query."""
        parts = urlsplit(self.url)
        return f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"


@dataclass(frozen=True)
class Load:
    """What came of it.

    :param per_second: answers.
    :param p99: milliseconds.
    """

    per_second: float
    p99: float


def load(request: Request, *, connections: int, seconds: float) -> Load:
    """Ask over so many connections for so long; an answer that is no success is an error."""
    program = _wrk()
    if program is None:
        return asyncio.run(_asked(request, connections, seconds))
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_script(request))
        script.flush()
        command = [program, f"-t{min(connections, 2)}", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
        command += ["--latency", "--timeout", "60s", "-s", script.name]
        command.append(request.url.replace("{}", "000"))
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return _understood(text)


@functools.cache
def _wrk() -> str | None:
    found = shutil.which("wrk")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["apt-get", "update"], ["apt-get", "install", "--yes", "wrk"]):
            subprocess.run([*command, "-qq"], check=False, capture_output=True)
        found = shutil.which("wrk")
    return found


def _script(request: Request) -> str:
    lines = [f"wrk.method = {json.dumps(request.method)}"]
    lines += [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in request.headers.items()]
    if request.body:
        lines.append(f"wrk.body = {json.dumps(request.body)}")
    if "{}" in request.url:
        start, _, end = request.target.partition("{}")
        lines += [
            "local number = 0",
            "function request()",
            f"  number = (number + 1) % {request.numbers}",
            f"  return wrk.format(nil, {json.dumps(start)} .. string.format('%03d', number) .. {json.dumps(end)})",
            "end",
        ]
    return "\n".join(lines)


def _understood(text: str) -> Load:
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: .*", text)
    if wrong:
        raise RuntimeError(f"Not all was answered: {wrong[0]}")
    per_second = float(re.search(r"Requests/sec:\s+([0-9.]+)", text)[1])  # type: ignore[index]
    number, unit = re.search(r"99%\s+([0-9.]+)(us|ms|s|m)\b", text).groups()  # type: ignore[union-attr]
    return Load(per_second, float(number) * _UNITS[unit])


async def _asked(request: Request, connections: int, seconds: float) -> Load:
    parts = urlsplit(request.url)
    head = [f"Host: {parts.netloc}", *(f"{name}: {value}" for name, value in request.headers.items())]
    if request.body:
        head.append(f"Content-Length: {len(request.body.encode())}")
    rest = "\r\n".join([*head, "", request.body])
    numbers = itertools.count()

    def target() -> str:
        return request.target.replace("{}", f"{next(numbers) % request.numbers:03}")

    end = time.perf_counter() + seconds
    taken: list[float] = []

    async def one() -> None:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        while (begun := time.perf_counter()) < end:
            writer.write(f"{request.method} {target()} HTTP/1.1\r\n{rest}".encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            if b" 2" not in answer[8:10] and not answer.startswith((b"HTTP/1.1 2", b"HTTP/1.0 2")):
                raise RuntimeError(f"Not all was answered: {answer.splitlines()[0]!r}")
            length = re.search(rb"(?i)content-length: (\d+)", answer)
            await reader.readexactly(int(length[1]) if length else 0)
            taken.append((time.perf_counter() - begun) * 1e3)
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return Load(len(taken) / seconds, statistics.quantiles(taken, n=100)[98])


def resident(pid: int) -> float:
    """The memory of a process and its children, in MiB."""
    page = os.sysconf("SC_PAGE_SIZE")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page / 2**20
    return own + sum(resident(int(child)) for child in children)
