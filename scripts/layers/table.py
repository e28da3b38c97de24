"""The table of allowed arrows: read, compared with a checkout, shown as Markdown."""

import re
import tomllib

from .graph import reached_from
from .rust import Failure

BEGIN = "<!-- layers: written by scripts/check-layers --write-docs from scripts/layers.toml -->"
END = "<!-- layers: end -->"
# In a row: everything that stands below it.
BELOW = "*"
SHOWN = 5


class Table:
    """Sections of rows from top to bottom: `crates`, and one for each crate."""

    def __init__(self, path):
        if not path.exists():
            raise Failure(f"{path} is missing")
        text = path.read_text(encoding="utf-8")
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise Failure(f"{path}: {error}") from error
        rules = data.pop("rules", {})
        self.parent_and_child = rules.get("parent_and_child", "forbidden") == "forbidden"
        self.sections = data
        self.holds, section, before = {}, None, ""
        for line in text.splitlines():
            if head := re.match(r"\[(\w+)\]", line):
                section = head.group(1)
            elif row := re.match(r'"?([\w-]+)"?\s*=', line):
                self.holds[section, row.group(1)] = before
            before = line.removeprefix("# ") if line.startswith("# ") else ""

    def allowed(self, section):
        """For each row the names that it may use."""
        rows = self.sections.get(section, {})
        names = list(rows)
        return {
            name: set(names[at + 1 :]) if uses == [BELOW] else set(uses)
            for at, (name, uses) in enumerate(rows.items())
        }

    def of_itself(self):
        """What is wrong with the table alone: a row that allows what stands above it would allow a circle."""
        for section, rows in self.sections.items():
            names = list(rows)
            for at, (name, uses) in enumerate(rows.items()):
                for used in uses:
                    if used != BELOW and used not in names[at + 1 :]:
                        yield f"layers.toml [{section}] {name}: {used} is no row below it"

    def against(self, section, graph, names):
        """What a graph has that the table does not allow, and the other way round."""
        allowed = self.allowed(section)
        for name in sorted(names - allowed.keys()):
            yield f"layers.toml [{section}]: no row for {name}"
        for name in sorted(allowed.keys() - names):
            yield f"layers.toml [{section}]: {name} is in the table only"
        for start, end in sorted(graph.arrows):
            if start in allowed and end not in allowed[start]:
                where = "" if section == "crates" else f" in {section}"
                yield f"forbidden{where}: {start} -> {end}"
                yield from graph.show_arrow(start, end, SHOWN)

    def unused(self, section, graph):
        for name, uses in self.sections.get(section, {}).items():
            for used in uses:
                if used != BELOW and (name, used) not in graph.arrows:
                    yield f"note: layers.toml [{section}] allows {name} -> {used}, which nothing uses"

    def markdown(self):
        lines = []
        for section, rows in self.sections.items():
            what = "crate" if section == "crates" else "module"
            if section != "crates":
                lines += ["", f"`{section}`, from top to bottom:"]
            lines += ["", f"| {what} | what it holds | may use |", "| --- | --- | --- |"]
            for name, uses in rows.items():
                used = "everything below" if uses == [BELOW] else ", ".join(f"`{u}`" for u in uses) or "none of these"
                lines.append(f"| `{name}` | {self.holds.get((section, name), '')} | {used} |")
        return "\n".join(lines[1:])

    def in_document(self, text):
        """The document with the table between its two marks."""
        if text.count(BEGIN) != 1 or text.count(END) != 1:
            raise Failure(f"the document needs these two lines once: {BEGIN} and {END}")
        before, rest = text.split(BEGIN)
        return f"{before}{BEGIN}\n\n{self.markdown()}\n\n{END}{rest.split(END)[1]}"


def as_rows(section, graph, names, table):
    """Today's arrows as rows of the table, from top to bottom, in the table's order where the arrows allow it."""
    known = list(table.sections.get(section, {})) if table else []
    left = sorted(names, key=lambda name: (known.index(name) if name in known else len(known), name))
    rows = [f"[{section}]"]
    while left:
        among = [arrow for arrow in graph.arrows if arrow[0] in left and arrow[1] in left]
        reach = {name: reached_from(name, among) for name in left}
        # Nothing outside a knot reaches into the first one.
        name = next(a for a in left if all(b in reach[a] for b in left if a in reach[b]))
        knot = name in reach[name]
        left.remove(name)
        uses = ", ".join(f'"{end}"' for start, end in sorted(graph.arrows) if start == name)
        holds = table.holds.get((section, name), "") if table else ""
        rows += [f"# {holds}"] * bool(holds)
        rows.append(f"{name} = [{uses}]{'  # in a circle' if knot else ''}")
    return "\n".join(rows) + "\n"
