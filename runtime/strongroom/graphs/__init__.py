"""Graphs of runs: what depended on what, inside of what, and when; as text and as SVG."""

from strongroom.graphs.gantt import gantt as gantt
from strongroom.graphs.reading import read_graph as read_graph
from strongroom.graphs.svg import svg as svg
from strongroom.graphs.vertex import Vertex as Vertex
