"""Laws of the rule: its control, its company, and the equations written down once more; and a study of it, whole."""

import json
import re
from pathlib import Path

import pyarrow.compute as pc
import pytest
import torch
from configured import LOADED, planned
from hydra import compose, initialize_config_dir
from reference import adaptation
from torch import nn

import pcsweep
from pcsweep.aggregate.run import aggregate
from pcsweep.aggregate.terminal import summary
from pcsweep.compute.again import point_of, recomputed, reconstructions
from pcsweep.compute.run import run, run_pack
from pcsweep.config.errors import BadSetting
from pcsweep.grid.entry import conf_folder
from pcsweep.network.loop import Loop, are_rectified
from pcsweep.pcoder import rules
from pcsweep.pcoder.adaptation import RULE
from pcsweep.pcoder.rule import valued
from pcsweep.report.__main__ import main
from pcsweep.study import shards


def stages():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return [
            nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU()).eval(),
            nn.Sequential(nn.Conv2d(6, 5, 3, padding=1), nn.BatchNorm2d(5)).eval(),  # ends linearly
            nn.Sequential(nn.Conv2d(5, 4, 3, stride=2), nn.ReLU()).eval(),
        ]


def images(count):
    return torch.randn(count, 3, 12, 12, generator=torch.Generator().manual_seed(1))


def point(a, b):
    return [(a, b)] * 3


def found(of, given, points, timesteps=5):
    made = {}
    for moment in Loop(of, are_rectified(of, given[:1])).moments(given, RULE, points, timesteps):
        for number in moment.points:
            made[number, moment.timestep] = moment.representations
    return made


def test_what_is_rectified_is_told_by_what_comes_out():
    assert are_rectified(stages(), images(1)) == [True, False, True]


@pytest.mark.parametrize("a", [0.0, 0.5, 1.0])
def test_without_b_it_is_the_feedforward_network_to_the_bit(a):
    made = found(stages(), images(8), [point(a, 0.0)])
    for t in range(6):
        assert all(torch.equal(r, start) for r, start in zip(made[0, t], made[0, 0], strict=True))
    assert RULE.is_feedforward(valued(RULE, (a, 0.0)), False)
    assert not RULE.is_feedforward(valued(RULE, (a, 0.1)), False)


@pytest.mark.parametrize(("a", "b"), [(0.0, 0.3), (0.5, 0.5), (0.9, 1.0), (1.0, 2.0)])
def test_it_follows_the_equations(a, b):
    of, given = stages(), images(8)
    made = found(of, given, [point(a, b)])
    for number, image in enumerate(given):
        for t, expected in enumerate(adaptation(of, [1], a, b, image[None], 5)):
            for ours, theirs in zip(made[0, t], expected, strict=True):
                torch.testing.assert_close(ours[number : number + 1], theirs, rtol=1e-6, atol=1e-6)


def test_a_result_depends_on_neither_pack_nor_order_nor_batch():
    of, given, points = stages(), images(24), [point(0.5, 0.5), point(0.9, 1.0), point(0.0, 0.0)]
    together, reversed_ = found(of, given, points), found(of, given, points[::-1])
    for number, each in enumerate(points):
        for start in (0, 8, 16):
            alone = found(of, given[start : start + 8], [each])
            for t in range(6):
                for n in range(3):
                    rows = slice(start, start + 8)
                    assert torch.equal(together[number, t][n][rows], alone[0, t][n])
                    assert torch.equal(reversed_[2 - number, t][n][rows], alone[0, t][n])


def test_a_value_outside_its_range_is_refused_by_name():
    a, b = RULE.coefficients
    with pytest.raises(ValueError, match=r"^Expected `a` to be in \[0, 1\], but got 1.5\.$"):
        a.check(1.5)
    with pytest.raises(ValueError, match=r"^Expected `b` to be non-negative and finite, but got -0.1\.$"):
        b.check(-0.1)


def adapted(tmp_path, *words):
    common = (
        f"output_root={tmp_path}",
        "pcoder=adaptation",
        "dataset.limit=10",
        "timesteps=3",
        "metrics=[iou]",
        "noise.space=pixel",
    )
    with initialize_config_dir(conf_folder(), version_base="1.3"):
        return planned(compose("config", overrides=[*common, *words]))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Six cells of adaptation and two of predictive coding."""
    root = tmp_path_factory.mktemp("outputs")
    cells = [(a, b) for a in (0, 0.5) for b in (0, 0.2, 0.4)]
    run_pack([adapted(root, f"pcoder.a={a}", f"pcoder.b={b}") for a, b in cells], LOADED)
    for beta in (0.4, 0.8):
        run(adapted(root, "pcoder=scaled", f"pcoder.beta={beta}", "pcoder.lambda=0.2", "pcoder.alpha=0"), LOADED)
    return root / "default"


def test_a_study_has_columns_of_its_symbols(study):
    rows = pcsweep.load("default", study.parent).to_table().to_pylist()
    ours = [row for row in rows if row["pcoder.rule"] == "adaptation"]
    assert {(row["a"], row["b"]) for row in ours} == {(a, b) for a in (0, 0.5) for b in (0, 0.2, 0.4)}
    assert all(row["a_n"] == [row["a"]] * 4 and row["beta"] is None and row["beta_n"] is None for row in ours)
    others = [row for row in rows if row["pcoder.rule"] == "predictive_coding"]
    assert {(row["beta"], row["a"], row["a_n"]) for row in others} == {(0.4, None, None), (0.8, None, None)}
    some = pcsweep.load("default", study.parent).to_table(filter=pc.field("b") == 0.2)
    assert some.num_rows == 2 * 10 * 4


def test_the_table_has_the_control_and_the_cells_of_both_rules(study):
    result = aggregate(study, resamples=50, permutations=50)
    rows = result.table.to_pylist()
    assert {row["identity"] for row in rows if row["fixed"]} == {row["identity"] for row in rows if row["b"] == 0}
    assert all(row["normalized"] == 1 for row in rows if row["fixed"] and row["metric"] == "iou")
    assert result.facets == ("pcoder.rule",)
    assert [rule.name for rule in result.rules] == ["predictive_coding", "adaptation"]
    assert summary(result)[0] == "Cells: 8 found, 0 skipped (β + λ > 1), 0 missing, 0 damaged"


def test_pictures_and_page_speak_of_its_symbols(study):
    assert main([f"study={study.name}", f"output_root={study.parent}", "resamples=50", "permutations=50"]) == 0
    names = {path.stem for path in (study / "figures").glob("*.png")}
    assert {"heatmap_pcoder.rule-adaptation", "curves_pcoder.rule-adaptation"} <= names
    text = (study / "report.html").read_text()
    drawn = json.loads(text[text.index('id="numbers"') :].partition(">")[2].partition("</script>")[0])
    (ours, _) = drawn["grid"]["axes"]
    assert (ours["y"]["label"], ours["y"]["values"]) == ("strength b", ["0", "0.2", "0.4"])
    assert (ours["x"]["label"], ours["x"]["values"]) == ("persistence a", ["0", "0.5"])
    assert "Does predictive-coding feedback or adaptation change what pminivgg attends to" in text
    assert "persistence a = 0, 0.5; strength b = 0, 0.2, 0.4" in text


def test_a_cell_is_drawn_again_without_reconstructions(study):
    found = [shards.read(path) for path in (study / "shards").glob("*.parquet")]
    shard = next(each for each in found if each.settings["pcoder"].get("b") == [0.4] * 4)
    point, image_id = point_of(shard, LOADED), shard.table["image_id"][0].as_py()
    (exhibit,) = recomputed(point, [image_id], LOADED)
    stored = {each["timestep"]: each["iou"] for each in shard.table.to_pylist() if each["image_id"] == image_id}
    assert exhibit.iou == pytest.approx(stored, nan_ok=True)
    assert reconstructions(point, image_id, LOADED) == []


def test_what_belongs_to_another_rule_is_refused(tmp_path):
    with pytest.raises(BadSetting, match="Unknown setting `pcoder.alpha` of the rule adaptation.*hyperparameter=uniform"):
        adapted(tmp_path, "hyperparameter=predify")
    message = f"Expected `pcoder.rule` to be {' or '.join(rules())}, but got 'adapt'."
    with pytest.raises(BadSetting, match=f"^{re.escape(message)}$"):
        adapted(tmp_path, "pcoder.rule=adapt")
    with pytest.raises(BadSetting, match="Expected `pcoder.a` to be numbers, since the model comes with none"):
        adapted(tmp_path, "pcoder.a=model")


def test_nothing_else_names_it():
    root = Path(pcsweep.__file__).parent
    naming = [path for path in root.rglob("*") if path.suffix in (".py", ".js", ".html") and "daptation" in path.read_text()]
    assert naming == [root / "pcoder/adaptation.py"]


def test_the_page_changes_its_axes_with_the_rule(study):
    from browser import Visit, chromium

    assert main([f"study={study.name}", f"output_root={study.parent}", "resamples=50", "permutations=50", "gallery=0"]) == 0
    with chromium() as browser:
        visit = Visit(browser, study / "report.html")
        page = visit.page

        def titles():
            return [page.text_content(f"#heatmap .{axis}title") for axis in "yx"]

        page.select_option("#control-pcoder\\.rule", label="adaptation")
        assert titles() == ["strength b", "persistence a"]
        assert page.text_content("#explore-title") == "Heatmap"
        page.locator("#heatmap").focus()
        for _ in range(3):
            page.keyboard.press("ArrowUp")
            page.keyboard.press("ArrowRight")
        assert page.text_content("#cell-name").startswith("b = 0.4, a = 0.5, ")
        page.wait_for_timeout(500)  # the address follows a little later
        assert "&b=0.4&a=0.5&" in page.url
        page.select_option("#control-pcoder\\.rule", label="predictive_coding")  # which has one λ
        assert page.text_content("#explore-title") == "Over feedforward β"
        assert page.text_content("#cell-name").startswith("β = 0.8, λ = 0.2, ")
        heads = page.locator("#cells-table th").all_text_contents()
        assert {"β", "λ", "a", "b"} <= set(heads)
        again = Visit(browser, study / "report.html", "#pcoder.rule=adaptation&b=0.2&a=0&t=2&sigma=0.2")
        assert again.page.text_content("#cell-name").startswith("b = 0.2, a = 0, ")
        assert visit.complaints == again.complaints == []
