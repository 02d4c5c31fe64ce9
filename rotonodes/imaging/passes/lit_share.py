"""Whether a light reaches a pixel: what the pixel's diffuse light says, and what a ray through the depth buffer says.

Each pixel is lit or in shadow, and its light is then fill + s x or fill, where x is what would arrive. How far the two are to be
trusted is measured in each frame: the spread of the light around them, and how often traced pixels turn out lit (expectation
maximisation, Dempster, Laird and Rubin 1977).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_FLOOR = 0.1  # light added to expectations before relative errors are taken, as a share of the brightest pixels
_SPREADS = (0.1, 0.3)  # bounds of the relative spread of the light around an expectation
_FIRST_SPREAD = 0.25
_OPEN, _BLOCKED = 0.7, 0.2  # first guess of the share of lit pixels where a ray meets nothing, and where it meets a surface
_TRUST = 50  # pixels that the first guess counts for
_SHARES = (0.02, 0.98)
_FACING = 0.02  # arriving light below which a pixel is away from the light
_ROUNDS = 7  # in which the fill and the strength stay as they are
_FREE, _FURTHER = 3, 9  # rounds after these, in which they are fitted too: as a rule, and to tell which fit is likeliest
_CLEARLY = 0.02  # difference of log likelihoods of two fits that are not the same
_DARK_AND_USUAL = (5, 60)  # percentiles of the light of what faces the light: in shadow, and lit
_FACING_WELL, _BRIGHTEST = 0.3, 90  # arriving light of what a strength is read from, and the percentile that is taken
_WEAKEST = 0.02  # least strength
_STIFF = (1e-4, 0.03, 0.03, 0.03, 1e-4)  # regularisation of a, b, s
_FIRST_STIFF = (1e-4, 0.3, 0.3, 0.3, 1e-4)
_HALF = 0.6  # share of the light that arrives, from where on a pixel is more likely lit: penumbras and second lamps leave some in shadows
_RAYS = 0.5  # weight of the rays where the diffuse light is seen
_LIT_BEFORE = 1.3  # log odds that a pixel is lit beside what is seen of it, by the truth of the frames of examples/blender/shards.py
_MOST = 6.0  # bound of one pixel's evidence, as a log probability
_BEND = 1.5  # spreads beyond which brighter light counts linearly, not squared
_AWAY = 0.25  # log probability that a pixel away from the light costs, as one that faces it does


@dataclass(frozen=True, eq=False)
class LightFit:
    """How a light and the fill make up the diffuse light of a frame.

    `likelihood` is the mean log likelihood of a pixel, to compare lights. `fill` are a, b of a + b . normal, `[4]`, and `strength` is s,
    both in units of the diffuse light. `spread` is relative to the expectation. `lit_open` and `lit_blocked` are the shares of lit
    pixels among those whose rays meet nothing, and something. `scale` is the light of the brightest pixels.
    """

    likelihood: float
    fill: np.ndarray
    strength: float
    spread: float
    lit_open: float
    lit_blocked: float
    scale: float

    def chance(self, light: np.ndarray, normals: np.ndarray, arriving: np.ndarray, blocked: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """The probability that the light reaches each pixel, `[H, W]`.

        From diffuse light `[H, W]`, unit normals `[3, H, W]`, `arriving` light and the `blocked` share (0 to 1) `[H, W]`. Where the
        diffuse light is not `seen`, the rays decide alone.
        """
        fill = np.maximum(self.fill[0] + np.tensordot(self.fill[1:], normals, 1), 0) / self.scale
        lit = fill + self.strength / self.scale * arriving
        arrives = np.clip((light / self.scale - fill) / np.maximum(lit - fill, 1e-6), 0, 1)
        contrast = (lit - fill) / self.spread / (_FLOOR + (fill + lit) / 2)
        told = ((arrives - _HALF) * contrast**2).clip(-_MOST, _MOST)
        before = self.lit_open + (self.lit_blocked - self.lit_open) * blocked
        rays = np.log(before / (1 - before))
        odds = np.where(seen, told + _RAYS * rays + _LIT_BEFORE, rays)
        return np.asarray(1 / (1 + np.exp(-odds)), dtype=np.float32)


def fit_light(light: np.ndarray, normals: np.ndarray, arriving: np.ndarray, blocked: np.ndarray, final: bool = False) -> LightFit:
    """Fit the fill, the strength and their reliability to sampled pixels.

    `light` `[n]`, unit `normals` `[3, n]`, `arriving` light `[n]` where nothing is in between, `blocked` bool `[n]`. What is found
    depends on the terms that one starts from: the likeliest of three is taken. A `final` fit, for tones and not to compare lights, follows
    all further to tell which is likeliest; the terms are still those of few rounds, for later ones take shadows for fill.
    """
    scale = max(float(np.percentile(light, 95)), 1e-9)
    fill_terms = np.concatenate([np.ones((1, len(light))), normals]).T.astype(np.float64)
    sample = _Sample((light / scale).astype(np.float64), fill_terms, arriving, blocked, scale)
    starts = sample.all_lit(), sample.least_fill(), sample.brightest_lit()
    fits = [sample.fit(start, _FREE) for start in starts]
    if not final:
        return max(fits, key=lambda fit: fit.likelihood)
    usual, *others = (sample.fit(start, _FURTHER).likelihood for start in starts)
    return fits[1 + int(np.argmax(others))] if max(others) > usual + _CLEARLY else fits[0]  # mostly all end at the same terms


@dataclass(frozen=True, eq=False)
class _Sample:
    """What a light is fitted to; `light` in shares of `scale`, `fill_terms` `[n, 4]` are 1 and the normals."""

    light: np.ndarray
    fill_terms: np.ndarray
    arriving: np.ndarray
    blocked: np.ndarray
    scale: float

    def fit(self, terms: np.ndarray, free: int) -> LightFit:
        """Expectation maximisation from the terms a, b, s, which are fitted too in the last, `free` rounds."""
        light, arriving, facing = self.light, self.arriving, self.arriving > _FACING
        shares, spread, likelihood = np.array([_OPEN, _BLOCKED]), _FIRST_SPREAD, -np.inf
        for turn in range(_ROUNDS + free):
            fill = np.maximum(self.fill_terms @ terms[:4], 0)
            lit = fill + terms[4] * arriving
            before = np.full(len(light), 0.5) if turn == 0 else np.where(self.blocked, shares[1], shares[0])
            log_lit, log_dark = _log_densities(light, fill, lit, spread)
            chance = np.where(facing, 1 / (1 + np.exp(_within(log_dark - log_lit + np.log((1 - before) / before), -30, 30))), 0)
            both = np.logaddexp(log_lit + np.log(before), log_dark + np.log(1 - before))
            likelihood = float(np.where(facing, both, log_dark - _AWAY).mean())
            telling = abs(np.tanh((log_lit - log_dark) / 2))  # what could be either says nothing about the shares
            for index, these in enumerate((facing & ~self.blocked, facing & self.blocked)):
                guess = (_OPEN, _BLOCKED)[index]
                lit_ones, counted = (chance * telling)[these].sum(), telling[these].sum()
                shares[index] = _within((lit_ones + _TRUST * guess) / (counted + _TRUST), *_SHARES)
            errors = [abs(light - mean) / (_FLOOR + mean) for mean in (lit, fill)]
            squares = chance * np.minimum(errors[0], 1) ** 2 + (1 - chance) * np.minimum(errors[1], 1) ** 2
            spread = float(_within(np.sqrt(squares.mean()), *_SPREADS))
            if turn >= _ROUNDS:
                error = (chance * errors[0] + (1 - chance) * errors[1]) / spread
                weights = 1 / (_FLOOR + fill + chance * terms[4] * arriving) ** 2 / np.maximum(1, error)
                terms = _terms(self.fill_terms, arriving, light, chance * weights, (1 - chance) * weights, _STIFF)
        scale = self.scale
        return LightFit(likelihood, terms[:4] * scale, float(terms[4]) * scale, spread, float(shares[0]), float(shares[1]), scale)

    def all_lit(self) -> np.ndarray:
        """a, b, s by weighted least absolute deviations, as if all were lit: pixels darker than that weigh less."""
        weights, none = np.ones(len(self.light)), np.zeros(len(self.light))
        terms = np.zeros(5)
        for _ in range(5):
            terms = _terms(self.fill_terms, self.arriving, self.light, weights, none, _FIRST_STIFF)
            over = self.light - self.fill_terms @ terms[:4] - terms[4] * self.arriving
            weights = np.where(over > 0, 0.85, 0.15) / np.maximum(abs(over), 0.02)
        return terms

    def least_fill(self) -> np.ndarray:
        """a, b, s with a fill as dark as the darkest of what faces the light, and all else given to the light.

        Where hardly more than a floor is seen, fill and light are the same until shadows tell them apart.
        """
        facing = self.arriving > _FACING
        if not facing.any():
            return np.array([0, 0, 0, 0, _WEAKEST])
        dark, usual = np.percentile(self.light[facing], _DARK_AND_USUAL)
        return np.array([dark, 0, 0, 0, max((usual - dark) / float(np.median(self.arriving[facing])), _WEAKEST)])

    def brightest_lit(self) -> np.ndarray:
        """a, b, s with a fill as dark as the darkest of what faces the light well, and a light that explains the brightest of it.

        Where most of a frame lies in shadow, what is lit weighs little in the other starts, and shadows that are less dark pass for lit.
        """
        facing = self.arriving > _FACING_WELL
        if not facing.any():
            return self.least_fill()
        dark = np.percentile(self.light[facing], _DARK_AND_USUAL[0])
        strongest = np.percentile((self.light[facing] - dark) / self.arriving[facing], _BRIGHTEST)
        return np.array([dark, 0, 0, 0, max(float(strongest), _WEAKEST)])


def _within(values: np.ndarray, least: float, most: float) -> np.ndarray:
    """What `clip` makes, which takes longer for few values."""
    return np.minimum(np.maximum(values, least), most)


def _terms(
    fill_terms: np.ndarray, arriving: np.ndarray, light: np.ndarray, lit: np.ndarray, dark: np.ndarray, stiff: tuple[float, ...]
) -> np.ndarray:
    """a, b, s by least squares, `[5]`; each pixel counts `lit` as lit and `dark` as in shadow."""
    with_light = np.concatenate([fill_terms, arriving[:, None]], axis=1)
    square = (with_light * lit[:, None]).T @ with_light
    square[:4, :4] += (fill_terms * dark[:, None]).T @ fill_terms
    right = with_light.T @ (lit * light)
    right[:4] += fill_terms.T @ (dark * light)
    square += len(light) * (1 if stiff is _FIRST_STIFF else (lit + dark).mean()) * np.diag(stiff)
    terms = np.linalg.solve(square, right)
    terms[4] = max(terms[4], _WEAKEST)
    return np.asarray(terms)


def _log_densities(light: np.ndarray, fill: np.ndarray, lit: np.ndarray, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Log densities of the light of lit pixels and of those in shadow; what is too bright for the light cannot be explained."""
    sizes = [spread * (_FLOOR + mean) for mean in (lit, fill)]
    over_lit, over_fill = (light - lit) / sizes[0], (light - fill) / sizes[1]
    excess = np.maximum(over_lit, 0)
    excess = np.where(excess < _BEND, excess**2 / 2, _BEND * excess - _BEND**2 / 2)
    log_lit = -np.minimum(np.minimum(over_lit, 0) ** 2 / 2, _MOST) - excess - np.log(sizes[0])
    dark = np.minimum(over_fill**2 / 2, _MOST) + excess
    return log_lit, -dark - np.log(sizes[1])
