"""Reads Rust: a crate's modules, what each defines, imports and names. Code for tests only is left out."""

import bisect
import re
import sys
from pathlib import Path

TOKEN = re.compile(
    r"""//[^\n]*|/\*|b?c?r(?P<hash>\#*)"(?s:.*?)"(?P=hash)|[bc]?"(?s:[^"\\]|\\.)*"
    |b?'(?:[^'\\\n]|\\(?:u\{[^}]*\}|x..|.))'|'\w+|\d\w*|(?:r\#)?[^\W\d]\w*|::|->|=>|[{}()\[\];,\#!*.<>$=]""",
    re.VERBOSE,
)
OPEN, CLOSE = set("([{"), set(")]}")
DEFINING = {"fn", "struct", "enum", "trait", "type", "const", "static", "union", "macro_rules"}
ITEMS = DEFINING | {"mod", "use", "impl", "unsafe", "extern", "async", "let"}


class Failure(Exception):
    """The call or a file is wrong."""


class Source:
    """A file's tokens without comments and literals."""

    def __init__(self, path, shown):
        self.shown = shown
        text = path.read_text(encoding="utf-8")
        self.lines = [m.start() for m in re.finditer("\n", text)]
        self.tokens, self.places = [], []
        at = 0
        while match := TOKEN.search(text, at):
            token, at = match.group(), match.end()
            if token == "/*":
                at = end_of_comment(text, at)
            elif token[0].isalpha() and token[-1] in "\"'#" or token[0] in "\"'/":
                continue
            elif not token[0].isdigit():
                self.tokens.append(token.removeprefix("r#"))
                self.places.append(match.start())

    def line(self, index):
        return bisect.bisect_left(self.lines, self.places[index]) + 1

    def closing(self, index):
        """The place of the bracket that closes the one at `index`."""
        depth = 0
        for at in range(index, len(self.tokens)):
            depth += (self.tokens[at] in OPEN) - (self.tokens[at] in CLOSE)
            if depth == 0:
                return at
        return len(self.tokens)


def is_word(token):
    return token[0].isalpha() or token[0] == "_"


def end_of_comment(text, at):
    depth = 1
    for mark in re.compile(r"/\*|\*/").finditer(text, at):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)


class Module:
    def __init__(self, crate, path, source, parent):
        self.crate, self.path, self.source, self.parent = crate, path, source, parent
        self.children, self.defines = {}, set()
        self.uses, self.globs, self.paths = [], [], []
        self.bound, self.words = {}, {}

    @property
    def file(self):
        return self.source.shown

    @property
    def label(self):
        """The file's name within its crate."""
        return str(Path(self.file).relative_to(Path(self.crate.shown).parent)).removeprefix("src/")

    @property
    def top(self):
        root = self
        while root.parent:
            root = root.parent
        return self.path[0] if self.path else root.name

    def within(self, other):
        return self.crate is other.crate and self.path[: len(other.path)] == other.path


class Use:
    def __init__(self, segments, name, public, index):
        self.segments, self.name, self.public, self.index = segments, name, public, index

    def __str__(self):
        return "use " + "::".join(self.segments) + ("" if self.name else "::*")


def only_tests(tokens):
    """Whether a `cfg` predicate holds in tests only."""
    if tokens[:1] in (["all"], ["any"]):
        parts, depth = [[]], 0
        for token in tokens[2:-1]:
            depth += (token in OPEN) - (token in CLOSE)
            parts[-1:] = [parts[-1], []] if token == "," and depth == 0 else [parts[-1] + [token]]
        found = [only_tests(part) for part in parts if part]
        return any(found) if tokens[0] == "all" else bool(found) and all(found)
    return tokens == ["test"]


class Reader:
    """Fills a crate's modules, file by file along its `mod` lines."""

    def __init__(self, root):
        self.root = root

    def file(self, crate, path, name, parent, folder):
        source = Source(path, str(path.relative_to(self.root)))
        module = Module(crate, parent.path + (name,) if parent else (), source, parent)
        crate.modules.append(module)
        self.body(module, source, 0, len(source.tokens), folder, path.parent)
        return module

    def body(self, module, source, at, end, folder, beside):
        """Reads one module's tokens. `folder` holds its children, `beside` is where `#[path]` starts."""
        tokens = source.tokens
        depth, public, special = 0, False, None
        while at < end:
            token = tokens[at]
            following = tokens[at + 1] if at + 1 < end else ""
            if token == "#" and (following == "[" or tokens[at + 1 : at + 3] == ["!", "["]):
                inner = following == "!"
                close = source.closing(at + 1 + inner)
                inside = tokens[at + 2 + inner : close]
                if inside[:2] == ["cfg", "("] and only_tests(inside[2:-1]):
                    at = end if inner else self.skip(source, close + 1, end)
                    continue
                if inside == ["path", "="]:
                    special = self.quoted(source, at)
                self.words_of(module, source, at, close)
                at = close + 1
                continue
            if token == "pub":
                public = True
                at = source.closing(at + 1) + 1 if self.restricted(tokens, at) else at + 1
                continue
            if token == "mod" and following and following[0].isalpha() and tokens[at + 2 : at + 3] in ([";"], ["{"]):
                if tokens[at + 2] == ";":
                    self.child(module, following, folder, beside, special)
                    at += 3
                else:
                    close = source.closing(at + 2)
                    child = Module(module.crate, module.path + (following,), source, module)
                    module.crate.modules.append(child)
                    module.children[following] = child
                    self.body(child, source, at + 3, close, folder / following, folder / following)
                    at = close + 1
                public, special = False, None
                continue
            if token == "use" and following not in ("<", ""):
                at = self.tree(module, source, at + 1, [], public) + 1
                public = False
                continue
            public, special = False, None
            if token in DEFINING and depth == 0:
                name = tokens[at + 2] if following in ("!", "mut") else following
                if name not in ITEMS:
                    module.defines.add(name)
            depth += (token == "{") - (token == "}")
            at = self.word(module, source, at)

    @staticmethod
    def restricted(tokens, at):
        return tokens[at + 1 : at + 2] == ["("] and tokens[at + 2] in ("crate", "super", "self", "in")

    def words_of(self, module, source, at, end):
        while at < end:
            at = self.word(module, source, at)

    @staticmethod
    def word(module, source, at):
        """Notes the path or the single word at `at`; gives the place behind it."""
        tokens = source.tokens
        token = tokens[at]
        before = tokens[at - 1] if at else ""
        if not is_word(token) or before == "::" and tokens[at - 2 : at - 1] == [">"]:
            return at + 1
        segments, start = [token], at
        while tokens[at + 1 : at + 2] == ["::"] and at + 2 < len(tokens) and is_word(tokens[at + 2]):
            at += 2
            segments.append(tokens[at])
        if before == ".":
            return at + 1
        after = tokens[at + 1] if at + 1 < len(tokens) else ""
        if len(segments) > 1 and segments[0] != "Self":
            module.paths.append((segments, start))
        elif token[0].isupper() or after in ("(", "!") and before != "fn":
            module.words.setdefault(token, start)
        return at + 1

    def tree(self, module, source, at, prefix, public):
        """Reads a `use` tree; gives the place of the token that ends it."""
        tokens = source.tokens
        segments, start = list(prefix), at
        while True:
            token = tokens[at]
            if token == "{":
                at += 1
                while tokens[at] != "}":
                    at = self.tree(module, source, at, segments, public)
                    at += tokens[at] == ","
                return at + 1
            if token == "*":
                module.globs.append(Use(segments, None, public, start))
                return at + 1
            if token == "::":
                at += 1
                continue
            if not (token == "self" and segments):
                segments.append(token)
            at += 1
            if tokens[at] == "::":
                continue
            name = segments[-1]
            if tokens[at] == "as":
                name, at = tokens[at + 1], at + 2
            use = Use(segments, name, public, start)
            module.uses.append(use)
            module.bound.setdefault(name, []).append(use)
            return at

    @staticmethod
    def skip(source, at, end):
        """The place behind the item that an attribute before `at` belongs to."""
        tokens = source.tokens
        while at < end and tokens[at] == "#":
            at = source.closing(at + 1) + 1
        first = at
        if tokens[first] == "pub":
            first = source.closing(first + 1) + 1 if tokens[first + 1] == "(" else first + 1
        item = first < end and tokens[first] in ITEMS
        to_semicolon = item and tokens[first] in ("use", "let", "static")
        to_semicolon |= tokens[first] == "const" and tokens[first + 1] not in ITEMS
        depth = 0
        while at < end:
            token = tokens[at]
            if token in CLOSE and depth == 0:
                return at
            depth += (token in OPEN) - (token in CLOSE)
            at += 1
            ends = token == ";" or token == "," and not item or token == "}" and not to_semicolon
            if depth == 0 and ends:
                return at
        return at

    def quoted(self, source, at):
        text = (self.root / source.shown).read_text(encoding="utf-8")
        return re.search(r'"([^"]*)"', text[source.places[at] :]).group(1)

    def child(self, module, name, folder, beside, special):
        if special:
            path, inside = beside / special, (beside / special).parent
        else:
            path, inside = folder / f"{name}.rs", folder / name
            if not path.exists():
                path = folder / name / "mod.rs"
        if not path.exists():
            print(f"check-layers: {module.file}: `mod {name};` has no file", file=sys.stderr)
            return
        module.children[name] = self.file(module.crate, path, name, module, inside)
