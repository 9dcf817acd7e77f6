"""A study that is interrupted says how to go on."""

from __future__ import annotations

import signal
import subprocess
from typing import Any


def test_interrupting_says_how_to_go_on(study: Any) -> None:
    process = study.start("run", "study.toml", "--no-report", stderr=subprocess.PIPE)
    assert process.stderr is not None
    while "Storing betas" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert "run the same command again" in process.stderr.read()
    assert process.wait() == 130
