"""Every layer's gradients against central finite differences, in float64."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.signal import correlate

from benchmarks.mnist import products
from benchmarks.mnist.convolution import Convolution, MaxPooling, ToImages, ToRows
from benchmarks.mnist.layers import BatchNorm, Dense, Dropout, ReLU, cross_entropy, log_softmax
from benchmarks.mnist.optimisers import SGD, Adam, Momentum, Optimiser, Parameter
from benchmarks.mnist.training import Network


class Recorder(Optimiser):
    """An optimiser that moves nothing: the gradients stay in their places."""

    def step_product(self, parameter, u, v):
        parameter.gradient[...] = u.T @ v

    def end_batch(self):
        pass


class FixedDropout(Dropout):
    """Draws the same mask at each forward pass."""

    def forward(self, x, training):
        self._rng, self._drawn = np.random.default_rng(3), []
        return super().forward(x, training)


NETWORKS = {
    "softmax regression": lambda: [Dense(3)],
    "one hidden layer": lambda: [Dense(5), ReLU(), Dense(3)],
    "wide": lambda: [Dense(151), ReLU(), Dense(3)],
    "batch normalisation": lambda: [Dense(5), BatchNorm(), ReLU(), Dense(3)],
    "dropout": lambda: [Dense(6), ReLU(), FixedDropout(0.4), Dense(3)],
    "all on, deep": lambda: [
        Dense(6), BatchNorm(), ReLU(), FixedDropout(0.3), Dense(5), BatchNorm(), ReLU(), Dense(3)
    ],
    "convolution": lambda: [
        ToImages(), Convolution(2, 3), MaxPooling(), ReLU(), Convolution(3, 2), ToRows(), Dense(3)
    ],
    "dropout of pixels": lambda: [
        ToImages(), Convolution(2, 3), MaxPooling(), FixedDropout(0.3), ToRows(), Dense(3)
    ],
    "odd pooling": lambda: [
        ToImages(), Convolution(2, 2), MaxPooling(), ToRows(), BatchNorm(), ReLU(), Dense(3)
    ],
}  # fmt: skip


@pytest.fixture(params=[True, False])
def has_small_kernels(request, monkeypatch):
    """Whatever the processor: the pieces, and without them."""
    products.pieces_of_x.cache_clear()
    products.pieces_of_gradient.cache_clear()
    monkeypatch.setattr(products, "has_small_kernels", lambda: request.param)
    yield request.param
    products.pieces_of_x.cache_clear()
    products.pieces_of_gradient.cache_clear()


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_finite_differences(name, has_small_kernels):
    rng = np.random.default_rng(0)
    network = Network(NETWORKS[name]()).build(36, rng, np.float64)
    x, target = rng.standard_normal((7, 36)), np.eye(3)[rng.integers(0, 3, 7)] / 7
    recorder = Recorder(network.parameters, 0.0)
    network.step(x, target, recorder)
    gradients = {id(parameter): parameter.gradient.flatten() for parameter in network.parameters}
    checked = 0
    is_transposed = {layer.is_transposed for layer in network.layers if isinstance(layer, Dense)}
    assert has_small_kernels is (False in is_transposed)  # both ways to keep W are checked
    for layer in network.layers:
        for parameter in layer.parameters:
            flat, gradient = parameter.value.reshape(-1), gradients[id(parameter)]
            for i in rng.choice(flat.size, min(flat.size, 12), replace=False):
                kept, h = flat[i], 1e-6
                flat[i] = kept + h
                above = network.step(x, target, recorder)
                flat[i] = kept - h
                below = network.step(x, target, recorder)
                flat[i] = kept
                assert gradient[i] == pytest.approx((above - below) / (2 * h), rel=1e-5, abs=1e-8)
                checked += 1
    assert checked >= 12


@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_convolution_is_scipys_correlation(kernel_size):
    rng = np.random.default_rng(1)
    layer = Convolution(4, kernel_size)
    layer.build((3, 9, 8), rng, np.float64)
    x = rng.standard_normal((3, 9, 8, 2))
    weight = layer.weight.value.reshape(4, kernel_size, kernel_size, 3).transpose(0, 3, 1, 2)
    layer.bias.value[:] = rng.standard_normal(4)
    z = layer.forward(x, training=False)
    assert z.shape == (4, 9 - kernel_size + 1, 8 - kernel_size + 1, 2)
    for image in range(2):
        for f in range(4):
            expected = correlate(x[..., image], weight[f], mode="valid")[0] + layer.bias.value[f]
            np.testing.assert_allclose(z[f, :, :, image], expected, atol=1e-12)


def test_of_pixels_that_are_equal_the_first_has_the_whole_gradient():
    layer = MaxPooling()
    layer.build((1, 2, 5), np.random.default_rng(0), np.float64)
    x = np.array([[1.0, 1, 0, 2, 9], [1, 1, 2, 2, 9]])[None, :, :, None]
    np.testing.assert_array_equal(layer.forward(x, training=True)[0, :, :, 0], [[1, 2]])
    dx = layer.backward(np.array([3.0, 4])[None, None, :, None], None)
    np.testing.assert_array_equal(dx[0, :, :, 0], [[3, 0, 0, 4, 0], [0, 0, 0, 0, 0]])


SIZES = [(9, 4, 5), (46, 73, 784), (7, 301, 1000)]  # of b, m and n: whole, and in three pieces


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("orders", ["CC", "CF", "FC", "FF"])
@pytest.mark.parametrize("size", SIZES)
def test_the_product_is_accumulated_in_place(dtype, orders, size, has_small_kernels):
    rng, (b, m, n) = np.random.default_rng(0), size
    dz, x, target = (rng.standard_normal(shape).astype(dtype) for shape in ((b, m), (b, n), (m, n)))
    expected = 0.5 * dz.T @ x + 0.9 * target
    products.accumulate(0.5, np.asarray(dz, order=orders[0]), np.asarray(x, order=orders[1]), 0.9, target)
    np.testing.assert_allclose(target, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_the_affine_map_is_that_of_its_equation(dtype, has_bias, size, has_small_kernels):
    rng, (b, m, n) = np.random.default_rng(0), size
    x, weight, bias = (rng.standard_normal(shape).astype(dtype) for shape in ((b, n), (m, n), m))
    out = np.full((b, m), np.nan, dtype)
    assert products.affine(x, weight, bias if has_bias else None, out) is out
    np.testing.assert_allclose(out, x @ weight.T + has_bias * bias, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_passes_of_blas_are_those_of_their_equations(dtype):
    rng = np.random.default_rng(0)
    x, y, rows = (rng.standard_normal(shape).astype(dtype) for shape in (7, 7, (5, 7)))
    expected, moved = 0.3 * x - 2 * y, rows + 0.7 * x
    products.add_to_rows(0.7, x, rows)
    products.axpby(0.3, x, -2.0, y)
    np.testing.assert_allclose(y, expected, rtol=1e-5)
    np.testing.assert_allclose(rows, moved, rtol=1e-5)


def test_each_batch_is_dropped_anew_and_a_copy_goes_on_alike():
    layer = Dropout(0.25)
    layer.build((64,), np.random.default_rng(0), np.float32)
    layer.forward(np.ones((32, 64), np.float32), training=True)
    copied = pickle.loads(pickle.dumps(layer))
    ours, theirs = (
        np.stack(
            [each.forward(np.ones((n, 64), np.float32), training=True)[:8] for n in [32] * 20 + [8] * 20]
        )
        for each in (layer, copied)
    )
    np.testing.assert_array_equal(ours, theirs)
    assert len({batch.tobytes() for batch in ours}) == 40
    assert set(np.unique(ours)) == {0, np.float32(1 / 0.75)}
    assert ours.mean() == pytest.approx(1, abs=0.03)
    np.testing.assert_array_equal(layer.backward(np.ones((8, 64), np.float32), None), ours[-1])


def test_the_pieces_of_a_product_cover_it_once_and_are_small(has_small_kernels):
    sizes = [*SIZES, (128, 256, 784), (256, 73, 784), (128, 512, 512), (10**6, 3, 2), (1, 1, 1)]
    for b, m, n in sizes:
        for pieces, length in ((products.pieces_of_x(b, m, n), b), (products.pieces_of_gradient(b, m, n), m)):
            assert [i for part in pieces for i in range(length)[part]] == list(range(length))
            assert len(pieces) == 1 or has_small_kernels
            longest = max(part.stop - part.start for part in pieces)
            assert len(pieces) == 1 or longest * b * m * n // length <= products.SMALL_PRODUCT
    of_x, of_weight = products.pieces_of_x(46, 73, 784), products.pieces_of_gradient(46, 73, 784)
    assert len(of_x) == len(of_weight) == (3 if has_small_kernels else 1)
    assert len(products.pieces_of_x(128, 512, 512)) == 1  # two rows at a time would not be worth it


def steps(make_optimiser, gradients):
    """The value of one weight and one bias, both 2 at first, after each gradient."""
    weight, bias = Parameter(np.array([[2.0]]), decays=True), Parameter(np.array([2.0]))
    optimiser = make_optimiser([bias, weight])
    for gradient in gradients:
        optimiser.begin_batch()
        optimiser.step_product(weight, np.array([[1.0]]), np.array([[gradient]]))
        bias.gradient[:] = gradient
        optimiser.end_batch()
        yield weight.value[0, 0], bias.value[0]


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_sgd_takes_the_steps_of_its_equations(momentum):
    def make(parameters):
        if momentum:
            return Momentum(parameters, 0.1, 0.2, momentum)
        return SGD(parameters, 0.1, 0.2)

    gradients, weight, bias, v = (1.0, -3.0, 2.0), 2.0, 2.0, 0.0
    for gradient, found in zip(gradients, steps(make, gradients)):
        v = momentum * v - 0.1 * gradient
        weight, bias = (1 - 0.1 * 0.2) * weight + v, bias + v
        assert found == pytest.approx((weight, bias))


def test_adam_takes_the_steps_of_its_paper(monkeypatch):
    monkeypatch.setattr(Adam, "GROWTH1", 1.05)  # both sums are scaled back within these steps
    monkeypatch.setattr(Adam, "GROWTH2", 1.05)
    gradients, weight, bias, m, v = np.random.default_rng(0).standard_normal(100), 2.0, 2.0, 0.0, 0.0
    found = steps(lambda parameters: Adam(parameters, 0.1, 0.2), gradients)
    for t, (gradient, values) in enumerate(zip(gradients, found), 1):
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        step = 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        weight, bias = (1 - 0.1 * 0.2) * weight - step, bias - step
        assert values == pytest.approx((weight, bias), abs=1e-6)  # ε stands elsewhere


def test_adam_damps_gradients_below_its_epsilon():
    rate, gradient = 0.1, Adam.EPSILON / 100
    values = [weight for weight, _ in steps(lambda parameters: Adam(parameters, rate), [gradient] * 5000)]
    lengths = -np.diff(values)
    longest = rate * gradient / Adam.EPSILON
    assert lengths.min() > 0
    assert lengths.max() < 1.01 * longest
    assert lengths[2000:].min() > longest / 1.5


def test_weights_begin_as_he_et_al_draw_them():
    layer = Dense(300)
    layer.build((200,), np.random.default_rng(0), np.float32)
    assert layer.weight.value.std() == pytest.approx(np.sqrt(2 / 200), rel=0.02)
    assert abs(layer.weight.value.mean()) < 0.002
    assert layer.weight.value.dtype == np.float32
    assert not layer.bias.value.any()


def test_batch_normalisation_predicts_with_the_running_statistics():
    rng = np.random.default_rng(0)
    layer = BatchNorm()
    layer.build((4,), rng, np.float64)
    layer.gamma.value[:], layer.beta.value[:] = rng.standard_normal((2, 4))
    x = 3 + 2 * rng.standard_normal((50, 4))
    normal = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + BatchNorm.EPSILON)
    expected = normal * layer.gamma.value + layer.beta.value
    for _ in range(300):
        trained = layer.forward(x.copy(), training=True)  # which may overwrite it
    np.testing.assert_allclose(trained, expected, rtol=1e-9)
    np.testing.assert_allclose(layer.forward(x, training=False), expected, rtol=1e-9)
    # and rows do not see each other any more
    np.testing.assert_allclose(layer.forward(x[:1], training=False), expected[:1], rtol=1e-9)


def test_running_statistics_move_by_a_tenth_and_little_variance_is_not_blown_up():
    layer = BatchNorm()
    layer.build((1,), np.random.default_rng(0), np.float64)
    spread = np.sqrt(1e-5)
    z = layer.forward(np.array([[5 - spread], [5 + spread]]), training=True)
    np.testing.assert_allclose(z, [[-(0.5**0.5)], [0.5**0.5]])  # σ² + ε is twice σ²
    np.testing.assert_allclose(layer.running, [[0.1 * 5], [0.9 + 0.1 * 1e-5]])


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5])
def test_dropout_leaves_out_its_share_and_keeps_the_mean(rate):
    layer = Dropout(rate)
    layer.build((999,), np.random.default_rng(0), np.float32)
    x = np.ones((101, 999), np.float32)
    z = layer.forward(x, training=True)
    assert set(np.unique(z)) == {0, np.float32(1 / (1 - rate))}
    assert np.mean(z == 0) == pytest.approx(rate, abs=0.006)
    assert layer.forward(x, training=False) is x


def test_each_number_drops_out_for_exactly_its_share_of_the_bits_which_are_drawn_a_cache_at_a_time():
    asked = []

    def every(n):
        asked.append(n)
        return np.resize(np.arange(65536, dtype=np.uint16).view(np.uint64), n)

    layer = Dropout(0.25)
    layer.build((1,), SimpleNamespace(bit_generator=SimpleNamespace(random_raw=every)), np.float32)
    z = layer.forward(np.ones((65536, 1), np.float32), training=True)
    assert np.count_nonzero(z == 0) == 65536 / 4
    for _ in range(8):
        layer.forward(np.ones((4096, 1), np.float32), training=True)
    assert asked == [16384, 4096, 4096]  # four numbers each, and four batches


def test_the_loss_is_that_of_its_equation_and_cannot_underflow():
    z = np.array([[1000.0, 0.0, -1e4], [0.0, 800.0, 1e3], [0.1, 0.2, 0.3]])
    target = np.eye(3)[[1, 0, 2]]
    softmax = np.exp(z[2]) / np.exp(z[2]).sum()
    loss, dz = cross_entropy(z.copy(), target / 3)
    assert loss == pytest.approx((1000 + 1000 - np.log(softmax[2])) / 3)
    np.testing.assert_allclose(
        dz, [[1 / 3, -1 / 3, 0], [-1 / 3, 0, 1 / 3], (softmax - target[2]) / 3], atol=1e-12
    )


def test_log_softmax_survives_rows_far_apart():
    z = log_softmax(np.array([[1000.0, 0.0], [-1000.0, -1001.0], [0.0, 0.0]]))
    assert np.isfinite(z).all()
    np.testing.assert_allclose(np.exp(z).sum(axis=1), 1)
    assert z[0, 1] == -1000
