"""Arrows, and the circles among them."""

import re
from collections import deque


class Graph:
    """Arrows by (from, to), each with the places that make it."""

    def __init__(self):
        self.arrows = {}

    def add(self, start, end, place, text):
        if start != end:
            self.arrows.setdefault((start, end), []).append((place, text))

    def circles(self, without=frozenset()):
        """Circles that share no arrow, the shortest first, until none is left."""
        after = {}
        for start, end in sorted(self.arrows.keys() - without):
            after.setdefault(start, []).append(end)
        found = []
        while True:
            after = within_knots(after)
            shortest = None
            for start in after:
                circle = self.back_to(start, after)
                if circle and (shortest is None or len(circle) < len(shortest)):
                    shortest = circle
                    if len(circle) == 2:
                        break
            if shortest is None:
                return found
            found.append(shortest)
            for start, end in pairs(shortest):
                after[start].remove(end)

    def knots(self):
        """Sets of nodes that all reach one another."""
        reach = {node: reached_from(node, self.arrows) for node in {start for start, _ in self.arrows}}
        found = {frozenset(b for b in reach[a] if a in reach.get(b, ())) for a in reach if a in reach[a]}
        return sorted(sorted(knot) for knot in found)

    @staticmethod
    def back_to(start, after):
        came, queue = {start: None}, deque([start])
        while queue:
            here = queue.popleft()
            for end in after.get(here, ()):
                if end == start:
                    circle = []
                    while here is not None:
                        circle.append(here)
                        here = came[here]
                    return circle[::-1]
                if end not in came:
                    came[end] = here
                    queue.append(end)
        return None

    def show_arrow(self, start, end, many):
        places = sorted(set(self.arrows[start, end]), key=natural)
        lines = [f"    {start} -> {end}  {place}  {text}" for place, text in places[:many]]
        return lines + [f"    {start} -> {end}  and {len(places) - many} more"] * (len(places) > many)

    def show(self, circle, many):
        return [line for arrow in pairs(circle) for line in self.show_arrow(*arrow, many)]


def reached_from(node, arrows):
    after = {}
    for start, end in arrows:
        after.setdefault(start, []).append(end)
    seen, queue = set(), [node]
    while queue:
        for end in after.get(queue.pop(), ()):
            if end not in seen:
                seen.add(end)
                queue.append(end)
    return seen


def natural(place):
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", place[0])]


def pairs(circle):
    return list(zip(circle, circle[1:] + circle[:1]))


def within_knots(after):
    """The arrows that go round: what is left when every end without a way on, or without a way in, is gone."""
    while True:
        starts = {start for start, ends in after.items() if ends}
        reached = {end for ends in after.values() for end in ends}
        keep = starts & reached
        left = {start: [e for e in ends if e in keep] for start, ends in after.items() if start in keep}
        if left == after:
            return after
        after = left
