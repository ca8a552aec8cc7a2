"""Draws DOT from standard input with the Graphviz inside pygraphviz: `child.py FORMAT DPI`, bytes to standard output.

It runs as a program of its own, by its path, so that a crash of the C library is not one of archdsl.
"""

import sys


def main() -> None:
    from pygraphviz import AGraph

    format, dpi = sys.argv[1:]
    graph = AGraph(string=sys.stdin.buffer.read().decode("utf-8"))
    if format == "png":
        graph.graph_attr["dpi"] = dpi
    sys.stdout.buffer.write(graph.draw(format=format, prog="dot"))


if __name__ == "__main__":
    main()
