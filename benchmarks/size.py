"""Size: what is uploaded, and what Lambda unpacks when a function starts."""

from benchmarks.packages import Packages
from benchmarks.report import Row, Section, Target

_MEGABYTE = Target("value", "at most", 976)


def measure(packages: Packages) -> Section:
    application, layer, plain = (
        path.stat().st_size / 1024
        for path in (packages.frontdesk.application, packages.frontdesk.layer, packages.plain_archive)
    )
    rows = (
        Row("application zip", "KiB", application, plain, _MEGABYTE),
        Row("layer zip", "KiB", layer),
        Row("application and layer", "KiB", application + layer, plain),
    )
    notes = (
        "Frontdesk: code in one zip, dependencies in a layer that changes with them alone; both carry bytecode.",
        "Plain: code and dependencies in one zip without bytecode.",
    )
    return Section("size", rows, notes)
