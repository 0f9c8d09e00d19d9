"""Random numbers that belong to an object: the same wherever it is read, and as good as random."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from skimflow.physics.corrections import seeds
from skimflow.physics.corrections.normal import CrystalBall, cdf, quantile

IDENTITY = seeds.Identity(
    np.full(100_000, 278820, np.uint32), np.repeat(np.arange(1, 101), 1000).astype(np.uint32), np.arange(100_000)
)


@given(st.data())
def test_chunks_and_order_do_not_matter(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 40))
    word = st.integers(0, 2**32 - 1)
    run, section = (np.array(data.draw(st.lists(word, min_size=n, max_size=n)), np.uint32) for _ in range(2))
    event = np.array(data.draw(st.lists(st.integers(0, 2**64 - 1), min_size=n, max_size=n)), np.uint64)
    index = np.array(data.draw(st.lists(st.integers(0, 30), min_size=n, max_size=n)))
    order = np.array(data.draw(st.permutations(range(n))))
    cut = data.draw(st.integers(0, n))
    identity = seeds.Identity(run, section, event)
    whole = seeds.normal("jer", identity, index)
    assert seeds.normal("jer", identity.at(order), index[order]).tolist() == whole[order].tolist()
    parts = [seeds.normal("jer", identity.at(part), index[part]) for part in (slice(cut), slice(cut, None))]
    assert np.concatenate(parts).tolist() == whole.tolist()
    # Files differ in the types of these branches; numbers do not.
    wider = seeds.Identity(run.astype(np.int64), section.astype(np.uint64), event)
    assert seeds.normal("jer", wider, index.astype(np.uint8)).tolist() == whole.tolist()


def test_numbers_are_those_of_the_first_release() -> None:
    """They are part of results: another machine, numpy or release must find the same. Mixed here in plain Python."""
    from hashlib import blake2b

    def mixed(z: int) -> int:
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    state = int.from_bytes(blake2b(b"jer", digest_size=8).digest(), "little")
    for word in (284044, 30, 2**40 + 7, 3):
        state = mixed(((state ^ word) + 0x9E3779B97F4A7C15) % 2**64)
    one = seeds.Identity(*(np.array([word]) for word in (284044, 30, 2**40 + 7)))
    assert seeds.bits("jer", one, np.array([3])).tolist() == [state]
    assert seeds.uniform("jer", one, 3)[0] == pytest.approx(state / 2**64, abs=2**-50)


def test_mixing_is_that_of_splitmix64() -> None:
    """The generator's first outputs from the seed 1234567, as its authors' program prints them."""
    state, found = 1234567, []
    for _ in range(3):
        state = (state + 0x9E3779B97F4A7C15) % 2**64
        found.append(int(seeds._mixed(np.array([state], np.uint64))[0]))
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@pytest.mark.parametrize("changed", ["stream", "run", "section", "index", "neighbour"])
def test_uniform_and_independent(changed: str) -> None:
    """Kolmogorov and Smirnov's test of each, and of the difference to a neighbour in any one word."""
    one = seeds.uniform("a", IDENTITY)
    other = {
        "stream": lambda: seeds.uniform("b", IDENTITY),
        "run": lambda: seeds.uniform("a", IDENTITY._replace(run=IDENTITY.run + 1)),
        "section": lambda: seeds.uniform("a", IDENTITY._replace(section=IDENTITY.section + 1)),
        "index": lambda: seeds.uniform("a", IDENTITY, 1),
        "neighbour": lambda: np.roll(one, 1),
    }[changed]()
    assert 0 < one.min() < one.max() < 1
    for numbers in (one, other, (one - other) % 1, (one + other) % 1):
        assert stats.kstest(numbers, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / math.sqrt(len(one))
    # All 64 bits are used: each is set in half of the cases.
    bits = seeds.bits("a", IDENTITY)
    share = [((bits >> np.uint64(i)) & np.uint64(1)).mean() for i in range(64)]
    assert np.abs(np.array(share) - 0.5).max() < 5 * 0.5 / math.sqrt(len(bits))


def test_normal_and_whole_numbers() -> None:
    assert stats.kstest(seeds.normal("a", IDENTITY), "norm").pvalue > 1e-3
    runs = seeds.integers("a", IDENTITY, 5, 9)
    values, counts = np.unique(runs, return_counts=True)
    assert values.tolist() == [5, 6, 7, 8, 9]
    assert stats.chisquare(counts).pvalue > 1e-3


def test_index_in_event() -> None:
    assert seeds.index_in_event(np.array([2, 0, 3, 1])).tolist() == [0, 1, 0, 1, 2, 0]
    assert seeds.index_in_event(np.zeros(3, int)).tolist() == []


def test_normal_distribution_agrees_with_scipy() -> None:
    p = np.concatenate([10.0 ** -np.arange(1, 300, 7), np.linspace(0.001, 0.999, 999), 1 - 10.0 ** -np.arange(3, 12)])
    np.testing.assert_allclose(quantile(p), stats.norm.ppf(p), rtol=3e-15, atol=1e-16)
    np.testing.assert_allclose(cdf(quantile(p)), p, rtol=1e-12)
    assert quantile(np.array([0, 0.5, 1])).tolist() == [-np.inf, 0, np.inf]
    assert np.isnan(quantile(np.array([np.nan, -0.1, 1.1]))).all()


@given(st.floats(0.5, 4), st.floats(1.2, 30), st.floats(-0.5, 0.5), st.floats(0.2, 3))
def test_crystal_ball_against_its_integral(alpha: float, n: float, mean: float, sigma: float) -> None:
    """scipy's one-sided Crystal Ball gives the lower half; the distribution is symmetric."""
    both = CrystalBall(mean, sigma, alpha, n)
    one = stats.crystalball(beta=alpha, m=n)
    z = np.array([-30, -alpha - 1e-9, -alpha, -alpha / 2, 0])
    lower = one.cdf(z) / (2 * one.cdf(0))
    np.testing.assert_allclose(both.cdf(mean + sigma * z), lower, rtol=1e-9)
    np.testing.assert_allclose(both.cdf(mean - sigma * z), 1 - lower, rtol=1e-9)
    p = np.array([1e-6, 0.01, 0.3, 0.5, 0.7, 0.99, 1 - 1e-6])
    np.testing.assert_allclose(both.cdf(both.quantile(p)), p, rtol=1e-8)
