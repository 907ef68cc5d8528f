"""Cross-attention between a guiding modality and those to segment on (Vargas-Ibarra et al., MIDL 2024, 2.2.1).

After CrossViT (Chen et al., ICCV 2021): patch embeddings, class tokens, learned positions.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.parts.convolution import Conv2d

Grid = tuple[int, int]


class CrossAttention(nn.Module):
    """Features of the susceptibility slices, found with queries from the DWI slice.

    With tokens Z_D and Z_S: Q = MLP(Norm Z_D), K = MLP(Norm Z_S), V = MLP(Norm Z_S),
    O = softmax(Up(Q) Kᵀ / √d) V, Y = Norm(O + Z_S), F = Norm(MLP(Y) + Z_S), the last without its class token;
    or + Y in place of the last Z_S with `skip_attended`.

    Up repeats each row of Q on the finer grid (nearest neighbour). Equal queries have equal answers, so the
    attention is computed for the coarse tokens and its output is repeated: the same numbers, cheaper by the ratio of
    the patches' areas. Our choices where the papers are silent: nearest neighbour, layer normalisation (one shared
    by K and V), MLPs as in `Mlp`.

    Args:
        inputs: modalities to segment on.
        channels: d, of a token.
        plane: pixels (height, width) of a slice.
        patches: pixels of a token's side, of DWI and of the susceptibility modalities; the first is a multiple of the
            second.
        skip_attended: whether the last residual adds Y in place of Z_S.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        plane: tuple[int, int],
        *,
        patches: tuple[int, int],
        skip_attended: bool = False,
    ) -> None:
        super().__init__()
        coarse, fine = patches
        self.ratio = coarse // fine
        self.skip_attended = skip_attended
        d = channels
        self.guide = Tokens(1, d, coarse, plane)
        self.tokens = Tokens(inputs, d, fine, plane)
        self.query_norm, self.query = nn.LayerNorm(d), Mlp(d)
        self.key_norm, self.key, self.value = nn.LayerNorm(d), Mlp(d), Mlp(d)
        self.attended_norm, self.mlp, self.norm = nn.LayerNorm(d), Mlp(d), nn.LayerNorm(d)

    def forward(self, dwi: Tensor, susceptibility: Tensor) -> Tensor:
        """Features `[N, d, H / patch_swan, W / patch_swan]`.

        Args:
            dwi: `[N, 1, H, W]`, slices.
            susceptibility: `[N, C, H, W]`.
        """
        tokens = self.tokens(susceptibility)
        normed = self.key_norm(tokens)
        query = self.query(self.query_norm(self.guide(dwi)))
        answer = F.scaled_dot_product_attention(query, self.key(normed), self.value(normed))
        attended = self.attended_norm(repeat_tokens(answer, self.guide.grid, self.ratio) + tokens)
        skip = attended if self.skip_attended else tokens
        features = self.norm(self.mlp(attended) + skip)[:, 1:]
        return _on_grid(features, self.tokens.grid)


class Tokens(nn.Module):
    """A class token and one token for each patch, with learned positions: `[N, C, H, W]` to `[N, 1 + patches, d]`."""

    def __init__(self, inputs: int, channels: int, patch: int, plane: tuple[int, int]) -> None:
        super().__init__()
        height, width = plane
        self.grid: Grid = (height // patch, width // patch)
        self.embed = Conv2d(inputs, channels, patch, patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, channels))
        self.position = nn.Parameter(torch.zeros(1, 1 + self.grid[0] * self.grid[1], channels))
        nn.init.trunc_normal_(self.class_token, std=0.02)  # as CrossViT (Chen 2021)
        nn.init.trunc_normal_(self.position, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """Tokens of slices, class token first, then row by row."""
        patches = self.embed(x).flatten(2).mT
        return torch.cat((self.class_token.expand(len(x), -1, -1), patches), 1) + self.position


class Mlp(nn.Sequential):
    """Linear, GELU, linear, with twice the channels between (our choice; the papers do not say)."""

    def __init__(self, channels: int) -> None:
        super().__init__(nn.Linear(channels, 2 * channels), nn.GELU(), nn.Linear(2 * channels, channels))


def repeat_tokens(x: Tensor, grid: Grid, ratio: int) -> Tensor:
    """Tokens `[N, 1 + h w, d]` of a coarse grid on one that is `ratio` times finer; the class token stays."""
    finer = repeat_cells(_on_grid(x[:, 1:], grid), ratio)
    return torch.cat((x[:, :1], finer.flatten(2).mT), 1)


def repeat_cells(x: Tensor, ratio: int) -> Tensor:
    """`[N, C, h, w]` to `[N, C, h ratio, w ratio]` by nearest neighbour; deterministic in both directions."""
    n, channels, height, width = x.shape
    cells = x[:, :, :, None, :, None].expand(-1, -1, -1, ratio, -1, ratio)
    return cells.reshape(n, channels, height * ratio, width * ratio)


def _on_grid(x: Tensor, grid: Grid) -> Tensor:
    """Tokens `[N, h w, d]` as an image `[N, d, h, w]`."""
    return x.mT.reshape(len(x), -1, *grid)
