"""Finds the module that a path of Rust ends at, and with it the arrows between modules."""


class Resolver:
    def __init__(self, crates):
        self.crates = {crate.ident: crate for crate in crates}

    def locate(self, module, segments, as_module=False, seen=frozenset()):
        """The module that defines what a path names, and whether it is the module itself that is named."""
        here, is_module, at = module, True, 0
        first = segments[0]
        if first in ("crate", "self", "super"):
            while at < len(segments) and segments[at] in ("crate", "self", "super"):
                if segments[at] == "crate":
                    while here.parent:
                        here = here.parent
                elif segments[at] == "super":
                    here = here.parent or here
                at += 1
        elif found := self.name(module, first, as_module or len(segments) > 1, seen):
            (here, is_module), at = found, 1
        elif first in self.crates and self.crates[first].lib:
            here, at = self.crates[first].lib, 1
        else:
            return None
        while is_module and at < len(segments):
            wanted = as_module or at + 1 < len(segments)
            found = self.name(here, segments[at], wanted, seen)
            # A name that a macro made: it belongs to the file that has the macro.
            here, is_module = found or (here, False)
            at += 1
        return here, is_module

    def name(self, module, name, as_module, seen=frozenset()):
        key = (id(module), name, as_module)
        if key in seen:
            return None
        seen = seen | {key}
        if as_module and name in module.children:
            return module.children[name], True
        if not as_module and name in module.defines:
            return module, False
        for use in module.bound.get(name, ()):
            if use.segments == [name]:
                continue
            if found := self.locate(module, use.segments, as_module, seen):
                return found
        if name in module.children:
            return module.children[name], True
        if name in module.defines:
            return module, False
        for use in module.globs:
            target = self.locate(module, use.segments, True, seen)
            if target and target[1] and target[0] is not module:
                if found := self.name(target[0], name, as_module, seen):
                    return found
        return None


class Arrow:
    def __init__(self, source, index, text, target):
        self.place, self.text, self.target = f"{source.shown}:{source.line(index)}", text, target


def arrows_of(module, resolver):
    """Every arrow that starts in a module, as [`Arrow`] to a module."""
    source = module.source
    for use in module.uses:
        found = resolver.locate(module, use.segments)
        if not found or found[0] is module:
            continue
        target, is_module = found
        if use.public and target.within(module):
            # A re-export of its own: an arrow only if the code uses it as well.
            if use.name in module.words and not is_module:
                yield Arrow(source, module.words[use.name], use.name, target)
        elif use.public or not is_module:
            yield Arrow(source, use.index, str(use), target)
    for segments, index in module.paths:
        found = resolver.locate(module, segments)
        if found and found[0] is not module:
            yield Arrow(source, index, "::".join(segments), found[0])
    for use in module.globs:
        found = resolver.locate(module, use.segments, True)
        if not found or not found[1] or use.public and found[0].within(module):
            continue
        targets = [resolver.name(found[0], word, False) for word in module.words]
        targets += [resolver.name(found[0], s[0], True) for s, _ in module.paths]
        named = {id(t[0]): t[0] for t in targets if t and t[0] is not module}
        for target in named.values() if any(targets) else [found[0]]:
            yield Arrow(source, use.index, str(use), target)
