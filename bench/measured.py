"""Runs a command and says how it ended, how long it took and the most memory it held."""
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass


@dataclass
class Measured:
    output: str
    errors: str
    peak_memory_gb: float


def measure(command, environment=None):
    """Ends the program, with what the command said, when it fails."""
    os.sync()  # what earlier commands wrote goes to disk before this one, not beside it
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen([str(word) for word in command], stdout=output, stderr=errors,
                                   env=os.environ | (environment or {}))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        text, said = output.read(), errors.read()
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\nended with {process.returncode}:\n{said[-3000:]}")
    return Measured(text, said, usage.ru_maxrss / 1e6)
