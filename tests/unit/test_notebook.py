"""The notebook of the tutorial, run by a kernel as Jupyter runs it."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def outputs() -> list[dict[str, str]]:
    """What each code cell shows, by MIME type."""
    notebook = nbformat.read(ROOT / "docs/tutorial/notebook.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "outputs are not kept in the repository"
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT)}}).execute()
    cells = (cell.outputs for cell in notebook.cells if cell.cell_type == "code")
    return [dict(output["data"]) for (output,) in cells]


def test_a_network_shows_its_diagram_its_picture_and_its_summary(outputs: list[dict[str, str]]) -> None:
    shown = outputs[0]
    assert shown["text/plain"].startswith("ResNet50   image [3, 224, 224] -> logits [1000]")
    assert "25_557_032" in shown["text/plain"]
    assert shown["image/svg+xml"].startswith("<svg") and "layer1" in shown["text/html"]


def test_a_report_is_a_table(outputs: list[dict[str, str]]) -> None:
    shown = outputs[1]
    assert shown["text/html"].startswith("<table><caption>ResNet50") and "layer1" in shown["text/html"]
    assert "inference peak" in shown["text/plain"]


def test_figures_are_those_of_the_paper(outputs: list[dict[str, str]]) -> None:
    """Parameters as torchvision counts them, MACs as FlopCounterMode."""
    assert outputs[2]["text/plain"].startswith("(25557032, 4089184256, ")
    assert outputs[3]["text/plain"] == "{10: 23528522, 100: 23712932, 1000: 25557032}"
