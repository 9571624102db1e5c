"""Memory and descriptors of a service stay flat."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.serving.pictures import img, png, trimap
from tests.serving.test_command import started
from tests.support.stand_ins import SECONDS

MOST_MB = 12  # of allocator's slack; a picture that is kept for each request would be 90


def of_process(pid: int) -> tuple[float, int]:
    """Resident MB and open descriptors."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024, len(list(Path(f"/proc/{pid}/fd").iterdir()))


@pytest.mark.measures
def test_requests_and_pictures_leave_nothing(plan: Path) -> None:
    files = {"image": png(img(301, 333)), "trimap": png(trimap(301, 333))}
    with started(plan) as (process, url), httpx.Client(base_url=url, timeout=SECONDS, trust_env=False) as client:

        def ask(count: int) -> tuple[float, int]:
            for number in range(count):
                assert client.post("v1/matte", files=files, data={"output": "cutout"}).status_code == 200
                assert client.post("v1/matte", files={"image": b"x"}).status_code == 422
                opened = client.post("v1/pictures", files={"image": files["image"]})
                if number % 2:  # others are let go for newer ones
                    assert client.delete(f"v1/pictures/{opened.json()['id']}").status_code == 204
            return of_process(process.pid)

        before_mb, before = ask(60)
        after_mb, after = ask(150)
    assert after_mb - before_mb < MOST_MB
    assert after <= before + 1
