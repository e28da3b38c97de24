"""All arrows of a checkout: between crates, between top modules and between files."""

import os
import re
import tomllib
from pathlib import Path

from .graph import Graph, pairs
from .paths import Resolver, arrows_of
from .rust import Failure, Reader

PREFIX = "dreamlet-"


class Crate:
    def __init__(self, folder, root):
        self.manifest = folder / "Cargo.toml"
        self.shown = str(self.manifest.relative_to(root))
        self.text = self.manifest.read_text(encoding="utf-8")
        data = tomllib.loads(self.text)
        self.package = data["package"]["name"]
        self.name = self.package.removeprefix(PREFIX)
        self.ident = data.get("lib", {}).get("name", self.package).replace("-", "_")
        self.needs = set()
        for table in [data, *data.get("target", {}).values()]:
            for kind in ("dependencies", "build-dependencies"):
                for key, value in table.get(kind, {}).items():
                    self.needs.add(value.get("package", key) if isinstance(value, dict) else key)
        self.modules, self.lib = [], None
        lib = folder / data.get("lib", {}).get("path", "src/lib.rs")
        programs = {folder / one["path"] for one in data.get("bin", []) if "path" in one}
        programs |= {p for p in (folder / "src").glob("bin/*.rs")} | {folder / "src/main.rs"}
        reader = Reader(root)
        if lib.exists():
            self.lib = reader.file(self, lib, "lib", None, lib.parent)
            self.lib.name = "lib"
        for path in sorted(programs):
            if path.exists():
                program = reader.file(self, path, "main", None, path.parent)
                program.name = "main"

    def line_of(self, package):
        for number, line in enumerate(self.text.splitlines(), 1):
            if re.match(rf'"?{re.escape(package)}"?\s*[=.]', line):
                return number
        return 1


def crates_of(root):
    found = []
    for folder, below, files in os.walk(root):
        depth = len(Path(folder).relative_to(root).parts)
        below[:] = sorted(b for b in below if depth < 2 and b[0] != "." and b not in ("target", "src"))
        if "Cargo.toml" in files and "[package]" in Path(folder, "Cargo.toml").read_text(encoding="utf-8"):
            found.append(Crate(Path(folder), root))
    if not found:
        raise Failure(f"no crate below {root}")
    return found


class Checkout:
    """The arrows between crates, and for each crate those between its top modules and between its files."""

    def __init__(self, root):
        self.crates = crates_of(root)
        self.between = Graph()
        self.tops, self.files = {}, {}
        resolver = Resolver(self.crates)
        packages = {crate.package: crate for crate in self.crates}
        for crate in self.crates:
            tops, files = self.tops[crate.name], self.files[crate.name] = Graph(), Graph()
            for package in sorted(crate.needs & packages.keys()):
                self.between.add(crate.name, packages[package].name, f"{crate.shown}:{crate.line_of(package)}", package)
            for module in crate.modules:
                for arrow in arrows_of(module, resolver):
                    target = arrow.target
                    if target.crate is not crate:
                        self.between.add(crate.name, target.crate.name, arrow.place, arrow.text)
                        continue
                    tops.add(module.top, target.top, arrow.place, arrow.text)
                    files.add(module.label, target.label, arrow.place, arrow.text)

    def modules(self, name):
        """A crate's top modules, `lib` only if an arrow starts or ends there."""
        crate = next(crate for crate in self.crates if crate.name == name)
        used = {end for arrow in self.tops[name].arrows for end in arrow}
        return {m.top for m in crate.modules if m.top != "lib"} | ({"lib"} & used)

    def sections(self):
        """What the table has a section for: its name, the arrows, the names."""
        yield "crates", self.between, {crate.name for crate in self.crates}
        for crate in self.crates:
            yield crate.name, self.tops[crate.name], self.modules(crate.name)

    def circles(self, parent_and_child=True):
        """All circles as (kind, crate, nodes, graph)."""
        found = [("crates", "", circle, self.between) for circle in self.between.circles()]
        for crate in self.crates:
            tops, files = self.tops[crate.name], self.files[crate.name]
            to_lib = set() if parent_and_child else {arrow for arrow in tops.arrows if arrow[1] == "lib"}
            found += [("modules", crate.name, circle, tops) for circle in tops.circles(to_lib)]
            plain = files.circles({arrow for arrow in files.arrows if to_parent(*arrow)})
            found += [("files", crate.name, circle, files) for circle in plain]
            if parent_and_child:
                seen = {arrow for circle in plain for arrow in pairs(circle)}
                found += [("parent and child", crate.name, circle, files) for circle in files.circles(seen)]
        return found

    def knots(self):
        graphs = [("", self.between)]
        graphs += [(f" in {crate.name}", of[crate.name]) for crate in self.crates for of in (self.tops, self.files)]
        # Two that use each other are one circle, which is shown anyway.
        return [f"knot of {len(k)}{where}: {', '.join(k)}" for where, g in graphs for k in g.knots() if len(k) > 2]


def to_parent(start, end):
    """Whether the arrow goes from a file to the `mod.rs` or `lib.rs` of a folder that it is in."""
    folder, name = os.path.split(end)
    return name in ("mod.rs", "lib.rs", "main.rs") and start.startswith(folder + "/" if folder else "")


KINDS = ("crates", "modules", "files", "parent and child")


def shown(circles):
    lines = []
    for kind in KINDS:
        for of, crate, circle, graph in circles:
            if of == kind:
                where = f" in {crate}" if crate else ""
                lines.append(f"circle ({kind}){where}: " + " -> ".join(circle + circle[:1]))
                lines += graph.show(circle, 1 if kind == "parent and child" else 2)
    return lines


def counted(circles):
    counts = [sum(1 for circle in circles if circle[0] == kind) for kind in KINDS]
    return "circles: {} of crates, {} of modules, {} of files, {} of a mod.rs and its children".format(*counts)
