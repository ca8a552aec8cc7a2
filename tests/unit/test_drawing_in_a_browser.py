"""Pictures as a browser sets them: every text lies within the box that it stands in, in whatever font the reader has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from archdsl.backends.drawing import Look, draw
from archdsl.pipeline import open_spec
from tests.architecture.source_tree import ROOT

PICTURES = (
    ("resnet.arch", "ResNet50", "overview"),
    ("googlenet.arch", "GoogLeNet", "expanded"),
    ("unet.arch", "UNet", "u"),
    ("vgg16.arch", "VGG16", "volumes"),
    ("densenet.arch", "DenseNet121", "overview"),
    ("nasnet.arch", "NASNetAMobile", "overview"),
    ("vit.arch", "ViT_B16", "overview"),
)
FONTS = ("Arial, 'Liberation Sans', sans-serif", "'DejaVu Sans Mono', monospace", "'DejaVu Serif', serif")
OUTSIDE = """
(font) => {
  const svg = document.querySelector("svg");
  svg.setAttribute("font-family", font);
  const boxes = [...svg.querySelectorAll("rect, polygon")].map((e) => e.getBoundingClientRect());
  const page = svg.getBoundingClientRect();
  const area = (box) => box.width * box.height;
  const found = [];
  for (const text of svg.querySelectorAll("text")) {
    const own = text.getBoundingClientRect();
    const x = own.left + own.width / 2, y = own.top + own.height / 2;
    const holds = (b) => b.left <= x && x <= b.right && b.top <= y && y <= b.bottom && b.height > 8 && b.width > 12;
    const around = boxes.filter(holds);
    const box = around.sort((a, b) => area(a) - area(b))[0] ?? page;
    if (own.left < box.left - 1 || own.right > box.right + 1) found.push([text.textContent, own.width, box.width]);
  }
  return found;
}
"""


@pytest.mark.parametrize(("file", "name", "style"), PICTURES, ids=[name for _, name, _ in PICTURES])
def test_no_text_is_wider_than_its_box(chromium: Browser, file: str, name: str, style: Any) -> None:
    facts = open_spec(Path(ROOT / "specs" / file)).check(name).facts
    page = chromium.new_page(viewport={"width": 1600, "height": 1000})
    page.set_content(draw(facts.network, facts.cost, Look(theme="light", style=style)).decode())
    for font in FONTS:
        assert page.evaluate(OUTSIDE, font) == []
    page.close()
