import subprocess
import sys
from pathlib import Path

import pytest
from conftest import needs

from tail.following import append

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
from monitor.tail.tailer import Tailer
tailer = Tailer(sys.argv[1:], hot_s=0.02)
tailer.start()
while True:
    for news in tailer.wait(1.0):
        print(getattr(news, "text", None) or news.data.decode().strip(), flush=True)
"""


def test_where_nothing_can_be_announced_one_line_says_so_and_polling_finds_it_all(tmp_path: Path) -> None:
    """The limit is lowered for one process only, in a user namespace of its own."""
    needs("unshare")
    lowered = "echo 0 > /proc/sys/user/max_inotify_instances"
    if subprocess.run(["unshare", "-Ur", "sh", "-c", lowered], capture_output=True, check=False).returncode:
        pytest.skip("unshare may not make a user namespace here")
    log = tmp_path / "train.out"
    log.write_bytes(b"step 1\n")
    command = ["unshare", "-Ur", "sh", "-c", f'{lowered}; exec "$@"', "sh", sys.executable, "-c", PROGRAM, str(log)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(3)]
        append(log, b"step 2\n")
        said.append(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()
    assert said[0].startswith("changes are not announced here")
    assert ["found, 7 bytes\n", "step 1\n", "step 2\n"] == said[1:]
