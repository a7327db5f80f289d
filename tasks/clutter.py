"""Clutter: recognise the one shape in an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from .spaces import Classes, Features, Tokens
from .task import TASKS, Batch, Part, Presets, Task, draw_distinct, uniform

EXTENT = 5
"""Rows and columns of a shape."""

SHAPES = {
    "square": "##### #...# #...# #...# #####",
    "cross": "#...# .#.#. ..#.. .#.#. #...#",
    "plus": "..#.. ..#.. ##### ..#.. ..#..",
    "triangle": "..#.. ..#.. .#.#. .#.#. #####",
    "diamond": "..#.. .#.#. #...# .#.#. ..#..",
    "tee": "##### ..#.. ..#.. ..#.. ..#..",
    "aitch": "#...# #...# ##### #...# #...#",
    "zed": "##### ...#. ..#.. .#... #####",
}
"""Each is connected, at least by corners, and touches all four sides, so that no shape is a part of another."""

CHINESE = ("方框", "叉", "十字", "三角", "菱形", "T 形", "H 形", "Z 形")
LEVELS = " .:o#"


def draw_shapes() -> Float[Tensor, "n 5 5"]:
    """Return the shapes' pixels, 1 where lit."""
    return torch.tensor([[[float(pixel == "#") for pixel in row] for row in rows.split()] for rows in SHAPES.values()])


def draw_distractors() -> Float[Tensor, "n 5 5"]:
    """Return the upper three rows of a shape above the lower two of another, unless all pixels of a shape are in them.

    So no part of a distractor is a shape.
    """
    shapes = draw_shapes()
    upper, lower = torch.cartesian_prod(torch.arange(len(shapes)), torch.arange(len(shapes))).T
    mixed = torch.cat([shapes[upper, :3], shapes[lower, 3:]], dim=1)
    contains = (mixed.unsqueeze(1) >= shapes).flatten(2).all(2).any(1)
    return mixed[~contains]


@TASKS.register("clutter")
class Clutter(Task):
    """An image of `length` square patches, row by row, shows one shape and `distractors` other figures: which shape?

    It measures the recognition of parts more than attention: a patch often shows rows of both halves of the shape,
    which no distractor joins, so that the patches without their places tell most of what can be known.

    With distractors=1, patch=4, noise=0 and length=9 (12 by 12 pixels; double lines enclose linked patches):

        +════+────+────+
        ║  # ║    │    │
        ║  # ║    │    │
        ║ # #║    │    │
        ║ # #║    │    │
        +════+════+────+
        ║####║#   ║    │
        ║    ║    ║    │
        ║    ║  ##║### │
        ║    ║  # ║  # │
        +════+════+────+
        │    │  # │  # │
        │    │  # │  # │
        │    │  # │  # │
        │    │    │    │
        +────+────+────+

        query   ?
        answer  triangle

    It follows cluttered translated MNIST, which has a digit anywhere on a larger canvas, and pieces of other digits.
    Here there are eight shapes of 5 by 5 pixels, and no distractor can be mistaken for one, so that the answer is
    certain: a distractor has the upper rows of one shape and the lower rows of another, and dark pixels separate any
    two figures. The value of a pixel, 0 or 1, is moved towards the other by a uniform random number up to `noise`. The
    preset has the published canvas of 60 by 60 pixels and four distractors. There the digit has 28 by 28 pixels, 22 %
    of the canvas, and a distractor is a piece of 8 by 8.

    Source: Mnih et al. 2014, "Recurrent models of visual attention" (arXiv 1406.6247), section 4.1.
    """

    family = "vision"
    necessary = True
    drawn_together = 32
    presets: ClassVar[Presets] = {"mnih-60": {"distractors": 4, "length": 225}}

    def __init__(self, *, distractors: int = 3, patch: int = 4, noise: float = 0.25) -> None:
        if distractors < 0 or patch < 1:
            raise ValueError(f"clutter needs distractors >= 0 and patch >= 1, not {distractors} and {patch}")
        if not 0 <= noise < 0.5:
            raise ValueError(f"noise is {noise}, but must be at least 0 and below 0.5, or light and dark may be equal")
        self.distractors, self.patch, self.noise = distractors, patch, noise
        self.cells = math.isqrt(distractors) + 1
        self.shapes, self.mixtures = draw_shapes(), draw_distractors()
        self.source_space = Features(patch**2)
        self.query_space = Tokens(1, "clutter")
        self.target_space = Classes(len(SHAPES))

    def check_length(self, length: int) -> None:
        side = math.isqrt(max(length, 0))
        least = math.ceil((self.cells * (EXTENT + 1) - 1) / self.patch)
        if side**2 != length or side < least:
            raise ValueError(
                f"length is {length}, but a square image with room for the shape and {self.distractors} distractors "
                f"has a square number of patches, at least {least**2}"
            )

    def sample(self, length: int, size: int, generator: torch.Generator) -> Batch:
        self.check_length(length)
        device = generator.device
        shape = torch.randint(len(self.shapes), (size, 1), generator=generator, device=device)
        mixed = torch.randint(len(self.mixtures), (size, self.distractors), generator=generator, device=device)
        things = torch.cat([self.shapes.to(device)[shape], self.mixtures.to(device)[mixed]], dim=1)
        pixels = self._pixels(length, size, generator)
        lit = torch.zeros(size, length * self.patch**2, device=device)
        lit.scatter_(1, pixels.flatten(1), things.flatten(1))
        patches = pixels[:, 0].flatten(1) // self.patch**2
        shown = torch.zeros(size, length, device=device).scatter_add_(1, patches, things[:, 0].flatten(1))
        noise = _bytes(size, lit.shape[1], generator)
        return Batch(
            source=torch.sub(lit, noise, alpha=self.noise / 256).abs_().reshape(size, length, -1),
            query=torch.zeros_like(shape),
            target=shape,
            scored=torch.ones_like(shape, dtype=torch.bool),
            links=(shown > 0).unsqueeze(1),
        )

    def prior(self, length: int) -> Float[Tensor, "n c"]:
        return uniform(len(SHAPES))

    def ceiling(self, length: int) -> float:
        return 1.0

    def answer(self, batch: Batch) -> Tensor:
        """Try each shape at each place with a matched filter, which scores a pixel 1 if it agrees and -1 if not."""
        signs = (self._image(batch.source) >= 0.5).float() * 2 - 1
        filters = self.shapes.to(signs.device) * 2 - 1
        scores = F.conv2d(signs.unsqueeze(1), filters.unsqueeze(1)).flatten(2).amax(2)
        found = scores > EXTENT**2 - 0.5
        return torch.where(found, torch.arange(len(filters), device=found.device), -1).amax(1, keepdim=True)

    def words(self, part: Part) -> list[str]:
        return {"source": [], "query": ["?"], "target": list(SHAPES)}[part]

    def tell(self, batch: Batch, row: int, language: str = "en") -> str:
        """Show the image with lines between its patches, and double lines around the patches that contain the shape."""
        shape = int(batch.target[row, 0])
        question, name = "Which shape is in the clutter?", list(SHAPES)[shape]
        if language == "zh":
            question, name = "杂乱之中有哪个图形?", CHINESE[shape]
        return "\n".join([*self._drawing(batch, row), f"{question} {name}"])

    def read_picture(self, lines: Sequence[str]) -> Float[Tensor, "s f"]:
        rows = [line.replace("│", "").replace("║", "") for line in lines if not line.startswith("+")]
        image = torch.tensor([[LEVELS.index(pixel) / (len(LEVELS) - 1) for pixel in row] for row in rows])
        side = len(rows) // self.patch
        return image.reshape(side, self.patch, side, self.patch).transpose(1, 2).reshape(side**2, -1)

    def _pixels(self, length: int, size: int, generator: torch.Generator) -> Int[Tensor, "b things 5 5"]:
        """Sample a place for each figure, in a grid cell of its own; return its pixels, numbered patch after patch."""
        side, device = math.isqrt(length), generator.device
        pitch = (side * self.patch + 1) // self.cells
        cell = draw_distinct(size, self.distractors + 1, self.cells**2, generator)
        jitter = torch.randint(pitch - EXTENT, (size, self.distractors + 1, 2), generator=generator, device=device)
        steps = torch.arange(EXTENT, device=device)
        rows = (cell // self.cells * pitch + jitter[..., 0]).unsqueeze(2) + steps
        columns = (cell % self.cells * pitch + jitter[..., 1]).unsqueeze(2) + steps
        above = rows // self.patch * side * self.patch**2 + rows % self.patch * self.patch
        before = columns // self.patch * self.patch**2 + columns % self.patch
        return above.unsqueeze(3) + before.unsqueeze(2)

    def _image(self, source: Float[Tensor, "b s f"]) -> Float[Tensor, "b height width"]:
        side = math.isqrt(source.shape[1])
        grid = source.reshape(-1, side, side, self.patch, self.patch)
        return grid.transpose(2, 3).reshape(-1, side * self.patch, side * self.patch)

    def _drawing(self, batch: Batch, row: int) -> list[str]:
        side, patch = math.isqrt(batch.source.shape[1]), self.patch
        linked = set() if batch.links is None else set(batch.links[row, 0].nonzero().flatten().tolist())

        def shown(*places: tuple[int, int]) -> bool:
            return any(y * side + x in linked for y, x in places if 0 <= y < side and 0 <= x < side)

        def rule(y: int) -> str:
            return "+" + "+".join(("═" if shown((y - 1, x), (y, x)) else "─") * patch for x in range(side)) + "+"

        lines = []
        for number, values in enumerate(self._image(batch.source[row : row + 1])[0].tolist()):
            y = number // patch
            pixels = "".join(LEVELS[min(int(value * len(LEVELS)), len(LEVELS) - 1)] for value in values)
            bars = ["║" if shown((y, x - 1), (y, x)) else "│" for x in range(side + 1)]
            cells = [pixels[x * patch : (x + 1) * patch] for x in range(side)]
            lines += [rule(y)] * (number % patch == 0) + ["".join(map("".join, zip(bars, [*cells, ""], strict=True)))]
        return [*lines, rule(side)]


def _bytes(size: int, count: int, generator: torch.Generator) -> Tensor:
    """Sample whole numbers below 256, eight at once; one by one they would cost more than the rest of an image."""
    eights = (size, -(-count // 8))
    words = torch.randint(-(2**63), 2**63 - 1, eights, generator=generator, device=generator.device)
    return words.view(torch.uint8)[:, :count]
