"""Checks every *.md of the repository; scripts/check-docs.sh calls it.

check_docs.py                   links, anchors, code blocks, empty pages, the book's table of contents
check_docs.py --run DREAMLET    runs the blocks that are marked `<!-- run -->` with that program

A block of commands begins with ```sh. The line before it says what happens to it: `<!-- run -->`, or `<!-- not run: reason -->`.
The run blocks of a page are one script, run in a copy of the repository.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "docs"
README_WORDS = 600
RUN_SECONDS = 900
# Languages that would hide a block of commands from this check.
OTHER_SHELLS = ("bash", "console", "shell", "zsh")

FENCE = re.compile(r"^\s*(`{3,}|~{3,})\s*(.*)$")
LINK = re.compile(r"\]\(<?([^()\s<>]*(?:\([^()\s]*\)[^()\s<>]*)*)>?(?:\s+\"[^\"]*\")?\)")
MARK = re.compile(r"^<!--\s*(run|not run:\s*(\S.*?))\s*-->$")
HEADING = re.compile(r"^ {0,3}#{1,6}\s+(.*?)\s*#*\s*$")


def tracked():
    """Files of the working tree that git does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")
    return sorted({ROOT / name for name in listed if name and (ROOT / name).is_file()})


class Page:
    """A document: its text without code, its anchors, its code blocks."""

    def __init__(self, path):
        self.path = path
        self.prose = []  # (line number, text)
        self.blocks = []  # (line number, info string, the line before, text)
        self.anchors = set()
        fence, before = None, ""
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            found = FENCE.match(line)
            if fence is None and found:
                fence = (number, found[1], found[2].strip(), before, [])
            elif fence is not None:
                if found and found[1].startswith(fence[1]) and not found[2]:
                    start, _, info, mark, lines = fence
                    self.blocks.append((start, info, mark, lines))
                    fence, before = None, ""
                else:
                    fence[4].append(line)
            else:
                self.prose.append((number, line))
                if line.strip():
                    before = line.strip()
                self.read_anchors(line)
        self.unclosed = fence and fence[0]

    def read_anchors(self, line):
        heading = HEADING.match(line)
        if heading:
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "").lower()
            slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            name, again = slug, 0
            while name in self.anchors:
                again += 1
                name = f"{slug}-{again}"
            self.anchors.add(name)
        self.anchors.update(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", line))

    def links(self):
        for number, line in self.prose:
            for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
                if target and not re.match(r"[a-z][a-z0-9+.-]*:", target):
                    yield number, target


def check_links(page, pages):
    for number, target in page.links():
        name, _, anchor = target.partition("#")
        place = (page.path.parent / name).resolve() if name else page.path
        if not place.exists():
            yield number, f"the link {target} leads nowhere"
        elif page.path.is_relative_to(BOOK) and not place.is_relative_to(BOOK):
            yield number, f"the link {target} leaves the book: name the path instead"
        elif anchor and place in pages and anchor not in pages[place].anchors:
            yield number, f"{name or 'this page'} has no heading for #{anchor}"


def doctested(path):
    """Whether the crate in the folder takes this page as documentation, so that its examples are run."""
    lib = path.parent / "src/lib.rs"
    return lib.is_file() and f'include_str!("../{path.name}")' in lib.read_text(encoding="utf-8")


def check_blocks(page):
    if page.unclosed:
        yield page.unclosed, "the code block is not closed"
    for number, info, before, _ in page.blocks:
        language, *attributes = re.split(r"[,\s]+", info)
        if not language:
            yield number, "a code block needs a language, such as sh or text"
        elif language in OTHER_SHELLS:
            yield number, f"write ```sh, not ```{language}"
        elif language == "sh" and not MARK.match(before):
            yield number, "put <!-- run --> or <!-- not run: reason --> before this block"
        elif language == "rust" and "ignore" not in attributes and not doctested(page.path):
            yield number, "write ```rust,ignore; examples that are compiled belong into a crate's documentation"


def flags_of_verbs():
    """The flags of each verb, as docs/reference/cli.md has them."""
    sections = re.split(r"^## ", (BOOK / "reference/cli.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {section.split()[0]: set(re.findall(r"--[a-z][a-z-]*", section)) for section in sections}


def check_flags(page, verbs):
    """Verbs and flags of `dreamlet` in blocks of commands."""
    if "experiments" in page.path.parts:
        return
    for number, info, _, lines in page.blocks:
        commands = "\n".join(lines).replace("\\\n", " ").splitlines() if info == "sh" else []
        for command in commands:
            called = re.search(r"(?:^|[ /'])dreamlet(?:-trainer --)? ([a-z][a-z-]*)\b([^#|;'>]*)", command)
            if not called:
                continue
            verb, arguments = called[1], called[2]
            unknown = set(re.findall(r"(?<=\s)--[a-z][a-z-]*", arguments)) - verbs.get(verb, set())
            if verb not in verbs or unknown:
                yield number, f"dreamlet {verb} {' '.join(sorted(unknown))} is not in docs/reference/cli.md".replace("  ", " ")


def check_book(pages, files):
    """What mdbook does not look at: pages that are in no table of contents, copies of images."""
    summary = pages.get(BOOK / "SUMMARY.md")
    listed = {(BOOK / target).resolve() for _, target in summary.links()} if summary else set()
    for path in pages:
        if not path.read_text(encoding="utf-8").strip():
            yield path, 1, "the page is empty"
        if path.is_relative_to(BOOK) and path != BOOK / "SUMMARY.md" and path not in listed:
            yield path, 1, "the page is not in docs/SUMMARY.md"
    for copy in (path for path in files if path.parent == BOOK / "images"):
        original = ROOT / "models" / copy.stem / "preview.png"
        if original.exists() and original.read_bytes() != copy.read_bytes():
            yield copy, 1, f"the image is not the one in models/{copy.stem}: copy it again"
    words = len((ROOT / "README.md").read_text(encoding="utf-8").split())
    if words > README_WORDS:
        yield ROOT / "README.md", 1, f"{words} words, at most {README_WORDS} are meant"


def check(pages, files):
    problems, verbs = list(check_book(pages, files)), flags_of_verbs()
    for page in pages.values():
        problems += [(page.path, *found) for found in (*check_links(page, pages), *check_blocks(page), *check_flags(page, verbs))]
    for path, number, problem in sorted(problems):
        print(f"{path.relative_to(ROOT)}:{number}: {problem}", file=sys.stderr)
    links = sum(1 for page in pages.values() for _ in page.links())
    blocks = [MARK.match(before) for page in pages.values() for _, info, before, _ in page.blocks if info == "sh"]
    run = sum(1 for mark in blocks if mark and mark[1] == "run")
    print(f"{len(pages)} documents, {links} links, {len(blocks)} blocks of commands of which {run} are run, {len(problems)} problems")
    return not problems


def run_page(page, files, program):
    """Runs the marked blocks of a page; gives what they printed if they fail."""
    blocks = [text for _, info, before, text in page.blocks if info == "sh" and before and MARK.match(before) and MARK.match(before)[1] == "run"]
    if not blocks:
        return None
    name = page.path.relative_to(ROOT)
    with tempfile.TemporaryDirectory(prefix="dreamlet-docs-") as scratch:
        for path in files:
            copy = Path(scratch) / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, copy)
        script = "\n".join(line for lines in blocks for line in lines)
        environment = {**os.environ, "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}
        try:
            done = subprocess.run(
                ["bash", "-euxo", "pipefail", "-c", script], cwd=scratch, env=environment, timeout=RUN_SECONDS,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )
        except subprocess.TimeoutExpired as error:
            return f"{name}: not done after {RUN_SECONDS} s\n{(error.output or b'').decode(errors='replace')}"
    print(f"{name}: {len(blocks)} blocks, {'ok' if done.returncode == 0 else 'FAILED'}", flush=True)
    return None if done.returncode == 0 else f"{name}: status {done.returncode}\n{done.stdout.decode(errors='replace')}"


def main(arguments):
    files = tracked()
    pages = {path: Page(path) for path in files if path.suffix == ".md"}
    if not arguments:
        return check(pages, files)
    if len(arguments) != 2 or arguments[0] != "--run":
        sys.exit(__doc__)
    program = Path(arguments[1]).resolve()
    if program.name != "dreamlet" or not program.is_file():
        sys.exit(f"{program} is not the program dreamlet")
    failures = [failure for page in pages.values() if (failure := run_page(page, files, program))]
    print("\n".join(failures), file=sys.stderr)
    return not failures


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)
