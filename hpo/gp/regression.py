"""Gaussian-process regression: evidence with its gradient, MAP fit, posterior.

Notation
--------
Z (n, p)      features of the data             y (n,)   outputs, roughly standardised
doubt (n,)    how much of the doubtful outputs' noise each has; 0 for none
theta (q+3,)  log length scales and offsets to them (q), log variance of the doubtful outputs' noise,
              log signal variance, log noise variance
B (p, q)      of which of them the log length scale of each feature is the sum
K (n, n)      signal * Matérn + MEAN_VARIANCE + diag(noise + doubtful * doubt); the constant is a prior
              on the mean
alpha         K^-1 y

Rasmussen & Williams, Gaussian Processes for Machine Learning (2006), is cited as RW.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import lapack
from scipy.optimize import minimize

from hpo.gp.kernels import Array, matern52, matern52_with_slope, squared_distance

MEAN_VARIANCE = 1.0
LOG_2PI = float(np.log(2 * np.pi))
N_VARIANCES = 3  # of theta, after its q length scales and offsets
BLOCK = 1 << 15  # entries of a kernel matrix that a prediction holds at once, so that they stay in the cache


@dataclass(frozen=True)
class Prior:
    """Normal priors on the logarithms of the hyperparameters, and the box they are fitted in.

    The logarithm of length scale j is ``length_mean`` + c + e_j: one c for all of them, with the standard
    deviation ``length_sd``, and an e_j of its own, with ``length_spread``. Were all of it their own, the
    best explanation of a handful of trials in many dimensions would be a single short length scale, that
    of whichever parameter happens to order them. The last `n_offsets` are no length scales but offsets of
    choices to them (hpo.gp.features), with a mean of 0 and the standard deviation ``offset_spread``.
    Where length scales are drawn and not fitted (hpo.gp.sampling), the logarithm of the spread is uncertain
    as well, with the mean ``spread_mean`` and the standard deviation ``spread_sd``.

    ``scale_log_odds`` is by how many nats the evidence for another scale of a range (hpo.gp.scales) than
    the given one must be the better.
    """

    length_mean: float = 0.3
    length_sd: float = 1.0
    length_spread: float = 0.6
    spread_mean: float = -0.9
    spread_sd: float = 0.7
    offset_spread: float = 0.6
    signal_mean: float = 0.0
    signal_sd: float = 1.0
    noise_mean: float = -7.0
    noise_sd: float = 2.5
    doubtful_mean: float = -7.0
    doubtful_sd: float = 2.5
    noise_if_noisy: float = -2.0
    scale_log_odds: float = 2.5
    n_offsets: int = 0

    def mean(self, q: int) -> Array:
        """Mean of theta, (q + 3,)."""
        lengths = [self.length_mean] * (q - self.n_offsets) + [0.0] * self.n_offsets
        return np.array([*lengths, self.doubtful_mean, self.signal_mean, self.noise_mean])

    def log_density(self, theta: Array) -> tuple[float, Array]:
        """Logarithm of the density at theta, without its constant, and its gradient.

        The logarithms of length scales, centred, are u ~ N(0, s² I + c² 11ᵀ) with s the spread and c the
        common deviation; by Sherman-Morrison the inverse for q of them is (I - c² 11ᵀ / (s² + q c²)) / s².
        """
        q = len(theta) - N_VARIANCES
        difference = theta - self.mean(q)
        u, offsets = np.split(difference[:q], [q - self.n_offsets])
        own, common = self.length_spread**2, self.length_sd**2
        lengths = (u - common / (own + len(u) * common) * u.sum()) / own
        variances = difference[q:] / np.array([self.doubtful_sd, self.signal_sd, self.noise_sd]) ** 2
        gradient = -np.concatenate([lengths, offsets / self.offset_spread**2, variances])
        return 0.5 * float(difference @ gradient), gradient

    def starts(self, q: int) -> list[Array]:
        """Where to begin a fit: at the mean, and at a noisy reading of the data.

        Short length scales and much noise explain scattered outputs in two ways, each a mode of the
        posterior that no climb leaves.
        """
        mean = self.mean(q)
        return [mean, np.append(mean[:-1], self.noise_if_noisy)]

    def bounds(self, q: int) -> tuple[Array, Array]:
        """Box of theta; the noise floor keeps K positive definite in spite of repeated points."""
        floor = float(np.log(1e-8))
        return np.array([-4.0] * q + [floor, -5.0, floor]), np.array([6.0] * q + [1.0, 5.0, 0.0])


@dataclass(frozen=True)
class Data:
    """What a process is conditioned on: Z, y, B and doubt of the notation above."""

    Z: Array
    y: Array
    B: Array
    doubt: Array

    def with_certain(self, Z: Array, y: Array) -> Data:
        """With further outputs, none of them doubted."""
        doubt = np.concatenate([self.doubt, np.zeros(len(y))])
        return replace(self, Z=np.vstack([self.Z, Z]), y=np.concatenate([self.y, y]), doubt=doubt)


@dataclass(frozen=True)
class Posterior:
    """A fitted process, ready to predict.

    Attributes
    ----------
    data, theta
        What it was conditioned on.
    L_inv : (n, n) array
        Inverse of the lower Cholesky factor of K.
    alpha : (n,) array
    """

    data: Data
    theta: Array
    L_inv: Array
    alpha: Array

    @property
    def w(self) -> Array:
        """Inverse squared length scale of each feature, (p,)."""
        return _weights(self.theta, self.data.B)

    def predict(self, Z: Array) -> tuple[Array, Array]:
        """Mean and sd of the noise-free function, (m,) each (RW eq. 2.25, 2.26)."""
        rows = max(BLOCK // max(len(self.data.y), 1), 1)
        mean, sd = np.empty(len(Z)), np.empty(len(Z))
        for start in range(0, len(Z), rows):
            block = slice(start, start + rows)
            mean[block], sd[block] = self._predict(Z[block])
        return mean, sd

    def predict_with_gradient(self, Z: Array) -> tuple[Array, Array, Array, Array]:
        """Mean, sd, and their gradients by the features: (m,), (m,), (m, p), (m, p)."""
        signal, w = np.exp(self.theta[-2]), self.w
        kernel, slope = matern52_with_slope(squared_distance(Z, self.data.Z, w))
        k = signal * kernel + MEAN_VARIANCE
        A = k @ self.L_inv.T
        sd = self._sd(signal, A)
        G = signal * slope
        d_mean = self._contract(G * self.alpha, Z, w)
        d_sd = -self._contract(G * (A @ self.L_inv), Z, w) / sd[:, None]
        return k @ self.alpha, sd, d_mean, d_sd

    def given(self, Z: Array, y: Array) -> Posterior:
        """The same hyperparameters with further outputs, none of them doubted."""
        return condition(self.data.with_certain(Z, y), self.theta)

    def _predict(self, Z: Array) -> tuple[Array, Array]:
        signal = np.exp(self.theta[-2])
        k = matern52(squared_distance(Z, self.data.Z, self.w))
        k *= signal
        k += MEAN_VARIANCE
        return k @ self.alpha, self._sd(signal, k @ self.L_inv.T)

    def _contract(self, M: Array, Z: Array, w: Array) -> Array:
        """sum_i M_mi d(r2_mi)/dz_m = 2 w (z_m sum_i M_mi - sum_i M_mi z_i): no (m, n, p) array."""
        contracted: Array = 2.0 * w * (M.sum(1)[:, None] * Z - M @ self.data.Z)
        return contracted

    @staticmethod
    def _sd(signal: float, A: Array) -> Array:
        variance = signal + MEAN_VARIANCE - np.einsum("ij,ij->i", A, A)
        sd: Array = np.sqrt(np.maximum(variance, 1e-12))
        return sd


def condition(data: Data, theta: Array) -> Posterior:
    """Posterior for given hyperparameters (RW algorithm 2.1)."""
    L_inv, _ = lapack.dtrtri(_factor(data, theta), lower=1)
    return Posterior(data, theta, L_inv, L_inv.T @ (L_inv @ data.y))


def fit(
    data: Data, starts: list[Array], max_iterations: int = 60, prior: Prior | None = None
) -> tuple[Posterior, float]:
    """Maximum a posteriori hyperparameters by L-BFGS-B from each start; the best one's posterior.

    Returns
    -------
    posterior : Posterior
    value : float
        Log evidence plus log prior (without the prior's constant) at the optimum.
    """
    prior = prior or Prior()
    q = data.B.shape[1]
    low, high = prior.bounds(q)
    best_value, best_theta = -np.inf, prior.mean(q)

    def negative(theta: Array) -> tuple[float, Array]:
        value, gradient = log_posterior(theta, data, prior)
        return -value, -gradient

    for start in starts:
        result = minimize(
            negative,
            np.clip(start, low, high),
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(low, high)),
            options={"maxiter": max_iterations, "ftol": 1e-6, "gtol": 1e-3},
        )
        if -result.fun > best_value:
            best_value, best_theta = -float(result.fun), result.x
    return condition(data, best_theta), best_value


def log_posterior(theta: Array, data: Data, prior: Prior) -> tuple[float, Array]:
    """Log evidence plus log prior of theta, and its gradient (RW eq. 5.8, 5.9).

    With A = alpha alpha^T - K^-1 the gradient is tr(A dK) / 2. For a length scale dK is
    elementwise in (z_i - z_j)^2, so the trace contracts to two matrix products.
    """
    Z, y, B = data.Z, data.y, data.B
    n, w = len(y), _weights(theta, B)
    doubtful, signal, noise = np.exp(theta[-N_VARIANCES:])
    M, slope = matern52_with_slope(squared_distance(Z, Z, w))
    L = _cholesky(signal * M + MEAN_VARIANCE, noise + doubtful * data.doubt)
    triangle, _ = lapack.dpotri(L, lower=1)  # with zeros above the diagonal
    inverse = triangle + triangle.T
    inverse.flat[:: n + 1] *= 0.5
    alpha = inverse @ y
    A = np.outer(alpha, alpha) - inverse
    S = A * slope
    per_feature = -2.0 * signal * w * ((S.sum(1) @ (Z * Z)) - (Z * (S @ Z)).sum(0))
    density, gradient = prior.log_density(theta)
    value = density - 0.5 * y @ alpha - np.log(np.diag(L)).sum() - 0.5 * n * LOG_2PI
    gradient[:-N_VARIANCES] += per_feature @ B
    gradient[-3] += 0.5 * doubtful * (np.diag(A) @ data.doubt)
    gradient[-2] += 0.5 * signal * (A * M).sum()
    gradient[-1] += 0.5 * noise * np.trace(A)
    return float(value), gradient


def log_evidence(theta: Array, data: Data) -> float:
    """Log evidence of theta alone, in half the time (RW eq. 5.8)."""
    L = _factor(data, theta)
    v, _ = lapack.dtrtrs(L, data.y, lower=1)
    return float(-0.5 * v @ v - np.log(np.diag(L)).sum() - 0.5 * len(data.y) * LOG_2PI)


def _factor(data: Data, theta: Array) -> Array:
    """Lower Cholesky factor of K."""
    doubtful, signal, noise = np.exp(theta[-N_VARIANCES:])
    K = signal * matern52(squared_distance(data.Z, data.Z, _weights(theta, data.B))) + MEAN_VARIANCE
    return _cholesky(K, noise + doubtful * data.doubt)


def _weights(theta: Array, B: Array) -> Array:
    """Inverse squared length scale of each feature, (p,)."""
    weights: Array = np.exp(-2.0 * (B @ theta[:-N_VARIANCES]))
    return weights


def _cholesky(K: Array, noise: Array) -> Array:
    """Lower factor of K + diag(noise); the diagonal grows until the factorisation succeeds."""
    diagonal = np.diag_indices_from(K)
    base = K[diagonal].copy()
    for _ in range(20):
        K[diagonal] = base + noise
        L, failed = lapack.dpotrf(K, lower=1)
        if not failed:
            return np.asarray(L)
        noise = np.maximum(10.0 * noise, 1e-10)
    raise np.linalg.LinAlgError("covariance is not finite")
