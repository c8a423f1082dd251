"""What a worker says of itself."""

import subprocess
import sys

from inc_hf.benchmark import worker

SAY = "import runpy, sys; held = b'1' * (100 << 20); print(runpy.run_path(sys.argv[1])['peak_rss']())"


def test_peak_memory_is_that_of_the_process_alone():
    """Linux counts what the process that starts another one holds as that one's, too, in `ru_maxrss`."""
    held = b"1" * (400 << 20)
    assert worker.peak_rss() > len(held)
    command = [sys.executable, "-S", "-c", SAY, worker.__file__]
    child = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert 100 << 20 < child < len(held)
