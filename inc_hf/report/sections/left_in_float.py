"""What stayed in float, and why."""

from inc_hf.coverage import EXAMPLES, percent
from inc_hf.report.facts import Facts
from inc_hf.report.html import Markup, bar, element, join, module, paragraph, table


def left_in_float(facts: Facts) -> Markup | None:
    """A line for all of it, and a table of the reasons."""
    coverage = facts.coverage
    if coverage is None:
        return None
    how = f" ({coverage.how})" if coverage.how else ""
    told = paragraph(f"{coverage.verb} {percent(coverage.share)} of {coverage.weights:,} weights{how}.")
    if not coverage.left:
        return join([told, paragraph("Nothing stayed in float.")])
    rows = []
    for left in sorted(coverage.left, key=lambda left: -left.weights):
        share = left.weights / max(coverage.weights, 1)
        more = f" and {left.modules - EXAMPLES} more" if left.modules > EXAMPLES else ""
        names = [part for name in left.examples for part in (module(name), element("br"))][:-1]
        asked = element("span", " (as asked)", class_="muted") if left.asked else None
        rows.append([join([left.reason, asked]), bar(share, percent(share)), join([*names, more])])
    return join([told, table(("Why", "Of all weights", "Modules"), rows, "Why modules stayed as they were")])
