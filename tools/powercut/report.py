"""What a campaign found, as text and as an HTML page without anything around it."""

import html
from collections import Counter, namedtuple

Line = namedtuple("Line", "strategy action cases states distinct failed")


def lines(results: list) -> list[Line]:
    """One line per strategy and action, in the order of the results' cases."""
    groups: dict = {}
    for result in results:
        groups.setdefault((result.case.strategy, result.case.action), []).append(result)
    return [
        Line(
            *key,
            len(group),
            sum(r.states for r in group),
            sum(r.distinct for r in group),
            sum(r.failed for r in group),
        )
        for key, group in groups.items()
    ]


def cuts(results: list) -> str:
    """How many states had one, two and three cuts."""
    total: Counter = Counter()
    for result in results:
        total.update(result.cuts)
    return ", ".join(f"{count:,} with {number}" for number, count in sorted(total.items()))


def failures(results: list) -> list:
    """[(name, problems)] of all results."""
    return [failure for result in results for failure in result.failures]


def excluded(results: list) -> dict[str, int]:
    """{reason: states} for which the judge asks for no way out."""
    total: Counter = Counter()
    for result in results:
        total.update(result.excluded)
    return dict(total)


def summary(results: list, seconds: float, checked: list | None = None) -> str:
    """The last line; `checked` is [on_micropython.Checked], or None when MicroPython was not asked for."""
    states = sum(result.states for result in results)
    failed = sum(result.failed for result in results) + len(_otherwise(checked))
    done = f"{states:,} cut states ({cuts(results)}) in {len(results)} cases"
    if checked is not None:
        done += f", {sum(lot.states for lot in checked):,} of them on MicroPython"
    return f"{done}, {sum(excluded(results).values()):,} excluded, {failed:,} failures, {seconds:.0f} s"


def _otherwise(checked: list | None) -> list:
    """[(name, problems)] of states that MicroPython saw otherwise."""
    return [failure for lot in checked or () for failure in lot.failures]


def text(results: list, seconds: float, checked: list | None = None, shown: int = 20) -> str:
    """The table for a terminal."""
    out = [f"{'strategy':14}{'action':18}{'cases':>7}{'states':>10}{'distinct':>10}{'failures':>10}"]
    for row in lines(results):
        out.append(
            f"{row.strategy:14}{row.action:18}{row.cases:7}{row.states:10,}{row.distinct:10,}{row.failed:10,}"
        )
    for name, problems in (_otherwise(checked) + failures(results))[:shown]:
        out += ["", name, *("    " + problem for problem in problems)]
    out += [f"\nexcluded: {count:,} states: {why}" for why, count in excluded(results).items()]
    return "\n".join([*out, "", summary(results, seconds, checked)])


_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { padding: .3rem .6rem; border-bottom: 1px solid #8884; text-align: right }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left }
.good { color: #18794e } .bad { color: #c62a2f; font-weight: 600 }
code { overflow-wrap: anywhere }
"""


def page(results: list, seconds: float, title: str, checked: list | None = None) -> str:
    """The HTML page."""
    heads = ("strategy", "action", "cases", "states", "distinct", "failures")
    rows = "\n".join(_row(line) for line in lines(results))
    found = "\n".join(
        f"<li><code>{html.escape(name)}</code><br>{html.escape('; '.join(problems))}</li>"
        for name, problems in _otherwise(checked) + failures(results)
    )
    left_out = "".join(
        f"<p>Excluded: {count:,} states: {html.escape(why)}.</p>" for why, count in excluded(results).items()
    )
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{html.escape(title)}</title>
<style>{_STYLE}</style>
<h1>{html.escape(title)}</h1>
<p>{html.escape(summary(results, seconds, checked))}.</p>
<p>A state is flash as a power cut left it, before, in or after an operation, booted until it came to rest.
A distinct state differs from the others of its case in some byte.</p>
{left_out}
<table>
<tr>{"".join(f'<th scope="col">{head}</th>' for head in heads)}</tr>
{rows}
</table>
{f"<h2>Failures</h2><p>Once more: <code>--replay NAME</code></p><ul>{found}</ul>" if found else ""}
</html>
"""


def _row(line: Line) -> str:
    kind = "bad" if line.failed else "good"
    cells = [html.escape(line.strategy), html.escape(line.action)]
    cells += [f"{value:,}" for value in (line.cases, line.states, line.distinct)]
    return (
        "<tr>"
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + f'<td class="{kind}">{line.failed:,}</td></tr>'
    )
