"""Laws of the rule on random settings: control, company, scale, and the equations written down once more; and a study of it."""

import doctest
import json
from dataclasses import replace

import numpy as np
import pytest
import reference
import torch
from configured import LOADED, planned
from hydra import compose, initialize_config_dir
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import pcsweep
from pcsweep.aggregate.run import aggregate
from pcsweep.aggregate.terminal import summary
from pcsweep.compute.run import run, run_pack
from pcsweep.config.errors import BadSetting
from pcsweep.grid.entry import conf_folder
from pcsweep.grid.trial import try_rule
from pcsweep.network.loop import Loop
from pcsweep.pcoder import surround as module
from pcsweep.pcoder.rule import valued
from pcsweep.pcoder.settings import decisive_of, pcoder_settings
from pcsweep.pcoder.surround import RULE, Surround, annulus
from pcsweep.report.__main__ import main
from pcsweep.study import shards

SIDES = st.integers(1, 9)
KAPPA, MU = st.floats(0.01, 3), st.floats(0, 1)
SEEDS = st.integers(0, 1000)
RECTIFIED = [True, False, True]


@st.composite
def surrounds(draw, form=None):
    """A rule with cells in its annulus, some of them farther than small maps are wide."""
    sigma_s = draw(st.floats(0.4, 3.0))
    sigma_c = draw(st.sampled_from([0.0, 1.0, 1.4143]) | st.floats(0, 5))
    assume(sigma_c < 1 <= 3 * sigma_s or sigma_c < 3 * sigma_s - 1)
    return Surround(form or draw(st.sampled_from(["subtractive", "divisive"])), sigma_s, sigma_c, draw(BORDERS))


BORDERS = st.sampled_from(["reflect", "zero"])


@st.composite
def values(draw, rule, kappa=KAPPA):
    return draw(kappa), draw(MU) if rule.form == "subtractive" else 1.0


def tensor(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def stages(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = [
            nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU()),
            nn.Sequential(nn.Conv2d(6, 5, 3, padding=1), nn.BatchNorm2d(5)),  # ends linearly
            nn.Sequential(nn.Conv2d(5, 4, 3, stride=2, padding=1), nn.ReLU()),
        ]
        return [stage.eval().double() for stage in made]


def found(of, rule, images, points, timesteps=4):
    made = {}
    for moment in Loop(of, RECTIFIED).moments(images, rule, points, timesteps):
        for number in moment.points:
            made[number, moment.timestep] = [r.clone() for r in moment.representations]
    return made


def has_space(rule, *shape):
    try:
        rule.convolved(torch.zeros(1, 1, *shape))
    except ValueError:
        return False
    return True


def test_doctests():
    assert doctest.testmod(module).failed == 0


@settings(deadline=None)
@given(rule=surrounds())
def test_the_annulus_sums_to_one_and_leaves_out_its_centre(rule):
    ours = annulus(rule.sigma_s, rule.sigma_c)
    assert ours.sum() == pytest.approx(1, abs=1e-12)
    assert ours[len(ours) // 2, len(ours) // 2] == 0
    assert np.array_equal(ours, ours.T)
    assert np.array_equal(ours, ours[::-1])
    np.testing.assert_allclose(ours, reference.annulus(rule.sigma_s, rule.sigma_c), atol=1e-15)


@settings(deadline=None)
@given(rule=surrounds(), height=SIDES, width=SIDES, seed=SEEDS)
def test_the_convolution_is_scipys_on_maps_smaller_than_the_kernel_as_well(rule, height, width, seed):
    assume(has_space(rule, height, width))
    r = tensor(seed, 2, 3, height, width)
    mode = {"reflect": "mirror", "zero": "constant"}[rule.border]
    expected = reference.ndimage.correlate(r.numpy(), annulus(rule.sigma_s, rule.sigma_c)[None, None], mode=mode)
    np.testing.assert_allclose(rule.convolved(r), expected, atol=1e-12)


@settings(deadline=None)
@given(rule=surrounds(), height=SIDES, width=SIDES)
def test_a_reflecting_border_keeps_an_even_map_and_a_zero_border_takes_from_its_edge(rule, height, width):
    assume(has_space(rule, height, width))
    even = rule.convolved(torch.ones(1, 1, height, width, dtype=torch.float64))
    if rule.border == "reflect":
        torch.testing.assert_close(even, torch.ones_like(even))
    else:
        assert even.max() <= 1 + 1e-12
        assert even[..., 0, 0] < 1 - 1e-9


@settings(deadline=None)
@given(rule=surrounds(), data=st.data(), seed=SEEDS)
def test_it_follows_the_equations(rule, data, seed):
    of, images = stages(seed), tensor(seed, 8, 3, 12, 9)
    assume(has_space(rule, 5, 5))
    point = [data.draw(values(rule)) for _ in of]
    made = found(of, rule, images, [point])
    for number in (0, 5):
        image = images[number : number + 1]
        chosen = (rule.form, rule.sigma_s, rule.sigma_c, rule.border)
        for t, expected in enumerate(reference.surround(of, [1], point, chosen, image, 4)):
            for ours, theirs in zip(made[0, t], expected, strict=True):
                torch.testing.assert_close(ours[number : number + 1], theirs, rtol=1e-6, atol=1e-6)


def test_in_single_precision_it_follows_them_too():
    of = [stage.float() for stage in stages()]
    images, point = tensor(1, 8, 3, 12, 12).float(), [(0.4, 0.7)] * 3
    made = found(of, RULE, images, [point])
    for number, image in enumerate(images):
        for t, expected in enumerate(reference.surround(of, [1], point, ("subtractive", 2.0, 1.0, "reflect"), image[None], 4)):
            for ours, theirs in zip(made[0, t], expected, strict=True):
                torch.testing.assert_close(ours[number : number + 1], theirs, rtol=1e-6, atol=1e-6)


@settings(deadline=None)
@given(rule=surrounds(), mu=MU, seed=SEEDS)
def test_without_a_surround_it_is_the_feedforward_network_to_the_bit(rule, mu, seed):
    rate = mu if rule.form == "subtractive" else 1.0
    made = found(stages(seed), rule, tensor(seed, 8, 3, 7, 7).float().double(), [[(0.0, rate)] * 3])
    for t in range(5):
        assert all(map(torch.equal, made[0, t], made[0, 0]))
    assert rule.is_feedforward({"kappa": 0.0, "mu": rate}, False)
    assert not rule.is_feedforward({"kappa": 0.1, "mu": 1.0}, False)


@settings(deadline=None)
@given(rule=surrounds("subtractive"), seed=SEEDS)
def test_what_is_never_renewed_never_moves(rule, seed):
    assume(has_space(rule, 4, 4))
    made = found(stages(seed), rule, tensor(seed, 8, 3, 8, 8), [[(0.7, 0.0)] * 3])
    assert all(map(torch.equal, made[0, 4], made[0, 0]))
    assert rule.is_feedforward({"kappa": 0.7, "mu": 0.0}, False)


@pytest.mark.parametrize("rule", [RULE, Surround("divisive", 1.0, 0.0, "zero")], ids=["subtractive", "divisive"])
@pytest.mark.parametrize("last", [torch.contiguous_format, torch.channels_last])
def test_a_result_depends_on_neither_pack_nor_order_nor_batch(rule, last):
    of = [stage.float().to(memory_format=last) for stage in stages()]
    images = tensor(1, 24, 3, 24, 24).float().to(memory_format=last)
    points = [[(0.5, 1.0)] * 3, [(2.0, 1.0)] * 3, [(0.0, 1.0)] * 3]
    together, reversed_ = found(of, rule, images, points), found(of, rule, images, points[::-1])
    for number, each in enumerate(points):
        for start in (0, 8, 16):
            rows = slice(start, start + 8)
            alone = found(of, rule, images[rows], [each])
            for t in range(5):
                for n in range(3):
                    assert torch.equal(together[number, t][n][rows], alone[0, t][n])
                    assert torch.equal(reversed_[2 - number, t][n][rows], alone[0, t][n])


@settings(deadline=None)
@given(rule=surrounds("divisive"), kappa=KAPPA, power=st.integers(-8, 8), seed=SEEDS, rectified=st.booleans())
def test_the_divisive_form_is_free_of_scale(rule, kappa, power, seed, rectified):
    assume(has_space(rule, 6, 5))
    initial, before, drive = (tensor(seed + n, 8, 3, 6, 5).float() for n in range(3))
    if rectified:
        initial, before, drive = initial.relu(), before.relu(), drive.relu()

    def stepped(scale):
        mean = rule.start(scale * initial, rectified)
        return rule.step({"kappa": kappa, "mu": 1.0}, scale * drive, scale * before, mean, rectified)[0]

    assert torch.equal(stepped(2.0**power), 2.0**power * stepped(1.0))
    torch.testing.assert_close(stepped(3.0), 3 * stepped(1.0))


@settings(deadline=None)
@given(rule=surrounds("subtractive"), kappa=st.floats(0, 0.99), seed=SEEDS, rectified=st.booleans())
def test_with_a_fixed_input_the_subtractive_form_contracts(rule, kappa, seed, rectified):
    assume(has_space(rule, 6, 5))
    one, other, drive = (tensor(seed + n, 4, 3, 6, 5) for n in range(3))
    numbers, state = {"kappa": kappa, "mu": 1.0}, rule.start(drive, rectified)
    for _ in range(3):
        before = (one - other).abs().amax((1, 2, 3))
        one, other = (rule.step(numbers, drive, r, state, rectified)[0] for r in (one, other))
        assert bool(((one - other).abs().amax((1, 2, 3)) <= kappa * before + 1e-12).all())


def test_a_level_that_is_zero_has_no_surround_and_nothing_undefined():
    rule, numbers = Surround("divisive"), {"kappa": 2.0, "mu": 1.0}
    initial, later = torch.zeros(2, 3, 6, 6), torch.rand(2, 3, 6, 6)
    initial[1] = 1.0
    mean = rule.start(initial, True)
    assert mean.flatten().tolist() == [float("inf"), 1.0]
    after, kept = rule.step(numbers, later, later, mean, True)
    assert torch.equal(after[0], later[0])
    assert bool((after[1] < later[1]).all())
    assert kept is mean
    tiny = rule.start(torch.full((1, 1, 6, 6), 1e-42), True)  # whose reciprocal is infinite
    assert torch.equal(rule.step(numbers, initial[:1], initial[:1], tiny, True)[0], initial[:1])


def test_what_is_drawn_is_what_holds_back_the_next_timestep():
    drive, now = tensor(0, 2, 3, 6, 6).relu(), tensor(1, 2, 3, 6, 6).relu()
    for rule in (RULE, Surround("divisive")):
        mean, numbers = rule.start(now, True), {"kappa": 0.5, "mu": 1.0}
        drawn, (after, _) = rule.shown(numbers, now, mean), rule.step(numbers, drive, now, mean, True)
        expected = (drive - drawn).relu() if rule.form == "subtractive" else drive / (1 + drawn)
        torch.testing.assert_close(after, expected)


def test_the_rate_is_refused_in_the_divisive_form_with_why():
    rate = Surround("divisive").coefficients[1]
    with pytest.raises(ValueError, match=r"^Expected `mu` to be 1, since the divisive form has no rate, but got 0\.5\.$"):
        rate.check(0.5)
    with pytest.raises(ValueError, match=r"^Expected `mu` to be in \[0, 1\], but got 1\.5\.$"):
        RULE.coefficients[1].check(1.5)
    assert valued(RULE, (0.5, 0.25)) == {"kappa": 0.5, "mu": 0.25}


@pytest.mark.parametrize(("sigma_s", "sigma_c"), [(2.0, 6.0), (2.0, 7.5), (0.3, 0.0), (0.5, 1.4143)])
def test_an_empty_annulus_is_refused(sigma_s, sigma_c):
    with pytest.raises(BadSetting, match="Expected `pcoder.sigma_c` to leave cells within 3 `pcoder.sigma_s` = .* but got"):
        Surround(sigma_s=sigma_s, sigma_c=sigma_c)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"form": "both"}, "Expected `pcoder.form` to be 'subtractive' or 'divisive', but got 'both'"),
        ({"border": "wrap"}, "Expected `pcoder.border` to be 'reflect' or 'zero', but got 'wrap'"),
        ({"sigma_s": 0}, "Expected `pcoder.sigma_s` to be greater than 0, but got 0"),
        ({"sigma_s": 31.0}, "Expected `pcoder.sigma_s` to be less than or equal to 30, but got 31.0"),
        ({"sigma_c": -1.0}, "Expected `pcoder.sigma_c` to be greater than or equal to 0, but got -1.0"),
        ({"sigma_c": 9.0}, "Expected `pcoder.sigma_c` to leave cells within"),
        ({"beta": 0.5}, "Unknown setting `pcoder.beta` of the rule surround"),
    ],
)
def test_a_wrong_setting_is_named(given, message):
    with pytest.raises(BadSetting, match=message):
        pcoder_settings({"rule": "surround", "kappa": 0.2, "mu": 1.0, **given})


def test_its_settings_decide_numbers():
    found = [decisive_of(rule) for rule in (RULE, replace(RULE, form="divisive"), replace(RULE, border="zero"))]
    assert found[0] == {"rule": "surround", "form": "subtractive", "sigma_s": 2.0, "sigma_c": 1.0, "border": "reflect"}
    assert len({str(each) for each in found}) == 3


@pytest.mark.parametrize("shape", [(10,), (16, 1, 1), (4, 6)])
def test_a_level_without_space_is_refused_by_its_number_unless_nothing_moves_it(shape):
    levels = [torch.rand(2, 4, 6, 6), torch.rand(2, *shape)]
    with pytest.raises(BadSetting, match=r"surround\.py for pcoder 2: Expected maps of which two cells .* `pcoder\.active`"):
        try_rule(RULE, [(0.2, 1.0)] * 2, levels)
    try_rule(RULE, [(0.2, 1.0), (0.0, 1.0)], levels)


COMMON = ("dataset.limit=10", "timesteps=2", "metrics=[iou]", "noise.space=pixel")
CELLS = [(0, 0.5), (0.2, 0.5), (0.4, 0.5), (0, 1), (0.2, 1), (0.4, 1)]


def suppressed(root, *words):
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        return planned(compose("config", overrides=[f"output_root={root}", "pcoder=surround", *COMMON, *words]))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Six cells of the subtractive form and three of the divisive one, each form in a pack."""
    root = tmp_path_factory.mktemp("outputs")
    run_pack([suppressed(root, f"pcoder.kappa={kappa}", f"pcoder.mu={mu}") for kappa, mu in CELLS], LOADED)
    run_pack([suppressed(root, "pcoder.form=divisive", f"pcoder.kappa={kappa}") for kappa in (0, 0.1, 0.2)], LOADED)
    return root / "default"


def test_a_cell_alone_has_the_numbers_that_it_has_in_a_pack(study, tmp_path):
    alone = suppressed(tmp_path, "pcoder.kappa=0.4", "pcoder.mu=0.5")
    run(alone, LOADED)
    ours, theirs = (shards.read(folder / "shards" / alone.shard.name).table for folder in (alone.folder, study))
    assert ours.drop_columns(["iou_at"]).to_pydict() == theirs.drop_columns(["iou_at"]).to_pydict()


def test_a_study_has_its_coefficients_for_axes_and_its_forms_side_by_side(study):
    rows = pcsweep.load("default", study.parent).to_table().to_pylist()
    assert {(row["kappa"], row["mu"]) for row in rows if row["pcoder.form"] == "subtractive"} == set(CELLS)
    assert {(row["kappa"], row["mu"]) for row in rows if row["pcoder.form"] == "divisive"} == {(0, 1), (0.1, 1), (0.2, 1)}
    result = aggregate(study, resamples=50, permutations=50)
    table = result.table.to_pylist()
    assert {row["identity"] for row in table if row["fixed"]} == {row["identity"] for row in table if row["kappa"] == 0}
    assert all(row["normalized"] == 1 for row in table if row["fixed"] and row["metric"] == "iou")
    assert set(result.facets) == {"pcoder.rule", "pcoder.form"}
    assert summary(result)[0].startswith("Cells: 9 found, 0 skipped, ")


def test_pictures_and_page_speak_of_its_symbols(study):
    assert main([f"study={study.name}", f"output_root={study.parent}", "resamples=50", "permutations=50", "gallery=1"]) == 0
    names = {path.stem for path in (study / "figures").glob("*.png")}
    assert {"heatmap_pcoder.form-subtractive", "heatmap_pcoder.form-divisive"} <= names
    text = (study / "report.html").read_text()
    drawn = json.loads(text[text.index('id="numbers"') :].partition(">")[2].partition("</script>")[0])
    axes = drawn["grid"]["axes"][0]
    assert (axes["y"]["label"], axes["y"]["values"]) == ("surround κ", ["0", "0.1", "0.2", "0.4"])
    assert (axes["x"]["label"], axes["x"]["values"]) == ("rate μ", ["0.5", "1"])
    assert "surround suppression" in text


def test_a_level_without_space_is_refused_at_every_point_that_moves_it(tmp_path):
    narrow = ("pcoder.sigma_s=4", "pcoder.sigma_c=11")  # wider than the eight cells of the highest level
    suppressed(tmp_path, *narrow, "pcoder.active=1")
    with pytest.raises(BadSetting, match="for pcoder 4: Expected maps of which two cells"):
        suppressed(tmp_path, *narrow)
    suppressed(tmp_path, *narrow, "pcoder.kappa=[0.2,0,0,0]")
    with pytest.raises(BadSetting, match="Expected `mu` to be 1, since the divisive form has no rate, but got 0.5"):
        suppressed(tmp_path, "pcoder.form=divisive", "pcoder.mu=0.5")
