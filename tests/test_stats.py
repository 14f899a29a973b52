"""The report's statistics against published worked examples."""

import pytest

from harness.report import stats

# Freireich et al. 1963 (Blood 21:699): weeks of remission with 6-mercaptopurine and with a
# placebo, as in Kleinbaum & Klein, Survival Analysis (2012), tables 2.2 to 2.5; + is censored.
SIX_MP = "6 6 6 7 10 13 16 22 23 6+ 9+ 10+ 11+ 17+ 19+ 20+ 25+ 32+ 32+ 34+ 35+"
PLACEBO = "1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"


def weeks(text: str) -> list[tuple[float, bool]]:
    return [(float(word.rstrip("+")), not word.endswith("+")) for word in text.split()]


@pytest.fixture
def scipy():
    pytest.importorskip("scipy")


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    # Newcombe 1998, Statist. Med. 17:857, table I, method 3.
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_newcombes_intervals(count, total, low, high):
    assert stats.wilson(count, total) == pytest.approx((low, high), abs=0.00005)


def test_wilson_is_whole_at_the_ends_and_nothing_of_nothing():
    assert stats.wilson(10, 10)[1] == 1
    assert stats.wilson(0, 10)[0] == 0
    assert stats.wilson(0, 0) is None


@pytest.mark.parametrize(
    ("numbers", "low", "high"),
    # Newcombe 1998, Statist. Med. 17:873, table II, method 10.
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_the_difference_of_two_shares_has_newcombes_interval(numbers, low, high):
    assert stats.newcombe(*numbers) == pytest.approx((low, high), abs=0.0001)


def test_the_median_lies_between_order_statistics():
    # Conover 1999, table of the sign test: n = 10 gives the 2nd and the 9th; n = 6 the ends.
    assert stats.median_interval(range(1, 11)) == (2, 9)
    assert stats.median_interval(range(1, 7)) == (1, 6)
    assert stats.median_interval([1, 2, 3, 4, 5]) is None
    assert stats.median_interval(range(2000)) == (956, 1043)


def test_a_means_interval_is_students_and_equal_values_have_none(scipy):
    # t(0.975, 2) = 4.3027: 2 ± 4.3027 / √3.
    assert stats.mean_interval([1, 2, 3]) == pytest.approx((-0.4841, 4.4841), abs=0.0001)
    assert stats.mean_interval([1.0, 1.0]) is stats.mean_interval([1.0]) is None


def test_kaplan_meier_gives_the_published_curve_of_remissions(scipy):
    times, seen = zip(*weeks(SIX_MP), strict=True)
    curve = stats.kaplan_meier(times, seen)
    assert curve.times == [6, 7, 10, 13, 16, 22, 23]
    expected = [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482]
    assert curve.survival == pytest.approx(expected, abs=0.0001)
    # SAS PROC LIFETEST: 23 (13, .) for 6-MP, 8 (4, 11) for the placebo.
    assert (curve.median, curve.band) == (23, (13, None))
    placebo = stats.kaplan_meier(*zip(*weeks(PLACEBO), strict=True))
    assert (placebo.median, placebo.band) == (8, (4, 11))


def test_logrank_gives_the_published_test_of_remissions(scipy):
    found = stats.logrank(weeks(PLACEBO), weeks(SIX_MP))
    # Kleinbaum & Klein: chi-square 16.79 on one degree of freedom; O - E = 10.25, V = 6.2570.
    assert found.p == pytest.approx(4.17e-5, rel=0.005)
    assert found.hazard_ratio == pytest.approx(2.71828 ** (10.251 / 6.257), rel=0.002)
    from scipy.stats import CensoredData, logrank

    def censored(text):
        pairs = weeks(text)
        return CensoredData([t for t, s in pairs if s], right=[t for t, s in pairs if not s])

    assert found.p == pytest.approx(logrank(censored(PLACEBO), censored(SIX_MP)).pvalue)


def test_a_curve_without_any_onset_stays_up(scipy):
    curve = stats.kaplan_meier([5, 5, 5], [False] * 3)
    assert (curve.times, curve.median, curve.band) == ([], None, (None, None))
    assert stats.logrank([(5, False)], [(5, False)]) is None


def test_a_curve_in_which_all_have_their_onset_at_once_comes_down(scipy):
    curve = stats.kaplan_meier([3, 3, 3], [True] * 3)
    assert (curve.median, curve.survival) == (3, [0])


def test_few_runs_set_the_median_no_limit_and_many_that_agree_do(scipy):
    limits = {n: stats.onset_curve([3] * n, [True] * n) for n in (1, 5, 6, 20)}
    told = {n: (curve["median"], curve["low"], curve["high"]) for n, curve in limits.items()}
    assert told == {1: (3, None, None), 5: (3, None, None), 6: (3, 3, 3), 20: (3, 3, 3)}
    assert limits[20]["without_high"] == [pytest.approx(1 - 0.025 ** (1 / 20))]
    five = stats.onset_curve([1, 2, 3, 4, 5], [True] * 5)
    assert (five["median"], five["low"]) == (3, None)


def test_the_band_stays_when_the_curve_has_come_down(scipy):
    curve = stats.kaplan_meier(range(1, 11), [True] * 10)
    assert curve.survival[-1] == curve.low[-1] == 0
    assert curve.high[-1] == curve.high[-2] < 0.5


def test_a_run_that_ended_before_the_first_onset_leaves_the_band_as_it_is(scipy):
    later = [4, 6] + [30] * 10
    runs = stats.kaplan_meier([2, *later], [False, True, True] + [False] * 10)
    assert runs.band[1] is None and runs.high[0] > runs.survival[0]
    alone = stats.kaplan_meier(later, [True, True] + [False] * 10)
    assert (runs.survival, runs.high) == (alone.survival, alone.high)


def test_fisher_knows_the_lady_tasting_tea(scipy, monkeypatch):
    # Fisher 1935, The Design of Experiments: 3 of 4 cups right; two-sided p = 34/70.
    monkeypatch.setattr(stats, "LARGE", 0)
    assert stats.rates_test(3, 4, 1, 4) == (pytest.approx(34 / 70), "Fisher")


def test_boschloo_gives_the_published_p_and_is_used_below_large(scipy):
    # The worked example of SciPy's manual: 74 of 117 professors against 31 of 63 scientists,
    # one-sided p = 0.0355; the two-sided one is twice that.
    p, name = stats.rates_test(74, 117, 31, 63)
    assert (p, name) == (pytest.approx(2 * 0.0355, abs=0.001), "Boschloo")
    assert stats.rates_test(0, 15, 0, 15) == (1.0, "Boschloo")


def test_the_least_p_says_when_runs_are_too_few(scipy):
    assert stats.least_p(2, 2) > 0.05 > stats.least_p(5, 5)


def test_holm_gives_the_adjusted_values_of_a_worked_example():
    # Holm 1979's procedure on R's p.adjust example: 0.01 0.02 0.03 0.04.
    assert stats.holm([0.01, 0.04, 0.03, 0.02]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert stats.holm([0.6, 0.9]) == [1, 1]
    assert stats.holm([]) == []
