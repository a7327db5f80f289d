from __future__ import annotations

from pathlib import Path

import results
from results.report.stamp import PACKAGE


def test_the_digest_is_of_the_whole_package() -> None:
    assert Path(results.__file__).parent == PACKAGE
