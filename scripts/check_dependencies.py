"""Checks `cargo metadata` on standard input against deny.toml: licences, sources, bans. See check-dependencies.sh."""

import json
import re
import sys
import tomllib


def met(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression can be met with the allowed licences: AND needs both sides, OR one."""
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    position = 0

    def peek() -> str | None:
        return tokens[position] if position < len(tokens) else None

    def take() -> str:
        nonlocal position
        position += 1
        return tokens[position - 1]

    def any_of() -> bool:
        result = all_of()
        while peek() == "OR":
            take()
            result = all_of() or result
        return result

    def all_of() -> bool:
        result = one()
        while peek() == "AND":
            take()
            result = one() and result
        return result

    def one() -> bool:
        token = take()
        if token == "(":
            result = any_of()
            take()
            return result
        if peek() == "WITH":
            take()
            return f"{token} WITH {take()}" in allowed or token in allowed
        return token in allowed

    return bool(tokens) and any_of() and position == len(tokens)


def main() -> int:
    with open(sys.argv[1], "rb") as file:
        rules = tomllib.load(file)
    allowed = set(rules["licenses"]["allow"])
    exceptions = {e["crate"]: set(e["allow"]) for e in rules["licenses"].get("exceptions", [])}
    clarified = {c["crate"]: c["expression"] for c in rules["licenses"].get("clarify", [])}
    banned = {b["crate"] for b in rules["bans"].get("deny", [])}
    problems = []
    packages = json.load(sys.stdin)["packages"]
    for package in packages:
        name = f"{package['name']} {package['version']}"
        source = package["source"]
        if source is not None and not source.startswith("registry+"):
            problems.append(f"{name} comes from {source}, not from the registry")
        if package["name"] in banned:
            problems.append(f"{name} is banned by deny.toml")
        licence = clarified.get(package["name"], package["license"])
        if not licence:
            problems.append(f"{name} states no licence")
        elif not met(licence, allowed | exceptions.get(package["name"], set())):
            problems.append(f"{name} is under {licence}, which deny.toml does not allow")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(packages)} crates, {len(problems)} problems with licences, sources or bans")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
