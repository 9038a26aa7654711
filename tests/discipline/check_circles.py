#!/usr/bin/env python3
"""check_circles.py ROOT: within a room of src/ no file needs, by way of others, one that needs it.

x.c, x.h and x_int.h are one node, and so is x.def; an edge is an #include of the same room. What
goes in circles can only be understood all at once.
"""
import os
import re
import sys

import common

INCLUDE = re.compile(r'^\s*#\s*include\s*"(\w+)/([\w.]+)"', re.MULTILINE)


def node_of(name):
    return os.path.splitext(name)[0].removesuffix("_int")


def graph_of(tree, room):
    """node -> the nodes of the same room that it includes."""
    graph = {}
    for path in tree.files(f"src/{room}", endings=(".c", ".h", ".def")):
        node = node_of(os.path.basename(path))
        edges = graph.setdefault(node, set())
        for folder, name in INCLUDE.findall(tree.read(path)):
            if folder == room and node_of(name) != node:
                edges.add(node_of(name))
    return graph


def reach(graph, start):
    seen, todo = set(), [start]
    while todo:
        for node in graph.get(todo.pop(), ()):
            if node not in seen:
                seen.add(node)
                todo.append(node)
    return seen


def find_circles(graph):
    """Sets of nodes that all reach each other, sorted."""
    reached = {node: reach(graph, node) for node in graph}
    circles = {frozenset(other for other in reached[node] if node in reached.get(other, ()))
               for node in graph if node in reached[node]}
    return sorted(sorted(circle) for circle in circles)


def rooms_of(tree):
    return sorted({common.room_of(path) for path in tree.files("src", endings=(".c", ".h"))
                   if path.count("/") > 1})


def find_problems(tree):
    rooms = rooms_of(tree)
    if not rooms:
        return ["no room found"]
    return [f"src/{room}: {len(circle)} files in a circle: {' '.join(circle)}"
            for room in rooms for circle in find_circles(graph_of(tree, room))]


if __name__ == "__main__":
    common.report(find_problems(common.Tree(sys.argv[1])))
