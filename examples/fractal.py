"""Draw the Mandelbrot set with all processors, into a PNG file.

    python examples/fractal.py --width 1200 mandelbrot.png

Each band of the picture is an activity in a worker process: such work would keep other threads from running. Kill the
program and run the same line again: bands that are drawn are not drawn again.
"""

from __future__ import annotations

import argparse
import os
import struct
import sys
import zlib
from pathlib import Path

from yieldflow import (
    Flow,
    Orchestrator,
    ResultTimeoutError,
    RetryPolicy,
    WorkflowHandle,
    YieldflowError,
    activity,
    gather,
    workflow,
)

#: Rows of a band.
BAND = 16
#: The part of the plane that is drawn: its left edge, its width, and its middle line.
LEFT, WIDTH, MIDDLE = -2.2, 3.2, 0.0


@activity(executor="process", retry=RetryPolicy(maximum_attempts=3))
def draw_band(width: int, height: int, top: int, depth: int) -> bytes:
    """The rows from ``top`` on: three bytes a point. A worker process that dies is one failed attempt."""
    rows = bytearray()
    scale = WIDTH / width
    for row in range(top, min(top + BAND, height)):
        imaginary = MIDDLE + (row - height / 2) * scale
        for column in range(width):
            rows += colour(steps(complex(LEFT + column * scale, imaginary), depth), depth)
    return bytes(rows)


def steps(point: complex, depth: int) -> int:
    """After how many steps the point is known to lie outside; ``depth`` where it is not."""
    z = 0j
    for count in range(depth):
        if z.real * z.real + z.imag * z.imag > 4:
            return count
        z = z * z + point
    return depth


def colour(count: int, depth: int) -> bytes:
    """Black inside; outside from blue to white."""
    if count == depth:
        return b"\0\0\0"
    light = min(255, int(255 * (count / depth) ** 0.4))
    return bytes((light // 2, light * 3 // 4, min(255, 64 + light)))


@activity
def write_png(path: str, width: int, height: int, bands: list[bytes]) -> None:
    """Put the picture in its place."""
    pixels = b"".join(bands)
    rows = b"".join(b"\0" + pixels[at : at + 3 * width] for at in range(0, len(pixels), 3 * width))
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    part = Path(path + ".part")
    part.write_bytes(content)
    part.replace(path)


@workflow
def draw(path: str, width: int, height: int, depth: int) -> Flow[int]:
    """Draw all bands, each as soon as a process is free, and put them together."""
    bands = yield from gather(*(draw_band(width, height, top, depth) for top in range(0, height, BAND)))
    yield from write_png(path, width, height, bands)
    return len(bands)


def follow(handle: WorkflowHandle[int], bands: int) -> int:
    """Wait for the end, with a progress bar on the terminal."""
    while True:
        try:
            drawn = handle.result(timeout=0.1)
        except ResultTimeoutError:
            done = handle.describe().step
            bar = "█" * (40 * done // bands)
            show(f"▕{bar:<40}▏ {done} of {bands} bands")
        else:
            show("")
            return drawn


def show(line: str) -> None:
    """Write ``line`` over the terminal's last one."""
    if sys.stderr.isatty():
        print(f"\r{line}\x1b[K", end="\r", file=sys.stderr, flush=True)


def main() -> None:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description="Draw the Mandelbrot set with all processors.")
    parser.add_argument("picture", nargs="?", default="mandelbrot.png", help="the file (default: %(default)s)")
    parser.add_argument("--width", type=int, default=600, help="of the picture, in points (default: %(default)s)")
    parser.add_argument("--depth", type=int, default=200, help="steps for a point at most (default: %(default)s)")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many (default: %(default)s)")
    parser.add_argument("--db", default="fractal.db", help="the database (default: %(default)s)")
    arguments = parser.parse_args()
    height = max(1, arguments.width * 3 // 4)
    bands = -(-height // BAND)

    orchestrator = Orchestrator(arguments.db, max_processes=arguments.processes)
    # What has ended makes room, so that after its end the same line begins anew.
    if os.path.exists(arguments.db):
        orchestrator.purge()
    with orchestrator:
        picture = draw(os.path.abspath(arguments.picture), arguments.width, height, arguments.depth)
        drawn = follow(orchestrator.submit(picture, workflow_id="picture"), bands)
    print(f"{drawn} bands, {arguments.width} x {height} points: {arguments.picture}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("fractal: stopped; run the same line again to go on")
    except (OSError, ValueError, YieldflowError) as error:
        sys.exit(f"fractal: {error}")
